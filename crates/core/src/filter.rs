use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::sensitive::Sensitive;

/// Removes known secret values from every outgoing message.
///
/// It is the last line, not the first: no message is meant to hold a secret in the first place. Each value is removed
/// raw, and in base64, URL-encoded, JSON-escaped and hex form. One filter serves one function: the engine teaches it
/// every secret that it reads or makes, and the log writer passes each line through it.
#[derive(Default)]
pub struct Filter {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    values: Vec<Sensitive>,
    /// The forms of the values, made when they are first needed: most steps have no message to clean.
    needles: Option<Needles>,
}

/// What is looked for, by first byte; of each the longest first.
///
/// Our own, and no automaton of a library: that would hold copies of the values which nobody can wipe.
struct Needles(Vec<Vec<Zeroizing<String>>>);

/// A shorter value would be found in ordinary words, and its removal would make a message unreadable.
const SHORTEST: usize = 4;

impl Filter {
    /// Creates a filter that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a value, in all its forms. A value under four bytes is left alone.
    pub fn learn(&self, secret: &Sensitive) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if secret.expose().len() >= SHORTEST && !known.values.contains(secret) {
            known.values.push(secret.clone());
            known.needles = None;
        }
    }

    /// Returns `text` with `[redacted]` in place of every known value.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { values, needles } = &mut *known;
        needles.get_or_insert_with(|| Needles::of(values)).remove_from(text)
    }

    /// Forgets and wipes all values. Call it when nothing more of an invocation will be written.
    pub fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }
}

impl Needles {
    fn of(values: &[Sensitive]) -> Self {
        let mut needles = vec![Vec::new(); 256];
        for form in values.iter().flat_map(|value| forms(value.expose())) {
            let first = form.as_bytes().first().copied().unwrap_or_default();
            needles[usize::from(first)].push(form);
        }
        for needles in &mut needles {
            needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        }
        Self(needles)
    }

    /// Copies the text in one pass, without any part that belongs to a match: neither what a match leaves of another that
    /// overlaps it, nor what only a removal brought together.
    fn remove_from(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        // Up to where the text is copied or left out.
        let mut done = 0;
        for (at, first) in text.bytes().enumerate() {
            let candidates = &self.0[usize::from(first)];
            let Some(needle) = candidates.iter().find(|needle| text.as_bytes()[at..].starts_with(needle.as_bytes()))
            else {
                continue;
            };
            if at >= done {
                clean.push_str(&text[done..at]);
                clean.push_str("[redacted]");
            }
            done = done.max(at + needle.len());
        }
        clean.push_str(&text[done..]);
        clean
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filter")
    }
}

fn forms(value: &str) -> Vec<Zeroizing<String>> {
    let json = serde_json::to_string(value).expect("a string is always JSON");
    // A log line is JSON, and what it quotes may be JSON already.
    let json = Zeroizing::new(json);
    let escaped = Zeroizing::new(json[1..json.len() - 1].to_owned());
    let twice = Zeroizing::new(serde_json::to_string(escaped.as_str()).expect("a string is always JSON"));
    let hex = |upper: bool| {
        value.bytes().fold(Zeroizing::new(String::with_capacity(2 * value.len())), |mut hex, byte| {
            let written = if upper { write!(hex, "{byte:02X}") } else { write!(hex, "{byte:02x}") };
            written.expect("writing to a string cannot fail");
            hex
        })
    };
    vec![
        Zeroizing::new(value.to_owned()),
        escaped,
        Zeroizing::new(twice[1..twice.len() - 1].to_owned()),
        Zeroizing::new(STANDARD.encode(value)),
        Zeroizing::new(STANDARD_NO_PAD.encode(value)),
        Zeroizing::new(URL_SAFE.encode(value)),
        Zeroizing::new(URL_SAFE_NO_PAD.encode(value)),
        Zeroizing::new(utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()),
        Zeroizing::new(utf8_percent_encode(value, UNRESERVED_KEPT).to_string()),
        hex(false),
        hex(true),
    ]
}

/// What most clients escape: all but the unreserved characters of RFC 3986.
const UNRESERVED_KEPT: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_every_form_of_a_value() {
        let value = "p\"a\\s~s-wörd&1";
        let filter = Filter::new();
        filter.learn(&Sensitive::new(value));
        for form in forms(value) {
            let text = format!("before {} after", form.as_str());
            assert_eq!(filter.apply(&text), "before [redacted] after");
        }
    }

    #[test]
    fn a_value_inside_another_is_no_clue_to_the_longer_one() {
        let filter = Filter::new();
        filter.learn(&Sensitive::new("abcd"));
        filter.learn(&Sensitive::new("abcdefgh"));
        assert_eq!(filter.apply("x abcdefgh y abcd"), "x [redacted] y [redacted]");
    }

    #[test]
    fn values_that_overlap_leave_nothing_of_each_other() {
        let filter = Filter::new();
        for value in ["abcdef", "defghi", "wordwörd", "redacted"] {
            filter.learn(&Sensitive::new(value));
        }
        assert_eq!(filter.apply("x abcdefghi y"), "x [redacted] y");
        assert_eq!(filter.apply("abcdefabcdef"), "[redacted][redacted]");
        assert_eq!(filter.apply("ünd wordwörd ünd abcdef"), "ünd [redacted] ünd [redacted]");
        // Neither is a removal's own word looked into, nor what it brings together.
        assert_eq!(filter.apply("wordabcdefwörd"), "word[redacted]wörd");
    }

    #[test]
    fn leaves_the_rest_alone_and_forgets() {
        let filter = Filter::new();
        filter.learn(&Sensitive::new("hunter22"));
        filter.learn(&Sensitive::new("abc"));
        assert_eq!(filter.apply("abc hunter2"), "abc hunter2");
        filter.forget();
        assert_eq!(filter.apply("hunter22"), "hunter22");
    }
}
