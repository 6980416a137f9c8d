//! Receipts of card payments that name the number under which the bank let the payment through:
//! "Approved: $48.29 at SHELL. Authorization code 048291". That number is called a code as one is
//! that a payment waits for. It is none where the payment is over and the text asks for nothing.

use std::sync::LazyLock;

use super::code::Figure;
use super::cues::{Cue, Kind};
use super::wordlist::{Parts, Stems, last_word, listed};

/// Words for letting a payment through, as they begin; those behind `=` are whole.
const AUTHORISES: &str = "
    =auth, =aut, authorization, authorisation, =approval, autorizacion, autorização,
    autorització, autorisation, autorizzazion, autorizzativ, autorizare, autorizari,
    autorisierung, autorisatie, autoriserings, autoryzac, autorizačn, autorizac, autorizacij,
    avtorizac, avtorizats, avtorizasi, aprobacion, aprobare, aprovação, approbation,
    approvazione, genehmigungs, godkännande, godkendelses, godkjennings, goedkeuring,
    engedélyszám, engedélyez, otorisasi, persetujuan, kelulusan, =onay, provizyon, chuẩn chi,
    авторизац, авторизаци, авторыза, аўтарызац, auktorisations, =autorizzato, =autorizzata,
    =autorizado, =autorizada, =autorisé, =autorisée, =autorisiert, одобрени, εγκριση,
    εξουσιοδότησ, אישור, האישור, التفويض, تفويض, الموافقة, موافقة, الاعتماد, اعتماد, одобр,
    =авт, odobren, autorizovan, schválen";
/// The same in scripts without blanks.
const DENSE: &[&str] = &["授权", "授權", "核准", "承認", "승인", "อนุมัติ"];
/// What makes a number of its name, where the table of cues has no word for one.
const NUMBERS: &[&str] =
    &["番号", "번호", "号", "號", "numm", "num", "nr", "szam", "numer", "number"];
/// What says that the number is for something to come, before or inside its name.
const FOR: &str = "
    =for, =to, =para, =per, =pour, =pentru, =für, =zur, =voor, =för, =til, =till, =do, =za,
    =için, =untuk, =для, =για";
/// What makes the number the reader's own.
const YOURS: &str = "
    =your, =su, =tu, =seu, =sua, =votre, =ihr, =dein, =ваш, =twój, =за";

/// That money has left: a payment that is over, or what is left on the account.
const OVER: &str = "
    autorizzat, autorizad, autorisé, autorisiert, pagado, pagaste, 簽帳, 签账, 刷卡, наличност,
    разполагаем, accepté, acceptée, effectué, paid, was charged, successful, purchased,
    aprobada, aprobado, realizada, realizado, recibido, cobrado, aprovada, aprovado, efetuad,
    efectuad, recebid, eseguit, effettuat, riuscit, addebitat, erfolgt, erfolgreich, genehmigt,
    abgebucht, bezahlt, betaald, geslaagd, betalt, betalad, gennemført, gjennomført, genomförd,
    maksettu, zapłacon, zrealizowan, zaakceptowan, zaplacen, zaplaten, uhrazen, provedena,
    sikeres, kifizet, efectuata, aprobata, plačan, plaćen, izvršen, оплачен, списан, выполнен,
    проведен, одобрен, успешн, сплачен, виконан, успішн, платено, плаћено, извършен, ολοκληρ,
    εγκρίθηκε, yapıldı, yapılmıştır, gerçekleşti, alındı, ödənildi, төленді, to'landi, تمت,
    تم الدفع, تم الشراء, تم السداد, تم خصم, تم سحب, ناجحة, خصم, בוצע, אושר, חויב, خرید شد,
    پرداخت شد, सफल, হয়েছে, berhasil, berjaya, thành công, สำเร็จ, 消费, 消費, 扣款, 已支付, 已付款, 支払い済,
    ご利用, 引き落とし, 결제완료, 일시불, баланс, доступно, остаток, залишок, balance, avail, saldo, solde,
    disponib, zůstatek, egyenleg, bakiye, υπόλοιπο, الرصيد, יתרה, موجودی, 余额, 餘額, 残高, 잔액, 누적,
    số dư, baki anda, baki rm, processed, was debited, has been debited, se realizó, se cobró,
    pagato, você pagou, vous avez payé, a été débité, ชำระแล้ว, จ่ายแล้ว, harcaması,
    harcamanız yapıldı, tahsil edildi, zaksięgowan, obciążon, odúčtovan, odečten, terhel,
    naplaćen, skinut, снято, выдано, знято, видано, изтеглен, dipotong, terpotong,
    telah dibayar, đã thanh toán, ghi nợ, 已扣, 交易成功, ご請求, 売上";

