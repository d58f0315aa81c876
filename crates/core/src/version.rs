use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use indexmap::IndexMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::sensitive::Sensitive;
use crate::sensitive::exposing;
use crate::store::{StoredContent, StoredValue};

/// A version of the secret: its id, its age, and its JSON as the rotator's type.
pub struct Version<S> {
    id: String,
    created: SystemTime,
    text: Sensitive,
    secret: S,
}

impl<S> Version<S> {
    /// Returns the version's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns when Secrets Manager made the version.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        self.created
    }

    /// Returns the secret.
    #[must_use]
    pub fn secret(&self) -> &S {
        &self.secret
    }
}

impl<S> std::fmt::Debug for Version<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Version").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Another secret than the one that is rotated, such as the administrator's: its current version, and its tags.
#[derive(Debug)]
pub struct OtherSecret<S> {
    /// The name of the secret.
    pub name: String,
    /// The tags of the secret, by key.
    pub tags: BTreeMap<String, String>,
    /// Its current version.
    pub version: Arc<Version<S>>,
}

/// Secrets Manager's limit on the value of a version, in bytes.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const LARGEST: usize = 65_536;

impl<S: Serialize + DeserializeOwned> Version<S> {
    /// Reads a stored value as the rotator's type, and teaches the filter what is secret in it.
    pub(crate) fn parse(id: &str, value: &StoredValue, filter: &Filter) -> Result<Arc<Self>> {
        let text = match &value.content {
            StoredContent::Text(text) => text.clone(),
            StoredContent::Binary => {
                return Err(Error::invalid(format!("version {id} of the secret is binary"))
                    .next("Store the secret as a SecretString that holds a JSON object"));
            }
        };
        let secret = from_json(id, &text)?;
        learn(&secret, filter)?;
        Ok(Arc::new(Self { id: id.to_owned(), created: value.created, text, secret }))
    }

    /// Writes `next` over this version's JSON: fields that `next` does not change keep their text, order and place.
    pub(crate) fn overlay(&self, next: &S) -> Result<Sensitive> {
        let before = to_json(&self.secret)?;
        let after = to_json(next)?;
        let mut fields = object(&self.id, self.text.expose())?;
        let before = object(&self.id, before.expose())?;
        for (name, value) in object(&self.id, after.expose())? {
            // What the rotator reads and writes alike may be spelled otherwise in the secret, as "5432" for 5432.
            if before.get(&name).is_none_or(|unchanged| unchanged.get() != value.get()) {
                fields.insert(name, value);
            }
        }
        let text = written(&fields).map_err(|_| unserializable())?;
        let size = text.expose().len();
        if size > LARGEST {
            return Err(Error::invalid(format!(
                "the new version of the secret would have {size} bytes, and Secrets Manager stores at most {LARGEST}"
            ))
            .next("Remove fields that the secret does not need"));
        }
        Ok(text)
    }
}

/// Teaches `filter` every secret in `value`.
pub(crate) fn learn<S: Serialize>(value: &S, filter: &Filter) -> Result<()> {
    secrets_in(value)?.iter().for_each(|secret| filter.learn(secret));
    Ok(())
}

/// Returns every secret in `value`.
pub(crate) fn secrets_in<S: Serialize>(value: &S) -> Result<Vec<Sensitive>> {
    let (written, found) = exposing(|| serde_json::to_writer(Length::default(), value));
    written.map_err(|_| unserializable())?;
    Ok(found)
}

/// Reads a secret's JSON object, with an error that names the field and never repeats a value.
fn from_json<S: DeserializeOwned>(id: &str, text: &Sensitive) -> Result<S> {
    let text = text.expose();
    // Some editors write a byte order mark, which JSON does not allow.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with('{') {
        return Err(Error::invalid(format!("version {id} of the secret is not a JSON object"))
            .next("Store the secret as a JSON object, as {\"username\":…}"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let secret = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        invalid_field(id, &path, error.inner())
    })?;
    json.end().map_err(|error| invalid_field(id, ".", &error))?;
    Ok(secret)
}

fn invalid_field(id: &str, path: &str, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        return Error::invalid(format!("version {id} of the secret is not valid JSON, at line {line} column {column}"))
            .next("Correct the JSON of the secret");
    }
    // Serde's texts quote the value that it met. Only two parts of them cannot: the name of a missing field, and what
    // was expected, which is the last part.
    let text = error.to_string();
    if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return Error::invalid(format!("version {id} of the secret has no field `{name}`"))
            .next(format!("Add `{name}` to the secret's JSON"));
    }
    let expected = text
        .rsplit_once(", expected ")
        .and_then(|(_, expected)| expected.rsplit_once(" at line "))
        .map_or("of another type", |(expected, _)| expected);
    Error::invalid(format!("version {id} of the secret: field `{path}` must be {expected}"))
        .next(format!("Correct `{path}` in the secret's JSON"))
}

fn to_json<S: Serialize>(secret: &S) -> Result<Sensitive> {
    exposing(|| written(secret)).0.map_err(|_| unserializable())
}

/// Writes JSON into a buffer of its very length: one that grows leaves copies of the secret behind, which nobody wipes.
fn written<S: Serialize>(value: &S) -> serde_json::Result<Sensitive> {
    let mut length = Length::default();
    serde_json::to_writer(&mut length, value)?;
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, value)?;
    Ok(Sensitive::new(String::from_utf8(std::mem::take(&mut *json)).expect("JSON is UTF-8")))
}

/// How long what is written is.
#[derive(Default)]
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn object<'a>(id: &str, text: &'a str) -> Result<IndexMap<String, &'a RawValue>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|_| Error::invalid(format!("version {id} of the secret is not a JSON object")))
}

