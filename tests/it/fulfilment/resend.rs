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
