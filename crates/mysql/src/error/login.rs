use std::io;

use fourstep::Error;
use fourstep_server::Operation;

use crate::error::statement::USE_THE_WRITER;
use crate::identifier::{literal, quote};
use fourstep_server::Destination;

/// Explains what a code means that a login was answered with, or the first request after it.
///
/// <https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html>,
/// <https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference>
///
/// | code | the server sends it when | kind |
/// | --- | --- | --- |
/// | 1045 | the password is wrong, the account is absent or only a role, its REQUIRE is not met, or a proxy does not know it: it does not tell which | `Rejected` |
/// | 1698 | the same, where the account has a plugin without passwords | `Rejected` |
/// | 3118, 4151 | the password was right, and the account is locked (MySQL, MariaDB) | `Forbidden` |
/// | 3955, 4150 | failed logins locked the account for a time (MySQL), or until FLUSH PRIVILEGES (MariaDB) | `Forbidden` |
/// | 1862, 1820 | the password was right, and has expired: at the login, or at the first request after it | `Forbidden` |
/// | 1044 | the password was right, and the account has no right in the database | `Forbidden` |
/// | 1130 | no account may log in from this host | `Forbidden` |
/// | 1227 | the password was right, and only administrators may log in now | `Forbidden` |
/// | 1049 | the database is absent | `Invalid` |
/// | 3159 | the server demands TLS | `Invalid` |
/// | 1251, 1524 | the account's plugin is one that the driver or the server does not have | `Invalid` |
/// | 1040 | no connection is left | `Unavailable` |
/// | 1203, 1226 | none is left for this account: MAX_USER_CONNECTIONS, or a limit for an hour | `Unavailable` |
/// | 1129 | the server blocks the function's host after failed connections | `Unavailable` |
/// | 1205, 1213 | a lock took too long, or was given up to break a deadlock | `Unavailable` |
/// | 1290, 1836 | read only: somebody is moving the server | `Unavailable` |
/// | 1053, 1184, 1158 to 1161, 1927, 2013, 3032, 3168 | the server stops, is offline, or ended the session | `Unavailable` |
/// | others | not foreseen | `Other` |
pub(super) fn by_code(code: u16, destination: &Destination, operation: &Operation) -> Error {
    let (account, what) = (&destination.account, &operation.what);
    let user = quote(account);
    let later = |why: &str| Error::unavailable(format!("{destination} {why} (error {code}): could not {what}"));
    let not_let_in =
        |why: &str| Error::forbidden(format!("{destination} does not let `{account}` log in (error {code}): {why}"));
    match code {
        1045 | 1698 => {
            let tls = if destination.tls { "it demands a client certificate" } else { "it demands TLS" };
            Error::rejected(format!(
                "{destination} refused the password of `{account}` (error {code}): the password is wrong, the account does not exist for this host or is only a role, {tls}, or a proxy that stands between does not know it"
            ))
        }
        3118 | 4151 => not_let_in("the account is locked, or is a role")
            .next(format!("Run: ALTER USER {user}@'<host>' ACCOUNT UNLOCK")),
        3955 => not_let_in("the account is locked for a time, because logins failed before")
            .next(format!("Wait, or run: ALTER USER {user}@'<host>' ACCOUNT UNLOCK; and find out who tries wrong passwords")),
        4150 => not_let_in("the account is blocked, because more logins failed than max_password_errors")
            .next("Run: FLUSH PRIVILEGES; and find out who tries wrong passwords"),
        1862 | 1820 => not_let_in("its password has expired")
            .next(format!("Run: ALTER USER {user}@'<host>' IDENTIFIED BY '<password>' PASSWORD EXPIRE NEVER; with the secret's password, or with a new one that you store in the secret")),
        1044 => {
            let database = destination.database.as_deref().unwrap_or_default();
            not_let_in(&format!("it has no right in database `{database}`")).next(format!(
                "Run: GRANT USAGE ON *.* and a right on {}.* TO {user}@'<host>'; or correct `dbname` in the secret's JSON, or remove it",
                quote(database)
            ))
        }
        1130 => not_let_in("no account may log in from the function's host")
            .next(format!("Run: CREATE USER {user}@'<host>' with a host that includes the function's network")),
        1227 => not_let_in("only administrators may log in now").next("Wait until the server is open to all again"),
        1049 => {
            let database = destination.database.as_deref().unwrap_or_default();
            Error::invalid(format!("{destination} has no database `{database}` (error 1049)"))
                .next("Correct `dbname` in the secret's JSON, or remove it")
        }
        3159 => Error::invalid(format!("{destination} admits no unencrypted connection (error 3159)"))
            .next("Remove \"ssl\": false from the secret"),
        1251 | 1524 => Error::invalid(format!(
            "account `{account}` of {destination} logs in by an authentication plugin that the server or this function does not have (error {code})"
        ))
        .next(format!("Run: ALTER USER {user}@'<host>' IDENTIFIED WITH {} …", literal("caching_sha2_password"))),
        1040 => later("has no connection left").next("Close idle connections, or raise max_connections"),
        1203 | 1226 => later("allows this account no more connections or requests now")
            .next(format!("Close idle connections, or raise the limits: ALTER USER {user}@'<host>' WITH MAX_USER_CONNECTIONS 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0")),
        1129 => later("blocks the function's host, because too many connections from it failed")
            .next("Run: FLUSH HOSTS (MariaDB), or TRUNCATE TABLE performance_schema.host_cache (MySQL)"),
        1205 | 1213 => later("was held up by a lock"),
        1290 | 1836 => later("is read only").next(USE_THE_WRITER),
        1053 | 1158..=1161 | 1184 | 1927 | 2013 | 3032 | 3168 => later("stops, or ended the session"),
        _ => Error::other(format!("{destination} refused with error {code}: could not {what}")),
    }
}

/// Explains a login that did not follow the protocol.
pub(super) fn protocol(text: &str, destination: &Destination, operation: &Operation) -> Error {
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
    destination.server.something_else_answers("MySQL or MariaDB, or a version of their protocol that is not known")
}

/// What the driver says before a plugin's name that it does not know.
const UNKNOWN_PLUGIN: &str = "unknown authentication plugin: ";
/// And where the account sends its password in clear, as one of PAM does.
const CLEAR_PLUGIN: &str = "mysql_cleartext_plugin disabled";
