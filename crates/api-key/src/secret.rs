use std::collections::BTreeMap;
use std::fmt;

use fourstep::{Context, Error, MaybeSensitive, Result, Sensitive};
use minijinja::Value;
use minijinja::value::Serde;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::provider::SecretSection;

/// The secret's JSON object: the key, its id, and what the requests need beside them. The provider file says which field
/// is which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(BTreeMap<String, Field>);

/// A field of the secret.
#[derive(Clone, PartialEq)]
pub(crate) enum Field {
    Text(MaybeSensitive),
    Other(serde_json::Value),
}

impl Secret {
    /// Returns a field that is a text or a number, as a text.
    pub(crate) fn text(&self, field: &str) -> Option<Sensitive> {
        match self.0.get(field)? {
            Field::Text(MaybeSensitive(text)) => Some(text.clone()),
            Field::Other(serde_json::Value::Number(number)) => Some(Sensitive::new(number.to_string())),
            Field::Other(_) => None,
        }
        .filter(|text| !text.is_empty())
    }

    /// Returns a field, whatever it is.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.0.get(name)
    }

    /// Returns the key.
    pub(crate) fn key(&self, section: &SecretSection) -> Result<Sensitive> {
        let field = &section.value;
        self.text(field).ok_or_else(|| {
            Error::invalid(format!("the secret has no field `{field}` with a text"))
                .next(format!("Add `{field}` to the secret's JSON: the key that the service accepts now"))
        })
    }

    /// Returns the same secret with other texts in some fields.
    pub(crate) fn with<'a>(&self, fields: impl IntoIterator<Item = (&'a str, Sensitive)>) -> Self {
        let mut next = self.clone();
        for (field, text) in fields {
            next.0.insert(field.to_owned(), Field::Text(MaybeSensitive(text)));
        }
        next
    }

    /// Returns the fields of these names that are there, for templates.
    pub(crate) fn values<'a>(&'a self, names: impl IntoIterator<Item = &'a String>) -> Value {
        let value = |name: &'a String| {
            let value = match self.0.get(name)? {
                Field::Text(MaybeSensitive(text)) => Value::from(text.expose()),
                Field::Other(value) => Value::from(Serde(value)),
            };
            Some((name.as_str(), value))
        };
        Value::from_pairs(names.into_iter().filter_map(value))
    }

    /// Refuses a secret that wants to say where requests go, and teaches the output filter what is secret in it.
    pub(crate) fn admit(&self, section: &SecretSection, cx: &Context<'_>) -> Result<()> {
        self.learn([&section.value].into_iter().chain(&section.secrets), cx);
        let hosts = "Requests go to the hosts that the provider file and the function's variables name";
        if self.0.contains_key("base_url") {
            return Err(Error::invalid("the secret has a field `base_url`")
                .next(format!("Remove `base_url` from the secret's JSON. {hosts}")));
        }
        // A password may have anything in it.
        for name in &section.parameters {
            let is_url = self.text(name).is_some_and(|text| text.expose().contains("://"));
            if is_url {
                return Err(Error::invalid(format!("field `{name}` of the secret holds a URL"))
                    .next(format!("Give `{name}` the bare value. {hosts}")));
            }
        }
        Ok(())
    }

    /// Teaches the output filter these fields.
    pub(crate) fn learn<'a>(&self, names: impl IntoIterator<Item = &'a String>, cx: &Context<'_>) {
        names.into_iter().filter_map(|name| self.text(name)).for_each(|text| cx.learn(&text));
    }
}

impl Field {
    /// Returns the value of a field that is not secret: a text as it is, anything else as JSON.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(MaybeSensitive(text)) => text.expose().to_owned(),
            Self::Other(value) => value.to_string(),
        }
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Other(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Self::Text(MaybeSensitive(Sensitive::new(text))),
            other => Self::Other(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_are_texts_and_nothing_is_printed() {
        let secret: Secret = serde_json::from_str(r#"{"token":"hunter22","id":7,"empty":"","on":true}"#).unwrap();
        let text = |field| secret.text(field).map(|text| text.expose().to_owned());
        assert_eq!((text("token"), text("id")), (Some("hunter22".to_owned()), Some("7".to_owned())));
        assert_eq!((text("empty"), text("on"), text("none")), (None, None, None));
        assert!(!format!("{secret:?}").contains("hunter22"));
        serde_json::to_string(&secret).unwrap_err();
    }

    #[test]
    fn templates_see_only_the_fields_that_are_declared() {
        let secret: Secret = serde_json::from_str(r#"{"token":"hunter22","user":"a","scopes":["x"]}"#).unwrap();
        let values = secret.values(&["user".to_owned(), "scopes".to_owned(), "absent".to_owned()]);
        assert_eq!(values.get_attr("user").unwrap().as_str(), Some("a"));
        assert_eq!(values.get_attr("scopes").unwrap().len(), Some(1));
        assert!(values.get_attr("token").unwrap().is_undefined() && values.get_attr("absent").unwrap().is_undefined());
    }
}
