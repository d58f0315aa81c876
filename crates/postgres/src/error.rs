use std::io;

use fourstep::{Error, Operation};
use sqlx::postgres::PgDatabaseError;

use crate::destination::Destination;
use crate::identifier::quote;

/// Explains what an error of the driver means.
///
/// No text of the server or the driver gets out, because it may repeat a statement: only the SQLSTATE and what we know.
///
/// | shape | what it is |
/// | --- | --- |
/// | `Database` | the server's own answer, by its SQLSTATE: see [`by_sqlstate`] |
/// | `Io` | a failed TLS handshake, or the network: see [`Server::failed`](fourstep::Server::failed) |
/// | `Tls` | before the handshake: "does not support TLS", a host that can be in no certificate; of rustls, a defect of ours |
/// | `Protocol` | at login: something else than PostgreSQL answered. Later: the stream broke |
/// | anything else | a defect of ours |
pub(crate) fn classify(error: &sqlx::Error, destination: &Destination, operation: &Operation) -> Error {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(answer) => by_pooler(answer, destination, operation)
                .unwrap_or_else(|| by_sqlstate(answer.code(), routine(answer), destination, operation)),
            None => Error::other(format!("{destination} gave an answer of an unknown kind")),
        },
        sqlx::Error::Io(error) => destination.server.failed(error, operation),
        sqlx::Error::Tls(error) => destination.server.tls_not_begun(&**error, "ssl = on"),
        // The driver reads the end of the stream as this byte where it asks for TLS.
        sqlx::Error::Protocol(text) if operation.login && text.contains(": 0x00 ") => {
            destination.server.network_failed(io::ErrorKind::UnexpectedEof, operation)
        }
        sqlx::Error::Protocol(_) if operation.login => Error::invalid(format!(
            "what answers at {}:{} is not PostgreSQL, or a version of its protocol that is not known",
            destination.server.host(),
            destination.server.port()
        ))
        .next("Correct `host` and `port` in the secret"),
        sqlx::Error::Protocol(_) => {
            Error::unavailable(format!("the connection to {destination} broke: could not {}", operation.what))
                .next(AGAIN)
        }
        _ => Error::other(format!("the driver could not {} at {destination}", operation.what)),
    }
}

/// Explains what the driver itself cannot do with an account, where that is why a login failed.
pub(crate) fn driver_cannot(error: &sqlx::Error, destination: &Destination) -> Option<Error> {
    let account = &destination.account;
    match error {
        // The only such errors of a login: the driver's SASLprep of the user name, which the server would ignore, and
        // of the password, for which it would take the raw bytes.
        sqlx::Error::Configuration(_) => {
            let (what, fix) = if stringprep::saslprep(account).is_err() {
                ("user name", "another name")
            } else {
                ("password", "a password of other characters")
            };
            Some(
                Error::invalid(format!(
                    "the {what} of account `{account}` has characters that SASLprep (RFC 4013) does not know, with which this function cannot log in"
                ))
                .next(format!("Give the account {fix}, and store it in the secret")),
            )
        }
        // The driver sends the name in the SCRAM exchange as it is, where a comma ends it.
        sqlx::Error::Database(answer) if account.contains(',') && answer.code().as_deref() == Some("08P01") => Some(
            Error::invalid(format!("the user name `{account}` has a comma, with which this function cannot log in"))
                .next("Give the account a name without a comma"),
        ),
        _ => None,
    }
}

fn routine(answer: &PgDatabaseError) -> &str {
    answer.routine().unwrap_or_default()
}

