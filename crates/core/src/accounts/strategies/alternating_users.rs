mod ownership;

use std::sync::Arc;

use crate::accounts::administrator::{self, Administrator};
use crate::accounts::clones::{base_by_name, base_of_pair};
use crate::accounts::probe::{opens, placed, try_login};
use crate::accounts::strategies::{own_account, pair};
use crate::accounts::target::Target;
use crate::accounts::{AccountSecret, AccountSettings, Clones, Grants, Mark, Other, ServerLookup, clone_of};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::keep::Keep;
use crate::login::Login;
use crate::rotator::Rotator;
use crate::settings::Groups;
use crate::slots::Slots;
use crate::store::{AWSPENDING, AWSPREVIOUS};
use crate::version::{Version, is_of_operator};

/// Rotates between two accounts, of which one always stays as consumers know it.
///
/// The **base** account is the one that the owner made; the other is its clone, named after it with `_clone`. Each
/// time the clone is pending it is made equal to the base; when the base is pending, only its password changes. An
/// administrator's secret, named by `masterarn`, does the changes. Consumers have to read the user name from the
/// secret each time.
#[derive(Clone, Debug)]
pub struct AlternatingUsers<A>(pub(super) Target<A>);

impl<A: Clones> AlternatingUsers<A> {
    /// Creates the strategy for one kind of server.
    #[must_use]
    pub fn new(accounts: A) -> Self {
        Self(Target::new(accounts))
    }

    /// Sets how database servers are looked up. Without it, an administrator's secret has to name its host, and the same
    /// one as the secret that is rotated.
    #[must_use]
    pub fn with_servers(self, servers: Arc<dyn ServerLookup>) -> Self {
        Self(self.0.with_servers(servers))
    }
}

impl<A: Clones> Rotator for AlternatingUsers<A> {
    type Secret = AccountSecret;
    const NAME: &'static str = "alternating-users";
    const SLOTS: Slots = Slots::Two;

    fn settings() -> Groups {
        Target::<A>::settings()
    }

    async fn create(
        &self,
        current: &AccountSecret,
        login: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<AccountSecret> {
        current.check(A::ENGINES)?;
        administrator::arn(current)?;
        let username = self.other_account(current, login, cx).await?;
        let next = AccountSecret { username, ..current.clone() };
        self.0.accounts.check_name(&next, cx)?;
        Ok(AccountSecret { password: cx.password(A::EXCLUDE_CHARACTERS)?, ..next })
    }

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        pending.check(A::ENGINES)?;
        let current = cx.current::<AccountSecret>().await?;
        let current = current.secret();
        let Some(base) = base_of_pair(&current.username, &pending.username) else {
            // A reset that was killed left it: the administrator set it, and what is left is to test and to promote it. So it is
            // where an operator goes back to a value with another field and the same password.
            let left = current.username == pending.username
                && (current.password != pending.password || is_of_operator(cx.token()))
                && opens(&self.0.accounts, pending, cx).await?;
            return if left { Ok(()) } else { Err(not_a_pair(current, pending)) };
        };
        if !pending.same_server(current, A::DEFAULT_PORT) || pending.tls() != current.tls() {
            return Err(Error::conflict(
                "field `host`, `port` or `ssl` of the pending version differs from that of AWSCURRENT",
            )
            .next(START_ANEW));
        }
        // An administrator acts only for one who holds a credential of the pair: the secret alone proves nothing.
        let opened = self.open_pair(current, login, cx).await;
        let (version, session) =
            opened.map_err(|error| if error.is_rejected() { own_account::lost(error, cx) } else { error })?;
        self.0.accounts.close(session).await;
        let opened = &version.secret().username;
        let both = [base, &*clone_of(base)];
        let Administrator { mut session, ahead } = administrator::open(&self.0, current, &both, cx).await?;
        self.0.accounts.lock(&mut session, cx).await?;
        cx.fence().await?;
        let mirrors = cx.settings::<AccountSettings>().grants == Grants::Mirror;
        // Neither the other account's password nor the base's rights are given to one who holds nothing of it.
        if opened != base && (mirrors || pending.username == base) {
            self.check_owned(&mut session, base, base, current, cx).await?;
        } else if opened == base && pending.username != base && !mirrors {
            self.check_owned(&mut session, &pending.username, base, current, cx).await?;
        }
        if mirrors && pending.username != base {
            self.mirror(&mut session, base, pending, current, cx).await?;
        }
        self.0.accounts.set_password(&mut session, &pending.username, &pending.password, cx).await?;
        self.0.accounts.commit(session).await?;
        if ahead { administrator::wait_for_replica(&self.0.accounts, pending, cx).await } else { Ok(()) }
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        try_login(&self.0.accounts, &placed(secret, cx).await?, cx).await
    }

