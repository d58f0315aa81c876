mod login;
mod proxy;
mod statement;

use std::fmt;
use std::io;

use fourstep::{Error, Operation, Server};
use sqlx::mysql::MySqlDatabaseError;

/// Where a session is or was to be, for messages.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) server: Server,
    pub(crate) account: String,
    pub(crate) database: Option<String>,
    pub(crate) tls: bool,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}

/// Explains what an error of the driver means.
///
/// No text of the server or the driver gets out, because it may repeat a statement: only the code and what we know.
///
/// | shape | what it is |
/// | --- | --- |
/// | `Database` | the server's own answer, by its code: of a login in `login.rs`, of a statement in `statement.rs`; or that of a proxy, in `proxy.rs` |
/// | `Io` | a failed TLS handshake, or the network: see [`Server::failed`] |
/// | `Tls` | before the handshake: "does not support TLS", a host that can be in no certificate; of rustls, a defect of ours |
/// | `Protocol` | at login: something else than MySQL answered, or an account's plugin that the driver does not know. Later: the stream broke |
/// | anything else | a defect of ours |
pub(crate) fn classify(error: &sqlx::Error, destination: &Destination, operation: &Operation) -> Error {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<MySqlDatabaseError>() {
            Some(answer) => by_code(answer.number(), answer.message(), destination, operation),
            None => Error::other(format!("{destination} gave an answer of an unknown kind")),
        },
        sqlx::Error::Io(error) => destination.server.failed(error, operation),
        sqlx::Error::Tls(error) => {
            destination.server.tls_not_begun(&**error, "ssl_cert and ssl_key, or require_secure_transport")
        }
        sqlx::Error::Protocol(text) if operation.login => protocol(text, destination, operation),
        sqlx::Error::Protocol(_) => {
            Error::unavailable(format!("the connection to {destination} broke: could not {}", operation.what))
        }
        _ => Error::other(format!("the driver could not {} at {destination}", operation.what)),
    }
}

fn by_code(code: u16, text: &str, destination: &Destination, operation: &Operation) -> Error {
    proxy::by_code(code, text, destination, operation).unwrap_or_else(|| match operation.login {
        true => login::by_code(code, destination, operation),
        false => statement::by_code(code, text, destination, operation),
    })
}

/// Explains why a login failed.
pub(crate) async fn explain(error: &sqlx::Error, destination: &Destination) -> Error {
    if let sqlx::Error::Io(io) = error
        && let Some(unresolved) = destination.server.unresolved(io).await
    {
        return unresolved;
    }
    classify(error, destination, &Operation::log_in())
}

/// Returns whether the server's answer has this code.
pub(crate) fn has_code(error: &sqlx::Error, code: u16) -> bool {
    let sqlx::Error::Database(database) = error else { return false };
    database.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|answer| answer.number() == code)
}

/// What the driver says before a plugin's name that it does not know.
const UNKNOWN_PLUGIN: &str = "unknown authentication plugin: ";
/// And where the account sends its password in clear, as one of PAM does.
const CLEAR_PLUGIN: &str = "mysql_cleartext_plugin disabled";

fn protocol(text: &str, destination: &Destination, operation: &Operation) -> Error {
    let account = &destination.account;
    // The driver adds the place in its source.
    let plugin = text.split_once(UNKNOWN_PLUGIN).and_then(|(_, plugin)| plugin.split(' ').next());
    let plugin = plugin.or_else(|| text.contains(CLEAR_PLUGIN).then_some("mysql_clear_password"));
    if let Some(plugin) =
        plugin.filter(|plugin| plugin.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    {
        return Error::invalid(format!(
            "account `{account}` of {destination} logs in by the authentication plugin `{plugin}`, with which this function cannot log in"
        ))
        .next("Give the account the plugin caching_sha2_password (MySQL) or mysql_native_password (MariaDB)");
    }
    if text.contains("Packet empty") {
        return destination.server.network_failed(io::ErrorKind::UnexpectedEof, operation);
    }
    Error::invalid(format!(
        "what answers at {}:{} is not MySQL or MariaDB, or a version of their protocol that is not known",
        destination.server.host(),
        destination.server.port()
    ))
    .next("Correct `host` and `port` in the secret")
}

#[cfg(test)]
mod tests;