/// What the words for a payment begin with, whether it is over or not.
const PAYMENTS: &str = "
    чек, achat, alisveris, betaling, compra, kauf, kjop, kob, kop, kort, kupnj, kupovin, nakup,
    odeme, paiement, pago, pagamento, pagament, payment, placanj, plat, platnosc, pos, purchase,
    sale, transaction, vasarlas, zahlung, zakup, αγορ, πληρωμ, аплат, оплат, плат, плаћањ,
    покупк, тратт, עסקה, شراء, refund, reembols, rembours, rimbors, rückerstatt, erstatt,
    возврат, поверненн, iade, zwrot, abono, cargo, consumo, spesa, acquist, výběr, withdrawal,
    retiro, saque, снятие, выдача, spend";

/// That a payment waits, or how long a code counts.
const WAITS: &str = "
    pending, to be paid, unpaid, request, solicit, demande, richiesta, anfrage, запрос, запит,
    talep, valid, expir, waiting, awaiting, pendient, pendent, vence, caduca, válid, vigen,
    en attente, valable, in attesa, scade, valido, ausstehend, gültig, geldig, giltig, gyldig,
    voimassa, ważn, oczekuj, platí, čeká, érvényes, ισχύει, ожида, действ, очіку, дійсн, діє,
    чака, валид, geçerli, bekl, صالح, תקף, בתוקף, ينتهي, 正在, 有效, 有効, ください, 下さい, 유효, hiệu lực,
    berlaku, sah sehingga";

/// "You have used" and "notice", which also ask: then another word of the list above follows.
const USED: &[&str] = &["ご利用", "お知らせ"];

/// Bytes before a figure in which its name stands, and bytes of a text that are looked at.
const NAME_LEN: usize = 48;
const LOOKED_AT: usize = 1_000;
/// Words between the one for letting through and the figure: "code", "is".
const NAME_WORDS_MAX: usize = 2;
/// Bytes and words before that word in which "code of", "number of" and "your" stand.
const LEAD_LEN: usize = 16;
const LEAD_WORDS: usize = 3;
/// Letters of a shop's name at least.
const SHOP_LETTERS_MIN: usize = 3;

struct Words {
    authorises: Stems,
    aims: Stems,
    yours: Stems,
    payments: Stems,
    over: Parts,
    waits: Parts,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    authorises: Stems::of(listed(AUTHORISES)),
    aims: Stems::of(listed(FOR)),
    yours: Stems::of(listed(YOURS)),
    payments: Stems::of(listed(PAYMENTS)),
    over: Parts::of(listed(OVER)),
    waits: Parts::of(listed(WAITS)),
});

/// What a figure is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Called {
    Code,
    Number,
    Neither,
}

/// True for a figure under which a payment was let through that is over.
pub(super) fn is_of_receipt(text: &str, cues: &[Cue], figure: &Figure) -> bool {
    if figure.start > LOOKED_AT {
        return false;
    }
    // 1. There is an amount, and nothing is to be entered.
    let is_amount = |cue: &&Cue| match cue.kind {
        Kind::Currency => true,
        Kind::Tail => text[..cue.start].trim_end().ends_with(|c: char| c.is_ascii_digit()),
        _ => false,
    };
    let Some(amount) = cues.iter().find(is_amount) else { return false };
    let is_open = |cue: &Cue| matches!(cue.kind, Kind::Enter | Kind::Open);
    if cues.iter().any(|cue| is_open(cue) && !USED.contains(&&text[cue.start..cue.end])) {
        return false;
    }
    // 2. The figure has the name of such a number, and no word tells of a proof or of its time.
    let Some((name, called)) = name(text, cues, figure) else { return false };
    let asks = |kind: Kind| matches!(kind, Kind::Otp | Kind::Code | Kind::Verify);
    let named = name..figure.start;
    let mut asked = cues.iter().filter(|cue| asks(cue.kind) && !named.contains(&cue.start));
    let is_strict = asked.clone().next().is_none();
    let is_same = |cue: &Cue| is_name(&text[cue.start..cue.end].to_lowercase());
    let is_timed = cues.iter().any(|cue| cue.kind == Kind::Unit && cue.start >= figure.end);
    if is_timed || !asked.all(is_same) {
        return false;
    }
    // 3. The payment is over, or it has a shop and the number stands behind it.
    let small = text[..text.floor_char_boundary(LOOKED_AT)].to_lowercase();
    if WORDS.waits.any_in(&small) {
        return false;
    }
    if WORDS.over.any_in(&small) || cues.iter().any(|cue| cue.kind == Kind::Done) {
        return true;
    }
    let is_behind = is_strict && amount.end <= named.start;
    is_behind
        && match called {
            Called::Number => true,
            Called::Code => is_paid_in_shop(text, cues, (amount.end, named.start)),
            Called::Neither => false,
        }
}

