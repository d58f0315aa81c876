use fourstep::{Context, Error, Result, Sensitive};
use fourstep_server::Operation;

use crate::account::check_usable;
use crate::identifier::{self, literal, quote};
use crate::row::optional;
use crate::session::Session;
use crate::verifier::{ITERATIONS, md5, salt, scram};

/// Takes seconds of a small function, and as long at each login of a client. A server that a secret's writer made up could
/// keep the function busy for an hour with more.
const MOST_ITERATIONS: u32 = 1_000_000;

/// Sets the password of a role by its verifier, and makes sure that the server lets the role in by it.
///
/// # Errors
///
/// `Invalid` if no role can have that name, the role is absent or the server hashes without reason; `Forbidden` if the role may not log in, has expired or is
/// a member of `rds_iam`, and with the statement that gives a missing right.
pub(crate) async fn set(session: &mut Session, account: &str, password: &Sensitive, cx: &Context<'_>) -> Result<()> {
    identifier::check(account)?;
    let verifier = match stores_md5(session, account).await? {
        true => {
            tracing::warn!(
                "password_encryption is md5 at the server, and so this password's verifier is of MD5: whoever reads it, as in the server's log, can log in with it; set password_encryption to scram-sha-256"
            );
            md5(password, account)
        }
        false => {
            let iterations = session.scram_iterations().unwrap_or(ITERATIONS);
            if iterations > MOST_ITERATIONS {
                return Err(too_many(iterations, session));
            }
            scram(password, &salt(cx.secret_id(), cx.token(), account), iterations)
        }
    };
    cx.learn(&verifier);
    let own = account == session.account();
    // As its base, a clone may not change its own password. An administrator may be one only as another role. For this
    // transaction alone: a pooler hands the session on to others as it is.
    let as_itself = if own && session.acts_as() != account { "SET LOCAL ROLE NONE; " } else { "" };
    // The server takes a password for a role that it does not let in. It says so at a login only of NOLOGIN, and
    // calls an expired role's password wrong.
    let statement = Sensitive::new(format!(
        "{as_itself}ALTER ROLE {} PASSWORD {}; SELECT rolcanlogin::text,
         CASE WHEN rolvaliduntil < pg_catalog.clock_timestamp() THEN rolvaliduntil::text END,
         (NOT rolsuper AND EXISTS (SELECT FROM pg_catalog.pg_roles iam, pg_catalog.pg_roles rds
                                 WHERE iam.rolname = 'rds_iam' AND rds.rolname = 'rdsadmin'
                                   AND pg_catalog.pg_has_role(pg_roles.oid, iam.oid, 'MEMBER')))::text
         FROM pg_catalog.pg_roles WHERE rolname = {}",
        quote(account),
        literal(verifier.expose()),
        literal(account)
    ));
    let rows = session.run_sensitive(&statement, &change_of_password(session, account, own)).await?;
    let column = |at| rows.last().and_then(|row| optional(row, at));
    check_usable(session, account, column(0).as_deref() == Some("true"), column(1).as_deref())?;
    if column(2).as_deref() == Some("true") { Err(by_iam_alone(session, account)) } else { Ok(()) }
}

fn too_many(iterations: u32, session: &Session) -> Error {
    Error::invalid(format!(
        "{} hashes a password {iterations} times (`scram_iterations`), which this function does at most {MOST_ITERATIONS} times",
        session.destination()
    ))
    .next("Nothing was changed. Lower it for the account that sets the password: ALTER ROLE … SET scram_iterations = 4096")
}

/// Amazon RDS takes no password of a member of `rds_iam`, direct or not, whatever it stores. Elsewhere such a role may be
/// left of a copy; the superuser of Amazon RDS is not.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html>
fn by_iam_alone(session: &Session, account: &str) -> Error {
    Error::forbidden(format!(
        "the role `{account}` of {} is a member of `rds_iam`, and so Amazon RDS lets it in by a token of IAM alone, and by no password",
        session.destination()
    ))
    .next(format!("Nothing was changed. Run: REVOKE rds_iam FROM {}; or from the role that it has it from", quote(account)))
}

/// Returns whether a new password is to be stored as MD5: where the owner set the server so, because a consumer may know
/// nothing better. Not where a password of that kind would lock the account out.
async fn stores_md5(session: &mut Session, account: &str) -> Result<bool> {
    if !session.encrypts_by_md5() {
        return Ok(false);
    }
    // Each account has a line of pg_hba.conf of its own.
    if account != session.account() || !session.is_at_least(16) {
        return Ok(!session.is_asked_for_scram(account).await?);
    }
    // Since 16, the server tells by which method of pg_hba.conf we came in. Of these, only SCRAM refuses MD5.
    let rows = session.run("SELECT system_user", &Operation::new("look up the method of the login")).await?;
    let method = rows.last().and_then(|row| optional(row, 0));
    Ok(!method.is_some_and(|method| method.starts_with("scram-sha-256:")))
}

fn change_of_password(session: &Session, account: &str, own: bool) -> Operation {
    let (role, by) = (quote(account), quote(session.account()));
    let operation = Operation::new(format!("change the password of role {role}"));
    if own && session.replicates() && !session.is_at_least(16) {
        // Since 16, such a role is like any other here.
        operation.allowed_by(format!(
            "ALTER ROLE {role} NOREPLICATION; or name a superuser's secret in `masterarn`: before version 16, only a superuser changes the password of a role that has REPLICATION"
        ))
    } else if own {
        // PostgreSQL lets every role do this; Amazon RDS does not under rds.restrict_password_commands.
        operation.allowed_by(format!("GRANT rds_password TO {by} (Amazon RDS with rds.restrict_password_commands = 1)"))
    } else if session.is_at_least(16) {
        operation.allowed_by(format!("ALTER ROLE {by} CREATEROLE; GRANT {role} TO {by} WITH ADMIN OPTION"))
    } else {
        operation.allowed_by(format!(
            "ALTER ROLE {by} CREATEROLE; or, where {role} has REPLICATION, ALTER ROLE {by} SUPERUSER"
        ))
    }
}
