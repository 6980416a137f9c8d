//! Every fault on demand, restarts, and the bounds of requests.

use nexnum_engine::money::Micros;
use nexnum_sandbox::{FaultKind, SandboxConfig};
use serde_json::{Value, json};

use crate::{FIVESIM, HANDLER, IMPATIENCE, Rig, SMSPOOL, slow, staple};

#[tokio::test]
async fn a_front_end_fault_does_nothing_and_shows_as_what_it_is() {
    let rig = Rig::small().await;
    let faults = rig.sandbox.faults(HANDLER);
    let path = format!("?action=getNumber&service=tg&country=6&api_key={}", rig.key(HANDLER));
    let call = async || rig.get(HANDLER, &path).send().await;
    faults.next(FaultKind::Http500);
    assert_eq!(call().await.unwrap().status(), 500);
    faults.next(FaultKind::Http429RetryAfter);
    let limited = call().await.unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    faults.next(FaultKind::Garbage);
    let garbage = call().await.unwrap();
    assert_eq!(garbage.status(), 200);
    assert!(garbage.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    faults.next(FaultKind::TimeOut);
    let hung = rig.get(HANDLER, &path).timeout(IMPATIENCE).send().await;
    assert!(hung.unwrap_err().is_timeout());
    faults.next(FaultKind::NoNumbers);
    assert_eq!(call().await.unwrap().text().await.unwrap(), "NO_NUMBERS");
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:100000.00");
    assert_eq!(
        rig.handler("action=getActiveActivations").await,
        r#"{"error":"NO_ACTIVATIONS","status":"error"}"#
    );
}

#[tokio::test]
async fn a_lost_or_truncated_reply_hides_a_number_that_was_bought() {
    let rig = Rig::small().await;
    for (kind, times) in [(FaultKind::BoughtButReplyLost, 6), (FaultKind::TruncatedBody, 4)] {
        for _ in 0..times {
            rig.sandbox.faults(HANDLER).next(kind);
            let path =
                format!("?action=getNumber&service=tg&country=6&api_key={}", rig.key(HANDLER));
            let call = rig.get(HANDLER, &path).timeout(IMPATIENCE);
            assert!(rig.send(call).await.is_err(), "{kind:?}");
        }
    }
    let active: Value =
        serde_json::from_str(&rig.handler("action=getActiveActivations").await).unwrap();
    assert_eq!(active["activeActivations"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn a_truncated_list_is_not_json() {
    let rig = Rig::small().await;
    for _ in 0..6 {
        rig.sandbox.faults(FIVESIM).next(FaultKind::TruncatedBody);
        if let Ok(seen) = rig.send(rig.get(FIVESIM, "/guest/prices")).await {
            assert_eq!(seen.status, 200);
            assert!(serde_json::from_str::<Value>(&seen.body).is_err());
        }
    }
}

#[tokio::test]
async fn a_message_is_listed_twice_on_demand() {
    let rig = Rig::small().await;
    for provider in [HANDLER, FIVESIM, SMSPOOL] {
        rig.sandbox.faults(provider).next(FaultKind::DuplicateMessage);
    }
    rig.buy_handler().await;
    let active: Value =
        serde_json::from_str(&rig.handler("action=getActiveActivations").await).unwrap();
    let codes = active["activeActivations"][0]["smsCode"].as_array().unwrap().clone();
    assert!(codes.len() == 2 && codes[0] == codes[1], "{codes:?}");
    let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram").await;
    let order = rig.fivesim_json(&format!("user/check/{}", bought["id"])).await;
    assert_eq!(order["sms"][0], order["sms"][1]);
    rig.buy_smspool().await;
    let active = rig.smspool("/request/active", &[]).await;
    assert_eq!(active[0], active[1]);
}

#[tokio::test]
async fn a_message_comes_after_a_cancel_on_demand() {
    let rig = Rig::start(SandboxConfig { silent: 1.0, ..slow() }).await;
    for provider in [HANDLER, FIVESIM, SMSPOOL] {
        rig.sandbox.faults(provider).next(FaultKind::MessageAfterCancel);
    }
    let (id, _) = rig.buy_handler().await;
    let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram").await;
    let order = rig.buy_smspool().await;
    rig.sandbox.advance_ms(120_000);
    let cancel = format!("action=setStatus&id={id}&status=8");
    assert_eq!(rig.handler(&cancel).await, "ACCESS_CANCEL");
    rig.fivesim_json(&format!("user/cancel/{}", bought["id"])).await;
    rig.smspool("/sms/cancel", &[("orderid", &order)]).await;
    assert_eq!(rig.handler(&format!("action=getStatus&id={id}")).await, "STATUS_CANCEL");
    rig.sandbox.advance_ms(60_001);
    let status = rig.handler(&format!("action=getStatus&id={id}")).await;
    assert!(status.starts_with("STATUS_OK:"), "{status}");
    let late = rig.fivesim_json(&format!("user/check/{}", bought["id"])).await;
    assert_eq!((&late["status"], late["sms"].as_array().unwrap().len()), (&json!("CANCELED"), 1));
    assert_eq!(rig.smspool("/sms/check", &[("orderid", &order)]).await["status"], 3);
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:100000.00");
}

#[tokio::test]
async fn a_share_of_all_calls_misbehaves() {
    let rig = Rig::start(SandboxConfig { faults: 0.5, ..SandboxConfig::small(3) }).await;
    rig.sandbox.faults(FIVESIM).set_any(0.0);
    rig.sandbox.faults(FIVESIM).set(FaultKind::Http500, 0.5);
    let mut errors = 0;
    for _ in 0..100 {
        let seen = rig.fivesim("guest/flash/en").await;
        errors += usize::from(seen.status == 500);
    }
    assert!((30..70).contains(&errors), "{errors}");
    rig.sandbox.faults(HANDLER).clear();
    for _ in 0..20 {
        rig.buy_handler().await;
    }
}

#[tokio::test]
async fn open_numbers_survive_a_restart_with_the_same_codes() {
    let folder = tempfile::tempdir().unwrap();
    let config = SandboxConfig { journal_dir: Some(folder.path().to_owned()), ..slow() };
    let rig = Rig::start(config.clone()).await;
    let (id, _) = rig.buy_handler().await;
    let (cancelled, _) = rig.buy_handler().await;
    let order = rig.buy_smspool().await;
    rig.sandbox.advance_ms(60_000);
    let status = rig.handler(&format!("action=getStatus&id={id}")).await;
    rig.handler(&format!("action=setStatus&id={id}&status=3")).await;
    let balance = rig.handler("action=getBalance").await;
    rig.sandbox.stop().await;

    let rig = Rig::start(config).await;
    assert_eq!(rig.handler("action=getBalance").await, balance);
    let wait = rig.handler(&format!("action=getStatus&id={id}")).await;
    assert_eq!(wait, "STATUS_WAIT_CODE");
    rig.sandbox.advance_ms(60_000);
    assert_eq!(
        rig.handler(&format!("action=getStatus&id={id}")).await,
        status.replace("OK", "WAIT_RETRY")
    );
    rig.sandbox.advance_ms(60_000);
    let again = rig.handler(&format!("action=getStatus&id={id}")).await;
    assert!(again.starts_with("STATUS_OK:") && again != status, "{again}");
    assert_ne!(rig.handler(&format!("action=getStatus&id={cancelled}")).await, "NO_ACTIVATION");
    assert_eq!(rig.smspool("/sms/check", &[("orderid", &order)]).await["status"], 3);
    let (next, _) = rig.buy_handler().await;
    assert!(next.parse::<u32>().unwrap() > cancelled.parse::<u32>().unwrap());
}

#[tokio::test]
async fn stopping_closes_the_port_and_hung_calls() {
    let rig = Rig::small().await;
    let base = rig.sandbox.providers()[HANDLER].base_url.clone();
    rig.sandbox.faults(HANDLER).next(FaultKind::TimeOut);
    let hung = tokio::spawn(rig.client.get(&base).send());
    while !rig.client.get(&base).send().await.is_ok_and(|reply| reply.status() == 200) {}
    rig.sandbox.stop().await;
    assert!(hung.await.unwrap().is_err());
    assert!(rig.client.get(&base).send().await.is_err());
}

#[tokio::test]
async fn requests_are_bounded() {
    let rig = Rig::small().await;
    let url = rig.sandbox.providers()[HANDLER].base_url.clone();
    let seen = rig.client.post(&url).body("x".repeat(20_000)).send().await.unwrap();
    assert_eq!(seen.status(), 413);
    let form = [("action", " getBalance "), ("api_key", rig.key(HANDLER))];
    let seen = rig.client.post(&url).form(&form).send().await.unwrap();
    assert_eq!(seen.text().await.unwrap(), "ACCESS_BALANCE:100000.00");
}

#[tokio::test]
async fn what_is_done_is_done_whatever_becomes_of_its_reply() {
    let rig = Rig::small().await;
    let kinds = [
        FaultKind::ReplyLost,
        FaultKind::HangsAfterHead,
        FaultKind::GatewayAfterwards,
        FaultKind::FalseGzip,
        FaultKind::WrongContentType,
        FaultKind::ListedLate,
    ];
    let path = format!("?action=getNumber&service=tg&country=6&api_key={}", rig.key(HANDLER));
    for kind in kinds {
        rig.sandbox.faults(HANDLER).next(kind);
        let call = rig.get(HANDLER, &path).timeout(IMPATIENCE);
        let seen = rig.send(call).await;
        let failed = seen.is_ok_and(|seen| seen.status >= 500);
        assert_eq!(failed, kind == FaultKind::GatewayAfterwards, "{kind:?}");
    }
    for kind in [FaultKind::ConnectionLost, FaultKind::Gateway, FaultKind::Redirect] {
        rig.sandbox.faults(HANDLER).next(kind);
        let seen = rig.send(rig.get(HANDLER, &path).timeout(IMPATIENCE)).await;
        assert!(seen.is_err() || seen.is_ok_and(|seen| seen.status > 300), "{kind:?}");
    }
    let bought = rig.sandbox.bought(HANDLER);
    assert_eq!(bought.len(), kinds.len());
    assert!(bought.iter().all(|it| it.is_charged && it.ended_ms.is_none() && !it.is_foreign));
    let list = rig.handler("action=getActiveActivations").await;
    let shown = bought.iter().filter(|it| list.contains(&it.external_id)).count();
    assert_eq!(shown, kinds.len() - 1, "one is listed late: {list}");
    rig.sandbox.advance_ms(40_000);
    let list = rig.handler("action=getActiveActivations").await;
    assert!(bought.iter().all(|it| list.contains(&it.external_id)));
}

#[tokio::test]
async fn a_purchase_is_refused_overcharged_or_overtaken_on_demand() {
    let rig = Rig::small().await;
    for provider in [HANDLER, FIVESIM, SMSPOOL] {
        assert!(rig.sandbox.pin(provider, staple(), Micros(200_000), 10));
    }
    let faults = rig.sandbox.faults(HANDLER);
    let buy = "action=getNumber&service=tg&country=6&maxPrice=0.3";
    faults.next(FaultKind::PriceRefused);
    assert_eq!(rig.handler(buy).await, "WRONG_MAX_PRICE:0.40");
    faults.next(FaultKind::EmptyAccount);
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:0.00");
    faults.next(FaultKind::EmptyAccount);
    assert_eq!(rig.handler(buy).await, "NO_BALANCE");
    faults.next(FaultKind::Overcharged);
    rig.handler(buy).await;
    faults.next(FaultKind::ForeignPurchase);
    rig.handler(buy).await;
    let bought = rig.sandbox.bought(HANDLER);
    let seen: Vec<_> = bought.iter().map(|it| (it.cost.0, it.is_foreign)).collect();
    assert_eq!(seen, [(450_000, false), (200_000, true), (200_000, false)]);
}

#[tokio::test]
async fn a_refusal_that_a_fault_decides_is_in_the_protocol_s_words() {
    let rig = Rig::small().await;
    let (id, _) = rig.buy_handler().await;
    let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram").await;
    let order = rig.buy_smspool().await;
    let status = format!("action=getStatus&id={id}");
    let cancel = format!("action=setStatus&id={id}&status=8");
    for provider in [HANDLER, FIVESIM, SMSPOOL] {
        rig.sandbox.faults(provider).next(FaultKind::NotFound);
        rig.sandbox.faults(provider).next(FaultKind::CancelTooEarly);
        rig.sandbox.faults(provider).next(FaultKind::ListEmpty);
    }
    assert_eq!(rig.handler(&status).await, "NO_ACTIVATION");
    assert!(rig.handler(&status).await.starts_with("STATUS_OK"));
    assert_eq!(rig.handler(&cancel).await, "EARLY_CANCEL_DENIED");
    let list = rig.handler("action=getActiveActivations").await;
    assert_eq!(list, r#"{"error":"NO_ACTIVATIONS","status":"error"}"#);
    let seen = rig.fivesim(&format!("user/check/{}", bought["id"])).await;
    assert_eq!((seen.status, seen.body.as_str()), (404, "order not found"));
    let seen = rig.fivesim(&format!("user/cancel/{}", bought["id"])).await;
    assert_eq!((seen.status, seen.body.as_str()), (400, "you need to wait time"));
    assert_eq!(rig.fivesim_json("user/orders?category=activation").await["Total"], 0);
    let check = rig.smspool("/sms/check", &[("orderid", &order)]).await;
    assert_eq!(check["message"], "We could not find this order!");
    assert_eq!(rig.smspool("/sms/cancel", &[("orderid", &order)]).await["success"], 0);
    assert_eq!(rig.smspool("/request/active", &[]).await, json!([]));
}

#[tokio::test]
async fn each_fault_is_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        SandboxConfig { journal_dir: Some(folder.path().to_owned()), ..SandboxConfig::small(1) };
    let rig = Rig::start(config).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    let path = format!("?action=getBalance&api_key={}", rig.key(HANDLER));
    rig.send(rig.get(HANDLER, &path)).await.unwrap();
    rig.sandbox.stop().await;
    let journal = std::fs::read_to_string(folder.path().join("handler.jsonl")).unwrap();
    let fault =
        r#""event":"fault","kind":"http500","call":"GET /stubs/handler_api.php action=getBalance""#;
    assert!(journal.contains(fault), "{journal}");
}
