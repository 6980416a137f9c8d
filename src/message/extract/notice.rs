//! Numbers at the end of a notice that have a word of their own before a colon: where to call or to
//! write to ("Helpline: 5150", "To unsubscribe: 71144"), and what was collected ("Points: 2280").
//! They look like a code behind the name of a service; only the word tells them apart.

use std::ops::Range;
use std::sync::LazyLock;

use super::code::{Figure, Shape};
use super::cues::{Cue, Kind};
use super::wordlist::{Stems, last_word, listed};

/// Whom to ask, and how to end what was ordered.
const CALLED: &str = "
    =helpline, =hotline, =infoline, =info, =infos, =support, =help, =assistance, enquir, inquir,
    =details, unsubscri, =optout, =out, =cancel, deactivat, =care, =ayuda, =baja, =consultas,
    =informes, =informacion, =soporte, =cancelar, desactiv, =ajuda, =suporte, =central,
    =duvidas, =atendimento, =informacoes, =atencion, desabonn, résili, désactiv, =aide,
    =renseignements, =assistenza, disattiv, =disdetta, =informazioni, dezactiv, dezabon,
    =relatii, =informatii, =asistenta, =anulare, abbestell, =abmelden, =abmeldung, kündig,
    =auskunft, =kundenservice, =hilfe, =afmelden, =opzeggen, klantenservice, =hulp, kundtjänst,
    kundeservice, =avsluta, =avregistrera, =opsig, =afmeld, =avmeld, =hjälp, =hjelp, =hjælp,
    =neuvonta, =peruutus, =asiakaspalvelu, =klienditugi, =peru, infolini, infolink, =wyłącz,
    =wyłączenie, rezygnacj, dezaktywac, =pomoc, =odhlásenie, =odhlášení, =zrušit, =zrušení,
    =zrušenie, =vypnout, =odjava, otkazivanj, =isključi, =isključenje, =pomoć, =podrška, отключ,
    отпис, =отказ, =отказаться, справк, подробн, =инфо, =информация, =поддержка, =помощь,
    відключ, відпис, =відмова, =вимкнути, вимкнен, довідк, =інфо, =інформація, =підтримка,
    =допомога, адключ, даведк, =інфа, изключв, отписв, =помощ, искључ, отказивањ, =одјава,
    =informacija, =informacijos, =pagalba, =palīdzība, =atteikties, =atsisakyti, =lemondás,
    ügyfélszolgálat, =leiratkozás, =kikapcsolás, =segítség, =διακοπή, πληροφορ, απενεργοποί,
    =βοήθεια, =ndihmë, =çaktivizo, =iptal, =kapatmak, =kapat, =destek, =danışma, =hizmetleri,
    =služba, =služby, =ləğv, =məlumat, =dəstək, =өшіру, анықтама, =ақпарат, =өчүрүү, =маалымат,
    маълумот, =chirish, =lumot, ინფორმაცია, გამორთვა, დახმარება, տեղեկ, անջատ, օգնություն,
    للإلغاء, لإلغاء, إلغاء, الإلغاء, للاستفسار, للمساعدة, للدعم, للاستعلام, =العملاء, =لغو,
    پشتیبانی, =راهنمایی, ہیلپ, =معلومات, להסרה, לביטול, לבירורים, לעזרה, =תמיכה, हेल्पलाइन,
    =सहायता, =रद्द, =बंद, =বন্ধ, நிறுத்த, হেল্পলাইন, =সহায়তা, =বাতিল, உதவி, సహాయం, ಸಹಾಯ, =huy,
    =hủy, =tro, =trợ, tong, =bantuan, =berhenti, =batal, =pertanyaan, =tulong, =msaada,
    =kusitisha, =taimako, отмена, детали, деталі, =sac, =biuro, =obsługi, للمزيد, =bilgi,
    szczegóły, =detalles, =detalhes, =détails, =podrobnosti, =kontakt, =contact, =contacto,
    =contato, =contatti, =kundendienst, =linka, =clienti, =cliente, =client, =clients,
    =clientes, =klienta, =műszaki, =hotlinia, =call, =phone, =оператор, =гаряча, =горячая,
    =линия, =лінія, للتواصل, للتفاصيل, =تماس, =رابطہ, संपर्क, =সাহায্য, =hubungi, =cskh,
    =pelanggan, =wateja";