    /// As in [`SingleUser`](crate::accounts::SingleUser), the password itself proves that this is the server at which it was set.
    async fn test(&self, pending: &AccountSecret, _login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        pending.check(A::ENGINES)?;
        let mut session = cx.tried(cx.token(), self.0.accounts.log_in(pending, cx).await)?;
        let proof = match cx.settings::<AccountSettings>().grants {
            Grants::Mirror => {
                let other = Other::new(&self.0.accounts, &pending.username, cx);
                self.0.accounts.check_rights(&mut session, &pending.username, &other, cx).await
            }
            Grants::Leave => Ok(()),
        };
        let writable = self.0.accounts.check_writable(&session);
        self.0.accounts.close(session).await;
        proof?;
        match writable {
            Ok(()) => Ok(()),
            Err(error) => self.read_only_as_ever(error, cx).await,
        }
    }

    /// Sets a password that nobody but the holder of AWSCURRENT could compute for the account of a secret that is gone: no
    /// lock, no drop, so that the next rotation finds it as it was, and knows it for its own.
    async fn retire(
        &self,
        keep: &Keep<'_, AccountSecret>,
        _login: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<()> {
        for gone in keep.gone(|secret| secret.username.clone()) {
            // The other account of the pair, and no third one that an edit by hand left in AWSPREVIOUS.
            let other_of_pair = |kept: &&AccountSecret| {
                base_of_pair(&kept.username, &gone.username).is_some() && kept.same_server(gone, A::DEFAULT_PORT)
            };
            let Some(current) = keep.kept().find(other_of_pair) else { continue };
            if !opens(&self.0.accounts, &gone.at(current), cx).await? {
                continue;
            }
            // The administrator acts for one who holds a credential of both: labels can be moved by hand.
            if !opens(&self.0.accounts, current, cx).await? {
                return Err(Error::conflict(
                    "the server refuses AWSCURRENT, so what AWSPREVIOUS opened may be the only one that works",
                )
                .next(format!("Find the version that works first: fourstep recover {}", cx.secret_argument())));
            }
            let Administrator { mut session, .. } =
                administrator::open(&self.0, current, &[&gone.username, &current.username], cx).await?;
            self.0.accounts.lock(&mut session, cx).await?;
            cx.fence().await?;
            // Once more under the lock: a rotation that began meanwhile may have given the account a new password.
            if opens(&self.0.accounts, &gone.at(current), cx).await? {
                let retired = pair::retired(&gone.username, current, cx).password;
                self.0.accounts.set_password(&mut session, &gone.username, &retired, cx).await?;
                self.0.accounts.commit(session).await?;
            } else {
                self.0.accounts.close(session).await;
            }
        }
        Ok(())
    }

    /// Marks the clone as its base's. `account` is the base, which the operator has to name.
    async fn adopt(&self, account: Option<&str>, login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<bool> {
        let current = cx.current::<AccountSecret>().await?;
        let current = current.secret();
        current.check(A::ENGINES)?;
        let name = current.username.as_str();
        // The pair of the rotation that is under way. Without one, the name may be a base's or a clone's own.
        let pending = match cx.under_way() {
            Some(_) => cx.older::<AccountSecret>(AWSPENDING).await?,
            None => None,
        };
        let of_pending = pending.as_ref().and_then(|pending| base_of_pair(name, &pending.secret().username));
        let bases: Vec<_> = match of_pending {
            Some(base) => vec![base],
            None => [Some(name), base_by_name(name)].into_iter().flatten().collect(),
        };
        let Some(base) = bases.iter().copied().find(|base| Some(*base) == account) else {
            let pairs: Vec<_> = bases.iter().map(|base| format!("`{base}` and `{}`", clone_of(base))).collect();
            let commands: Vec<_> = bases.iter().map(|base| cx.command("adopt", base)).collect();
            return Err(Error::invalid(format!(
                "nobody named the pair that is to be adopted. It would be {}",
                pairs.join(", or ")
            ))
            .still_works("Nothing was changed")
            .next(format!("If both are accounts of this secret, say so: {}", commands.join(", or "))));
        };
        let clone = clone_of(base);
        let (_, session) = self.open_pair(current, login, cx).await?;
        self.0.accounts.close(session).await;
        let Administrator { mut session, .. } = administrator::open(&self.0, current, &[base, &clone], cx).await?;
        self.0.accounts.lock(&mut session, cx).await?;
        cx.fence().await?;
        match self.0.accounts.mark(&mut session, &clone).await? {
            Mark::Of(marked) if marked == base => {
                self.0.accounts.close(session).await;
                Ok(false)
            }
            Mark::NoPlace => {
                self.0.accounts.close(session).await;
                Err(pair::no_place::<A>(base, current, cx))
            }
            Mark::Of(_) | Mark::None => {
                self.0.accounts.adopt(&mut session, base, &clone, cx).await?;
                self.0.accounts.commit(session).await?;
                Ok(true)
            }
        }
    }
}

impl<A: Clones> AlternatingUsers<A> {
    /// Lets a session be read only where that of AWSCURRENT is so too: then `host` names a replica on purpose, and the
    /// administrator's secret its primary. Else a failover came in between.
    async fn read_only_as_ever(&self, error: Error, cx: &Context<'_>) -> Result<()> {
        let current = cx.current::<AccountSecret>().await?;
        let Ok(session) = cx.tried(current.id(), self.0.accounts.log_in(current.secret(), cx).await) else {
            return Err(error);
        };
        let writable = self.0.accounts.check_writable(&session);
        self.0.accounts.close(session).await;
        if writable.is_ok() { Err(error) } else { Ok(()) }
    }

    /// Returns the name of the account that is not current.
    async fn other_account(
        &self,
        current: &AccountSecret,
        login: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<String> {
        let name = &current.username;
        // A name that ends in `_clone` may be a base account's own: the older version tells, or only our mark.
        if let Some(base) = base_by_name(name) {
            let previous = cx.older::<AccountSecret>(AWSPREVIOUS).await?;
            let first = previous.is_none();
            let edited = previous.as_ref().is_some_and(|previous| previous.secret().username == *name);
            if let Some(previous) = previous
                && base_of_pair(name, &previous.secret().username).is_some()
            {
                return Ok(previous.secret().username.clone());
            }
            if pair::is_adopted(name, current, A::DEFAULT_PORT, cx)? {
                return Ok(base.to_owned());
            }
            if let Some(other) = pair::other_in_abandoned(current, A::DEFAULT_PORT, cx).await? {
                return Ok(other);
            }
            let (version, mut session) = self.open_pair(current, login, cx).await?;
            let mark = match version.secret().username == *name {
                true => self.0.accounts.mark(&mut session, name).await,
                // Only a session as the account itself, or an administrator's, sees its mark.
                false => Ok(Mark::None),
            };
            self.0.accounts.close(session).await;
            let mark = mark?;
            if mark == Mark::Of(base.to_owned()) {
                return Ok(base.to_owned());
            }
            // Its own clone would be another account than the one that consumers alternate with.
            // Before a first rotation, nobody took turns yet.
            let took_turns = edited || (!first && mark == Mark::NoPlace);
            if took_turns && !pair::is_adopted(&clone_of(name), current, A::DEFAULT_PORT, cx)? {
                return Err(pair::of_either::<A>(&mark, name, base, current, cx));
            }
        }
        Ok(clone_of(name))
    }

    /// Opens a session as either account, at AWSCURRENT's own server. What another account or another server accepts
    /// proves nothing: whoever may write the secret chooses what is in its older versions.
    async fn open_pair(
        &self,
        current: &AccountSecret,
        login: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<(Arc<Version<AccountSecret>>, A::Session)> {
        login
            .open(async |version| {
                let candidate = version.secret();
                pair::check_of_pair(candidate, current, A::DEFAULT_PORT)?;
                self.0.accounts.log_in(&candidate.at(current), cx).await
            })
            .await
    }
}

fn not_a_pair(current: &AccountSecret, pending: &AccountSecret) -> Error {
    let (current, pending) = (&current.username, &pending.username);
    let what = if current == pending {
        format!("the pending version names AWSCURRENT's own account `{current}`")
    } else {
        format!("the pending version names account `{pending}`, which is not the other one of `{current}`")
    };
    Error::conflict(what).next(START_ANEW)
}

const START_ANEW: &str =
    "Nothing was changed. Remove AWSPENDING from the pending version, then start the rotation again";
