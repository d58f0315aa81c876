//! What a server stores in place of a password, made here so that no statement holds the password.

mod sha_crypt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fourstep::Sensitive;
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::identifier::hex;

/// How an account logs in, for which a verifier can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plugin {
    CachingSha2,
    Sha256,
    Native,
}

/// How the server stores a verifier of `caching_sha2_password`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Storage {
    /// `caching_sha2_password_digest_rounds`: from 5000, in thousands.
    pub(crate) rounds: u32,
    /// `caching_sha2_password_storage_format` is PBKDF2_SHA512, which MySQL 9 has beside CRYPT5.
    pub(crate) pbkdf2: bool,
}

impl Plugin {
    /// Reads the column `plugin` of an account. MariaDB leaves it empty for old accounts.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "caching_sha2_password" => Some(Self::CachingSha2),
            "sha256_password" => Some(Self::Sha256),
            "mysql_native_password" | "" => Some(Self::Native),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CachingSha2 => "caching_sha2_password",
            Self::Sha256 => "sha256_password",
            Self::Native => "mysql_native_password",
        }
    }

    /// Creates the verifier as SQL: a text in hexadecimal.
    pub(crate) fn verifier(self, password: &Sensitive, salt: &Salt, storage: Storage) -> Sensitive {
        Sensitive::new(hex(&self.stored(password, salt.bytes(), storage)))
    }

    /// Returns whether a password opens an account for which the server stores this.
    pub(crate) fn opens(self, stored: &Sensitive, password: &Sensitive) -> bool {
        let stored = stored.expose().as_bytes();
        let made = self.made_with(stored).map(|(salt, storage)| self.stored(password, salt, storage));
        made.is_some_and(|made| *made == stored)
    }

    /// Reads with which salt, and how, what a server stores was made. `None`: no password opens it, or in an unknown way.
    fn made_with(self, stored: &[u8]) -> Option<(&[u8], Storage)> {
        let fixed = Storage { rounds: SHA256_ROUNDS, pbkdf2: false };
        match self {
            Self::Native => Some((&[], fixed)),
            Self::Sha256 => Some((stored.strip_prefix(b"$5$")?.get(..SALT_LENGTH)?, fixed)),
            Self::CachingSha2 => {
                let thousands = std::str::from_utf8(stored.get(3..6)?).ok()?;
                let rounds = u32::from_str_radix(thousands, 16).ok()? * 1000;
                Some((stored.get(7..7 + SALT_LENGTH)?, Storage { rounds, pbkdf2: stored.starts_with(b"$B$") }))
            }
        }
    }

    fn stored(self, password: &Sensitive, salt: &[u8], storage: Storage) -> Zeroizing<Vec<u8>> {
        let password = password.expose().as_bytes();
        Zeroizing::new(match self {
            Self::Native => native(password).expose().as_bytes().to_vec(),
            Self::Sha256 => {
                let digest = sha_crypt::digest(password, salt, SHA256_ROUNDS);
                [b"$5$", salt, b"$", digest.as_bytes()].concat()
            }
            Self::CachingSha2 if storage.pbkdf2 => {
                let mut key = Zeroizing::new([0; 64]);
                pbkdf2::pbkdf2::<Hmac<Sha512>>(password, salt, storage.rounds, &mut key[..])
                    .expect("HMAC takes a key of any length");
                let digest = Zeroizing::new(STANDARD.encode(&key[..]));
                [storage.prefix("B").as_bytes(), salt, digest.as_bytes()].concat()
            }
            Self::CachingSha2 => {
                let digest = sha_crypt::digest(password, salt, storage.rounds);
                [storage.prefix("A").as_bytes(), salt, digest.as_bytes()].concat()
            }
        })
    }
}

/// The salt of either plugin with SHA-256, in bytes.
const SALT_LENGTH: usize = 20;

/// The rounds of `sha256_password`, which no variable changes.
const SHA256_ROUNDS: u32 = 5000;

/// What a server can be set to at the most. One that claims more only wants the function to be busy.
/// <https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html>
const MOST_ROUNDS: u32 = 4_095_000;

impl Storage {
    /// Reads it from names and values of variables. A server without them stores as MySQL 8.0 does.
    pub(crate) fn from_variables(variables: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let named = |variable: &str| variable.strip_prefix("caching_sha2_password_") == Some(name);
            variables.iter().find(|(variable, _)| named(variable)).map(|(_, value)| value.as_str())
        };
        let rounds = value("digest_rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(5000);
        Self { rounds: rounds.min(MOST_ROUNDS), pbkdf2: value("storage_format") == Some("PBKDF2_SHA512") }
    }

    /// The rounds are counted in thousands, in hexadecimal.
    fn prefix(self, kind: &str) -> String {
        format!("${kind}${:03X}$", self.rounds / 1000)
    }
}

/// Creates the verifier of `mysql_native_password`, as MariaDB's `SET PASSWORD` takes it.
/// <https://mariadb.com/docs/server/reference/plugins/authentication-plugins/authentication-plugin-mysql_native_password>
pub(crate) fn native(password: &[u8]) -> Sensitive {
    let once: Zeroizing<[u8; 20]> = Zeroizing::new(Sha1::digest(password).into());
    let twice = hex(&Sha1::digest(&once[..]));
    Sensitive::new(format!("*{}", &twice[2..]))
}

/// What makes the verifiers of equal passwords differ: 20 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Salt(String);

impl Salt {
    /// Creates the salt of an account's verifier in one version of a secret: always the same one, so that a retry sends
    /// the same statement. A salt is no secret: it only has to differ from those of other passwords.
    pub(crate) fn of(secret_id: &str, token: &str, account: &str) -> Self {
        let mut hash = Sha256::new();
        for part in ["fourstep mysql salt", secret_id, token, account] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        // Neither NUL nor `$`, which the server forbids.
        Self(STANDARD.encode(hash.finalize())[..SALT_LENGTH].to_owned())
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_opens_what_was_made_of_it_and_nothing_else() {
        let salt = Salt::of("arn", "token", "`app`@`%`");
        let [word, other] = ["word", "other"].map(Sensitive::new);
        for (plugin, pbkdf2) in [
            (Plugin::Native, false),
            (Plugin::Sha256, false),
            (Plugin::CachingSha2, false),
            (Plugin::CachingSha2, true),
        ] {
            let stored = plugin.stored(&word, salt.bytes(), Storage { rounds: 6000, pbkdf2 });
            let stored = Sensitive::new(String::from_utf8(stored.to_vec()).unwrap());
            assert!(plugin.opens(&stored, &word) && !plugin.opens(&stored, &other), "{plugin:?}");
        }
        // From MariaDB's documentation.
        let stored = Sensitive::new("*54958E764CE10E50764C2EECBB71D01F08549980");
        assert!(Plugin::Native.opens(&stored, &Sensitive::new("mariadb")));
    }

    #[test]
    fn what_no_server_stores_for_a_password_is_opened_by_none() {
        for plugin in [Plugin::Native, Plugin::Sha256, Plugin::CachingSha2] {
            for stored in
                ["", "invalid", "$", "$A$", "$A$0", "$A$00A$short", "$5$", "$B$zzz$01234567890123456789", "größe"]
            {
                assert!(!plugin.opens(&Sensitive::new(stored), &Sensitive::new("word")), "{plugin:?} {stored}");
            }
        }
    }
}
