//! 5sim's protocol: JSON for what it has, plain text for what it refuses.

use nexnum_engine::money::Micros;
use nexnum_sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::{FIVESIM, Rig, Seen, slow, staple};

#[tokio::test]
async fn fivesim_refuses_in_plain_text_and_guests_need_no_token() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(FIVESIM, staple(), Micros(206_400), 0));
    let open = rig.send(rig.get(FIVESIM, "/guest/countries").bearer_auth("bogus")).await.unwrap();
    assert_eq!((open.status, open.content_type.as_str()), (200, "application/json"));
    let closed = rig.send(rig.get(FIVESIM, "/user/profile").bearer_auth("bogus")).await.unwrap();
    assert_eq!((closed.status, closed.body.as_str()), (401, ""));
    for (path, status, body) in [
        ("user/buy/activation/indonesia/any/telegram", 200, "no free phones"),
        ("user/buy/activation/nowhere/any/telegram", 400, "bad country"),
        ("user/buy/activation/indonesia/nocarrier/telegram", 400, "bad operator"),
        ("user/buy/activation/indonesia/any/nothing", 400, "no product"),
        ("user/check/1", 404, "order not found"),
        ("user/cancel/1", 400, "order not found"),
        ("user/finish/x", 400, "order not found"),
        ("guest/prices?country=nowhere", 400, "country is incorrect"),
        ("guest/prices?product=nothing", 400, "product is incorrect"),
    ] {
        let seen = rig.fivesim(path).await;
        let expected = Seen { status, content_type: "text/plain".into(), body: body.into() };
        assert_eq!(seen, expected, "{path}");
    }
}

#[tokio::test]
async fn fivesim_prices_nest_by_country_and_swapped_by_product() {
    let rig = Rig::small().await;
    assert!(rig.sandbox.pin(FIVESIM, staple(), Micros(206_400), 77));
    let all = rig.fivesim_json("guest/prices").await;
    let offers = all["indonesia"]["telegram"].as_object().unwrap();
    assert!(offers.len() > 1, "{offers:?}");
    for offer in offers.values() {
        assert_eq!((&offer["cost"], &offer["count"]), (&json!(0.2064), &json!(77)));
    }
    let swapped = rig.fivesim_json("guest/prices?product=telegram").await;
    assert_eq!(swapped["telegram"]["indonesia"], all["indonesia"]["telegram"]);
    let both = rig.fivesim_json("guest/prices?country=indonesia&product=telegram").await;
    assert_eq!(both, json!({"indonesia": {"telegram": offers}}));
    assert_eq!(rig.fivesim_json("guest/prices?country=albania&product=1688").await, Value::Null);
    let products = rig.fivesim_json("guest/products/indonesia/any").await;
    let expected = json!({"Category": "activation", "Qty": 77 * offers.len(), "Price": 0.2064});
    assert_eq!(products["telegram"], expected);
}

#[tokio::test]
async fn a_fivesim_order_lives_through_check_and_finish() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(FIVESIM, staple(), Micros(206_400), 9));
    let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram/?maxPrice=0.3").await;
    assert_eq!((&bought["sms"], &bought["status"]), (&Value::Null, &json!("PENDING")));
    assert_eq!((&bought["price"], &bought["country"]), (&json!(0.2064), &json!("indonesia")));
    assert!(bought["phone"].as_str().unwrap().starts_with("+628"), "{bought}");
    assert!(bought["expires"].as_str().unwrap().ends_with("000000Z"), "{bought}");
    let id = bought["id"].as_u64().unwrap();
    let check = async || rig.fivesim_json(&format!("user/check/{id}")).await;
    assert_eq!(check().await["sms"], json!([]));
    let refused = async |verb: &str| {
        let seen = rig.fivesim(&format!("user/{verb}/{id}")).await;
        (seen.status, seen.body)
    };
    assert_eq!(refused("finish").await, (400, "order no sms".to_owned()));
    assert_eq!(refused("cancel").await, (400, "you need to wait time".to_owned()));
    rig.sandbox.advance_ms(60_000);
    let received = check().await;
    let sms = received["sms"].as_array().unwrap();
    assert_eq!((sms.len(), &received["status"]), (1, &json!("RECEIVED")));
    assert!(sms[0]["text"].as_str().unwrap().contains(sms[0]["code"].as_str().unwrap()));
    assert_eq!(refused("cancel").await, (400, "order has sms".to_owned()));
    rig.sandbox.advance_ms(300_000);
    assert_eq!(check().await["sms"].as_array().unwrap().len(), 2);
    let finished = rig.fivesim_json(&format!("user/finish/{id}")).await;
    assert_eq!(finished["status"], "FINISHED");
    assert_eq!(refused("ban").await, (400, "order has sms".to_owned()));
    let orders = rig.fivesim_json("user/orders?category=activation&limit=5").await;
    assert_eq!((&orders["Total"], &orders["Data"][0]["id"]), (&json!(1), &json!(id)));
    let profile = rig.fivesim_json("user/profile").await;
    assert_eq!(profile["balance"], json!(99_999.793_6));
    for field in ["did_order", "last_order", "last_top_orders", "last_top_idx", "rating"] {
        assert!(!profile[field].is_null(), "{field}");
    }
}

#[tokio::test]
async fn a_fivesim_order_is_cancelled_banned_or_expired_with_a_refund() {
    let rig = Rig::start(SandboxConfig { silent: 1.0, ..slow() }).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram").await;
        ids.push(bought["id"].as_u64().unwrap());
    }
    rig.sandbox.advance_ms(120_000);
    assert_eq!(rig.fivesim_json(&format!("user/cancel/{}", ids[0])).await["status"], "CANCELED");
    assert_eq!(rig.fivesim_json(&format!("user/ban/{}", ids[1])).await["status"], "BANNED");
    rig.sandbox.advance_ms(1_080_000);
    assert_eq!(rig.fivesim_json(&format!("user/check/{}", ids[2])).await["status"], "TIMEOUT");
    let late = rig.fivesim(&format!("user/cancel/{}", ids[2])).await;
    assert_eq!((late.status, late.body.as_str()), (400, "order expired"));
    assert_eq!(rig.fivesim_json("user/profile").await["balance"], json!(100_000.0));
}

#[tokio::test]
async fn a_fivesim_account_shows_what_was_paid_in() {
    let rig = Rig::small().await;
    let payments = rig.fivesim_json("user/payments").await;
    assert_eq!(
        (&payments["Total"], &payments["Data"][0]["TypeName"]),
        (&json!(1), &json!("charge"))
    );
    assert_eq!(payments["Data"][0]["Amount"], json!(100_000.0));
}
