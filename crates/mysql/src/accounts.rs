use fourstep::{AccountSecret, Accounts, Claim, Context, Error, Mirrored, Passwords, Result, Sensitive};
use sha2::{Digest, Sha256};

use crate::identifier::{self, hex};
use crate::rights::compare;
use crate::session::Session;
use crate::{clones, mark, password, two_passwords};

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

impl Accounts for Mysql {
    type Session = Session;
    const ENGINES: &'static [&'static str] = &["mysql", "aurora", "aurora-mysql", "mariadb"];
    const DEFAULT_PORT: u16 = 3306;
    // As AWS's functions for MySQL and MariaDB: what shells and connection strings would have to escape.
    const EXCLUDE_CHARACTERS: &'static str = "/@\"'\\";
    const TWO_PASSWORDS: bool = true;
    // An account sees its own rights only.
    const RIGHTS_BY_BOTH: bool = true;

    fn check_name(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        identifier::check(&secret.username, secret.engine.as_deref(), cx.settings().username_limit)
    }

    async fn log_in(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<Session> {
        Session::open(secret, Self::DEFAULT_PORT, cx).await
    }

    async fn lock(&self, session: &mut Session, cx: &Context<'_>) -> Result<()> {
        if session.lock(&lock_name(&cx.secret_id())).await? {
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
        password::set(session, account, password, cx).await
    }

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

    async fn marked_base(&self, session: &mut Session, _account: &str) -> Result<Option<String>> {
        mark::marked_base(session).await
    }

    async fn is_marked(&self, session: &mut Session, base: &str, clone: &str) -> Result<Option<bool>> {
        mark::is_marked(session, base, clone).await
    }

    async fn check_rights(
        &self,
        session: &mut Session,
        _account: &str,
        of_base: Option<&mut Session>,
        _cx: &Context<'_>,
    ) -> Result<()> {
        match of_base {
            Some(of_base) => compare::check_rights(session, of_base).await,
            None => Ok(()),
        }
    }

    async fn passwords(&self, session: &mut Session, _cx: &Context<'_>) -> Result<Passwords> {
        two_passwords::passwords(session).await
    }

    async fn swap_password(
        &self,
        session: &mut Session,
        from: &Sensitive,
        to: &Sensitive,
        retain: bool,
        _cx: &Context<'_>,
    ) -> Result<bool> {
        two_passwords::swap(session, from, to, retain).await
    }

    async fn discard_password(&self, session: &mut Session, _cx: &Context<'_>) -> Result<()> {
        two_passwords::discard(session).await
    }

    async fn commit(&self, session: Session) -> Result<()> {
        session.close().await;
        Ok(())
    }

    async fn close(&self, session: Session) {
        session.close().await;
    }
}

/// Returns the name of the secret's lock: the same one in every version of Fourstep. The server allows 64 characters.
fn lock_name(secret_id: &str) -> String {
    let hash = Sha256::new().chain_update("fourstep lock\0").chain_update(secret_id).finalize();
    format!("fourstep {}", &hex(&hash[..20])[2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_lock_never_changes() {
        let name = lock_name("arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-AbCdEf");
        assert_eq!(name, "fourstep 832B91379272FA18B5B23F64CF13C2FCD814D7D3");
        assert!(name.len() <= 64);
        assert_ne!(lock_name("arn:a"), lock_name("arn:b"));
    }
}
