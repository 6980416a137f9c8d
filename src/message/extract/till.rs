//! Codes that a shop gives for a discount, to be shown where one pays. They are called codes as
//! others are, and a person asks for them as for one that proves who the buyer is. Only the words
//! together tell them apart: the till, and what is cheaper there.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::cues::Kind;
use super::items::{Item, Row};
use super::lexer;
use super::topic::Topic;

/// Where one pays, and who stands there.
const TILLS: &[&str] = &[
    "the cashier",
    "the till",
    "at the counter",
    "in store",
    "in-store",
    "the waiter",
    "the barista",
    "an der kasse",
    "kassierer",
    "an der theke",
    "en caisse",
    "à la caisse",
    "en magasin",
    "au comptoir",
    "en caja",
    "cajero",
    "mostrador",
    "en tienda",
    "no caixa",
    "balcão",
    "na loja",
    "alla cassa",
    "in cassa",
    "in negozio",
    "aan de kassa",
    "aan de balie",
    "i kassan",
    "i kassa",
    "i kassen",
    "ved kassen",
    "i butik",
    "kassalla",
    "myymäläs",
    "przy kasie",
    "kasjer",
    "pokladn",
    "pénztár",
    "kasszá",
    "la casă",
    "casier",
    "касси",
    "на кассе",
    "касир",
    "на каса",
    "на каси",
    "на касі",
    "магазин",
    "официант",
    "бариста",
    "ταμείο",
    "ταμία",
    "κατάστημα",
    "kasada",
    "kasiyer",
    "mağazada",
    "кассада",
    "kassaga",
    "kassada",
    "בקופה",
    "לקופאי",
    "בחנות",
    "الصندوق",
    "الكاشير",
    "المتجر",
    "صندوق",
    "فروشگاه",
    "کیشیئر",
    "کاؤنٹر",
    "दुकान",
    "कैशियर",
    "काउंटर",
    "ক্যাশিয়ার",
    "কাউন্টার",
    "দোকান",
    "காசாளர்",
    "கடையில்",
    "క్యాషియర్",
    "แคชเชียร์",
    "เคาน์เตอร์",
    "หน้าร้าน",
    "thu ngân",
    "tại quầy",
    "cửa hàng",
    "kasir",
    "juruwang",
    "kaunter",
    "sa kahera",
    "tindahan",
    "keshia",
    "dukani",
    "收银",
    "店员",
    "店員",
    "柜台",
    "櫃檯",
    "結帳",
    "レジ",
    "店頭",
    "계산대",
    "매장",
    "სალარო",
    "მაღაზია",
    "դրամարկղ",
    "խանութ",
    "дүкен",
    "do'kon",
    "kasoje",
    "parduotuv",
    "kasē",
    "veikalā",
    "kassas",
    "blagajn",
    "trgovin",
    "në arkë",
    "në dyqan",
    "a caixa",
    "la botiga",
    "kutxa",
];

/// What is cheaper, or costs nothing. A bonus is none: to take it off an account is proved.
const CHEAPER: &[&str] = &[
    "discount",
    "for free",
    "a free",
    "one free",
    "% off",
    "rabatt",
    "gratis",
    "remise",
    "offert",
    "réduction",
    "descuento",
    "desconto",
    "grátis",
    "sconto",
    "omaggio",
    "korting",
    "rabat",
    "alennu",
    "ilmai",
    "taniej",
    "slev",
    "zľav",
    "zdarma",
    "kedvezmény",
    "ingyen",
    "reducere",
    "скидк",
    "знижк",
    "отстъпк",
    "бесплатн",
    "безкоштовн",
    "безплатн",
    "подар",
    "έκπτωση",
    "δωρεάν",
    "indirim",
    "bedava",
    "הנחה",
    "חינם",
    "خصم",
    "مجان",
    "تخفیف",
    "رایگان",
    "رعایت",
    "छूट",
    "मुफ्त",
    "ছাড়",
    "தள்ளுபடி",
    "తగ్గింపు",
    "ส่วนลด",
    "ฟรี",
    "giảm",
    "miễn phí",
    "diskon",
    "potongan",
    "percuma",
    "diskwento",
    "libre",
    "punguzo",
    "bure",
    "折",
    "优惠",
    "優惠",
    "立减",
    "免费",
    "免費",
    "割引",
    "円引き",
    "無料",
    "할인",
    "무료",
    "ფასდაკლებ",
    "զեղչ",
    "жеңілдік",
    "chegirma",
    "endirim",
    "nuolaid",
    "atlaid",
    "soodsam",
    "allahindlus",
    "popust",
    "попуст",
    "zbritje",
    "descompte",
    "deskontu",
    "beherapen",
];