/// What is collected, or left.
const COUNTED: &str = "
    =points, =balance, =miles, =bonus, =stars, =puntos, =saldo, =pontos, =punti, =solde,
    =puncte, =sold, =punkte, =guthaben, =punten, =poäng, =poeng, =pisteet, =punkty, =body,
    =bodů, =pontok, =egyenleg, =bodovi, =točke, баллы, баллов, бонус, баланс, остаток, бали,
    залишок, балы, точки, πόντοι, υπόλοιπο, puan, bakiye, =bal, xallar, ұпай, =ball, نقاط, رصيد,
    الرصيد, امتیاز, موجودی, נקודות, יתרה, =poin, =mata, =pointi, =điểm, =diem, पॉइंट, পয়েন্ট,
    treuepunkte, bonuspunkte, =prämienpunkte, stempel, bonuspoäng, =kredyty, =credits,
    =créditos, =coins, =монет, =монеты, =кредиты, кешбэк, кэшбэк, кешбек";

/// The same in scripts without blanks.
const DENSE: &str = "
    退订, 退訂, 客服, 取消, 咨询, 諮詢, 热线, 熱線, 解約, お問い合わせ, お問合せ, 解除, 해지, 고객센터, 문의, ยกเลิก,
    สอบถาม, ช่วยเหลือ, 积分, 積分, 余额, 餘額, 点数, 點數, ポイント, 残高, 포인트, 잔액, คะแนน";

/// Bytes of its sentence that are looked at.
const SENTENCE_LEN_MAX: usize = 160;
/// Digits of a number to call or to write to.
const CALLED_LEN_MAX: usize = 5;
/// Words before the colon among which the one is that tells.
const WORDS_MAX: usize = 4;

struct Words {
    called: Stems,
    counted: Stems,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    called: Stems::of(listed(CALLED)),
    counted: Stems::of(listed(COUNTED)),
});

/// True for a figure that such a word names, where nothing in its sentence names a code.
pub(super) fn is_of_notice(text: &str, cues: &[Cue], figure: &Figure) -> bool {
    let head = text[..figure.start].trim_end();
    let Some(head) = head.strip_suffix(':').filter(|_| figure.shape == Shape::Digits) else {
        return false;
    };
    let tail = text[figure.end..].trim_start_matches(' ');
    let ends = |c: char| matches!(c, '.' | '!' | '?' | '\n' | '。' | '！' | '۔' | '।' | '؟' | '|');
    if !(tail.is_empty() || tail.starts_with(ends) || tail.starts_with([',', ';', '('])) {
        return false;
    }
    let window = head.floor_char_boundary(head.len().saturating_sub(SENTENCE_LEN_MAX));
    let end = head[window..].rmatch_indices(ends).next();
    let from = window + end.map_or(0, |(at, end)| at + end.len());
    let names = |kind: Kind| matches!(kind, Kind::Otp | Kind::Code | Kind::Enter | Kind::Verify);
    let mut said = cues.iter().filter(|cue| (from..figure.start).contains(&cue.start));
    if said.clone().any(|cue| names(cue.kind)) {
        return false;
    }
    let teller = teller(&head[from..], figure.end - figure.start);
    // A word for ending a service may be one for opening a door.
    let is_told = |at: usize| teller.as_ref().is_some_and(|told| told.contains(&(at - from)));
    teller.is_some() && said.all(|cue| cue.kind != Kind::Open || is_told(cue.start))
}

