//! How the accounts of the modelled database are rotated: sessions, and the statements that they make.

use std::sync::Arc;
use std::time::Duration;

use fourstep::accounts::{
    AccountSecret, Accounts, Claim, Clones, Mark, Mirrored, Old, Other, Passwords, Swapped, TwoPasswords,
};
use fourstep::{Context, Error, Result, Sensitive};

use crate::database::{Database, Statement};
use crate::world::{Call, State, World};

/// Whether statements take effect one by one, or at COMMIT.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    AtCommit,
    AtOnce,
    /// One by one, and a clone gets its password before its rights: for a mutant.
    PasswordFirst,
}

#[derive(Clone)]
pub struct ModelAccounts {
    pub world: Arc<World<Database>>,
    pub writes: Writes,
    /// False makes the lock no lock, to show that the schedules find it.
    pub locks: bool,
}

pub struct Session {
    world: Arc<World<Database>>,
    id: u64,
    locked: bool,
    account: String,
    writes: Vec<Statement>,
}

/// A session that ends, in whatever way, gives its lock back and undoes what it did not commit.
impl Drop for Session {
    fn drop(&mut self) {
        let mut state = self.world.state();
        if state.target.holder.is_some_and(|(holder, _)| holder == self.id) {
            state.target.holder = None;
        }
    }
}

/// How long the server lets a transaction idle before it ends the session and gives the lock back.
const IDLE: Duration = Duration::from_secs(20);

impl Session {
    /// Finds the session ended if another took its lock meanwhile.
    fn lasts(&self, database: &Database) -> Result<()> {
        match !self.locked || database.holder.is_some_and(|(holder, _)| holder == self.id) {
            true => Ok(()),
            false => Err(Error::unavailable("the server ended the session")),
        }
    }
}

impl ModelAccounts {
    async fn write(&self, session: &mut Session, name: &'static str, statement: Statement) -> Result<()> {
        match self.writes {
            Writes::AtOnce | Writes::PasswordFirst => {
                let run = |state: &mut State<Database>| {
                    session.lasts(&state.target)?;
                    statement.run(&mut state.target);
                    Ok(())
                };
                self.world.call(Call::TargetWrite, name, run).await
            }
            Writes::AtCommit => {
                self.world.call(Call::TargetRead, name, |_| Ok(())).await?;
                session.writes.push(statement);
                Ok(())
            }
        }
    }
}

impl ModelAccounts {
    /// Sets the password and retains the one that is primary, whichever that is.
    pub async fn retain(&self, session: &mut Session, pending: &AccountSecret) -> Result<()> {
        let password = pending.password.expose().to_owned();
        self.write(session, "retain", Statement::Retain { account: pending.username.clone(), password }).await
    }

    /// Discards whatever is secondary.
    pub async fn discard(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        let mut session = self.log_in(secret, cx).await?;
        self.discard_password(&mut session, cx).await
    }

    /// Installs a pending account as a naive rotator would: no lock, no fence, the password first.
    pub async fn install(&self, pending: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        let admin = cx.read::<AccountSecret>("admin").await?;
        let mut session = self.log_in(admin.version.secret(), cx).await?;
        let (base, clone) = ("app".to_owned(), pending.username.clone());
        if clone != base {
            self.write(&mut session, "create account", Statement::Create { base: base.clone(), clone: clone.clone() })
                .await?;
        }
        self.set_password(&mut session, &clone, &pending.password, cx).await?;
        if clone != base {
            self.write(&mut session, "grant", Statement::Grant { base, clone }).await?;
        }
        Ok(())
    }
}

impl Accounts for ModelAccounts {
    type Session = Session;
    const ENGINES: &'static [&'static str] = &["model"];
    const DEFAULT_PORT: u16 = 1;
    const EXCLUDE_CHARACTERS: &'static str = "\"\\";

    fn check_name(&self, _secret: &AccountSecret, _cx: &Context<'_>) -> Result<()> {
        Ok(())
    }

    async fn log_in(&self, secret: &AccountSecret, _cx: &Context<'_>) -> Result<Session> {
        let account = secret.username.clone();
        let host = secret.host.as_deref().unwrap_or_default();
        self.world.logged_in(format!("{account}@{host}:{}", secret.port.unwrap_or(Self::DEFAULT_PORT)));
        let log_in = |state: &mut State<Database>| {
            let known = state.target.account_at(host, secret);
            if known.is_none_or(|known| !known.admits(&secret.password)) {
                return Err(Error::rejected(format!("the database refused account `{}`", secret.username)));
            }
            state.target.sessions += 1;
            Ok(state.target.sessions)
        };
        let id = self.world.call(Call::TargetRead, "log in", log_in).await?;
        Ok(Session { world: Arc::clone(&self.world), id, locked: false, account, writes: Vec::new() })
    }

    async fn lock(&self, session: &mut Session, _cx: &Context<'_>) -> Result<()> {
        let id = session.id;
        let lock = |state: &mut State<Database>| match state.target.holder {
            Some((_, until)) if self.locks && until > state.now => {
                Err(Error::unavailable("another invocation holds the lock").retried())
            }
            _ => {
                state.target.holder = Some((id, state.now + IDLE));
                Ok(())
            }
        };
        self.world.call(Call::TargetRead, "lock", lock).await?;
        session.locked = self.locks;
        Ok(())
    }

    async fn set_password(
        &self,
        session: &mut Session,
        account: &str,
        password: &Sensitive,
        _cx: &Context<'_>,
    ) -> Result<()> {
        assert!(session.account == account || session.account == "admin", "only an administrator changes another");
        if session.account == account && !self.world.state().target.own_password {
            return Err(Error::forbidden(format!("account `{account}` may not change its own password")));
        }
        let makes = |statement: &Statement| matches!(statement, Statement::Create { clone, .. } if clone == account);
        let there = self.world.state().target.accounts.contains_key(account) || session.writes.iter().any(makes);
        if !there {
            return Err(Error::invalid(format!("there is no account `{account}`")));
        }
        let statement = Statement::Password { account: account.into(), password: password.expose().into() };
        self.write(session, "set password", statement).await
    }

    async fn commit(&self, mut session: Session) -> Result<()> {
        let writes = std::mem::take(&mut session.writes);
        if writes.is_empty() {
            return self.world.call(Call::TargetRead, "unlock", |_| Ok(())).await;
        }
        let commit = |state: &mut State<Database>| {
            session.lasts(&state.target)?;
            writes.iter().for_each(|statement| statement.run(&mut state.target));
            Ok(())
        };
        self.world.call(Call::TargetWrite, "commit", commit).await
    }

    async fn close(&self, session: Session) {
        drop(session);
    }
}

