use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::error::{Error, Result};

/// A host, by name or address, and perhaps a port.
///
/// It is written `host`, `host:port`, `[address]` or `[address]:port`; an IPv6 address may stand without brackets where
/// no port follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name or address, in lower case and without brackets.
    pub host: String,
    /// The port, 1 to 65535. `None`: the one that the secret names.
    pub port: Option<u16>,
}

impl Endpoint {
    /// Returns whether this entry of a list of allowed endpoints admits `other`.
    ///
    /// Hosts must be equal. An entry without a port admits every port; an entry with one admits that port only.
    #[must_use]
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.host == other.host && self.port.is_none_or(|port| other.port == Some(port))
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    /// Reads an endpoint. The error is `Invalid` and does not repeat the text, which may hold a password.
    fn from_str(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| {
            Error::invalid("the endpoint is not of the form host or host:port")
                .next("Leave out a scheme, a user and a path; write an IPv6 address in brackets")
        })
    }
}

impl Endpoint {
    fn read(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Self { host: address.to_string(), port: None });
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
                (address.to_string(), port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host_name(host)?, Some(port)),
                None => (host_name(text)?, None),
            },
        };
        let port = match port {
            Some(port) => Some(parse_port(port)?),
            None => None,
        };
        Some(Self { host, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match (self.port, self.host.contains(':')) {
            (None, false) => write!(f, "{host}"),
            (None, true) => write!(f, "[{host}]"),
            (Some(port), false) => write!(f, "{host}:{port}"),
            (Some(port), true) => write!(f, "[{host}]:{port}"),
        }
    }
}

/// A name of labels as RFC 1123 has them, plus the underscore that private zones use; or an IPv4 address.
fn host_name(text: &str) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // A name of digits and dots alone is an address that somebody mistyped.
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let valid = text.len() <= 253 && text.split('.').all(label) && (!numeric || text.parse::<IpAddr>().is_ok());
    valid.then(|| text.to_ascii_lowercase())
}

fn parse_port(text: &str) -> Option<u16> {
    // `parse` alone would take a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn reads_names_and_addresses_with_and_without_a_port() {
        for (text, host, port) in [
            ("db.internal", "db.internal", None),
            ("DB.Internal:5432", "db.internal", Some(5432)),
            ("my_db.local", "my_db.local", None),
            ("10.0.0.1:1", "10.0.0.1", Some(1)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[2001:DB8::0:1]:65535", "2001:db8::1", Some(65535)),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap(), Endpoint { host: host.to_owned(), port }, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_endpoint() {
        for text in [
            "",
            ":5432",
            "db:",
            "db:0",
            "db:65536",
            "db:+1",
            "db:x",
            "a b",
            "db/x",
            "user@db",
            "-db",
            "db-",
            "a..b",
            "db.",
            "[::1",
            "[db]",
            "[::1]5432",
            "[::1]:",
            "1.2.3",
            "1.2.3.4.5",
            "postgres://db",
            "dé",
        ] {
            let error = text.parse::<Endpoint>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["db.internal", "db.internal:5432", "[::1]", "[::1]:5432"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_allowed_endpoint_covers_its_host_and_its_port_if_it_has_one() {
        let covers = |allowed: &str, asked: &str| {
            allowed.parse::<Endpoint>().unwrap().covers(&asked.parse::<Endpoint>().unwrap())
        };
        assert!(covers("proxy.internal", "PROXY.internal:6432") && covers("proxy.internal", "proxy.internal"));
        assert!(covers("proxy:6432", "proxy:6432") && covers("[::1]", "[0:0::1]:1"));
        assert!(!covers("proxy:6432", "proxy:5432") && !covers("proxy:6432", "proxy"));
        assert!(!covers("proxy.internal", "x.proxy.internal") && !covers("internal", "proxy.internal"));
    }
}
