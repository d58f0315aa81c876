use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::accounts::settings::AccountSettings;
use crate::error::{Error, Result};
use crate::sensitive::Sensitive;
use crate::settings::Endpoint;

/// A user name and its password, and where they are used: the JSON that AWS's own rotation functions read.
///
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountSecret {
    /// The kind of server, as `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub engine: Option<String>,
    /// The server's name or address.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub host: Option<String>,
    /// The name of the account.
    pub username: String,
    /// The password of the account.
    pub password: Sensitive,
    /// The server's port; a number, also written as 5432.0, or a text that is one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "port")]
    pub port: Option<u16>,
    /// The database to log in to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub dbname: Option<String>,
    /// The ARN of the secret of an administrator of the same server.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub masterarn: Option<String>,
    /// Absent or true: TLS, with chain and host name verified. False: plaintext. A boolean or a text that is one; a number
    /// is as absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "boolean")]
    pub ssl: Option<bool>,
}

impl AccountSecret {
    /// Checks what a server's plugin needs: one of `engines`, a host, a user name and a password.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the field and the fix.
    pub fn check(&self, engines: &[&str]) -> Result<()> {
        let accepted = engines.join(", ");
        match &self.engine {
            None => return Err(missing("engine", &format!("one of: {accepted}"))),
            Some(engine) if !engines.contains(&engine.as_str()) => {
                return Err(Error::invalid(format!(
                    "field `engine` of the secret is `{engine}`, which this function does not rotate"
                ))
                .next(format!(
                    "Set `engine` to one of: {accepted}; or rotate the secret with the function for that engine"
                )));
            }
            Some(_) => {}
        }
        if self.host.is_none() {
            return Err(missing("host", "the server's name"));
        }
        if self.username.is_empty() {
            return Err(missing("username", "the account's name"));
        }
        if self.password.is_empty() {
            return Err(missing("password", "the account's password"));
        }
        if self.username.contains('\0') {
            return Err(
                Error::invalid("field `username` of the secret holds a NUL character").next("Correct `username`")
            );
        }
        Ok(())
    }

    /// Returns where to connect to: the setting `endpoint`, or the secret's own host and port.
    ///
    /// # Errors
    ///
    /// `Invalid` if the secret names no host.
    pub fn endpoint<'a>(&'a self, settings: &'a AccountSettings, default_port: u16) -> Result<(Cow<'a, str>, u16)> {
        let own_port = self.port.unwrap_or(default_port);
        if let Some(Endpoint { host, port, .. }) = &settings.endpoint {
            return Ok((host.into(), port.unwrap_or(own_port)));
        }
        let host = self.host.as_deref().ok_or_else(|| missing("host", "the server's name"))?;
        Ok((host.into(), own_port))
    }

    /// Returns whether to use TLS: always, unless the secret itself says `"ssl": false`.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.ssl != Some(false)
    }

    /// Returns this secret's credential, where and how another one says: host, port, TLS and every other field are that one's.
    #[must_use]
    pub(crate) fn at(&self, place: &Self) -> Self {
        Self { username: self.username.clone(), password: self.password.clone(), ..place.clone() }
    }

    /// Returns whether both secrets name the same server by `host` and `port`. See [`same_host`] for what does not count;
    /// a secret without a port means `default_port`.
    #[must_use]
    pub fn same_server(&self, other: &Self, default_port: u16) -> bool {
        let hosts = [&self.host, &other.host].map(|host| host.as_deref().unwrap_or_default());
        let port = |secret: &Self| secret.port.unwrap_or(default_port);
        same_host(hosts[0], hosts[1]) && port(self) == port(other)
    }
}

/// Returns whether two host names are the same. Case and a trailing dot do not count, as in DNS.
#[must_use]
pub fn same_host(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    plain(one) == plain(other)
}

fn missing(field: &str, what: &str) -> Error {
    Error::invalid(format!("the secret has no field `{field}`"))
        .next(format!("Add `{field}` to the secret's JSON: {what}"))
}

