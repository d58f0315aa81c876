use std::cell::RefCell;
use std::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error as _, Serialize, Serializer};
use zeroize::Zeroizing;

/// A text that is a secret: a password, a private key, a token.
///
/// It prints as `[redacted]` and is wiped when dropped. [`expose`](Self::expose) is the only way to its value.
/// It deserializes from any JSON string. It serializes only while the engine writes the secret's JSON: elsewhere that
/// is an error, so that no log, request or file gets it by accident.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sensitive(Zeroizing<String>);

impl Sensitive {
    /// Wraps a text as a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// Returns the value. Every use of this is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Sensitive {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Sensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for Sensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let open = EXPOSED.with_borrow_mut(|exposed| exposed.as_mut().map(|found| found.push(self.clone())).is_some());
        if open {
            serializer.serialize_str(self.expose())
        } else {
            Err(S::Error::custom(
                "a Sensitive value is serialized only into the secret itself; call expose() where it must go elsewhere",
            ))
        }
    }
}

/// A text of a secret of which only the rotator can tell whether it is secret.
///
/// It is guarded as a [`Sensitive`] is. But the output filter does not learn it from the secret's JSON: the rotator
/// teaches what is secret by [`Context::learn`](crate::Context::learn), so that a parameter such as `read` is not
/// removed from every message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaybeSensitive(pub Sensitive);

impl<'de> Deserialize<'de> for MaybeSensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Sensitive::deserialize(deserializer).map(Self)
    }
}

impl Serialize for MaybeSensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let learned = EXPOSED.with_borrow(|exposed| exposed.as_ref().map(Vec::len));
        let written = self.0.serialize(serializer);
        if let Some(learned) = learned {
            EXPOSED.with_borrow_mut(|exposed| exposed.iter_mut().for_each(|found| found.truncate(learned)));
        }
        written
    }
}

thread_local! {
    static EXPOSED: RefCell<Option<Vec<Sensitive>>> = const { RefCell::new(None) };
}

/// Runs `serialize` with secrets in clear, and gives those that it met.
pub(crate) fn exposing<T>(serialize: impl FnOnce() -> T) -> (T, Vec<Sensitive>) {
    struct Close(Option<Vec<Sensitive>>);
    impl Drop for Close {
        fn drop(&mut self) {
            EXPOSED.set(self.0.take());
        }
    }
    let close = Close(EXPOSED.replace(Some(Vec::new())));
    let result = serialize();
    let found = EXPOSED.take().unwrap_or_default();
    drop(close);
    (result, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_prints() {
        let secret = Sensitive::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "[redacted] [redacted] [redacted]");
    }

    #[test]
    fn serializes_only_where_it_is_exposed() {
        let secret = Sensitive::new("hunter2");
        let error = serde_json::to_string(&secret).unwrap_err().to_string();
        assert!(error.contains("expose()") && !error.contains("hunter2"), "{error}");
        let (json, found) = exposing(|| serde_json::to_string(&secret).unwrap());
        assert_eq!((json.as_str(), found), ("\"hunter2\"", vec![secret.clone()]));
        serde_json::to_string(&secret).unwrap_err();
    }

    #[test]
    fn what_is_guarded_serializes_in_the_same_place_and_is_not_learned() {
        let secrets = (Sensitive::new("hunter22"), MaybeSensitive(Sensitive::new("read")));
        serde_json::to_string(&secrets.1).unwrap_err();
        let (json, found) = exposing(|| serde_json::to_string(&secrets).unwrap());
        assert_eq!((json.as_str(), found), (r#"["hunter22","read"]"#, vec![secrets.0.clone()]));
        assert_eq!(format!("{:?}", secrets.1), "MaybeSensitive([redacted])");
    }

    #[test]
    fn closes_after_a_panic() {
        std::panic::catch_unwind(|| exposing(|| panic!("in serialize"))).unwrap_err();
        serde_json::to_string(&Sensitive::new("hunter2")).unwrap_err();
    }
}
