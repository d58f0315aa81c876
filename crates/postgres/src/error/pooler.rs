use fourstep::Error;
use fourstep_server::Operation;
use sqlx::postgres::PgDatabaseError;

use fourstep_server::Destination;

const NAME_THE_SERVER: &str = "Name the server itself in the tag fourstep:endpoint";

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
pub(super) fn by_text(answer: &PgDatabaseError, destination: &Destination, operation: &Operation) -> Option<Error> {
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
            Error::invalid(format!(
                "a pooler at {host}:{port} does not serve database `{}`",
                destination.database.as_deref().unwrap_or_default()
            ))
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