/// Bytes of a text that are looked at: an advertisement of a till is short.
const LOOKED_AT: usize = 2_000;

/// The words as texts are folded, without capitals.
struct Words {
    tills: Vec<Finder<'static>>,
    cheaper: Vec<Finder<'static>>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let finder = |word: &&str| Finder::new(&small(&lexer::lex(word).text)).into_owned();
    let folded = |words: &[&str]| words.iter().map(finder).collect();
    Words { tills: folded(TILLS), cheaper: folded(CHEAPER) }
});

fn small(text: &str) -> String {
    text.to_lowercase()
}

/// True for a message whose code is good for a discount at a till. A sign-in, an order or a parcel
/// that is named makes a proof of the code.
pub(super) fn is_for_till(row: &Row, text: &str, topic: &Topic) -> bool {
    let proves = |item: &Item| matches!(item, Item::Cue(Kind::Label | Kind::Thing | Kind::Open));
    if !topic.trade || topic.verify || row.items.iter().any(proves) {
        return false;
    }
    let text = small(&text[..text.floor_char_boundary(LOOKED_AT)]);
    let has = |words: &[Finder]| words.iter().any(|word| word.find(text.as_bytes()).is_some());
    (text.contains('%') || has(&WORDS.cheaper)) && has(&WORDS.tills)
}

#[cfg(test)]
mod tests {
    use super::super::extract;

