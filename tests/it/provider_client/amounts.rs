//! Amounts in the provider's currency, prices that are limits, and forms.

use super::*;

#[test]
fn amounts_are_turned_into_the_ledgers_currency_and_back() {
    let server = serve(vec![
        ok(r#"{"6":{"tg":{"cost":0.1,"count":5}}}"#),
        ok("ACCESS_BALANCE:0.1"),
        ok("WRONG_MAX_PRICE:1"),
    ]);
    let third = Decimal::ONE / Decimal::from(3);
    let client = client("handler", &server.address, third);
    run(async {
        assert_eq!(client.prices().await.unwrap().rows[0].cost, Micros(33_334));
        assert_eq!(client.balance().await.unwrap(), Micros(33_333));
        let BuyOutcome::Refused(error, _) = client.buy(&order(), None).await else {
            panic!("not refused")
        };
        assert_eq!(error.kind, ErrorKind::PriceTooLow);
        let nothing = BuyRequest { max_price: Some(Micros::ZERO), ..order() };
        let BuyOutcome::Refused(error, _) = client.buy(&nothing, None).await else {
            panic!("not refused")
        };
        assert_eq!(error.kind, ErrorKind::PriceTooLow);
    });
    let sent: Vec<_> = server.requests.try_iter().collect();
    assert_eq!(sent.len(), 3, "a price limit of nothing is not sent, since some read it as none");
    assert!(sent[2].contains("maxPrice=1.5&"), "{}", sent[2]);
}

#[test]
fn a_form_driver_posts_its_key_in_the_body() {
    let server = serve(vec![ok(r#"{"success":0,"message":"Out of stock"}"#)]);
    let client = client("smspool", &server.address, Decimal::ONE);
    let BuyOutcome::Refused(error, _) = run(client.buy(&order(), None)) else {
        panic!("not refused")
    };
    assert_eq!(error.kind, ErrorKind::NoNumbers);
    let expected = "POST /purchase/sms HTTP/1.1 country=6&max_price=0.5&service=tg&key=K";
    assert_eq!(server.requests.recv().unwrap(), expected);
}