fn unserializable() -> Error {
    Error::other("the rotator's type cannot be written as a JSON object")
}

/// The actions of an operator that make versions.
const BY_OPERATOR: [&str; 2] = ["rollback", "reset"];

/// Returns whether an operator's rollback or reset makes the version of this id.
pub(crate) fn is_of_operator(id: &str) -> bool {
    BY_OPERATOR.iter().any(|action| id.strip_prefix(action).is_some_and(|rest| rest.starts_with('-')))
}

/// Creates the id of a version that an operator's action makes: its name, and a random UUID, as the SDKs have it. So a person
/// sees in the list of versions where it came from.
pub(crate) fn new_id(action: &str) -> String {
    format!("{action}-{}", Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Serialize, Deserialize)]
    struct Account {
        username: String,
        password: Sensitive,
        #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none", default)]
        port: Option<u16>,
    }

    fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Port {
            Number(u16),
            Text(String),
        }
        Ok(match Port::deserialize(deserializer)? {
            Port::Number(port) => Some(port),
            Port::Text(port) => port.parse().ok(),
        })
    }

    fn version(text: &str) -> Result<Arc<Version<Account>>> {
        let value = StoredValue { content: StoredContent::Text(Sensitive::new(text)), created: SystemTime::UNIX_EPOCH };
        Version::parse("v1", &value, &Filter::new())
    }

    #[test]
    fn what_the_rotator_does_not_change_keeps_its_text_order_and_place() {
        let text = r#"{"zeta":1.50,"port":"5432","username":"app","big":123456789012345678901234567890,"password":"old","nested":{"b":1e3,"a":null},"dup":"a\u0062"}"#;
        let current = version(text).unwrap();
        let mut next = current.secret().clone();
        next.password = Sensitive::new("new");
        assert_eq!(current.overlay(&next).unwrap().expose(), text.replace("\"old\"", "\"new\""));
    }

    #[test]
    fn a_field_that_the_rotator_adds_comes_last() {
        let current = version(r#"{"username":"app","password":"old"}"#).unwrap();
        let next = Account { port: Some(1), ..current.secret().clone() };
        assert_eq!(current.overlay(&next).unwrap().expose(), r#"{"username":"app","password":"old","port":1}"#);
    }

    #[test]
    fn errors_name_the_field_and_never_the_value() {
        for (text, expected) in [
            ("hunter22", "version v1 of the secret is not a JSON object"),
            ("[\"hunter22\"]", "version v1 of the secret is not a JSON object"),
            ("{\"hunter22\"}", "version v1 of the secret is not valid JSON, at line 1 column 12"),
            ("{\"username\":\"hunter22\"", "version v1 of the secret is not valid JSON, at line 1 column 22"),
            (r#"{"username":"app"}"#, "version v1 of the secret has no field `password`"),
            (
                r#"{"username":["hunter22"],"password":"x"}"#,
                "version v1 of the secret: field `username` must be a string",
            ),
            (r#"{"username":"x","password":22}"#, "version v1 of the secret: field `password` must be a string"),
            (
                r#"{"username":"x","password":"hunter22"} hunter22"#,
                "version v1 of the secret is not valid JSON, at line 1 column 40",
            ),
        ] {
            let error = version(text).unwrap_err();
            assert_eq!(error.message(), expected);
            assert!(!format!("{error:?}").contains("22") || text.contains("column 22") || expected.contains("22"));
        }
    }

    #[test]
    fn a_byte_order_mark_is_tolerated_and_a_binary_secret_is_not() {
        let current = version("\u{feff}{\"username\":\"app\",\"password\":\"old\"}").unwrap();
        current.overlay(&current.secret().clone()).unwrap();
        let binary = StoredValue { content: StoredContent::Binary, created: SystemTime::UNIX_EPOCH };
        let error = Version::<Account>::parse("v1", &binary, &Filter::new()).unwrap_err();
        assert_eq!(error.message(), "version v1 of the secret is binary");
    }

    #[test]
    fn a_value_over_the_limit_is_refused_before_it_is_sent() {
        let filler = "x".repeat(LARGEST - 50);
        let current = version(&format!(r#"{{"username":"app","password":"old","filler":"{filler}"}}"#)).unwrap();
        let next = Account { password: Sensitive::new("y".repeat(60)), ..current.secret().clone() };
        let error = current.overlay(&next).unwrap_err();
        assert!(error.message().contains("Secrets Manager stores at most 65536"), "{error}");
    }

    #[test]
    fn parsing_teaches_the_filter() {
        let filter = Filter::new();
        let text = StoredContent::Text(Sensitive::new(r#"{"username":"app_user","password":"hunter22"}"#));
        Version::<Account>::parse("v1", &StoredValue { content: text, created: SystemTime::UNIX_EPOCH }, &filter)
            .unwrap();
        assert_eq!(filter.apply("app_user hunter22"), "app_user [redacted]");
    }

    proptest! {
        #[test]
        fn any_object_survives(extra in proptest::collection::btree_map("[a-z]{3,8}", "\\PC{0,12}", 0..6)) {
            let mut fields: serde_json::Map<String, serde_json::Value> =
                extra.into_iter().map(|(name, value)| (format!("x{name}"), value.into())).collect();
            fields.insert("username".into(), "app".into());
            fields.insert("password".into(), "old".into());
            let current = version(&serde_json::Value::Object(fields.clone()).to_string()).unwrap();
            let next = Account { password: Sensitive::new("new"), ..current.secret().clone() };
            fields.insert("password".into(), "new".into());
            let after: serde_json::Value = serde_json::from_str(current.overlay(&next).unwrap().expose()).unwrap();
            prop_assert_eq!(after, serde_json::Value::Object(fields));
        }
    }
}
