use fourstep::accounts::{AccountSecret, Accounts, Claim, Clones, Lock, Mark, Mirrored, Other, Strategies};
use fourstep::settings::Groups;
use fourstep::{Context, Error, Result, Sensitive};
use fourstep_server::{AddressSettings, Operation, TlsSettings};

use crate::error::read_only;
use crate::identifier::{self, literal};
use crate::row::text;
use crate::session::Session;
use crate::{clones, mark, password, rights};

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

impl From<Postgres> for Strategies<Postgres> {
    /// Adds the strategies that PostgreSQL has: it keeps one password for an account.
    fn from(accounts: Postgres) -> Self {
        Self::new(accounts).with_alternating_users()
    }
}

impl Accounts for Postgres {
    type Session = Session;
    const ENGINES: &'static [&'static str] = &["postgres", "postgresql", "aurora-postgresql"];
    const DEFAULT_PORT: u16 = 5432;
    // As AWS's functions for PostgreSQL: what connection strings and shells would have to escape.
    const EXCLUDE_CHARACTERS: &'static str = ":/@\"'\\";

    fn settings() -> Groups {
        Groups::of::<TlsSettings>().and::<AddressSettings>()
    }

    fn check_name(&self, secret: &AccountSecret, _cx: &Context<'_>) -> Result<()> {
        identifier::check(&secret.username)
    }

    async fn log_in(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<Session> {
        Session::open(secret, Self::DEFAULT_PORT, cx).await
    }

    async fn lock(&self, session: &mut Session, cx: &Context<'_>) -> Result<()> {
        // The lock is the database's, and all versions of a secret name the same one, unless a human changes it.
        match session.lock(lock_key(Lock::of(cx))).await? {
            true => Ok(()),
            false => Err(held(session, lock_key(Lock::of(cx))).await),
        }
    }

    async fn set_password(
        &self,
        session: &mut Session,
        account: &str,
        password: &Sensitive,
        cx: &Context<'_>,
    ) -> Result<()> {
        password::set(session, account, password, cx).await
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

impl Clones for Postgres {
    async fn mirror(
        &self,
        session: &mut Session,
        base: &str,
        clone: &str,
        claim: &Claim,
        _cx: &Context<'_>,
    ) -> Result<Mirrored> {
        identifier::check(base)?;
        identifier::check(clone)?;
        clones::make_equal(session, base, clone, claim).await
    }

    async fn adopt(&self, session: &mut Session, base: &str, clone: &str, _cx: &Context<'_>) -> Result<()> {
        identifier::check(base)?;
        identifier::check(clone)?;
        clones::adopt(session, base, clone).await
    }

    async fn exists(&self, session: &mut Session, account: &str) -> Result<bool> {
        // The server would cut a name that is too long, and find another account.
        if identifier::check(account).is_err() {
            return Ok(false);
        }
        let query = format!("SELECT 1 FROM pg_roles WHERE rolname = {}", literal(account));
        Ok(!session.run(&query, &Operation::new("look up a role")).await?.is_empty())
    }

    async fn mark(&self, session: &mut Session, account: &str) -> Result<Mark> {
        Ok(mark::marked_base(session, account).await?.map_or(Mark::None, Mark::Of))
    }

    async fn check_rights(
        &self,
        session: &mut Session,
        account: &str,
        _other: &Other<'_, Self>,
        _cx: &Context<'_>,
    ) -> Result<()> {
        rights::check_rights(session, account).await
    }
}

/// Returns the key of the secret's lock: the same one in every version of Fourstep.
fn lock_key(lock: Lock) -> i64 {
    i64::from_be_bytes(lock.hash()[..8].try_into().expect("a hash has more than eight bytes"))
}

/// Reports who holds the lock: a function of another rotation, or any account that may log in. A server that does not tell who
/// leaves that out, and of what it tells, nothing but a number gets into a statement that somebody may run.
async fn held(session: &mut Session, key: i64) -> Error {
    let [high, low] = [key >> 32, key].map(|half| half & 0xffff_ffff);
    let query = format!(
        "SELECT pid::text FROM pg_locks
           JOIN pg_database ON pg_database.oid = pg_locks.database AND datname = current_database()
         WHERE locktype = 'advisory' AND granted AND classid = {high} AND objid = {low} AND objsubid = 1"
    );
    let rows = session.run(&query, &Operation::new("look up who holds the lock of the secret")).await;
    // It may have been given back in the meantime.
    let pid = rows.unwrap_or_default().last().and_then(|row| text(row, 0).parse::<u32>().ok());
    let (named, end) = pid.map(|pid| (format!("session {pid}"), format!("SELECT pg_terminate_backend({pid})"))).unzip();
    Lock::held(session.destination(), named.as_deref(), end.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_lock_never_changes() {
        assert_eq!(
            lock_key(Lock::of_secret("arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-AbCdEf")),
            -8_994_936_162_876_196_328
        );
        assert_ne!(lock_key(Lock::of_secret("arn:a")), lock_key(Lock::of_secret("arn:b")));
    }
}
