use std::collections::BTreeMap;
use std::fmt;

use fourstep::{Error, MaybeSensitive, Result, Sensitive};
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{PrivateKey, PublicKey, decode_secret_key};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::Written;
use crate::settings::SshSettings;

/// The secret: a key pair, and what a client needs beside it.
///
/// `PublicKey` and `PrivateKey` are those of AWS's own function, and both may be empty at first. A name is found in any
/// common spelling (`PrivateKey`, `privateKey`, `private_key`), and keeps the one that it has; `PRIVATE_KEY_FIELD` and
/// `PUBLIC_KEY_FIELD` name others. Written beside them are `KnownHosts`, in OpenSSH's format, and `Fingerprint`, as
/// `ssh-keygen -l` prints it.
pub struct KeyPair {
    /// The fields that are texts, by their names.
    texts: BTreeMap<String, Text>,
}

/// A text of the secret. The log shows host keys and public keys, so only what is private is taken out of it.
#[derive(Serialize)]
#[serde(untagged)]
enum Text {
    Private(Sensitive),
    Public(MaybeSensitive),
}

impl Text {
    fn new(text: Sensitive) -> Self {
        // Whatever the name of its field is.
        if text.expose().contains("PRIVATE KEY-----") {
            Self::Private(text)
        } else {
            Self::Public(MaybeSensitive(text))
        }
    }

    fn expose(&self) -> &str {
        match self {
            Self::Private(text) | Self::Public(MaybeSensitive(text)) => text.expose(),
        }
    }
}

/// A field, by the name that it has unless the secret or a setting spells another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    PublicKey,
    PrivateKey,
    KnownHosts,
    Fingerprint,
}

impl KeyPair {
    /// Creates the next pair, in the fields of this one.
    pub(crate) fn next(&self, made: &Written, known_hosts: &str, settings: &SshSettings) -> Self {
        let texts = [
            (Field::PublicKey, Sensitive::new(made.public_key.as_str())),
            (Field::PrivateKey, made.private_key.clone()),
            (Field::KnownHosts, Sensitive::new(known_hosts)),
            (Field::Fingerprint, Sensitive::new(made.fingerprint.as_str())),
        ];
        let texts = texts.into_iter().map(|(field, text)| (self.name(field, settings), Text::new(text)));
        Self { texts: texts.collect() }
    }

    /// Reads the private key. `None`: the field is empty, as before the first rotation.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is missing, if it is no private key, or one with a passphrase.
    pub(crate) fn private(&self, settings: &SshSettings) -> Result<Option<PrivateKey>> {
        let [name, public] = [Field::PrivateKey, Field::PublicKey].map(|field| self.name(field, settings));
        let text = self.texts.get(&name).ok_or_else(|| {
            Error::invalid(format!("the secret has no field `{name}` that is a text"))
                .next(format!("Store `{public}` and `{name}`, which may be empty at first, or let the variables PUBLIC_KEY_FIELD and PRIVATE_KEY_FIELD name the fields that it has"))
        })?;
        let text = text.expose().trim();
        if text.is_empty() {
            return Ok(None);
        }
        // The text of the error may quote the key.
        let key = decode_secret_key(text, None).map_err(|_| {
            Error::invalid(format!("field `{name}` of the secret is not a private key without a passphrase"))
                .next(format!("Store a key in OpenSSH's format or as PEM in `{name}`, or empty `{name}` and `{public}`: the rotation then makes a first pair"))
        })?;
        if matches!(key.key_data(), KeypairData::Dsa(_)) {
            return Err(Error::invalid(format!(
                "field `{name}` of the secret is a DSA key, which no current sshd accepts"
            ))
            .next(format!("Empty `{name}` and `{public}`: the rotation then makes a first pair")));
        }
        Ok(Some(key))
    }

    /// Returns the public half of the private key. `None`: there is none yet.
    ///
    /// # Errors
    ///
    /// Those of [`private`](Self::private), and `Invalid` if `PublicKey` is that of another key.
    pub(crate) fn public(&self, settings: &SshSettings) -> Result<Option<PublicKey>> {
        let Some(private) = self.private(settings)? else { return Ok(None) };
        let text = self.text(Field::PublicKey, settings).trim();
        if text.is_empty() {
            return Ok(Some(private.public_key().clone()));
        }
        let named = PublicKey::from_openssh(text).ok();
        let named = named.filter(|named| named.key_data() == private.public_key().key_data());
        named.map(Some).ok_or_else(|| {
            let [public, private] = [Field::PublicKey, Field::PrivateKey].map(|field| self.name(field, settings));
            Error::invalid(format!("field `{public}` of the secret is not the public half of `{private}`"))
                .next(format!("Empty `{public}`: it is made from `{private}`"))
        })
    }

