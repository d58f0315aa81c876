use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::*;
use crate::error::ErrorKind;

/// What AWS's PostgreSQL function leaves out.
const POSTGRES: &str = ":/@\"'\\";

fn policy() -> impl Strategy<Value = PasswordPolicy> {
    // Quotes, letters, digits and a character that no type has.
    let characters = proptest::option::of("[a-f0-4A-F\"'/@:!é]{0,12}");
    (1..200_usize, characters, any::<[bool; 5]>()).prop_map(|(length, exclude_characters, flags)| PasswordPolicy {
        length,
        exclude_characters,
        exclude_numbers: flags[0],
        exclude_punctuation: flags[1],
        exclude_uppercase: flags[2],
        exclude_lowercase: flags[3],
        require_each_included_type: flags[4],
    })
}

type Is = fn(char) -> bool;

proptest! {
    #[test]
    fn a_password_meets_its_policy_or_the_policy_is_refused(policy in policy()) {
        let types: [(bool, Is); 4] = [
            (policy.exclude_numbers, |c| c.is_ascii_digit()),
            (policy.exclude_punctuation, |c| c.is_ascii_punctuation()),
            (policy.exclude_uppercase, |c| c.is_ascii_uppercase()),
            (policy.exclude_lowercase, |c| c.is_ascii_lowercase()),
        ];
        let exclude = policy.exclude_characters.clone().unwrap_or_else(|| POSTGRES.to_owned());
        let included: Vec<_> = types.iter().filter(|(excluded, _)| !excluded).map(|(_, is)| is).collect();
        let least = if policy.require_each_included_type { included.len() } else { 1 };

        match policy.generate(POSTGRES) {
            Ok(password) => {
                let password = password.expose();
                prop_assert_eq!(password.chars().count(), policy.length);
                prop_assert!(password.chars().all(|c| !exclude.contains(c) && included.iter().any(|is| is(c))));
                if policy.require_each_included_type {
                    prop_assert!(included.iter().all(|is| password.chars().any(is)), "a required type is missing");
                }
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Invalid);
                prop_assert!(included.is_empty() || policy.length < least, "refused without need: {error}");
            }
        }
    }
}

#[test]
fn the_default_is_that_of_awss_functions() {
    let password = PasswordPolicy::default().generate(POSTGRES).unwrap();
    let password = password.expose();
    assert_eq!(password.len(), 32);
    assert!(!password.contains(|c| POSTGRES.contains(c)));
    for of in [NUMBERS, PUNCTUATION, UPPERCASE, LOWERCASE] {
        assert!(password.contains(|c| of.contains(c)));
    }
}

#[test]
fn punctuation_is_every_printing_character_that_is_no_letter_and_no_digit() {
    let all: String = ('!'..='~').filter(char::is_ascii_punctuation).collect();
    assert_eq!(PUNCTUATION, all);
}

#[test]
fn excluding_no_characters_is_not_the_same_as_the_default() {
    let mut policy = PasswordPolicy { length: 4096, ..PasswordPolicy::default() };
    assert!(!policy.generate(POSTGRES).unwrap().expose().contains('@'));
    // 4096 characters of 94, all without an `@`: one in 10^19.
    policy.exclude_characters = Some(String::new());
    assert!(policy.generate(POSTGRES).unwrap().expose().contains('@'));
}

#[test]
fn a_type_without_characters_left_is_not_required() {
    let policy =
        PasswordPolicy { length: 3, exclude_characters: Some(NUMBERS.to_owned()), ..PasswordPolicy::default() };
    assert!(!policy.generate("").unwrap().expose().contains(|c: char| c.is_ascii_digit()));
}

#[test]
fn a_policy_that_nothing_meets_is_refused_with_the_fix() {
    let base = PasswordPolicy::default;
    let nothing_left = PasswordPolicy {
        exclude_numbers: true,
        exclude_punctuation: true,
        exclude_uppercase: true,
        exclude_characters: Some(LOWERCASE.to_owned()),
        ..base()
    };
    for (policy, part) in [
        (PasswordPolicy { length: 3, ..base() }, "to 4 to 4096, or REQUIRE_EACH_INCLUDED_TYPE to false"),
        (PasswordPolicy { length: 0, require_each_included_type: false, ..base() }, "to 1 to 4096."),
        (PasswordPolicy { length: 4097, ..base() }, "more than Secrets Manager allows"),
        (nothing_left, "EXCLUDE_LOWERCASE and EXCLUDE_CHARACTERS exclude them all"),
    ] {
        let error = policy.generate(POSTGRES).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn no_two_passwords_are_alike() {
    let mut passwords: Vec<_> = (0..1000).map(|_| PasswordPolicy::default().generate("").unwrap()).collect();
    passwords.sort_by(|one, other| one.expose().cmp(other.expose()));
    passwords.dedup();
    assert_eq!(passwords.len(), 1000);
}

/// Sums (observed - expected)² / expected over `counts`, all expected to be alike.
fn chi_squared(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
}

/// The generator is seeded, so the figures of these tests never change.
fn seeded() -> StdRng {
    StdRng::seed_from_u64(4)
}

#[test]
fn every_character_is_equally_likely_at_every_position() {
    // 94 characters do not divide 256: `byte % 94` would make the first 68 half as likely again as the others.
    let policy = PasswordPolicy { length: 8, require_each_included_type: false, ..PasswordPolicy::default() };
    let mut random = seeded();
    let mut counts = vec![vec![0; 94]; policy.length];
    for _ in 0..20_000 {
        let password = policy.draw("", &mut random).unwrap();
        for (position, byte) in password.expose().bytes().enumerate() {
            counts[position][usize::from(byte - b'!')] += 1;
        }
    }
    for counts in counts {
        // 93 degrees of freedom: 93 on average, above 153.9 once in 10 000.
        let found = chi_squared(&counts);
        assert!(found < 153.9, "chi-squared is {found}");
    }
    let modulo = (0..=255).fold(vec![0; 94], |mut counts, byte| {
        counts[byte % 94] += 20_000 / 256;
        counts
    });
    assert!(chi_squared(&modulo) > 153.9, "the test would not see a modulo bias");
}

#[test]
fn every_password_that_meets_the_policy_is_equally_likely() {
    // Four of the characters 0, 1 and a, with both types: 81 words, less 16 of digits alone and 1 of letters alone.
    let (digits, letters) = ("01", "a");
    let excluded = [NUMBERS, LOWERCASE].concat().replace(|c| digits.contains(c) || letters.contains(c), "");
    let policy = PasswordPolicy {
        length: 4,
        exclude_punctuation: true,
        exclude_uppercase: true,
        exclude_characters: Some(excluded),
        ..PasswordPolicy::default()
    };
    let mut random = seeded();
    // 63 degrees of freedom: 63 on average, above 114 once in 10 000.
    let found = words(|| policy.draw("", &mut random).unwrap().expose().to_owned());
    assert!(found < 114.0, "chi-squared is {found}");

    let mut random = seeded();
    let naive = words(|| {
        let mut word = [b'a', *b"01".choose(&mut random).unwrap(), 0, 0];
        word[2..].fill_with(|| *b"01a".choose(&mut random).unwrap());
        word.shuffle(&mut random);
        word.map(char::from).into_iter().collect()
    });
    assert!(naive > 114.0, "the test would not see the bias of one of each type, filled up and shuffled: {naive}");
}

fn words(mut draw: impl FnMut() -> String) -> f64 {
    let mut counts = BTreeMap::new();
    for _ in 0..20_000 {
        *counts.entry(draw()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 64);
    chi_squared(&counts.into_values().collect::<Vec<_>>())
}