/// Where the name of a figure begins, and what it calls it, where it is one of such a number.
fn name(text: &str, cues: &[Cue], figure: &Figure) -> Option<(usize, Called)> {
    let from = text.ceil_char_boundary(figure.start.saturating_sub(NAME_LEN));
    // No other figure, and no end of a clause, stands between the two.
    let ends =
        |c: char| c.is_ascii_digit() || matches!(c, ',' | ';' | '(' | '|' | '\n' | '，' | '。');
    let cut = text[from..figure.start].rmatch_indices(ends).next();
    let from = cut.map_or(from, |(at, end)| from + at + end.len());
    let (at, is_yours) = authorised(&text[from..figure.start])?;
    let start = from + at;
    let leads = |cue: &&Cue| {
        let near = (from.max(start.saturating_sub(LEAD_LEN))..=start).contains(&cue.start);
        near && matches!(cue.kind, Kind::Otp | Kind::Code | Kind::Number | Kind::Label)
    };
    let start = cues.iter().find(leads).map_or(start, |cue| cue.start);
    let mut inside = cues.iter().filter(|cue| (start..figure.start).contains(&cue.start));
    let is_number = |cue: &Cue| cue.kind == Kind::Number;
    let named = text[start..figure.start].to_lowercase();
    let called = if is_yours {
        Called::Neither
    } else if NUMBERS.iter().any(|it| named.contains(it)) || inside.clone().any(is_number) {
        Called::Number
    } else if inside.any(|cue| matches!(cue.kind, Kind::Otp | Kind::Code)) {
        Called::Code
    } else {
        Called::Neither
    };
    Some((start, called))
}

/// Where the word for letting through is in what stands before a figure, and whether it is called
/// the reader's own.
fn authorised(head: &str) -> Option<(usize, bool)> {
    let dense = || DENSE.iter().filter_map(|word| head.rfind(word)).max();
    if let Some(at) = (!head.is_ascii()).then(dense).flatten() {
        return Some((at, false));
    }
    let mut rest = head;
    for _ in 0..=NAME_WORDS_MAX {
        let (start, word) = last_word(rest)?;
        if WORDS.aims.fit(&word) {
            return None;
        }
        rest = &head[..start];
        if is_name(&word) {
            let lead = std::iter::successors(last_word(rest), |(at, _)| last_word(&rest[..*at]));
            let lead: Vec<String> = lead.take(LEAD_WORDS).map(|(_, word)| word).collect();
            let is_aimed = lead.first().is_some_and(|word| WORDS.aims.fit(word));
            let is_yours = lead.iter().any(|word| WORDS.yours.fit(word));
            return (!is_aimed).then_some((start, is_yours));
        }
    }
    None
}

/// True for a word for letting through, folded, without capitals.
fn is_name(word: &str) -> bool {
    WORDS.authorises.fit(word) || DENSE.iter().any(|known| word.contains(known))
}

