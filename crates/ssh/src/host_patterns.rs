//! Whether the hosts that a line of `known_hosts` names include a place.

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::HostPatterns;
use sha1::Sha1;

/// Returns whether a line is for one of some places. As OpenSSH does, `*` stands for any characters and `?` for one, and a
/// pattern with `!` excludes what the others name.
pub(crate) fn matches(patterns: &HostPatterns, places: &[String]) -> bool {
    places.iter().any(|place| match patterns {
        HostPatterns::Patterns(patterns) => {
            let (no, yes): (Vec<_>, Vec<_>) = patterns.iter().partition(|pattern| pattern.starts_with('!'));
            yes.iter().any(|pattern| is_like(pattern.as_bytes(), place.as_bytes()))
                && !no.iter().any(|pattern| is_like(&pattern.as_bytes()[1..], place.as_bytes()))
        }
        HostPatterns::HashedName { salt, hash } => is_hash_of(place, salt, hash),
    })
}

fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| is_like(rest, &text[at..])),
        Some((sign, rest)) => text
            .split_first()
            .is_some_and(|(first, text)| (*sign == b'?' || sign.eq_ignore_ascii_case(first)) && is_like(rest, text)),
    }
}

fn is_hash_of(place: &str, salt: &[u8], hash: &[u8]) -> bool {
    let Ok(mut code) = Hmac::<Sha1>::new_from_slice(salt) else { return false };
    code.update(place.as_bytes());
    code.verify_slice(hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_as_openssh_reads_them() {
        for (pattern, place, expected) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.11", false),
            ("*", "", true),
            ("WEB-?.internal", "web-1.internal", true),
            ("web-?.internal", "web-12.internal", false),
            ("[10.0.0.*]:2222", "[10.0.0.7]:2222", true),
            ("a,*.internal,!b.internal", "b.internal", false),
            ("!b.internal", "c.internal", false),
        ] {
            let patterns = pattern.parse().unwrap();
            assert_eq!(matches(&patterns, &[place.to_owned()]), expected, "{pattern} {place}");
        }
    }
}