/// Reads a text; an empty one and null are none.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    struct Port;
    impl Visitor<'_> for Port {
        type Value = Option<u16>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a port number from 1 to 65535")
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
            let port = u16::try_from(value).ok().filter(|port| *port > 0);
            port.map(Some).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(value), &self))
        }
        fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
            // It is written as a whole number only if it is one.
            let port = value.to_string().parse().ok().filter(|port| *port > 0);
            port.map(Some).ok_or_else(|| E::invalid_value(de::Unexpected::Float(value), &self))
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
            let port = value.trim().parse().ok().filter(|port| *port > 0);
            port.map(Some).ok_or_else(|| E::invalid_value(de::Unexpected::Other("text"), &self))
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Port)
}

fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    struct Boolean;
    impl Visitor<'_> for Boolean {
        type Value = Option<bool>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false")
        }
        // Neither a boolean nor a text is as none, to AWS's functions too.
        fn visit_u64<E: de::Error>(self, _value: u64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_i64<E: de::Error>(self, _value: i64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_f64<E: de::Error>(self, _value: f64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
            Ok(Some(value))
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
            match value.to_ascii_lowercase().as_str() {
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => Err(E::invalid_value(de::Unexpected::Other("text"), &self)),
            }
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Boolean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(fields: &str) -> Result<AccountSecret, serde_json::Error> {
        serde_json::from_str(&format!(r#"{{"username":"app","password":"x"{fields}}}"#))
    }

    #[test]
    fn reads_what_aws_functions_read() {
        let secret =
            secret(r#","engine":"postgres","host":"h","port":"5432","ssl":"False","dbname":"","masterarn":null"#);
        let secret = secret.unwrap();
        assert_eq!((secret.port, secret.ssl, secret.dbname, secret.masterarn), (Some(5432), Some(false), None, None));
    }

    /// `int()` takes a number with nothing behind its point; and an `ssl` that is neither a boolean nor a text counts as
    /// none, which here is TLS without a way around it.
    #[test]
    fn a_number_is_read_as_aws_functions_read_it() {
        for (fields, port, ssl) in [
            (r#","port":5432.0"#, Some(5432), None),
            (r#","port":6.5e4"#, Some(65_000), None),
            (r#","ssl":1"#, None, None),
            (r#","ssl":0"#, None, None),
            (r#","ssl":-1"#, None, None),
            (r#","ssl":0.0"#, None, None),
        ] {
            let read = secret(fields).unwrap();
            assert_eq!((read.port, read.ssl), (port, ssl), "{fields}");
            assert!(read.tls(), "{fields}");
        }
    }

    #[test]
    fn a_port_or_an_ssl_that_is_none_is_refused() {
        for fields in [
            r#","port":"abc""#,
            r#","port":70000"#,
            r#","port":0"#,
            r#","port":-1"#,
            r#","port":true"#,
            r#","port":5432.5"#,
            r#","port":70000.0"#,
            r#","port":0.0"#,
            r#","port":-1.0"#,
        ] {
            let error = secret(fields).unwrap_err().to_string();
            assert!(error.contains(", expected a port number from 1 to 65535"), "{error}");
        }
        let error = secret(r#","ssl":"maybe""#).unwrap_err().to_string();
        assert!(error.contains(", expected true or false"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named_with_the_fix() {
        for (fields, expected) in [
            (
                r#","host":"h""#,
                "the secret has no field `engine`. Add `engine` to the secret's JSON: one of: postgres.",
            ),
            (
                r#","engine":"postgres""#,
                "the secret has no field `host`. Add `host` to the secret's JSON: the server's name.",
            ),
            (
                r#","engine":"mysql","host":"h""#,
                "field `engine` of the secret is `mysql`, which this function does not rotate. Set `engine` to one of: postgres; or rotate the secret with the function for that engine.",
            ),
        ] {
            assert_eq!(secret(fields).unwrap().check(&["postgres"]).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn servers_are_compared_by_name_as_dns_does_and_by_port() {
        let of = |fields: &str| secret(&format!(",{fields}")).unwrap();
        let same = |one: &str, other: &str| of(one).same_server(&of(other), 5432);
        assert!(same(r#""host":"Db.Example.com.""#, r#""host":"db.example.COM""#));
        assert!(same(r#""host":"db""#, r#""host":"db","port":"5432""#));
        assert!(same(r#""host":"db","port":5433"#, r#""host":"db","port":"5433""#));
        assert!(!same(r#""host":"db.example.com""#, r#""host":"db.example.org""#));
        assert!(!same(r#""host":"db""#, r#""host":"db","port":5433"#));
        assert!(!same(r#""host":"db""#, r#""host":"db..""#));
    }
}