    /// Returns the lines of the pinned host keys.
    pub(crate) fn known_hosts(&self, settings: &SshSettings) -> &str {
        self.text(Field::KnownHosts, settings)
    }

    fn text(&self, field: Field, settings: &SshSettings) -> &str {
        self.texts.get(&self.name(field, settings)).map_or("", Text::expose)
    }

    /// Returns the name of a field: the one that a setting gives, else the spelling that this secret has.
    fn name(&self, field: Field, settings: &SshSettings) -> String {
        let (default, given) = match field {
            Field::PublicKey => ("PublicKey", settings.public_key_field.as_ref()),
            Field::PrivateKey => ("PrivateKey", settings.private_key_field.as_ref()),
            Field::KnownHosts => ("KnownHosts", None),
            Field::Fingerprint => ("Fingerprint", None),
        };
        let spelled = || self.texts.keys().find(|name| plain(name) == plain(default));
        given.or_else(spelled).map_or_else(|| default.to_owned(), Clone::clone)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").finish_non_exhaustive()
    }
}

impl Serialize for KeyPair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.texts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeyPair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = BTreeMap::<String, MaybeText>::deserialize(deserializer)?;
        let texts = fields.into_iter().filter_map(|(name, value)| Some((name, Text::new(value.0?))));
        Ok(Self { texts: texts.collect() })
    }
}

/// A value, if it is a text.
struct MaybeText(Option<Sensitive>);

impl<'de> Deserialize<'de> for MaybeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Option<Sensitive>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Sensitive::new(text)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(values).map(|_| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, values: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(values).map(|_| None)
    }
}

/// Returns what all spellings of a name have in common.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|sign| sign.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> KeyPair {
        serde_json::from_str(json).unwrap()
    }

    fn refusal(json: &str, settings: &SshSettings) -> String {
        let (pair, error) = (read(json), read(json).public(settings).unwrap_err());
        assert_eq!(error.kind(), fourstep::ErrorKind::Invalid);
        assert!(!format!("{error:?}{pair:?}").contains("hunter"));
        error.message().to_owned()
    }

    #[test]
    fn the_secret_of_aws_own_function_may_be_empty() {
        let (pair, settings) = (read(r#"{ "PublicKey": "" , "PrivateKey": "" }"#), SshSettings::default());
        assert_eq!((pair.private(&settings).unwrap(), pair.public(&settings).unwrap()), (None, None));
    }

    #[test]
    fn fields_keep_the_spelling_that_they_have_and_settings_name_others() {
        let made = Written {
            public_key: "public".to_owned(),
            private_key: Sensitive::new("-----BEGIN OPENSSH PRIVATE KEY-----"),
            fingerprint: "SHA256:x".to_owned(),
        };
        let names = |json: &str, settings: &SshSettings| {
            let pair = read(json);
            pair.private(settings).unwrap();
            pair.next(&made, "hosts", settings).texts.into_keys().collect::<Vec<_>>().join(" ")
        };
        let mut settings = SshSettings::default();
        let mixed = r#"{"private_key":"","publicKey":"","more":{"x":[1,null,2.5,true,-1]},"id_ed25519":""}"#;
        assert_eq!(names(mixed, &settings), "Fingerprint KnownHosts private_key publicKey");
        settings.private_key_field = Some("id_ed25519".to_owned());
        assert_eq!(names(mixed, &settings), "Fingerprint KnownHosts id_ed25519 publicKey");
        settings.public_key_field = Some("id_ed25519.pub".to_owned());
        assert_eq!(names(mixed, &settings), "Fingerprint KnownHosts id_ed25519 id_ed25519.pub");
    }

    #[test]
    fn what_is_no_key_is_named_by_its_field_and_not_repeated() {
        let mut settings = SshSettings::default();
        let not_a_key = refusal(r#"{"PrivateKey":"hunter22"}"#, &settings);
        assert!(not_a_key.contains("field `PrivateKey` of the secret is not a private key"), "{not_a_key}");
        for json in [r#"{"PublicKey":""}"#, r#"{"PublicKey":"","PrivateKey":{"hunter":"22"}}"#] {
            let missing = refusal(json, &settings);
            assert!(missing.contains("the secret has no field `PrivateKey` that is a text"), "{missing}");
        }
        settings.private_key_field = Some("id".to_owned());
        let other = refusal(r#"{"PrivateKey":"","PublicKey":""}"#, &settings);
        assert!(other.contains("the secret has no field `id` that is a text"), "{other}");
    }
}