/// True for a payment before these bytes, and a name between them that no table has: the shop's.
fn is_paid_in_shop(text: &str, cues: &[Cue], (amount, name): (usize, usize)) -> bool {
    let is_payment = |word: &str| WORDS.payments.fit(&word.to_lowercase());
    let is_known = |at: usize| cues.iter().any(|cue| (cue.start..cue.end).contains(&at));
    let mut at = amount;
    let mut shops =
        text[amount..name].split_inclusive(|c: char| !c.is_alphabetic()).filter(|part| {
            let start = at;
            at += part.len();
            let letters = part.chars().filter(|c| c.is_alphabetic()).count();
            let is_long = letters >= SHOP_LETTERS_MIN || part.starts_with(char::is_uppercase);
            is_long && !is_known(start) && !is_payment(part)
        });
    text[..name].split(|c: char| !c.is_alphabetic()).any(is_payment) && shops.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::super::extract;

    const PAID: &[&str] = &[
        "Card 3307: you paid £17.40 at BOOTS. Auth code 915526.",
        "Your purchase of USD 63.10 at DELTA was approved. Authorisation code: 915526. Avail. bal USD 912.44",
        "Payment successful! 75.00 AED at CARREFOUR on card 3307. Approval code 915526",
        "Transaction approved 21.90 EUR TESCO 02/11 09:14 approval number 915526",
        "Sale completed: $9.99, UBER TRIP, card ending 3307, authorization no. 915526",
        "Payment of KES 1,250 to NAIVAS received. Authorization number 915526. Balance KES 8,204",
        "Has pagado 31,20 EUR en LIDL. Cod. autorizacion 915526",
        "Consumo aprobado S/ 88.50 en WONG, tarjeta 3307. Codigo de autorizacion 915526",
        "Pagaste $12.300 en COPEC. Numero de autorizacion: 915526. Saldo disponible $98.220",
        "Retiro de $500 realizado en cajero. Autorizacion 915526",
        "Pagamento aprovado: R$ 63,10 em IFOOD. Código de autorização 915526",
        "Compra de R$ 63,10 em DROGASIL cartão final 3307. Autorização nº 915526. Saldo R$ 912,44",
        "Compra 21,90 EUR CONTINENTE efetuada. Cod autorizacao 915526",
        "Achat de 63,10 EUR chez LECLERC effectué. Numéro d'autorisation 915526",
        "Paiement de 21,90 € chez FNAC accepté, carte 3307. Code d'autorisation : 915526",
        "Carte 3307 : achat 63,10 EUR DARTY le 02/11. N° autorisation 915526",
        "Acquisto di 63,10 EUR presso COOP autorizzato. Codice di autorizzazione 915526. Saldo 912,44",
        "Pagamento di 21,90 euro a ENI riuscito. Codice autorizzativo 915526",
        "Kartenzahlung 63,10 EUR EDEKA, Karte 3307. Autorisierungsnummer 915526",
        "Ihre Zahlung über 21,90 EUR bei DM war erfolgreich. Autorisierungscode: 915526",
        "Bezahlt: 63,10 EUR, ALDI. Genehmigungs-Nr. 915526",
        "Покупка 631р DIXY. Код авторизации 915526. Остаток 9124.40р",
        "Оплачено 631 руб. ЛЕНТА, карта *3307. Код авторизации: 915526",
        "Списание 219р OZON. Номер авторизации 915526",
        "Карта 3307: оплата 631 руб AZS LUKOIL, код авторизации 915526",
        "Оплата 631 грн АТБ успішна. Код авторизації: 915526",
        "Покупка 219 грн ROZETKA, картка 3307. Номер авторизації 915526. Залишок 4120 грн",
        "Аплата 21,90 BYN EVROOPT. Код аўтарызацыі 915526",
        "Покупка 21.90 лв KAUFLAND. Код за одобрение 915526. Наличност 912.44 лв",
        "Zakup 63,10 PLN ZABKA karta 3307. Kod autoryzacji 915526",
        "Płatność 21,90 zł w ORLEN zaakceptowana. Numer autoryzacji: 915526",
        "Platba kartou 631 Kč ALBERT provedena. Autorizační kód 915526",
        "Platba 21,90 EUR TERNO uhradena. Autorizacny kod 915526. Zostatok 912,44",
        "Sikeres vásárlás 6310 Ft SPAR. Engedélyszám: 915526. Egyenleg 91244 Ft",
        "Plata de 63,10 lei la MEGA IMAGE aprobata. Cod autorizare 915526",
        "3307 ile biten kartınızla 631,00 TL MIGROS alışverişi yapıldı. Provizyon no 915526",
        "SHELL 631,00 TL ödemeniz alındı. Onay kodu: 915526. Bakiye 4.120,00 TL",
        "Αγορά 63,10 EUR ΣΚΛΑΒΕΝΙΤΗΣ. Κωδικός έγκρισης 915526. Υπόλοιπο 912,44",
        "تم الدفع 63.10 ر.س في بنده. رمز الموافقة 915526",
        "خصم 63.10 درهم من بطاقتك 3307 لدى كارفور. رقم التفويض 915526",
        "عملية شراء 63.10 د.ك لدى لولو. رمز التفويض: 915526. الرصيد 912.44",
        "חויבת ב-63.10 ש\"ח בשופרסל. קוד אישור 915526",
        "עסקה 63.10 ש\"ח רמי לוי כרטיס 3307 מספר אישור 915526",
        "カードご利用のお知らせ 6,310円 ローソン 承認番号:915526",
        "[楽天カード] 11/02 09:14 6,310円のお支払いが完了しました。承認番号 915526",
        "【招商银行】您尾号3307信用卡11月2日消费631.00元，授权码915526",
        "【中信】消費成功 NT$631 全聯 授權碼：915526",
        "信用卡 3307 於 11/02 簽帳 HK$63.10 百佳，授權碼 915526",
        "[KB국민카드] 6,310원 승인 이마트 일시불 승인번호 91552642",
        "결제완료 6,310원 GS25 승인번호 915526",
        "Thanh toan 63.100 VND tai CIRCLE K thanh cong. Ma chuan chi 915526",
        "Pembayaran Rp63.100 di ALFAMART berhasil. Kode otorisasi 915526",
        "Pembelian RM63.10 di TESCO berjaya. Kod kelulusan 915526",
        "ชำระเงิน 631 บาท ที่ LOTUS สำเร็จ รหัสอนุมัติ 915526",
        "Betaling 63,10 EUR bij JUMBO geslaagd. Autorisatiecode 915526",
        "Køb 63,10 DKK NETTO gennemført. Godkendelsesnr. 915526",
        "Kortköp 631 kr ICA. Auktorisationskod 915526",
    ];

    /// What a payment waits for, in the same words.
    const TO_BE_PAID: &[&str] = &[
        "Authorization code 915526 to confirm the payment of $63.10 at DELTA. Do not share it",
        "Your authorization code for the purchase of USD 63.10 at DELTA is 915526. Valid 5 min",
        "Purchase of USD 63.10 at DELTA. To approve it enter authorization code 915526",
        "Payment of $63.10 to DELTA needs your approval. Authorization code 915526",
        "Approve payment of £17.40 at BOOTS with code 915526",
        "DELTA: pay $63.10. Authorisation code: 915526. Never share it with anyone.",
        "Authorization code 915526 for payment of $63.10 at DELTA",
        "915526 is your authorization code for $63.10 at DELTA",
        "Payment of $63.10 pending. Authorization code: 915526",
        "Código de autorización 915526 para tu compra de 63,10 EUR en LIDL. No lo compartas",
        "Compra de 63,10 EUR en LIDL. Introduce el código de autorización 915526",
        "Código de autorização 915526 para compra de R$ 63,10 em IFOOD. Não compartilhe",
        "Code d'autorisation 915526 pour votre achat de 63,10 EUR chez LECLERC, valable 5 minutes",
        "Codice di autorizzazione 915526 per il pagamento di 63,10 EUR. Non comunicarlo",
        "Autorisierungscode 915526 für Ihre Zahlung von 63,10 EUR eingeben",
        "Zahlung 63,10 EUR bei EDEKA. Autorisierungscode eingeben: 915526",
        "Код авторизации 915526 для оплаты 631р в DIXY. Никому не сообщайте",
        "код авторизации для входа 915526",
        "Оплата 631р DIXY. Код авторизации 915526. Никому его не говорите",
        "Код авторизации: 915526. Оплата 631 руб. OZON",
        "Код авторизації 915526 для оплати 631 грн. Нікому не повідомляйте",
        "Kod autoryzacji 915526 do płatności 63,10 PLN w ZABKA. Nie podawaj nikomu",
        "631,00 TL ödemeniz için onay kodu 915526. Kimseyle paylaşmayın",
        "MIGROS 631,00 TL odeme onay kodunuz: 915526",
        "رمز التفويض 915526 لتأكيد عملية الشراء بمبلغ 63.10 ر.س لا تشاركه مع أحد",
        "קוד אישור 915526 לתשלום 63.10 ש\"ח. אין למסור לאיש",
        "您正在消费631元，授权码915526，请勿泄露",
        "您正在支付631元，授權碼915526，5分鐘內有效",
        "お支払い 6,310円 の承認番号は 915526 です。画面に入力してください",
        "[페이] 6,310원 결제 승인번호 915526 을 입력해 주세요",
        "[페이] 결제금액 6,310원 승인번호[915526] 타인에게 노출하지 마세요",
        "Kode otorisasi 915526 untuk pembayaran Rp63.100. Jangan berikan kepada siapa pun",
        "Cod autorizare 915526 pentru plata de 63,10 lei. Nu il divulga",
        "Platba 631 Kc, autorizacni kod 915526. CSOB",
        "Κωδικός έγκρισης 915526 για αγορά 63,10 EUR. Μην τον κοινοποιήσετε",
    ];

    #[test]
    fn the_number_of_a_payment_that_is_over_is_no_code() {
        let read: Vec<_> = PAID.iter().filter(|text| extract(text, "").is_some()).collect();
        assert_eq!(read, Vec::<&&str>::new());
        for text in TO_BE_PAID {
            assert_eq!(extract(text, "").map(|found| found.code), Some("915526".into()), "{text}");
        }
    }
}
