use std::io;

use fourstep::Error;
use fourstep_server::Operation;

use crate::identifier::quote;
use fourstep_server::Destination;

/// Explains what a SQLSTATE means by which the server does not let an account in. `None`: it means something else.
///
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
///
/// | SQLSTATE | the server sends it when | kind |
/// | --- | --- | --- |
/// | 28P01 | the password is wrong, the role absent, or past VALID UNTIL: it does not tell which | `Rejected` |
/// | 28000 | the role is NOLOGIN (checked after the password); pg_hba.conf has no line, or one that asks for something else than a password of the server; told apart by the routine | `Forbidden`, `Invalid` |
/// | 3D000, 55000 at login | the database is absent, or takes no connections | `Invalid` |
/// | 42501 at login | the role lacks CONNECT on the database | `Forbidden` |
/// | 08P01 at login | it is a proxy or pooler that does not take the start-up message | `Invalid` |
pub(super) fn by_sqlstate(
    code: &str,
    routine: &str,
    destination: &Destination,
    operation: &Operation,
) -> Option<Error> {
    let (account, database) = (&destination.account, destination.database.as_deref().unwrap_or_default());
    Some(match code {
        "28P01" => Error::rejected(format!(
            "{destination} refused the password of `{account}` (SQLSTATE 28P01): the password is wrong, the role does not exist, or its VALID UNTIL has passed"
        )),
        "28000" if routine == "InitializeSessionUserId" => Error::forbidden(format!(
            "{destination} does not let role `{account}` log in (SQLSTATE 28000): it is NOLOGIN, or it does not exist and the server asks for no password"
        ))
        .next(format!("Run: ALTER ROLE {} LOGIN", quote(account))),
        // Amazon RDS asks members of rds_iam by PAM: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html>
        "28000" if routine == "auth_failed" => Error::forbidden(format!(
            "{destination} asks `{account}` for something else than a password that it stores (SQLSTATE 28000), as Amazon RDS asks members of `rds_iam` for a token of IAM"
        ))
        .next(format!(
            "Run: REVOKE rds_iam FROM {}; on another server, give the account a line in pg_hba.conf with the method scram-sha-256",
            quote(account)
        )),
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
        "08P01" if operation.login => Error::invalid(format!("what answers at {}:{} does not take PostgreSQL's login (SQLSTATE 08P01)", destination.server.host(), destination.server.port()))
            .next("If a proxy or pooler stands between, name the server itself in `host` or in the tag fourstep:endpoint"),
        _ => return None,
    })
}

/// Explains a login that did not follow the protocol.
pub(super) fn protocol(text: &str, destination: &Destination, operation: &Operation) -> Error {
    // The driver reads the end of the stream as this byte where it asks for TLS.
    if text.contains(": 0x00 ") {
        return destination.server.network_failed(io::ErrorKind::UnexpectedEof, operation);
    }
    destination.server.something_else_answers("PostgreSQL, or a version of its protocol that is not known")
}

/// Explains what the driver itself cannot do with an account, where that is why a login failed.
pub(super) fn driver_cannot(error: &sqlx::Error, destination: &Destination) -> Option<Error> {
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
