//! The structure of the code, held against its plan: who may import whom, that no files
//! import each other in a circle, how long files and functions are, which words are not
//! used, that a public type's name is its own and a public function has a caller.
//!
//! The import table is ARCHITECTURE.md's. A finding names file and line.

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

use regex::Regex;

use tables::{BASE, CRATES, FACE_SHARED, MAY_IMPORT, WORDS};

/// Lines of a file.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function, as clippy counts them where it can; macros' are counted here.
const FUNCTION_LINES_MAX: usize = 70;

struct Source {
    path: String,
    text: String,
}

impl Source {
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// The first line that names the end of a path.
    fn line_of(&self, path: &str) -> usize {
        let end = path.rsplit("::").next().unwrap();
        self.lines().find(|(_, line)| line.contains(end)).map_or(1, |(number, _)| number)
    }

    /// Lines outside the module of unit tests, which is a file's last.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("\n#[cfg(test)]\nmod tests {");
        let len = end.map_or(usize::MAX, |end| self.text[..end].lines().count());
        self.lines().take(len)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap())
}

/// Every Rust file below these folders, its path from the root on.
fn sources(folders: &[&str]) -> Vec<Source> {
    texts(folders, &["rs"])
}

/// Every file below these folders, or of that name, that has one of these endings.
fn texts(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        let entries: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) if folder.is_file() => vec![folder],
            Err(_) => continue,
        };
        for path in entries {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                open.push(path);
            } else if endings.contains(&ending) {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().display().to_string();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "no sources in {folders:?}");
    found
}

#[track_caller]
fn check(findings: Vec<String>, rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n{}", findings.join("\n"));
}

/// The room of a file of `src/`.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

static USED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^ *(pub(?:\([a-z]+\))? )?use ([^;]+);").unwrap());
static INLINE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[^:\w])([a-z_0-9]+(?:::[A-Za-z_0-9]+)+)").unwrap());

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut findings = Vec::new();
    for source in sources(&["src"]) {
        let here = room(&source.path);
        let row = MAY_IMPORT.iter().find(|(room, _)| *room == here);
        let Some((_, allowed)) = row else {
            findings.push(format!("{}: the room {here} is not in the table", source.path));
            continue;
        };
        for path in rooted(&source) {
            let there = path.split("::").next().unwrap();
            let fine = there == here || BASE.contains(&there) || allowed.contains(&there);
            let face = here != "face" || there != "face" || same_face(&source.path, &path);
            if !fine || !face {
                let line = source.line_of(&path);
                findings.push(format!("{}:{line}: {here} imports {path}", source.path));
            }
        }
    }
    check(findings, "imports against the table of rooms");
}

/// The paths that a file names from the crate's root on, as `room::file::…`: by `crate::` and
/// by `super::`, in groups and over lines.
fn rooted(source: &Source) -> Vec<String> {
    let own = module(&source.path, "src");
    let parent = own.rsplit_once("::").map_or("", |(parent, _)| parent);
    let from = |path: String| {
        let tail = match path.split_once("::")? {
            ("crate" | "nexnum", tail) => return Some(tail.to_owned()),
            ("super", tail) if !parent.is_empty() => tail,
            ("super", tail) => return Some(tail.to_owned()),
            _ => return None,
        };
        Some(format!("{parent}::{tail}"))
    };
    paths(source).into_iter().filter_map(from).collect()
}

/// Whether a file of `face/` names its own face, or what the faces share.
fn same_face(file: &str, path: &str) -> bool {
    let own = file.strip_prefix("src/face/").unwrap().split('/').next().unwrap();
    // The list of the faces names them all.
    own == "mod.rs"
        || path.split("::").nth(1).is_some_and(|there| there == own || FACE_SHARED.contains(&there))
}

/// What a face would need to change something without a room.
const COMMANDS: &[&str] = &["nexnum_engine::command", ".execute(", ".handle.ask", "send_until("];

