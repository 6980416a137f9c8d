use super::*;

fn catalog() -> &'static Catalog {
    Catalog::load()
}

fn name(subject: Subject) -> &'static str {
    match subject {
        Subject::Country(id) => catalog().country(id).unwrap().iso2,
        Subject::Service(id) => catalog().service(id).unwrap().slug,
    }
}

#[track_caller]
fn check(index: &SearchIndex, text: &str, first: &[&str]) {
    let hits = index.search(text, first.len()).unwrap();
    let names: Vec<_> = hits.iter().map(|hit| name(hit.subject)).collect();
    assert_eq!(names, first, "{text:?} {hits:?}");
}

#[test]
fn a_country_is_found_by_code_beginning_any_language_and_with_typos() {
    let index = SearchIndex::in_ram(catalog()).unwrap();
    check(&index, "ind", &["IN", "ID"]);
    check(&index, "indonesia", &["ID"]);
    check(&index, "INDONÉSIE", &["ID"]);
    check(&index, "indo", &["ID"]);
    check(&index, "indonezia", &["ID"]);
    check(&index, "индонез", &["ID"]);
    check(&index, "印度尼西亚", &["ID"]);
    check(&index, "إندونيسيا", &["ID"]);
    check(&index, "इंडोनेशिया", &["ID"]);
    check(&index, "US", &["US"]);
    check(&index, "united states", &["US"]);
    check(&index, "england", &["GB"]);
    check(&index, "izlanda", &["IS"]);
}

#[test]
fn a_service_is_found_by_code_beginning_alias_and_with_typos() {
    let index = SearchIndex::in_ram(catalog()).unwrap();
    check(&index, "telegram", &["telegram"]);
    check(&index, "tg", &["telegram", "TG"]);
    check(&index, "teleg", &["telegram"]);
    check(&index, "telegarm", &["telegram"]);
    check(&index, "watsap", &["whatsapp"]);
    check(&index, "вотсап", &["whatsapp"]);
    check(&index, "вотсапп", &["whatsapp"]);
    check(&index, "微信", &["wechat"]);
    check(&index, "chatgpt", &["openai"]);
    check(&index, "1xbet", &["1bet"]);
    check(&index, "1хbet", &["1bet"]);
}

#[test]
fn words_that_no_row_has_together_are_looked_for_apart() {
    let index = SearchIndex::in_ram(catalog()).unwrap();
    check(&index, "telegram indonesia", &["telegram", "ID"]);
}

#[test]
fn a_hit_scores_by_how_it_was_spelt() {
    let index = SearchIndex::in_ram(catalog()).unwrap();
    let best = |text| index.search(text, 1).unwrap()[0].score;
    assert_eq!(
        [best("indonesia"), best("indones"), best("indpnesia"), best("united states")],
        [8.0, 4.0, 1.0, 16.0]
    );
}

#[test]
fn no_text_is_an_error() {
    let index = SearchIndex::in_ram(catalog()).unwrap();
    let long = "ы".repeat(100_000);
    for text in ["", " ", "\0", "AND OR NOT", "words:*", "\"", "[a TO z]", "^~8", "qqqqqqqq", &long]
    {
        index.search(text, 10).unwrap();
    }
    assert_eq!(index.search("qqqqqqqq", 10).unwrap(), []);
    assert_eq!(index.search("ind", 0).unwrap(), []);
    assert_eq!(index.search("a", usize::MAX).unwrap().len(), HITS_MAX);
}

#[test]
fn the_position_is_in_the_folder_with_the_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search");
    let mut index = SearchIndex::open(&path, catalog()).unwrap();
    assert_eq!(index.position(), Seq(0));
    index.commit(Seq(u64::MAX)).unwrap();
    drop(index);
    let index = SearchIndex::open(&path, catalog()).unwrap();
    assert_eq!(index.position(), Seq(u64::MAX));
    check(&index, "telegram", &["telegram"]);
}

#[test]
fn a_damaged_index_is_rebuilt_from_position_0() {
    let folder = tempfile::tempdir().unwrap();
    let made = |damage: &dyn Fn(&Path)| {
        SearchIndex::open(folder.path(), catalog()).unwrap().commit(Seq(7)).unwrap();
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.for_each(|path| damage(&path));
        let index = SearchIndex::open(folder.path(), catalog()).unwrap();
        check(&index, "indonesia", &["ID"]);
        index.position()
    };
    let has = |path: &Path, end: &str| path.to_str().unwrap().ends_with(end);
    assert_eq!(made(&|_| ()), Seq(7));
    for end in [".term", ".idx", ".fast"] {
        let flip = |path: &Path| {
            if has(path, end) {
                let mut bytes = fs::read(path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(path, bytes).unwrap();
            }
        };
        assert_eq!(made(&flip), Seq(0), "a flipped bit in {end}");
        let cut = |path: &Path| {
            if has(path, end) {
                fs::write(path, &fs::read(path).unwrap()[..9]).unwrap();
            }
        };
        assert_eq!(made(&cut), Seq(0), "{end} cut");
        let remove = |path: &Path| {
            if has(path, end) {
                fs::remove_file(path).unwrap();
            }
        };
        assert_eq!(made(&remove), Seq(0), "{end} gone");
    }
    for end in ["meta.json", ".managed.json"] {
        let tear = |path: &Path| {
            if has(path, end) {
                fs::write(path, "{").unwrap();
            }
        };
        assert_eq!(made(&tear), Seq(0), "{end} torn");
    }
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    fs::write(&path, "precious").unwrap();
    let refusal = SearchIndex::open(folder.path(), catalog());
    assert!(matches!(refusal, Err(IndexError::Foreign(_))));
    assert_eq!(fs::read_to_string(path).unwrap(), "precious");
}

#[test]
fn an_index_of_another_catalogue_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let mut index = SearchIndex::open(folder.path(), catalog()).unwrap();
    index.fingerprint ^= 1;
    index.commit(Seq(7)).unwrap();
    drop(index);
    let index = SearchIndex::open(folder.path(), catalog()).unwrap();
    assert_eq!(index.position(), Seq(0));
}