impl Clones for ModelAccounts {
    async fn mirror(
        &self,
        session: &mut Session,
        base: &str,
        clone: &str,
        claim: &Claim,
        _cx: &Context<'_>,
    ) -> Result<Mirrored> {
        let owner = self.world.state().target.accounts.get(clone).map(|account| account.clone_of.clone());
        if owner.is_some_and(|owner| !claim.known && !claim.adopted && owner.as_deref() != Some(base)) {
            return Ok(Mirrored::OfAnother(Error::conflict(format!("account `{clone}` is another's"))));
        }
        let create = Statement::Create { base: base.into(), clone: clone.into() };
        self.write(session, "create account", create).await?;
        self.write(session, "grant", Statement::Grant { base: base.into(), clone: clone.into() }).await?;
        Ok(Mirrored::Equal)
    }

    async fn adopt(&self, session: &mut Session, base: &str, clone: &str, _cx: &Context<'_>) -> Result<()> {
        self.write(session, "adopt", Statement::Adopt { base: base.into(), clone: clone.into() }).await
    }

    async fn exists(&self, _session: &mut Session, account: &str) -> Result<bool> {
        self.world
            .call(Call::TargetRead, "look up account", |state| Ok(state.target.accounts.contains_key(account)))
            .await
    }

    async fn mark(&self, _session: &mut Session, account: &str) -> Result<Mark> {
        let mark = |state: &mut State<Database>| {
            let base = state.target.accounts.get(account).and_then(|account| account.clone_of.clone());
            Ok(base.map_or(Mark::None, Mark::Of))
        };
        self.world.call(Call::TargetRead, "read mark", mark).await
    }

    async fn check_rights(
        &self,
        _session: &mut Session,
        account: &str,
        _other: &Other<'_, Self>,
        _cx: &Context<'_>,
    ) -> Result<()> {
        let check = |state: &mut State<Database>| {
            let accounts = &state.target.accounts;
            let base = accounts[account].clone_of.as_ref();
            match base.is_none_or(|base| accounts[base].rights == accounts[account].rights) {
                true => Ok(()),
                false => Err(Error::forbidden(format!("account `{account}` lacks rights of its base"))),
            }
        };
        self.world.call(Call::TargetRead, "check rights", check).await
    }
}

impl TwoPasswords for ModelAccounts {
    async fn passwords(&self, _session: &mut Session, _cx: &Context<'_>) -> Result<Passwords> {
        self.world.call(Call::TargetRead, "ask for rights", |state| Ok(state.target.passwords.clone())).await
    }

    async fn swap_password(
        &self,
        session: &mut Session,
        from: &Sensitive,
        to: &Sensitive,
        old: Old,
        _cx: &Context<'_>,
    ) -> Result<Swapped> {
        let (account, password) = (session.account.clone(), to.expose().to_owned());
        let swap = |state: &mut State<Database>| {
            session.lasts(&state.target)?;
            if old == Old::Retained {
                state.target.may_keep_two()?;
            }
            if state.target.accounts[&account].password != from.expose() {
                return Ok(Swapped::NotPrimary);
            }
            let statement = if old == Old::Retained {
                Statement::Retain { account, password }
            } else {
                Statement::Password { account, password }
            };
            statement.run(&mut state.target);
            Ok(Swapped::Done)
        };
        self.world.call(Call::TargetWrite, "swap password", swap).await
    }

    async fn discard_password(&self, session: &mut Session, _cx: &Context<'_>) -> Result<()> {
        let account = session.account.clone();
        let discard = |state: &mut State<Database>| {
            session.lasts(&state.target)?;
            state.target.may_keep_two()?;
            Statement::Discard { account }.run(&mut state.target);
            Ok(())
        };
        self.world.call(Call::TargetWrite, "discard password", discard).await
    }
}
