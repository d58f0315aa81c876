use std::fmt;

use fourstep::{Error, Result, Sensitive};
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{PrivateKey, PublicKey, decode_secret_key};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The secret: a key pair, and what a client needs beside it.
///
/// `PublicKey` and `PrivateKey` are those of AWS's own function, and both may be empty at first. A name is found in any
/// common spelling (`PrivateKey`, `privateKey`, `private_key`), and keeps the one that it has. Written beside them are
/// `KnownHosts`, in OpenSSH's format, and `Fingerprint`, as `ssh-keygen -l` prints it.
pub struct KeyPair {
    pub(crate) public_key: String,
    pub(crate) private_key: Sensitive,
    pub(crate) known_hosts: String,
    pub(crate) fingerprint: String,
    names: [String; 4],
}

/// The fields, as they are written where the secret does not have them yet.
const NAMES: [&str; 4] = ["PublicKey", "PrivateKey", "KnownHosts", "Fingerprint"];

impl KeyPair {
    /// Makes the next pair, in the fields of this one.
    pub(crate) fn next(&self, public_key: String, private_key: Sensitive, fingerprint: String, hosts: String) -> Self {
        Self { public_key, private_key, known_hosts: hosts, fingerprint, names: self.names.clone() }
    }

    /// Reads the private key. `None`: the field is empty, as before the first rotation.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is no private key, or one with a passphrase.
    pub(crate) fn private(&self) -> Result<Option<PrivateKey>> {
        let text = self.private_key.expose().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let name = &self.names[1];
        // The text of the error may quote the key.
        let key = decode_secret_key(text, None).map_err(|_| {
            Error::invalid(format!("field `{name}` of the secret is not a private key without a passphrase"))
                .next(format!("Store a key in OpenSSH's format or as PEM in `{name}`, or empty `{name}` and `{}`: the rotation then makes a first pair", self.names[0]))
        })?;
        if matches!(key.key_data(), KeypairData::Dsa(_)) {
            return Err(Error::invalid(format!(
                "field `{name}` of the secret is a DSA key, which no current sshd accepts"
            ))
            .next(format!("Empty `{name}` and `{}`: the rotation then makes a first pair", self.names[0])));
        }
        Ok(Some(key))
    }

    /// Gives the public half of the private key. `None`: there is none yet.
    ///
    /// # Errors
    ///
    /// Those of [`private`](Self::private), and `Invalid` if `PublicKey` is that of another key.
    pub(crate) fn public(&self) -> Result<Option<PublicKey>> {
        let Some(private) = self.private()? else { return Ok(None) };
        let text = self.public_key.trim();
        if text.is_empty() {
            return Ok(Some(private.public_key().clone()));
        }
        let named = PublicKey::from_openssh(text).ok();
        let named = named.filter(|named| named.key_data() == private.public_key().key_data());
        named.map(Some).ok_or_else(|| {
            let [public, private, ..] = &self.names;
            Error::invalid(format!("field `{public}` of the secret is not the public half of `{private}`"))
                .next(format!("Empty `{public}`: it is made from `{private}`"))
        })
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl Serialize for KeyPair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [public, private, hosts, fingerprint] = &self.names;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(public, &self.public_key)?;
        map.serialize_entry(private, &self.private_key)?;
        map.serialize_entry(hosts, &self.known_hosts)?;
        map.serialize_entry(fingerprint, &self.fingerprint)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for KeyPair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = KeyPair;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with PublicKey and PrivateKey")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyPair, A::Error> {
        let mut pair = KeyPair {
            public_key: String::new(),
            private_key: Sensitive::default(),
            known_hosts: String::new(),
            fingerprint: String::new(),
            names: NAMES.map(str::to_owned),
        };
        let mut has_private_key = false;
        while let Some(name) = map.next_key::<String>()? {
            match NAMES.iter().position(|known| plain(known) == plain(&name)) {
                Some(0) => pair.public_key = map.next_value()?,
                Some(1) => {
                    pair.private_key = map.next_value()?;
                    has_private_key = true;
                }
                Some(2) => pair.known_hosts = map.next_value()?,
                Some(3) => pair.fingerprint = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            }
            if let Some(at) = NAMES.iter().position(|known| plain(known) == plain(&name)) {
                pair.names[at] = name;
            }
        }
        if has_private_key { Ok(pair) } else { Err(serde::de::Error::missing_field("PrivateKey")) }
    }
}

/// Leaves of a name what its spellings have in common.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|sign| sign.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> KeyPair {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_secret_of_aws_own_function_may_be_empty() {
        let pair = read(r#"{ "PublicKey": "" , "PrivateKey": "" }"#);
        assert_eq!((pair.private().unwrap(), pair.public().unwrap()), (None, None));
    }

    #[test]
    fn fields_keep_the_spelling_that_they_have() {
        let pair = read(r#"{"private_key":"","publicKey":"","more":{"x":1}}"#);
        assert_eq!(pair.names, ["publicKey", "private_key", "KnownHosts", "Fingerprint"]);
        let error = serde_json::from_str::<KeyPair>(r#"{"PublicKey":""}"#).unwrap_err();
        assert!(error.to_string().starts_with("missing field `PrivateKey`"), "{error}");
    }

    #[test]
    fn what_is_no_key_is_named_by_its_field_and_not_repeated() {
        let pair = read(r#"{"PrivateKey":"hunter22"}"#);
        let error = pair.public().unwrap_err();
        assert!(error.message().contains("field `PrivateKey` of the secret is not a private key"), "{error}");
        assert!(!format!("{error:?}{pair:?}").contains("hunter"));
    }
}