/// The word among the last of a sentence that tells what a number of so many digits is.
fn teller(head: &str, len: usize) -> Option<Range<usize>> {
    let tells =
        |word: &str| len <= CALLED_LEN_MAX && WORDS.called.fit(word) || WORDS.counted.fit(word);
    let dense = || listed(DENSE).find(|word| head.ends_with(word));
    if let Some(word) = (!head.is_ascii()).then(dense).flatten() {
        return Some(head.len() - word.len()..head.len());
    }
    let mut end = head.len();
    for _ in 0..WORDS_MAX {
        let (start, word) = last_word(&head[..end])?;
        if tells(&word) {
            return Some(start..end);
        }
        end = start;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::extract;

    const NOTICES: &[&str] = &[
        "You are now on the Night Owl bundle. To cancel: 3344",
        "Ringtone of the day is set. Unsubscribe: 71144",
        "Your statement is ready. Support: 6120",
        "Thank you for shopping with us. Points: 2280",
        "Card topped up. Points: 8150",
        "Stars collected: 3120",
        "Miles: 9120",
        "Has activado Noche Libre. Para cancelar: 3344",
        "Tono del día activado. Baja: 71144",
        "Llegan novedades. Baja: 62255",
        "Gracias por tu visita. Puntos: 2280",
        "Tus puntos: 8150",
        "Pacote Noite ativo. Para cancelar: 3344",
        "Toque do dia ativo. Cancelar: 71144",
        "Obrigado pela visita. Pontos: 2280",
        "Seus pontos: 8150",
        "Option Nuit active. Résilier: 3344",
        "L'option est en service. Désactiver: 71144",
        "Merci de votre visite. Points: 2280",
        "Vos points: 8150",
        "Opzione Notte attiva. Disattiva: 3344",
        "Suoneria del giorno attiva. Disattivare: 71144",
        "Grazie della visita. Punti: 2280",
        "I tuoi punti: 8150",
        "Nachtoption gebucht. Abbestellen: 3344",
        "Auskunft: 4456",
        "Danke für Ihren Einkauf. Punkte: 2280",
        "Ihre Punkte: 8150",
        "Nachtbundel staat aan. Afmelden: 3344",
        "Bedankt voor je bezoek. Punten: 2280",
        "Nattpaketet är på. Avsluta: 3344",
        "Nya priser i maj. Kundtjänst: 6120",
        "Natpakken er slået til. Opsig: 3344",
        "Nye priser i maj. Kundeservice: 6120",
        "Yöpaketti on päällä. Peruutus: 3344",
        "Pakiet Nocny działa. Wyłącz: 3344",
        "Dzwonek dnia włączony. Rezygnacja: 71144",
        "Dziękujemy za wizytę. Punkty: 2280",
        "Balíček Noc běží. Zrušit: 3344",
        "Děkujeme za návštěvu. Body: 2280",
        "Éjszakai csomag bekapcsolva. Lemondás: 3344",
        "Köszönjük a látogatást. Pontok: 2280",
        "Pachetul Noapte este pornit. Dezactivare: 3344",
        "Tonul zilei este pornit. Dezabonare: 71144",
        "Dezactivare: 6255",
        "Mulțumim pentru vizită. Puncte: 2280",
        "Нощен пакет е включен. Отказ: 3344",
        "Мелодия на деня. Изключване: 71144",
        "Ноћни пакет је укључен. Отказивање: 3344",
        "Noćni paket je uključen. Otkazivanje: 3344",
        "Nove cijene od svibnja. Korisnička služba: 6120",
        "Nočni paket je vklopljen. Odjava: 3344",
        "Νυχτερινό πακέτο ενεργό. Διακοπή: 3344",
        "Πόντοι: 2280",
        "Gece paketi açık. Kapatmak için: 3344",
        "Ночные звонки включены. Отключить: 3344",
        "Гудок дня установлен. Отключение: 71144",
        "Мелодия меняется каждую неделю. Отключить: 6255",
        "Новая коллекция уже здесь. Отписаться: 62255",
        "Скоро осень. Отписка: 62255",
        "Спасибо за визит. Баллы: 2280",
        "Ваши баллы: 8150",
        "Нічні дзвінки увімкнено. Відключити: 3344",
        "Мелодія дня діє. Відключити: 6255",
        "Вимкнути: 71144",
        "З травня нові ціни. Довідка: 6120",
        "Роумінг у 40 країнах. Довідка: 4456",
        "Нова колекція. Відписатися: 62255",
        "Дякуємо за візит. Бали: 2280",
        "Начныя званкі ўключаны. Адключыць: 3344",
        "З мая новыя цэны. Даведка: 6120",
        "Түнгі қоңыраулар қосылды. Өшіру: 3344",
        "Tungi paket yoqildi. O'chirish: 3344",
        "Ma'lumot: 6120",
        "باقة الليل تعمل. للإلغاء: 3344",
        "نغمة اليوم تعمل. للإلغاء: 71144",
        "الغاء الخدمة: 6255",
        "خدمة العملاء: 4456",
        "نقاطك: 2280",
        "بسته شبانه فعال است. لغو: 3344",
        "امتیاز شما: 2280",
        "ہیلپ لائن: 6120",
        "חבילת לילה פועלת. להסרה: 3344",
        "נקודות: 2280",
        "रात का पैक चालू है। बंद करने के लिए: 3344",
        "आपके पॉइंट: 2280",
        "নাইট প্যাক চালু। বন্ধ করতে: 3344",
        "இரவு பேக் தொடங்கியது. நிறுத்த: 3344",
        "உதவி எண்: 6120",
        "积分:2280",
        "点数:2280",
        "夜間プラン開始。解約:3344",
        "ポイント:2280",
        "야간 요금제 시작. 해지: 3344",
        "포인트: 2280",
        "แพ็กกลางคืนเปิดแล้ว ยกเลิก: 3344",
        "สอบถาม: 6120",
        "คะแนน: 2280",
        "Goi dem da bat. Huy: 3344",
        "Điểm: 2280",
        "Paket malam menyala. Berhenti: 3344",
        "Poin Anda: 2280",
        "Pakej malam dihidupkan. Batal: 3344",
        "Kifurushi cha usiku kimewashwa. Kusitisha: 3344",
        "Pointi zako: 2280",
    ];

    /// A code, and a text that is built the same.
    const CODES: &[(&str, &str)] = &[
        ("4471", "Orchard: 4471"),
        ("4471", "Your gate PIN: 4471"),
        ("6120", "Confirm: 6120"),
        ("6120", "To sign in: 6120"),
        ("6120", "To open the box: 6120"),
        ("3344", "Чтобы войти: 3344"),
        ("3344", "Подтвердите: 3344"),
        ("3344", "Код отключения охраны: 3344"),
        ("3344", "Щоб увійти: 3344"),
        ("3344", "Код для відключення сигналізації: 3344"),
        ("3344", "Para entrar: 3344"),
        ("3344", "Pour vous connecter: 3344"),
        ("3344", "Zur Anmeldung: 3344"),
        ("3344", "Code zum Abbestellen: 3344"),
        ("3344", "Cod pentru dezactivare: 3344"),
        ("3344", "للدخول: 3344"),
        ("3344", "رمز الإلغاء: 3344"),
        ("3344", "Code to cancel the transfer: 3344"),
        ("48213", "Kitehouse: 48213"),
        ("204417", "Marrow: 204417"),
        ("7306", "Plumline: 7306"),
        ("620194", "Tallow Bank: 620194"),
        ("5518", "Quickferry: 5518"),
        ("90317", "Nimbus: 90317"),
        ("331840", "Kestrel Pay: 331840"),
        ("4471", "Dovecote: 4471"),
        ("718205", "Лавка: 718205"),
        ("6043", "Сова: 6043"),
        ("15592", "Маяк: 15592"),
        ("480316", "Скринька: 480316"),
        ("2794", "Ластівка: 2794"),
        ("830561", "Farol: 830561"),
        ("4917", "Girasol: 4917"),
        ("66203", "Colibrí: 66203"),
        ("209847", "Hirondelle: 209847"),
        ("3586", "Moulin: 3586"),
        ("571204", "Zaunkönig: 571204"),
        ("8042", "Laterne: 8042"),
        ("40639", "Fenicottero: 40639"),
        ("918273", "Wiewiórka: 918273"),
        ("6150", "Jaskółka: 6150"),
        ("5937", "Martı: 5937"),
        ("4405", "سنونو: 4405"),
        ("8836", "अबाबील: 8836"),
        ("7390", "とうだい:7390"),
        ("7715", "Chim Én: 7715"),
    ];

    #[test]
    fn a_number_to_call_or_to_write_to_is_no_code() {
        let read: Vec<_> = NOTICES.iter().filter(|text| extract(text, "").is_some()).collect();
        assert_eq!(read, Vec::<&&str>::new());
        for (code, text) in CODES {
            assert_eq!(extract(text, "").map(|found| found.code), Some((*code).into()), "{text}");
        }
    }
}
