//! Another message of the same number, also with the same code.

use nexnum_sandbox::SandboxConfig;

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
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
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
