//! SMSPool's protocol: JSON with a `success` of 0 or 1.

use nexnum_engine::money::Micros;
use nexnum_sandbox::SandboxConfig;
use serde_json::json;

use crate::{Rig, SMSPOOL, slow, staple};

#[tokio::test]
async fn smspool_answers_with_success_and_a_flat_list() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(SMSPOOL, staple(), Micros(250_000), 5));
    let wrong = rig.smspool("/request/balance", &[]).await;
    assert_eq!(wrong, json!({"balance": "100000.00"}));
    let base = &rig.sandbox.providers()[SMSPOOL].base_url;
    let seen = rig.send(rig.client.post(format!("{base}/request/balance"))).await.unwrap();
    assert_eq!(seen.body, r#"{"message":"Invalid API key","success":0}"#);
    let by_header = rig.get(SMSPOOL, "/request/balance").bearer_auth(rig.key(SMSPOOL));
    assert_eq!(rig.send(by_header).await.unwrap().body, r#"{"balance":"100000.00"}"#);
    let list = rig.smspool("/request/pricing", &[("country", "9"), ("service", "907")]).await;
    let row = json!({
        "service": 907, "service_name": "Telegram", "country": 9, "country_name": "Indonesia",
        "short_name": "ID", "pool": 1, "price": "0.25",
    });
    assert_eq!(list[0], row);
    let pools = list.as_array().unwrap().len();
    let stock = rig.smspool("/sms/stock", &[("country", "ID"), ("service", "Telegram")]).await;
    assert_eq!(stock, json!({"success": 1, "amount": 5 * pools}));
    let all = rig.smspool("/request/pricing", &[]).await;
    assert!(all.as_array().unwrap().len() > 100);
    let dear = [("country", "9"), ("service", "907"), ("max_price", "0.10")];
    let refused = rig.smspool("/purchase/sms", &dear).await;
    assert_eq!(refused["success"], 0);
    let unknown = rig.smspool("/sms/check", &[("orderid", "ABCDEFGH")]).await;
    assert_eq!(unknown, json!({"success": 0, "message": "We could not find this order!"}));
}

#[tokio::test]
async fn an_smspool_order_lives_through_check_resend_and_cancel() {
    let rig = Rig::start(slow()).await;
    let order = rig.buy_smspool().await;
    let form = [("orderid", order.as_str())];
    let check = async || rig.smspool("/sms/check", &form).await;
    assert_eq!(check().await["status"], 1);
    let early = rig.smspool("/sms/cancel", &form).await;
    let message = "Your order cannot be cancelled yet, please try again later.";
    assert_eq!(early, json!({"success": 0, "message": message}));
    rig.sandbox.advance_ms(60_000);
    let received = check().await;
    let code = received["sms"].as_str().unwrap();
    assert_eq!(received["status"], 3);
    assert!(received["full_sms"].as_str().unwrap().contains(code));
    assert_eq!(rig.smspool("/sms/resend", &form).await["success"], 1);
    assert_eq!(check().await["status"], 1);
    rig.sandbox.advance_ms(60_000);
    assert_ne!(check().await["sms"], code);
    let active = rig.smspool("/request/active", &[]).await;
    assert_eq!(
        (&active[0]["order_code"], &active[0]["status"]),
        (&json!(order), &json!("completed"))
    );
}

#[tokio::test]
async fn an_smspool_cancel_refunds_and_reads_as_six() {
    let rig = Rig::start(SandboxConfig { silent: 1.0, ..slow() }).await;
    let order = rig.buy_smspool().await;
    let form = [("orderid", order.as_str())];
    rig.sandbox.advance_ms(120_000);
    let message = "The order has been cancelled, and you have been refunded.";
    let cancelled = rig.smspool("/sms/cancel", &form).await;
    assert_eq!(cancelled, json!({"success": 1, "message": message}));
    assert_eq!(rig.smspool("/sms/check", &form).await["status"], 6);
    assert_eq!(rig.smspool("/request/balance", &[]).await["balance"], "100000.00");
}

#[tokio::test]
async fn an_smspool_order_with_its_message_cannot_be_cancelled_and_stays_in_the_history() {
    let rig = Rig::start(slow()).await;
    let order = rig.buy_smspool().await;
    let form = [("orderid", order.as_str())];
    rig.sandbox.advance_ms(120_000);
    let refused = rig.smspool("/sms/cancel", &form).await;
    let message = "This order has already received an SMS";
    assert_eq!(refused, json!({"success": 0, "message": message}));
    let history = rig.smspool("/request/history", &[]).await;
    assert_eq!(history[0]["order_code"], json!(order));
    assert_eq!(history[0]["status"], "completed");
}

#[tokio::test]
async fn an_smspool_pool_goes_by_its_name_too() {
    let rig = Rig::small().await;
    let price = async |pool: &str| {
        let fields = [("country", "9"), ("service", "907"), ("pool", pool)];
        rig.smspool("/request/price", &fields).await
    };
    assert_eq!(price("Alpha").await, price("1").await);
    assert_ne!(price("Alpha").await, price("Charlie").await);
}
