//! What goes on after a restart.

use super::*;

#[tokio::test]
async fn each_pause_of_a_provider_goes_on_after_a_restart_at_the_same_address() {
    let folder = tempfile::tempdir().unwrap();
    let started = |base_url: Option<&str>| {
        let mut connected = connected_at(base_url);
        connected.keep_basis(&Arc::new(CostBases::open(folder.path())));
        connected.resume_pauses(Time(1_000_000));
        connected
    };
    let paused_s = |connected: &Connected| {
        let dispatcher = connected.client().room().dispatcher();
        let left = |lane| dispatcher.pauses_for(lane).map(|left| left.as_secs_f64().round() as u64);
        [Lane::Buy, Lane::Sync, Lane::End].map(left)
    };
    let first = started(None);
    let dispatcher = first.client().room().dispatcher();
    dispatcher.pause(PauseOf::One(Lane::Buy), Duration::from_secs(120));
    dispatcher.pause(PauseOf::One(Lane::Sync), Duration::from_secs(200));
    first.keep(Time(1_000_000));
    assert_eq!(paused_s(&started(None)), [Some(120), Some(200), None]);
    assert_eq!(paused_s(&started(Some("http://127.0.0.1:9"))), [None; 3]);
}

#[test]
fn a_key_that_was_refused_before_a_start_is_not_bought_with_until_a_call_shows_that_it_is_accepted()
{
    let (connected, second) = (connected(), |n: u64| Time(1_000_000 + 1_000 * n));
    connected.attention.raise(AttentionKind::KeyRefused, "one", "refused");
    connected.resume_refused(second(0));
    connected.look(second(1));
    assert!(!connected.figures().on_sale);
    let word = &connected.client().key_word;
    word.note(Op::Prices, word.asked(), Ok(&()));
    connected.look(second(2));
    assert!(!connected.figures().on_sale, "a list may come without a key");
    word.note(Op::Balance, word.asked(), Ok(&()));
    connected.look(second(3));
    assert!(connected.figures().on_sale);
    assert!(told(&connected).contains(&AttentionKind::KeyRefused), "purchases may show it yet");
    connected.look(second(13));
    assert_eq!(told(&connected), []);
}

#[test]
fn purchases_that_were_refused_before_a_start_are_told_until_one_is_made() {
    for rows in [
        &[AttentionKind::PurchasesRefused][..],
        &[AttentionKind::KeyRefused, AttentionKind::PurchasesRefused],
    ] {
        let (connected, second) = (connected(), |n: u64| Time(1_000_000 + 1_000 * n));
        rows.iter().for_each(|kind| connected.attention.raise(*kind, "one", "refused"));
        connected.resume_refused(second(0));
        let word = &connected.client().key_word;
        word.note(Op::Balance, word.asked(), Ok(&()));
        connected.look(second(20));
        assert!(connected.figures().on_sale, "the operator may have mended it meanwhile");
        assert_eq!(told(&connected), rows);
        let error = ProviderError::new(ErrorKind::NoBalance, true, "NO");
        connected.record_error(BreakerInput::Hard, (second(30), Op::Buy, None), &error);
        assert!(connected.may_probe(second(90)));
        connected.record_success(second(90));
        connected.look(second(149));
        assert!(!connected.figures().on_sale, "it is not the first one");
        connected.look(second(150));
        word.note(Op::Buy, word.asked(), Ok(&()));
        connected.record_bought(second(151));
        connected.look(second(161));
        assert_eq!(told(&connected), []);
    }
}
