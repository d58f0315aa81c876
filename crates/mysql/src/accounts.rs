use fourstep::accounts::{
    AccountSecret, Accounts, Claim, Clones, Lock, Mark, Mirrored, Old, Other, Passwords, Strategies, Swapped,
    TwoPasswords,
};
use fourstep::settings::Groups;
use fourstep::{Context, Error, Result, Sensitive};
use fourstep_server::{AddressSettings, Operation, TlsSettings};

use crate::account::Entry;
use crate::error::read_only;
use crate::identifier::{self, hex, literal};
use crate::session::{DEFAULT_PORT, Session, optional};
use crate::settings::MysqlSettings;
use crate::{clones, mark, password, rights, two_passwords};

/// The accounts of a MySQL or MariaDB server.
///
/// A session is one connection; TLS verifies the chain and the host name unless the secret says `"ssl": false`. The
/// lock is `GET_LOCK`, which ends with the session. Each statement lasts at once: the server has no transaction for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mysql(());

impl Mysql {
    /// Creates one. Everything else comes from the secret and its settings.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl From<Mysql> for Strategies<Mysql> {
    /// Adds all strategies. Which of them a server has, it says itself: MariaDB keeps one password for an account.
    fn from(accounts: Mysql) -> Self {
        Self::new(accounts).with_alternating_users().with_dual_password()
    }
}

impl Accounts for Mysql {
    type Session = Session;
    const ENGINES: &'static [&'static str] = &["mysql", "aurora", "aurora-mysql", "mariadb"];
    const DEFAULT_PORT: u16 = DEFAULT_PORT;
    // As AWS's functions for MySQL and MariaDB: what shells and connection strings would have to escape.
    const EXCLUDE_CHARACTERS: &'static str = "/@\"'\\";

    fn settings() -> Groups {
        Groups::of::<TlsSettings>().and::<AddressSettings>().and::<MysqlSettings>()
    }

    fn check_name(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        identifier::check(&secret.username, secret.engine.as_deref(), cx.settings::<MysqlSettings>().username_limit)
    }

    async fn log_in(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<Session> {
        Session::open(secret, Self::DEFAULT_PORT, cx).await
    }

    async fn lock(&self, session: &mut Session, cx: &Context<'_>) -> Result<()> {
        match session.lock(&lock_name(Lock::of(cx))).await? {
            true => Ok(()),
            false => Err(held(session, &lock_name(Lock::of(cx))).await),
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

    async fn commit(&self, session: Session) -> Result<()> {
        session.close().await;
        Ok(())
    }

    async fn close(&self, session: Session) {
        session.close().await;
    }
}

impl Clones for Mysql {
    async fn mirror(
        &self,
        session: &mut Session,
        base: &str,
        clone: &str,
        claim: &Claim,
        cx: &Context<'_>,
    ) -> Result<Mirrored> {
        clones::make_equal(session, base, clone, claim, cx).await
    }

    async fn exists(&self, session: &mut Session, account: &str) -> Result<bool> {
        Ok(!Entry::read(session, &[account]).await?.is_empty())
    }

    async fn was_given(&self, session: &mut Session, account: &str, passwords: &[Sensitive]) -> Result<bool> {
        mark::was_given(session, account, passwords).await
    }

    async fn adopt(&self, session: &mut Session, base: &str, clone: &str, cx: &Context<'_>) -> Result<()> {
        clones::adopt(session, base, clone, cx).await
    }

    async fn mark(&self, session: &mut Session, account: &str) -> Result<Mark> {
        mark::read(session, account).await
    }

    async fn check_rights(
        &self,
        session: &mut Session,
        _account: &str,
        other: &Other<'_, Self>,
        _cx: &Context<'_>,
    ) -> Result<()> {
        // An account sees its own rights only.
        let Some(mut of_current) = other.open().await? else { return Ok(()) };
        let proof = rights::check_rights(session, &mut of_current).await;
        of_current.close().await;
        proof
    }
}

impl TwoPasswords for Mysql {
    async fn passwords(&self, session: &mut Session, _cx: &Context<'_>) -> Result<Passwords> {
        two_passwords::passwords(session).await
    }

    async fn swap_password(
        &self,
        session: &mut Session,
        from: &Sensitive,
        to: &Sensitive,
        old: Old,
        _cx: &Context<'_>,
    ) -> Result<Swapped> {
        two_passwords::swap(session, from, to, old).await
    }

    async fn discard_password(&self, session: &mut Session, _cx: &Context<'_>) -> Result<()> {
        two_passwords::discard(session).await
    }
}

/// Returns the name of the secret's lock: the same one in every version of Fourstep. The server allows 64 characters.
fn lock_name(lock: Lock) -> String {
    format!("fourstep {}", &hex(&lock.hash()[..20])[2..])
}

/// Reports who holds the lock: a function of another rotation, or any account that may log in. A server that does not tell who
/// leaves that out, and of what it tells, nothing but a number gets into a statement that somebody may run.
async fn held(session: &mut Session, name: &str) -> Error {
    let query = format!("SELECT CAST(IS_USED_LOCK({}) AS CHAR)", literal(name));
    let rows = session.run(&query, &Operation::new("look up who holds the lock of the secret")).await;
    // It may have been given back in the meantime.
    let id = rows.unwrap_or_default().last().and_then(|row| optional(row, 0)?.parse::<u64>().ok());
    let (named, end) =
        id.map(|id| (format!("session {id}"), format!("KILL {id} (on Amazon RDS: CALL mysql.rds_kill({id}))"))).unzip();
    Lock::held(session.destination(), named.as_deref(), end.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_lock_never_changes() {
        let name = lock_name(Lock::of_secret("arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-AbCdEf"));
        assert_eq!(name, "fourstep 832B91379272FA18B5B23F64CF13C2FCD814D7D3");
        assert!(name.len() <= 64);
        assert_ne!(lock_name(Lock::of_secret("arn:a")), lock_name(Lock::of_secret("arn:b")));
    }
}
