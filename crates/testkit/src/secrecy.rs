//! The search of what was written for what must not be in it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use fourstep::Sensitive;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Checks that a text holds none of the secrets: raw, in base64 (alone, or as a part of something longer), URL-encoded,
/// JSON-escaped (once, or again), quoted for SQL, or as hexadecimal numbers.
///
/// It knows these forms by itself, and not from the filter through which a function's own output goes.
///
/// # Panics
///
/// If one is in it, and if there is no secret to look for.
#[track_caller]
pub fn assert_clean(what: &str, text: &str, secrets: &[Sensitive]) {
    assert!(!secrets.is_empty(), "there is no secret to look for in {what}");
    // What is written in either case is searched in one.
    let lower = text.to_lowercase();
    for secret in secrets {
        for (form, needle, either_case) in forms(secret.expose()) {
            let text = if either_case { &lower } else { text };
            if let Some(line) = text.lines().find(|line| line.contains(&needle)) {
                panic!("a secret is in {what}, {form}: {line}");
            }
        }
    }
}

/// Returns the forms of a secret, each with its name, and whether it may be written in either case.
fn forms(secret: &str) -> Vec<(&'static str, String, bool)> {
    assert!(secret.len() >= 8, "a shorter one would be found by chance");
    let json = |text: &str| {
        let quoted = serde_json::to_string(text).expect("a string is always JSON");
        quoted[1..quoted.len() - 1].to_owned()
    };
    let escaped = json(secret);
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent = |set| utf8_percent_encode(secret, set).to_string().to_lowercase();
    let mut forms = vec![
        ("raw", secret.to_owned(), false),
        ("JSON-escaped twice", json(&escaped), false),
        ("JSON-escaped", escaped, false),
        ("quoted for SQL", secret.replace('\'', "''").replace('\\', "\\\\"), false),
        ("in hexadecimal", hex, true),
        ("URL-encoded", percent(NON_ALPHANUMERIC), true),
        ("URL-encoded", percent(UNRESERVED_KEPT), true),
    ];
    for before in 0..3 {
        // What stands before and after it in something longer changes the characters at both ends.
        let bytes = [&vec![0; before], secret.as_bytes()].concat();
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        forms.push(("in base64", STANDARD_NO_PAD.encode(&bytes)[from..to].to_owned(), false));
        forms.push(("in base64 for URLs", URL_SAFE_NO_PAD.encode(&bytes)[from..to].to_owned(), false));
    }
    forms
}

/// What most clients escape: all but the unreserved characters of RFC 3986.
const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const SECRET: &str = "p\"a\\s's~w?rd&1";

    #[test]
    fn a_secret_is_found_in_every_form_and_a_part_of_it_is_none() {
        let of_login = |before: &str| STANDARD.encode(format!("{before}{SECRET}@host"));
        for text in [
            format!("password={SECRET}"),
            serde_json::json!({ "password": SECRET }).to_string(),
            serde_json::json!({ "body": serde_json::json!({ "password": SECRET }).to_string() }).to_string(),
            "IDENTIFIED BY 'p\"a\\\\s''s~w?rd&1'".to_owned(),
            "0x702261".to_owned() + "5C7327737E773F72642631",
            "password=p%22a%5Cs%27s~w%3frd%261&user=app".to_owned(),
            "password=p%22a%5cs%27s%7ew%3Frd%261&user=app".to_owned(),
            of_login(""),
            of_login("a:"),
            of_login("ab:cd:"),
            of_login("app:"),
            URL_SAFE.encode(format!("app:{SECRET}")),
        ] {
            let found = catch_unwind(|| assert_clean("it", &text, &[Sensitive::new(SECRET)]));
            assert!(found.is_err(), "{text}");
        }
        assert_clean("it", "p\"a\\s's~w?rd& and 1", &[Sensitive::new(SECRET)]);
    }
}
