use fourstep::accounts::AccountSecret;
use fourstep::{Context, Result};
use fourstep_server::{CLOSE_LIMIT, Deadline, Destination, LOGIN_LIMIT, roots};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use crate::error::explain;

/// Sets everything but host and database that the driver would otherwise take from PG* variables. Never print it: it shows
/// the password.
///
/// No start-up options, and no parameter beside those that every pooler knows: RDS Proxy and PgBouncer refuse others.
pub(super) fn options(secret: &AccountSecret, destination: &Destination, cx: &Context<'_>) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::new_without_pgpass()
        .port(destination.server.port())
        .username(&destination.account)
        .password(secret.password.expose())
        .application_name("fourstep")
        .extra_float_digits(None)
        .disable_statement_logging();
    Ok(if destination.tls {
        options
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert_from_pem(roots::trusted(cx.settings(), destination.server.host())?)
    } else {
        options.ssl_mode(PgSslMode::Disable)
    })
}

/// A character that SASLprep does not know (RFC 3454, table A.1: unassigned in Unicode 3.2).
const NO_PASSWORD: &str = "\u{221}";

/// Takes the password out of the options, so that they open nothing.
pub(super) fn without_password(options: PgConnectOptions) -> PgConnectOptions {
    options.password(NO_PASSWORD)
}

/// Finds out whether the server asks an account for SCRAM when it logs in: because `pg_hba.conf` says so, or the account's
/// password is stored for it. Before version 16, nothing else tells who is no superuser.
///
/// It begins a login and does not end it. The driver does not say what it was asked for; but where that is SCRAM, it fails
/// by itself at the password that [`without_password`] left. Of anything else the server refuses it.
pub(super) async fn is_asked_for_scram(
    options: &PgConnectOptions,
    account: &str,
    destination: &Destination,
    deadline: Deadline,
) -> Result<bool> {
    let destination = Destination { account: account.to_owned(), ..destination.clone() };
    let options = options.clone().username(account);
    match deadline.wait(&destination.server, LOGIN_LIMIT, "the login", options.connect()).await? {
        Err(sqlx::Error::Configuration(_)) => Ok(true),
        Err(sqlx::Error::Database(answer)) if answer.code().as_deref() == Some("28P01") => Ok(false),
        Err(error) => Err(explain(&error, &destination)),
        Ok(connection) => {
            // It asks for nothing (`trust`).
            let _ = timeout(CLOSE_LIMIT, connection.close()).await;
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saslprep_does_not_know_what_stands_for_no_password() {
        stringprep::saslprep(NO_PASSWORD).unwrap_err();
    }
}
