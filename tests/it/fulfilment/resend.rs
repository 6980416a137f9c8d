//! Another message of the same number, also with the same code.

use std::time::{Duration, Instant};

use nexnum::order::{Refusal, UpstreamError};
use nexnum_sandbox::{FaultKind, SandboxConfig};

use super::{FIVESIM, HANDLER, Rig, SMSPOOL, received};

/// A second message with the code of the first is delivered, once.
async fn check_same_code(seller: usize) {
    let sms_delay_ms = 300..=300;
    let config = SandboxConfig { same_code: true, sms_delay_ms, ..SandboxConfig::small(7) };
    let rig = Rig::start_on(config, &[(seller, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    let first = rig.order(id, received).await;
    rig.orders().resend(rig.customer, id).await.unwrap();
    let second = rig.order(id, |order| order.messages.len() > 1).await;
    let codes: Vec<_> = second.messages.iter().map(|message| message.code.clone()).collect();
    assert_eq!(codes, [first.messages[0].code.clone(), first.messages[0].code.clone()]);
    // It is shown by every poll that follows, and is not another one.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(rig.orders().market.read_model.order(id).unwrap().messages.len(), 2);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_again_is_another_message_over_the_handler_protocol() {
    check_same_code(HANDLER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_again_is_another_message_from_the_rest_protocol() {
    check_same_code(FIVESIM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_again_is_another_message_with_form_posts() {
    check_same_code(SMSPOOL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_at_a_provider_that_hangs_is_told_when_to_come_back_and_answered_then() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 300).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::TimeOut, 1.0);
    let mut wait = Duration::ZERO;
    for expected_under_way in [true, false] {
        tokio::time::sleep(wait).await;
        let asked = Instant::now();
        let refused = rig.orders().resend(rig.customer, id).await.unwrap_err();
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        match refused {
            Refusal::Upstream(UpstreamError::UnderWay { retry_after }) if expected_under_way => {
                wait = retry_after;
            }
            Refusal::Upstream(UpstreamError::Unavailable) if !expected_under_way => {}
            refused => panic!("{refused:?}"),
        }
    }
    assert!(!rig.orders().market.read_model.order(id).unwrap().awaits_another);
    rig.sandbox.faults(HANDLER).clear();
    rig.orders().resend(rig.customer, id).await.unwrap();
    rig.stop().await;
}

/// Its name does not speak of a cancel: the buyer of a second code would look for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_a_provider_does_not_take_yet_says_when_to_come_back() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 300).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    let closed = rig.close().await;
    let taken = r#"{ equals = "ACCESS_RETRY_GET", give = {} },"#;
    let not_yet = r#"{ equals = "ACCESS_RETRY_GET", error = "too_early" },"#;
    closed.reword("handler", taken, &format!("{not_yet} {}", taken.replace("_GET", "")));
    let rig = closed.open().await;
    let issued = rig.running.rooms.access.issue_key(Some(rig.customer)).await.unwrap();
    let url = format!("http://{}/api/v1/activations/{id}/resend", rig.running.address);
    let request = reqwest::Client::new().post(url).bearer_auth(issued.key.reveal());
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), 409);
    assert_eq!(reply.headers()["retry-after"], "10");
    let told = reply.text().await.unwrap();
    assert!(told.contains(r#""code":"too_early_to_resend""#), "{told}");
    assert!(!told.contains("cancel"), "{told}");
    assert!(!rig.orders().market.read_model.order(id).unwrap().awaits_another);
    rig.stop().await;
}