/// Explains what a pooler means that answers in the server's place. The server names the routine of its source in each
/// error; a pooler has none, and gives most of its own errors one code: so its text has to tell them apart.
///
/// | text | means | kind |
/// | --- | --- | --- |
/// | `SASL authentication failed`, `no such user`, … | PgBouncer's own list lacks the account, or has another password | `Invalid` |
/// | `has no credentials for the role` | [Amazon RDS Proxy] has no secret of the account | `Invalid` |
/// | `requires TLS`, `unencrypted connections` | Amazon RDS Proxy takes no plaintext | `Invalid` |
/// | `no such database` | PgBouncer does not serve it | `Invalid` |
/// | `transaction blocks not allowed` | PgBouncer's pool_mode is `statement` | `Invalid` |
/// | `query_wait_timeout`, `server login`, `no more connections`, … | it has no way to the server just now | `Unavailable` |
///
/// [Amazon RDS Proxy]: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html
fn by_pooler(answer: &PgDatabaseError, destination: &Destination, operation: &Operation) -> Option<Error> {
    if answer.routine().is_some() {
        return None;
    }
    let (host, port, account, what) =
        (destination.server.host(), destination.server.port(), &destination.account, &operation.what);
    let text = answer.message();
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if says(&["has no credentials for the role"]) {
        return Some(
            Error::invalid(format!("the RDS Proxy at {host}:{port} has no credentials of account `{account}`"))
                .next(format!("{NAME_THE_SERVER}; a proxy knows the accounts alone whose secrets it was given, and not both of alternating-users")),
        );
    }
    if says(&["RDS Proxy requires TLS", "unencrypted connections"]) {
        return Some(
            Error::invalid(format!("the RDS Proxy at {host}:{port} takes no unencrypted connection"))
                .next("Remove \"ssl\": false from the secret"),
        );
    }
    if says(&["SASL authentication failed", "password authentication failed", "no such user", "auth failed"]) {
        return Some(
            Error::invalid(format!(
                "a pooler at {host}:{port} does not let account `{account}` in: its own list lacks the account, or has another password"
            ))
            .next(format!("{NAME_THE_SERVER}; or let the pooler ask the server for passwords (auth_query of PgBouncer)")),
        );
    }
    if says(&["no such database", "database \""]) && operation.login {
        return Some(
            Error::invalid(format!("a pooler at {host}:{port} does not serve database `{}`", destination.database))
                .next("Correct `dbname` in the secret's JSON; without it, the database is `postgres`"),
        );
    }
    if says(&["transaction blocks not allowed", "Transaction blocks not allowed"]) {
        return Some(
            Error::invalid(format!(
                "a pooler at {host}:{port} allows no transactions (pool_mode = statement): could not {what}"
            ))
            .next(NAME_THE_SERVER),
        );
    }
    let passing = [
        "query_wait_timeout",
        "server login",
        "no more connections",
        "cannot connect",
        "server conn",
        "shutting down",
        "server_login_retry",
        "Timed-out waiting",
        "exceeded",
    ];
    says(&passing).then(|| {
        Error::unavailable(format!(
            "a pooler at {host}:{port} has no connection to the server for account `{account}`: could not {what}"
        ))
        .next(format!("If this goes on, look at the pooler's log. {NAME_THE_SERVER}"))
    })
}

const NAME_THE_SERVER: &str = "Name the server itself in the tag fourstep:endpoint";

/// What is done next where nobody has to do anything.
const AGAIN: &str = "Secrets Manager tries again by itself";

/// Reports that nothing can be written.
pub(crate) fn read_only(destination: &Destination) -> Error {
    Error::unavailable(format!("{destination} is read only (SQLSTATE 25006)")).next(WRITER)
}

