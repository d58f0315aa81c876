use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fourstep::Sensitive;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How often PostgreSQL hashes a password, unless its setting `scram_iterations` says otherwise, which is of 16.
pub(crate) const ITERATIONS: u32 = 4096;

type Key = Zeroizing<[u8; 32]>;

/// Creates the text that `ALTER ROLE … PASSWORD` stores as it is, in place of the password.
///
/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, all in base64.
/// <https://www.postgresql.org/docs/current/catalog-pg-authid.html>
pub(crate) fn scram(password: &Sensitive, salt: &[u8; 16], iterations: u32) -> Sensitive {
    let salted = salted_password(prepare(password.expose()).as_bytes(), salt, iterations);
    let client_key = hmac(&salted[..], &[b"Client Key"]);
    let server_key = hmac(&salted[..], &[b"Server Key"]);
    let stored_key: Key = Zeroizing::new(Sha256::digest(&client_key[..]).into());
    Sensitive::new(format!(
        "SCRAM-SHA-256${iterations}:{}${}:{}",
        STANDARD.encode(salt),
        *Zeroizing::new(STANDARD.encode(&stored_key[..])),
        *Zeroizing::new(STANDARD.encode(&server_key[..])),
    ))
}

/// Creates the text that is stored where the server is set to MD5: `md5` and the hexadecimal hash of password and name.
///
/// Unlike SCRAM's, it opens the account to whoever reads it, as in the server's log. The password itself stays unknown.
/// <https://www.postgresql.org/docs/current/auth-password.html>
pub(crate) fn md5(password: &Sensitive, account: &str) -> Sensitive {
    let hash = Md5::new().chain_update(password.expose()).chain_update(account).finalize();
    let digits = hash.iter().fold(String::from("md5"), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    Sensitive::new(digits)
}

/// Creates the salt of an account's verifier in one version of a secret: always the same one.
///
/// A retry then sends the same text, and poolers that cache SCRAM keys are not invalidated by it. A salt is no secret:
/// it only has to differ from those of other passwords.
pub(crate) fn salt(secret_id: &str, token: &str, account: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in ["fourstep postgres salt", secret_id, token, account] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut salt = [0; 16];
    salt.copy_from_slice(&hash.finalize()[..16]);
    salt
}

/// Normalizes a password as PostgreSQL and its clients do: by SASLprep, or not at all where SASLprep forbids it.
/// <https://www.postgresql.org/docs/current/sasl-authentication.html>
fn prepare(password: &str) -> Zeroizing<String> {
    let prepared = stringprep::saslprep(password).ok().filter(|prepared| !prepared.is_empty());
    Zeroizing::new(prepared.map_or_else(|| password.to_owned(), Cow::into_owned))
}

/// PBKDF2 with HMAC-SHA-256, for the one block that SCRAM needs.
fn salted_password(password: &[u8], salt: &[u8; 16], iterations: u32) -> Key {
    // Keyed once: the key schedule is half of the work.
    let keyed = Hmac::<Sha256>::new_from_slice(password).expect("HMAC takes a key of any length");
    let mut block = finish(keyed.clone(), &[salt, &1_u32.to_be_bytes()]);
    let mut sum = block.clone();
    for _ in 1..iterations {
        block = finish(keyed.clone(), &[&block[..]]);
        sum.iter_mut().zip(block.iter()).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Key {
    finish(Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length"), parts)
}

fn finish(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> Key {
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of RFC 7677, section 3: password `pencil` and its salt. Computed there from the client's proof; here
    /// from the same inputs by another implementation (Python's hashlib and hmac).
    #[test]
    fn agrees_with_the_exchange_in_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
        assert_eq!(
            scram(&Sensitive::new("pencil"), &salt, ITERATIONS).expose(),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn normalizes_as_the_server_does() {
        for (password, expected) in [
            ("plain", "plain"),
            // RFC 4013, section 3: soft hyphen to nothing, and compatibility forms to plain ones.
            ("I\u{AD}X", "IX"),
            ("\u{AA}", "a"),
            ("\u{2168}", "IX"),
            ("a\u{A0}b", "a b"),
            // Prohibited, unassigned and right-to-left text stay as they are.
            ("a\u{7}", "a\u{7}"),
            ("\u{627}1", "\u{627}1"),
            ("pass😀", "pass😀"),
            ("\u{AD}", "\u{AD}"),
        ] {
            assert_eq!(prepare(password).as_str(), expected);
        }
    }

    #[test]
    fn a_retry_has_the_same_salt_and_everything_else_another() {
        let one = salt("arn:a", "token", "app");
        assert_eq!(one, salt("arn:a", "token", "app"));
        for other in [salt("arn:b", "token", "app"), salt("arn:a", "other", "app"), salt("arn:a", "token", "app_clone")]
        {
            assert_ne!(one, other);
        }
        assert_ne!(salt("a", "bc", "d"), salt("ab", "c", "d"));
    }
}
