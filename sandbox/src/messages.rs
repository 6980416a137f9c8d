//! What the messages say: a code in a sentence of the country's language.
//!
//! Promises: a text contains its code, and no code contains a colon, at which
//! clients of the handler protocol split.

use crate::random::mix;

/// Sentences of one language: `{s}` is the service's name, `{c}` the code.
type Phrases = [&'static str; 3];

const EN: Phrases = [
    "{s}: {c} is your verification code. Don't share it with anyone.",
    "Your {s} code is {c}",
    "Use {c} as your login code for {s}. It expires in 10 minutes.",
];
const RU: Phrases = [
    "{s}: ваш код подтверждения {c}. Никому его не сообщайте.",
    "Код для входа в {s}: {c}",
    "{c} — код {s}. Если вы его не запрашивали, просто удалите это сообщение.",
];
const ES: Phrases = [
    "{s}: tu código de verificación es {c}. No lo compartas.",
    "Usa {c} para iniciar sesión en {s}",
    "Tu código de {s}: {c}. Caduca en 10 minutos.",
];
const PT: Phrases = [
    "{s}: seu código de verificação é {c}. Não compartilhe.",
    "Use {c} para entrar no {s}",
    "O seu código {s} é {c}",
];
const FR: Phrases = [
    "{s} : votre code de vérification est {c}. Ne le partagez avec personne.",
    "Votre code {s} : {c}",
    "Utilisez {c} pour vous connecter à {s}.",
];
const DE: Phrases = [
    "{s}: Dein Bestätigungscode lautet {c}. Gib ihn nicht weiter.",
    "Dein {s}-Code: {c}",
    "{c} ist dein {s}-Bestätigungscode.",
];
const ID: Phrases = [
    "{s}: kode verifikasi Anda {c}. Jangan bagikan kode ini.",
    "Kode {s} Anda adalah {c}",
    "Gunakan {c} untuk masuk ke {s}. Berlaku 10 menit.",
];
const TR: Phrases = [
    "{s}: doğrulama kodunuz {c}. Kimseyle paylaşmayın.",
    "{s} kodunuz: {c}",
    "{s} girişi için {c} kodunu kullanın.",
];
const VI: Phrases = [
    "{s}: mã xác minh của bạn là {c}. Không chia sẻ mã này.",
    "Mã {s} của bạn: {c}",
    "Dùng {c} để đăng nhập {s}.",
];
const ZH: Phrases = [
    "【{s}】验证码：{c}，请勿泄露给他人。",
    "【{s}】您的验证码是{c}，10分钟内有效。",
    "{c}（{s}登录验证码）",
];
const AR: Phrases = [
    "رمز التحقق الخاص بك في {s} هو {c}. لا تشاركه مع أحد.",
    "رمز {s}: {c}",
    "استخدم {c} لتسجيل الدخول إلى {s}.",
];
const HI: Phrases = [
    "{s}: आपका सत्यापन कोड {c} है। इसे किसी से साझा न करें।",
    "आपका {s} कोड {c} है",
    "{s} में लॉगिन के लिए {c} का उपयोग करें।",
];
const TH: Phrases =
    ["{s}: รหัสยืนยันของคุณคือ {c} ห้ามบอกผู้อื่น", "รหัส {s} ของคุณคือ {c}", "ใช้ {c} เพื่อเข้าสู่ระบบ {s}"];
const PL: Phrases =
    ["{s}: Twój kod weryfikacyjny to {c}.", "Kod {s}: {c}", "Użyj {c}, aby zalogować się do {s}."];
const UK: Phrases = [
    "{s}: ваш код підтвердження {c}. Нікому його не повідомляйте.",
    "Код {s}: {c}",
    "{c} — ваш код для входу в {s}",
];

fn phrases(iso2: &str) -> &'static Phrases {
    match iso2 {
        "RU" | "BY" | "KZ" | "KG" | "TJ" => &RU,
        "UA" => &UK,
        "ES" | "MX" | "AR" | "CO" | "CL" | "PE" | "VE" | "EC" | "BO" | "PY" | "UY" | "GT" => &ES,
        "PT" | "BR" | "AO" | "MZ" | "CV" => &PT,
        "FR" | "SN" | "CI" | "CM" | "ML" | "BJ" | "TG" => &FR,
        "DE" | "AT" | "LI" => &DE,
        "ID" => &ID,
        "TR" => &TR,
        "VN" => &VI,
        "CN" | "TW" | "HK" | "MO" => &ZH,
        "SA" | "AE" | "EG" | "MA" | "DZ" | "IQ" | "JO" | "KW" | "OM" | "QA" | "YE" => &AR,
        "IN" => &HI,
        "TH" => &TH,
        "PL" => &PL,
        _ => &EN,
    }
}

/// The code that `word` stands for: five digits at Telegram, four to six elsewhere.
pub(crate) fn code(slug: &str, word: u64) -> String {
    let digits = match slug {
        "telegram" | "twitch" => 5,
        "whatsapp" | "google" | "instagram" | "microsoft" => 6,
        _ => 4 + (mix(0, &[slug.len() as u64, u64::from(slug.as_bytes()[0])]) % 3) as usize,
    };
    format!("{:0digits$}", word % 10u64.pow(digits as u32))
}

/// The whole text around a code, in the language of the country.
pub(crate) fn text(iso2: &str, slug: &str, name: &str, code: &str, word: u64) -> String {
    match slug {
        "google" => format!("G-{code} is your Google verification code."),
        "telegram" => format!(
            "Telegram code: {code}\n\nYou can also tap on this link to log in:\nhttps://t.me/login/{code}"
        ),
        _ => phrases(iso2)[(word >> 32) as usize % 3].replace("{s}", name).replace("{c}", code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_in_the_language_of_the_country_and_contains_its_code() {
        for (iso2, expected) in [
            ("US", "Uber: 4821 is your verification code. Don't share it with anyone."),
            ("RU", "Uber: ваш код подтверждения 4821. Никому его не сообщайте."),
            ("ID", "Uber: kode verifikasi Anda 4821. Jangan bagikan kode ini."),
            ("CN", "【Uber】验证码：4821，请勿泄露给他人。"),
            ("TH", "Uber: รหัสยืนยันของคุณคือ 4821 ห้ามบอกผู้อื่น"),
        ] {
            assert_eq!(text(iso2, "uber", "Uber", "4821", 0), expected);
        }
        let all = [EN, RU, ES, PT, FR, DE, ID, TR, VI, ZH, AR, HI, TH, PL, UK];
        assert!(all.iter().flatten().all(|phrase| phrase.contains("{c}")));
        assert!(text("RU", "telegram", "Telegram", "12345", 0).contains("12345"));
    }

    #[test]
    fn a_code_keeps_its_leading_zeros() {
        assert_eq!(code("telegram", 42), "00042");
        assert_eq!(code("whatsapp", 1_234_567), "234567");
    }
}