const WRITER: &str =
    "After a failover this passes. If it stays, `host` names a replica or a reader endpoint: set it to the writer's";

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
///
/// | SQLSTATE | means | kind |
/// | --- | --- | --- |
/// | 28P01 | wrong password, absent role, or past VALID UNTIL: the server does not tell which | `Rejected` |
/// | 28000 | NOLOGIN (checked after the password), or no line in pg_hba.conf; told apart by the routine | `Forbidden`, `Invalid` |
/// | 3D000, 55000 at login | the database is absent, or takes no connections | `Invalid` |
/// | 42501 | a right is missing. A login needs CONNECT on the database | `Forbidden` |
/// | 2BP01 | a REVOKE would take from others what was passed on to them | `Conflict` |
/// | 42704 | a role is absent, or a parameter; told apart by the routine | `Invalid` |
/// | 42710 | a role was made by somebody else in this moment | `Conflict` |
/// | 0LP01 | the two roles would be members of each other | `Conflict` |
/// | 22023 at a password | a module of the server takes no verifier, or the password breaks its rules | `Invalid` |
/// | 25006 | read only: a replica, or a server that is being moved. After a failover this passes | `Unavailable` |
/// | 53xxx | full: of connections (of the server, the database or the role), disk or memory | `Unavailable` |
/// | 55P03, 57014 | a lock or a statement took too long | `Unavailable` |
/// | 40xxx, XX000 | somebody else changed the same role (`tuple concurrently updated` is XX000) | `Unavailable` |
/// | 57Pxx | the server starts, stops, or ended this session | `Unavailable` |
/// | 08P01 at login | a proxy or pooler that does not take the start-up message | `Invalid` |
/// | 08xxx, 58xxx | the connection or the system broke | `Unavailable` |
/// | others | not foreseen | `Other` |
fn by_sqlstate(code: &str, routine: &str, destination: &Destination, operation: &Operation) -> Error {
    let (account, database, what) = (&destination.account, &destination.database, &operation.what);
    let later =
        |why: &str| Error::unavailable(format!("{destination} {why} (SQLSTATE {code}): could not {what}")).next(AGAIN);
    match code {
        "28P01" => Error::rejected(format!(
            "{destination} refused the password of `{account}` (SQLSTATE 28P01): the password is wrong, the role does not exist, or its VALID UNTIL has passed"
        )),
        "28000" if routine == "InitializeSessionUserId" => Error::forbidden(format!(
            "{destination} does not let role `{account}` log in (SQLSTATE 28000): it is NOLOGIN, or it does not exist and the server asks for no password"
        ))
        .next(format!("Run: ALTER ROLE {} LOGIN", quote(account))),
        "28000" if !destination.tls => Error::invalid(format!(
            "{destination} admits no unencrypted connection of `{account}` to database `{database}` from here (SQLSTATE 28000)"
        ))
        .next("Remove \"ssl\": false from the secret; if the server has to admit it, add a line to its pg_hba.conf"),
        "28000" => Error::forbidden(format!(
            "{destination} admits no connection of `{account}` to database `{database}` from here (SQLSTATE 28000)"
        ))
        .next(format!("Add a line for it to pg_hba.conf, with the method scram-sha-256; if the role is NOLOGIN, run: ALTER ROLE {} LOGIN", quote(account))),
        "3D000" => Error::invalid(format!("{destination} has no database `{database}` (SQLSTATE 3D000)"))
            .next("Correct `dbname` in the secret's JSON; without it, the database is `postgres`"),
        "55000" if operation.login => {
            Error::invalid(format!("database `{database}` of {destination} takes no connections (SQLSTATE 55000)"))
                .next("Set `dbname` in the secret's JSON to another database, or run ALTER DATABASE … ALLOW_CONNECTIONS true")
        }
        "42501" if operation.login => {
            Error::forbidden(format!("role `{account}` may not connect to database `{database}` of {destination} (SQLSTATE 42501)"))
                .next(format!("Run: GRANT CONNECT ON DATABASE {} TO {}", quote(database), quote(account)))
        }
        "42501" => {
            let error = Error::forbidden(format!("role `{account}` of {destination} may not {what} (SQLSTATE 42501)"));
            match &operation.right {
                Some(right) => error.next(format!("Run: {right}")),
                None => error.next("Give the role that right: every role has it on a server as PostgreSQL makes it"),
            }
        }
        "2BP01" => Error::conflict(format!("others hold at {destination} what the role passed on (SQLSTATE 2BP01): could not {what}"))
            .next("Nothing was changed. Revoke it from them, or run the REVOKE with CASCADE"),
        "42704" if !routine.to_lowercase().contains("role") => {
            Error::invalid(format!("{destination} does not know a name in the request (SQLSTATE 42704): could not {what}"))
                .next("If it is a parameter, reset it at the base account: no session of that can have it either")
        }
        "42704" => Error::invalid(format!("{destination} has no such role (SQLSTATE 42704): could not {what}"))
            .next("Create the role, or correct `username` in the secret's JSON"),
        "42710" => Error::conflict(format!("somebody else made the role at {destination} in this moment (SQLSTATE 42710): could not {what}"))
            .next("Nothing was changed. Start the rotation again"),
        "0LP01" => Error::conflict(format!("the roles at {destination} would be members of each other (SQLSTATE 0LP01): could not {what}"))
            .next("Nothing was changed. Revoke the clone's role from its base"),
        "22023" => Error::invalid(format!("{destination} does not take the value (SQLSTATE 22023): could not {what}"))
            .next("If a module checks passwords there, let it take SCRAM-SHA-256 verifiers"),
        "25006" => later("is read only").next(WRITER),
        "53300" => later("has no connection left, for this role, this database or at all")
            .next("Close idle connections, or raise CONNECTION LIMIT or max_connections"),
        "55P03" | "57014" => later("was held up by a lock or by its load").next(format!(
            "{AGAIN}. If this goes on, look in pg_stat_activity for a session that changed the role and has not committed"
        )),
        "57P01" | "57P02" | "57P03" => later("is starting or shutting down"),
        "08P01" if operation.login => Error::invalid(format!("what answers at {}:{} does not take PostgreSQL's login (SQLSTATE 08P01)", destination.server.host(), destination.server.port()))
            .next("If a proxy or pooler stands between, name the server itself in `host` or in the tag fourstep:endpoint"),
        _ if code.starts_with("53") => later("has no room left").next("Free memory or disk space at the server"),
        _ if code.starts_with("57P") => later("ended the session"),
        _ if code.starts_with("40") || code == "XX000" => later("was changed by somebody else at the same time"),
        _ if code.starts_with("08") || code.starts_with("58") => later("has trouble"),
        _ => Error::other(format!("{destination} refused with SQLSTATE {code}: could not {what}")),
    }
}
