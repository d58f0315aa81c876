use fourstep::{AccountSecret, Accounts, Claim, Context, Error, Mirrored, Operation, Result, Sensitive};
use sha2::{Digest, Sha256};

use crate::account::check_usable;
use crate::error::read_only;
use crate::identifier::{self, literal, quote};
use crate::session::{Session, optional};
use crate::verifier::{md5, salt, scram};
use crate::{clones, mark, rights};

/// The accounts of a PostgreSQL server.
///
/// A session is one connection; TLS verifies the chain and the host name unless the secret says `"ssl": false`. The
/// lock is `pg_try_advisory_xact_lock` in the transaction that writes, and nothing is set for longer than a transaction:
/// so a pooler that shares connections between transactions breaks nothing, and nothing of ours stays in one of them.
///
/// A password is sent as its verifier: of SCRAM, or of MD5 where the server's `password_encryption` says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postgres(());

impl Postgres {
    /// Creates one. Everything else comes from the secret and its settings.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl Accounts for Postgres {
    type Session = Session;
    const ENGINES: &'static [&'static str] = &["postgres", "postgresql", "aurora-postgresql"];
    const DEFAULT_PORT: u16 = 5432;
    // As AWS's functions for PostgreSQL: what connection strings and shells would have to escape.
    const EXCLUDE_CHARACTERS: &'static str = ":/@\"'\\";

    fn check_name(&self, secret: &AccountSecret, _cx: &Context<'_>) -> Result<()> {
        identifier::check(&secret.username)
    }

    async fn log_in(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<Session> {
        Session::open(secret, Self::DEFAULT_PORT, cx).await
    }

    async fn lock(&self, session: &mut Session, cx: &Context<'_>) -> Result<()> {
        // The lock is the database's, and all versions of a secret name the same one, unless a human changes it.
        if session.lock(lock_key(&cx.secret_id())).await? {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "another invocation holds the lock of this secret at {}",
            session.destination()
        ))
        .next("It is given back when that invocation ends, and Secrets Manager tries again by itself"))
    }

    async fn set_password(
        &self,
        session: &mut Session,
        account: &str,
        password: &Sensitive,
        cx: &Context<'_>,
    ) -> Result<()> {
        identifier::check(account)?;
        let verifier = match stores_md5(session).await? {
            true => {
                tracing::warn!(
                    "password_encryption is md5 at the server, and so this password's verifier is of MD5: whoever reads it, as in the server's log, can log in with it; set password_encryption to scram-sha-256"
                );
                md5(password, account)
            }
            false => scram(password, &salt(&cx.secret_id(), cx.token(), account)),
        };
        cx.learn(&verifier);
        let own = account == session.account();
        // As its base, a clone may not change its own password. An administrator may be one only as another role.
        let as_itself = if own && session.acts_as() != account { "SET ROLE NONE; " } else { "" };
        // The server takes a password for a role that it does not let in. It says so at a login only of NOLOGIN, and
        // calls an expired role's password wrong.
        let statement = Sensitive::new(format!(
            "{as_itself}ALTER ROLE {} PASSWORD {}; SELECT rolcanlogin::text,
             CASE WHEN rolvaliduntil < pg_catalog.clock_timestamp() THEN rolvaliduntil::text END
             FROM pg_catalog.pg_roles WHERE rolname = {}",
            quote(account),
            literal(verifier.expose()),
            literal(account)
        ));
        let rows = session.run_sensitive(&statement, &change_of_password(session, account, own)).await?;
        let column = |at| rows.last().and_then(|row| optional(row, at));
        check_usable(session, account, column(0).as_deref() == Some("true"), column(1).as_deref())
    }

    async fn mirror(
        &self,
        session: &mut Session,
        base: &str,
        clone: &str,
        claim: &Claim,
        cx: &Context<'_>,
    ) -> Result<Mirrored> {
        identifier::check(base)?;
        identifier::check(clone)?;
        clones::make_equal(session, base, clone, claim, cx).await
    }

    async fn marked_base(&self, session: &mut Session, account: &str) -> Result<Option<String>> {
        mark::marked_base(session, account).await
    }

    async fn is_marked(&self, session: &mut Session, base: &str, clone: &str) -> Result<Option<bool>> {
        Ok(Some(mark::marked_base(session, clone).await?.as_deref() == Some(base)))
    }

    async fn check_rights(
        &self,
        session: &mut Session,
        account: &str,
        _of_base: Option<&mut Session>,
        _cx: &Context<'_>,
    ) -> Result<()> {
        rights::check_rights(session, account).await
    }

    fn check_writable(&self, session: &Session) -> Result<()> {
        if session.is_read_only() { Err(read_only(session.destination())) } else { Ok(()) }
    }

    async fn commit(&self, mut session: Session) -> Result<()> {
        session.commit().await?;
        session.close().await;
        Ok(())
    }

    async fn close(&self, session: Session) {
        session.close().await;
    }
}

/// Returns whether a new password is to be stored as MD5: where the owner set the server so, because a consumer may know
/// nothing better. Not where a password of that kind would lock the account out.
async fn stores_md5(session: &mut Session) -> Result<bool> {
    if !session.encrypts_by_md5() || !session.is_at_least(16) {
        return Ok(session.encrypts_by_md5());
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

/// Returns the key of the secret's lock: the same one in every version of Fourstep.
fn lock_key(secret_id: &str) -> i64 {
    let hash = Sha256::new().chain_update("fourstep lock\0").chain_update(secret_id).finalize();
    i64::from_be_bytes(hash[..8].try_into().expect("a hash has more than eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_lock_never_changes() {
        assert_eq!(
            lock_key("arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-AbCdEf"),
            -8_994_936_162_876_196_328
        );
        assert_ne!(lock_key("arn:a"), lock_key("arn:b"));
    }
}
