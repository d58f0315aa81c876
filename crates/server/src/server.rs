use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use fourstep::{Error, Result};
use rustls::CertificateError;
use rustls::pki_types::InvalidDnsNameError;

use crate::lookup::{NoAddress, look_up};
use crate::operation::Operation;
use crate::roots;
use crate::settings::AddressSettings;

/// A server that is reached by TCP and TLS: where it is, and what its failures mean.
///
/// Network, TLS and silence read the same for each kind of server, and differ from each other. Of a server that the
/// function's owner did not list, they differ in the log alone: see [`unlisted`](Self::unlisted).
#[derive(Clone, Debug)]
pub struct Server {
    product: Cow<'static, str>,
    host: String,
    port: u16,
    named_in: &'static str,
    listed: bool,
}

impl Server {
    /// Names a server: its kind, as `PostgreSQL`, and its address. A name's last dot is left out, because it is not
    /// part of the name in the server's certificate.
    #[must_use]
    pub fn new(product: impl Into<Cow<'static, str>>, host: &str, port: u16) -> Self {
        let host = host.trim_end_matches('.').to_owned();
        let named_in = "the tag fourstep:endpoint (or `host` in the secret)";
        Self { product: product.into(), host, port, named_in, listed: true }
    }

    /// Sets where the host is named, for messages: as a tag, or a field of a file.
    #[must_use]
    pub fn named_in(self, place: &'static str) -> Self {
        Self { named_in: place, ..self }
    }

    /// Sets the kind of server, once it has said what it is.
    #[must_use]
    pub fn with_product(self, product: impl Into<Cow<'static, str>>) -> Self {
        Self { product: product.into(), ..self }
    }

    /// Says that the secret alone names the host, and the function's owner does not.
    ///
    /// An error of a step goes back to Secrets Manager, where whoever writes the secret may read it; the log is the
    /// owner's. If the error said whether nothing listens, nobody answers or something else does, a secret's writer could
    /// scan the function's network host by host. So all of these are one error then, and the log has the reason. What a
    /// server of this very kind answers is told in any case: its login and its certificate are meant for its clients.
    ///
    /// How long a step takes still tells a refusal from silence, to whoever measures it.
    #[must_use]
    pub fn unlisted(self) -> Self {
        Self { listed: false, ..self }
    }

    /// Returns the server's name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the server's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Reports that the connection failed or broke: by the error of the TLS handshake, where one is inside, or of the
    /// network.
    #[must_use]
    pub fn failed(&self, error: &io::Error, operation: &Operation) -> Error {
        match tls_in(error) {
            Some(tls) => self.handshake_failed(tls),
            None => self.network_failed(error.kind(), operation),
        }
    }