#[test]
fn a_face_sends_no_command() {
    let mut findings = Vec::new();
    for source in sources(&["src/face"]) {
        for (number, line) in source.code() {
            if COMMANDS.iter().any(|word| line.contains(word)) {
                findings.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    check(findings, "operations are in the rooms; a face parses, calls and renders");
}

#[test]
fn crates_name_only_what_is_below_them() {
    let name = Regex::new(r"\bnexnum(?:_[a-z]+)?\b::").unwrap();
    let mut findings = Vec::new();
    for (folder, allowed) in CRATES {
        for source in sources(&[folder]).iter().filter(|source| source.path.contains("/src/")) {
            for (number, line) in source.code() {
                for found in name.find_iter(line) {
                    let there = found.as_str().trim_end_matches("::");
                    if !allowed.contains(&there) {
                        findings.push(format!("{}:{number}: names {there}", source.path));
                    }
                }
            }
        }
    }
    check(findings, "crates against the table of crates");
}

/// The module path of a file: `src/face/v1/mod.rs` is `face::v1`.
fn module(path: &str, folder: &str) -> String {
    let inside = path.strip_prefix(folder).unwrap().trim_start_matches('/');
    let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    inside.replace('/', "::")
}

/// The modules that a file names: by `crate::`, `super::` and `self::` and by the names of its
/// own modules. Left out are the declaration of those and re-exports, which give a name to
/// others.
fn imports(source: &Source, folder: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let own = module(&source.path, folder);
    let parent = own.rsplit_once("::").map_or("", |(parent, _)| parent).to_owned();
    let mut found = BTreeSet::new();
    let child =
        |name: &str| if own.is_empty() { name.to_owned() } else { format!("{own}::{name}") };
    for path in paths(source) {
        let first = path.split("::").next().unwrap();
        let from = match first {
            "crate" => String::new(),
            "super" => parent.clone(),
            "self" => own.clone(),
            first if modules.contains(&child(first)) => child(first),
            _ => continue,
        };
        let tail = path.split("::").skip(1).fold(from, |path, part| {
            if path.is_empty() { part.to_owned() } else { format!("{path}::{part}") }
        });
        if let Some(there) = longest(&tail, modules)
            && there != own
        {
            found.insert(there);
        }
    }
    found
}

/// All paths of modules, types and functions that a file's code names, re-exports left out.
fn paths(source: &Source) -> Vec<String> {
    let code = source.code().map(|(_, line)| line);
    let text: Vec<&str> = code.filter(|line| !line.trim_start().starts_with("//")).collect();
    let text = text.join("\n");
    let mut paths = Vec::new();
    for used in USED.captures_iter(&text) {
        if used.get(1).is_none() {
            expand("", &used[2], &mut paths);
        }
    }
    let rest = USED.replace_all(&text, "");
    paths.extend(INLINE.captures_iter(&rest).map(|path| path[1].to_owned()));
    paths
}

/// The longest module that a path begins with.
fn longest(path: &str, modules: &BTreeSet<String>) -> Option<String> {
    let mut path = path.to_owned();
    loop {
        if modules.contains(&path) {
            return Some(path);
        }
        path = path.rsplit_once("::")?.0.to_owned();
    }
}

/// Takes `a::{b, c::{d}}` apart.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        paths.push(format!("{prefix}{path}").trim_end_matches("::self").to_owned());
        return;
    };
    let prefix = format!("{prefix}{}", tree[..open].trim());
    let inside = &tree[open + 1..tree.rfind('}').unwrap()];
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inside.char_indices().chain([(inside.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inside[start..at].trim();
                if !part.is_empty() {
                    expand(&prefix, part, paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Groups of files that import each other, by what each reaches.
fn circles(folder: &str) -> Vec<BTreeSet<String>> {
    let files = sources(&[folder]);
    let modules: BTreeSet<String> =
        files.iter().map(|source| module(&source.path, folder)).collect();
    let edges: BTreeMap<String, BTreeSet<String>> = files
        .iter()
        .map(|source| (module(&source.path, folder), imports(source, folder, &modules)))
        .collect();
    let reach = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(at) = open.pop() {
            for next in &edges[&at] {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        edges.keys().map(|from| (from, reach(from))).collect();
    let mut circles = BTreeSet::new();
    for (from, all) in &reached {
        let circle: BTreeSet<String> =
            all.iter().filter(|there| reached[there].contains(*from)).cloned().collect();
        if circle.contains(*from) {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut findings = Vec::new();
    for folder in ["src", "engine/src", "storage/src", "index/src", "driver/src", "sandbox/src"] {
        if Path::new(&root().join(folder)).exists() {
            findings.extend(circles(folder).iter().map(|circle| format!("{folder}: {circle:?}")));
        }
    }
    check(findings, "files that import each other");
}

const OURS: &[&str] =
    &["src", "engine", "storage", "index", "driver", "sandbox", "tests", "benches"];

#[test]
fn files_and_functions_keep_to_their_budgets() {
    let head =
        Regex::new(r"^(\s*)(?:pub(?:\([a-z ]+\))? )?(?:const )?(?:async )?fn (\w+)").unwrap();
    let mut findings = Vec::new();
    for source in sources(OURS) {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            findings.push(format!(
                "{}: {} lines, at most {FILE_LINES_MAX}",
                source.path,
                lines.len()
            ));
        }
        for (at, line) in lines.iter().enumerate() {
            let Some(found) = head.captures(line) else { continue };
            let end = format!("{}}}", &found[1]);
            let len = lines[at..].iter().position(|line| **line == end).map_or(1, |len| len + 1);
            if len > FUNCTION_LINES_MAX {
                let (path, name) = (&source.path, &found[2]);
                findings.push(format!("{path}:{}: {name} has {len} lines", at + 1));
            }
        }
    }
    check(findings, "budgets");
}

#[test]
fn words_that_say_too_little_are_not_used() {
    let words: Vec<(Regex, &str)> =
        WORDS.iter().map(|(word, instead)| (Regex::new(word).unwrap(), *instead)).collect();
    let mut findings = Vec::new();
    let own = tables::OWN;
    let prose = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
    let all = texts(&[OURS, &prose].concat(), &["rs", "md", "toml", "txt", "html", "js"]);
    for source in all.iter().filter(|source| source.path != own) {
        for (number, line) in source.lines() {
            for (word, instead) in &words {
                if let Some(found) = word.find(line) {
                    let (path, found) = (&source.path, found.as_str());
                    findings.push(format!("{path}:{number}: {found}: write {instead}"));
                }
            }
        }
    }
    check(findings, "words");
}

#[test]
fn a_public_type_has_a_name_of_its_own() {
    let declared = Regex::new(r"^pub (?:struct|enum|trait|type|union) (\w+)").unwrap();
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources(&["src", "engine/src", "storage/src", "index/src", "driver/src"]) {
        for (number, line) in source.code() {
            if let Some(found) = declared.captures(line) {
                places
                    .entry(found[1].to_owned())
                    .or_default()
                    .push(format!("{}:{number}", source.path));
            }
        }
    }
    // Each face has a `State` of its own: what it may touch.
    if let Some(states) = places.get_mut("State") {
        states.retain(|place| !place.starts_with("src/face/"));
    }
    let twice = places.iter().filter(|(_, places)| places.len() > 1);
    check(twice.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect(), "names");
}

/// What is public for tests and fuzzing alone: the faulty disk, the simulated providers, and
/// which rule of a driver decided, so that every rule has a recorded reply.
const FOR_TESTS: &[&str] = &["storage/src/fault.rs", "sandbox/src/"];
const FUNCTIONS_FOR_TESTS: &[&str] = &["deciding_rule", "rule_places"];

#[test]
fn a_public_function_has_a_caller_that_is_no_test() {
    let declared = Regex::new(r"^\s*pub (?:const )?(?:async )?fn (\w+)").unwrap();
    let called =
        Regex::new(r"(?:\bfn )?\b([a-z_][a-z_0-9]*)(?:::<[^(]*>)?\(|(?:\.|::)([a-z_][a-z_0-9]*)\b")
            .unwrap();
    let all = sources(&[
        "src",
        "engine/src",
        "storage/src",
        "index/src",
        "driver/src",
        "sandbox/src",
        "benches",
    ]);
    let mut calls: BTreeSet<&str> = BTreeSet::new();
    for source in &all {
        for (_, line) in source.code() {
            let code = line.split("//").next().unwrap();
            for found in called.captures_iter(code).filter(|found| !found[0].starts_with("fn ")) {
                calls.insert(found.get(1).or(found.get(2)).unwrap().as_str());
            }
        }
    }
    let mut findings = Vec::new();
    let is_exempt = |source: &&Source| FOR_TESTS.iter().any(|path| source.path.starts_with(path));
    for source in all.iter().filter(|source| !is_exempt(source)) {
        for (number, line) in source.code() {
            if let Some(found) = declared.captures(line)
                && !calls.contains(&found[1])
                && !FUNCTIONS_FOR_TESTS.contains(&&found[1])
            {
                findings.push(format!("{}:{number}: {}", source.path, &found[1]));
            }
        }
    }
    check(findings, "public functions that nothing but a test calls");
}