    const TOLD_AT_A_TILL: &[&str] = &[
        "Show code 771203 to the cashier and get 15% off your basket.",
        "Présentez le code 771203 en caisse pour profiter de 10 € de remise.",
        "Muestra el código 771203 en caja y llévate un 20 % de descuento.",
        "Mostre o código 771203 no caixa e ganhe um café.",
        "Mostra il codice 771203 alla cassa e ricevi uno sconto di 5 euro.",
        "Toon code 771203 aan de kassa voor een gratis koffie.",
        "Vis koden 771203 i kassen og få 20 % rabat.",
        "Vis kode 771203 i kassa for gratis kaffe.",
        "Näytä koodi 771203 kassalla, saat 10 % alennuksen.",
        "Pokaż kod 771203 przy kasie i odbierz rabat 15 zł.",
        "Ukažte kód 771203 na pokladně a získejte slevu 100 Kč.",
        "Ukážte kód 771203 pri pokladni a získajte zľavu 10 %.",
        "Mutassa fel a 771203 kódot a pénztárnál, és 1000 Ft kedvezményt kap.",
        "Arată codul 771203 la casă și primești 10 lei reducere.",
        "Покажете код 771203 на касата и вземете отстъпка от 10 лв.",
        "Покажите код 771203 кассиру и получите скидку 300 руб.",
        "Покажіть код 771203 на касі та отримайте знижку 50 грн.",
        "Δείξτε τον κωδικό 771203 στο ταμείο για έκπτωση 5€.",
        "Kasada 771203 kodunu gösterin, 50 TL indirim kazanın.",
        "הצג את הקוד 771203 בקופה וקבל 10% הנחה.",
        "أظهر الرمز 771203 عند الصندوق واحصل على خصم 20%.",
        "کد 771203 را به صندوقدار نشان دهید و 10٪ تخفیف بگیرید.",
        "کیشیئر کو کوڈ 771203 دکھائیں اور 10٪ رعایت پائیں۔",
        "कैशियर को कोड 771203 दिखाएं और 10% की छूट पाएं।",
        "ক্যাশিয়ারকে কোড 771203 দেখান এবং ১০% ছাড় পান।",
        "காசாளரிடம் 771203 குறியீட்டைக் காட்டி 10% தள்ளுபடி பெறுங்கள்.",
        "క్యాషియర్‌కు 771203 కోడ్ చూపించి 10% తగ్గింపు పొందండి.",
        "แสดงรหัส 771203 ที่แคชเชียร์เพื่อรับส่วนลด 50 บาท",
        "Đưa mã 771203 cho thu ngân để được giảm 20.000đ.",
        "Tunjukkan kode 771203 ke kasir untuk diskon 10%.",
        "Ipakita ang code 771203 sa kahera para sa 10% na diskwento.",
        "Onyesha msimbo 771203 kwa keshia upate punguzo la 10%.",
        "向收银员出示代码771203,即可享受9折优惠。",
        "請於結帳時向店員出示優惠碼 771203,折抵50元。",
        "계산대에서 코드 771203을 보여주시면 10% 할인됩니다.",
        "აჩვენეთ კოდი 771203 სალაროში და მიიღეთ 10% ფასდაკლება.",
        "Кассада 771203 кодын көрсетіп, 10% жеңілдік алыңыз.",
        "Kassaga 771203 kodini ko'rsating va 10% chegirma oling.",
        "Parodykite kodą 771203 kasoje ir gaukite 10 % nuolaidą.",
        "Uzrādiet kodu 771203 kasē un saņemiet 10% atlaidi.",
        "Näita kassas koodi 771203 ja saad 10% soodsamalt.",
        "Pokažite kodo 771203 na blagajni in prejmite 10 % popusta.",
        "Pokažite kod 771203 na blagajni i ostvarite 10% popusta.",
        "Покажите код 771203 на каси и остварите попуст од 10%.",
        "Tregoni kodin 771203 në arkë dhe përfitoni 10% zbritje.",
        "Mostra el codi 771203 a caixa i aconsegueix un 10 % de descompte.",
        "Erakutsi 771203 kodea kutxan eta lortu % 10eko deskontua.",
    ];

    /// What is proved at the same places.
    const PROVED_AT_A_TILL: &[&str] = &[
        "Show code 551902 to the courier to receive your order.",
        "Show 551902 at the counter to collect your parcel.",
        "Zeigen Sie den Abholcode 551902 an der Kasse, um Ihr Paket zu erhalten.",
        "Покажите код 551902 сотруднику, чтобы получить заказ.",
        "Tell the cashier 551902 to confirm your payment.",
        "Сообщите кассиру код 551902 для списания бонусов.",
        "Назовите кассиру код 551902 для подтверждения оплаты бонусами.",
        "Code 551902 to log in to your loyalty account. You have 340 points.",
        "Ihr Bestätigungscode für die Treuekarte: 551902",
        "Code 551902 pour activer votre carte de fidélité.",
        "Código 551902 para activar tu tarjeta de puntos.",
        "Use 551902 to sign in and see your 20% discount.",
        "会員登録の認証コードは551902です。",
        "כדי להיכנס למועדון הלקוחות: קוד 551902",
        "Sadakat programı giriş kodunuz 551902",
        "Mã OTP đổi điểm thưởng: 551902",
        "OTP 551902 to redeem 500 points.",
        "Kod 551902 do potwierdzenia wymiany 500 punktów.",
        "Show 551902 at the till to collect your parcel, storage is free.",
        "到店出示取件码551902,免费保管3天。",
    ];

    #[test]
    fn a_code_for_a_discount_at_a_till_is_none() {
        let read: Vec<_> =
            TOLD_AT_A_TILL.iter().filter(|text| extract(text, "").is_some()).collect();
        assert_eq!(read, Vec::<&&str>::new());
        for text in PROVED_AT_A_TILL {
            assert_eq!(extract(text, "").map(|found| found.code), Some("551902".into()), "{text}");
        }
    }
}