    /// Reports that the network failed.
    #[must_use]
    pub fn network_failed(&self, error: io::ErrorKind, operation: &Operation) -> Error {
        let Self { product, host, port, .. } = self;
        let why: Cow<'_, str> = match error {
            io::ErrorKind::ConnectionRefused => "nothing listens there".into(),
            io::ErrorKind::TimedOut => "no answer came".into(),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                "there is no way to it from here".into()
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                format!("the connection was closed without {product}'s answer").into()
            }
            _ => "the network failed".into(),
        };
        let error = Error::unavailable(format!("could not {} at {host}:{port}: {why}", operation.what));
        match operation.login {
            true => self.no_connection(error.next(CHECK_NETWORK)),
            false => error.next("Secrets Manager tries again by itself"),
        }
    }

    /// Reports that what answers is no server of this kind.
    #[must_use]
    pub fn something_else_answers(&self, what: &str) -> Error {
        let (host, port) = (&self.host, self.port);
        self.no_connection(
            Error::invalid(format!("what answers at {host}:{port} is not {what}"))
                .next("Correct `host` and `port` in the secret"),
        )
    }

    /// Looks the host up, and returns its addresses. See [`look_up`].
    ///
    /// # Errors
    ///
    /// `Unavailable` if there is none, `Invalid` if one is not for sessions. The latter names no address.
    pub async fn addresses(&self, settings: &AddressSettings) -> Result<Vec<SocketAddr>> {
        look_up(&self.host, self.port, settings).await.map_err(|why| match why {
            NoAddress::Unresolved => {
                let error = Error::unavailable(format!("the host name `{}` {why}", self.host));
                self.no_connection(error.next(
                    "If this goes on, correct `host` in the secret (or fourstep:endpoint), or the DNS of the function's network",
                ))
            }
            NoAddress::Refused => {
                Error::invalid(format!("`host` in the secret (or fourstep:endpoint) {why}")).next(NoAddress::TO_ALLOW)
            }
        })
    }

    /// Returns why there is no connection, as far as the writer of the secret may know: see [`unlisted`](Self::unlisted).
    #[must_use]
    pub fn no_connection(&self, reason: Error) -> Error {
        if self.listed {
            return reason;
        }
        tracing::warn!(host = self.host, port = self.port, reason = reason.message(), "no connection");
        let error = Error::unavailable(format!("could not log in to {self}: no connection"))
            .next(format!("The function's log says why. {CHECK_NETWORK}"));
        if reason.is_retryable() { error } else { error.retried() }
    }

    /// Explains why the driver did not begin TLS. `turn_on` is how to turn it on at the server.
    #[must_use]
    pub fn tls_not_begun(&self, error: &(dyn StdError + 'static), turn_on: &str) -> Error {
        if error.is::<rustls::Error>() {
            Error::other(format!("the driver cannot begin TLS with {self}"))
        } else if error.is::<InvalidDnsNameError>() {
            Error::invalid(format!("no certificate can be for the host name `{}`", self.host))
                .next("Correct `host` in the secret, or set the tag fourstep:endpoint to a name of the server")
        } else {
            Error::invalid(format!("{self} speaks no TLS, and the password is not sent without")).next(format!(
                "Turn TLS on at the server ({turn_on}), and let a proxy that stands before it pass it on; or, on a network that you trust, set \"ssl\": false in the secret"
            ))
        }
    }

    /// Warns that a session is in plaintext, as the secret itself says.
    pub fn warn_of_plaintext(&self) {
        tracing::warn!(
            host = self.host,
            "the secret says \"ssl\": false, so the connection is not encrypted and the server not verified"
        );
    }

    /// Explains what failed in a TLS handshake. What is wrong with a certificate stays so until somebody acts. What else fails in a handshake may pass.
    #[must_use]
    pub fn handshake_failed(&self, error: &rustls::Error) -> Error {
        let (host, port) = (&self.host, self.port);
        let rustls::Error::InvalidCertificate(certificate) = error else {
            return self.no_connection(
                Error::unavailable(format!("the TLS handshake with {host}:{port} failed")).next(
                    "If this goes on, check that the server allows TLS 1.2 or 1.3, and that nothing stands between",
                ),
            );
        };
        match certificate {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Error::invalid(format!("the certificate of {self} is valid, but for another name than `{host}`"))
                    .next(format!("Set {} to a name that is in the certificate", self.named_in))
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Error::invalid(format!("the certificate of {self} has expired")).next("Renew it at the server")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Error::invalid(format!("the certificate of {self} is not valid yet"))
                    .next("Correct the clock of whoever issued it")
            }
            CertificateError::Revoked => {
                Error::invalid(format!("the certificate of {self} was revoked")).next("Renew it at the server")
            }
            CertificateError::UnknownIssuer => {
                let error =
                    Error::invalid(format!("the certificate of {self} is from an authority that is not known here"));
                match roots::missing_region(host) {
                    Some(region) => error.next(format!(
                        "Amazon's authorities of the region {region} are not built in. Download its certificate bundle from the documentation of Amazon RDS, and name the file in the variable `TLS_CA_BUNDLE`"
                    )),
                    None => error.next(
                        "Put the authority's certificate into a PEM file and name it in the variable `TLS_CA_BUNDLE`",
                    ),
                }
            }
            // A server's own certificate as its own authority is among these.
            _ => Error::invalid(format!("the certificate of {self} cannot be verified")).next(
                "Give the server a certificate from an authority, and name that authority's PEM file in the variable `TLS_CA_BUNDLE`",
            ),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.product, self.host, self.port)
    }
}

fn tls_in(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What to do where a server gives no answer.
pub(crate) const CHECK_NETWORK: &str = "If this goes on, check `host` and `port` in the secret, and that security groups, routes and network rules let the function reach them";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_whose_authorities_are_not_built_in_is_named() {
        let unknown = || io::Error::other(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        for (host, part) in [
            ("app.c1a2b3.us-gov-west-1.rds.amazonaws.com", "of the region us-gov-west-1 are not built in"),
            ("app.c1a2b3.rds.cn-north-1.amazonaws.com.cn", "of the region cn-north-1 are not built in"),
            ("db.example.com", "Put the authority's certificate into a PEM file"),
        ] {
            let text = Server::new("PostgreSQL", host, 5432).failed(&unknown(), &Operation::log_in()).to_string();
            for part in [part, "`TLS_CA_BUNDLE`", "from an authority that is not known here"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }

    #[test]
    fn whatever_fails_at_a_host_that_nobody_listed_is_the_same_error() {
        let server = Server::new("PostgreSQL", "10.0.0.1", 5432);
        let listed = |server: &Server| {
            let (log_in, other) = (Operation::log_in(), io::Error::other(rustls::Error::DecryptError));
            let mut failures = vec![server.failed(&other, &log_in), server.something_else_answers("PostgreSQL")];
            for kind in [
                io::ErrorKind::ConnectionRefused,
                io::ErrorKind::TimedOut,
                io::ErrorKind::HostUnreachable,
                io::ErrorKind::UnexpectedEof,
                io::ErrorKind::Other,
            ] {
                failures.push(server.network_failed(kind, &log_in));
            }
            failures.into_iter().map(|error| format!("{error:?}")).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(listed(&server).len(), 7);
        let said = listed(&server.unlisted());
        assert_eq!(said.len(), 1);
        let text = said.first().unwrap();
        assert!(
            text.starts_with("Unavailable: could not log in to PostgreSQL at 10.0.0.1:5432: no connection. "),
            "{text}"
        );
        assert!(text.contains("The function's log says why. "), "{text}");
    }
}
