use std::sync::Arc;

use crate::accounts::probe::{opens, placed, try_login};
use crate::accounts::strategies::own_account::{self, Own};
use crate::accounts::target::Target;
use crate::accounts::{AccountSecret, Old, Passwords, ServerLookup, Swapped, TwoPasswords};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::keep::Keep;
use crate::login::Login;
use crate::rotator::Rotator;
use crate::settings::Groups;
use crate::slots::Slots;

/// Rotates the password of one account on a server that keeps two: the new one works from setSecret on, and the old
/// one until the next setSecret, or until finishSecret with `retire` at-finish.
///
/// The account changes its passwords by itself, and AWSCURRENT opens the server at every moment. After setSecret the two
/// passwords are the pending one and the one with which setSecret logged in, whatever attempts came before:
///
/// | the primary password is | the secondary one is | setSecret |
/// | --- | --- | --- |
/// | the one that logged in | any, or none | swaps it for the pending one and retains it, in one statement that compares |
/// | the pending one | the one that logged in, or AWSCURRENT is refused | does nothing: an earlier attempt installed it |
/// | another: an attempt was abandoned | the one that logged in | sets the pending one and retains nothing |
///
/// An administrator's session cannot compare, so none is used here. Where a password is lost, an operator lets the
/// administrator [reset](crate::operator::Action::Reset) it.
#[derive(Clone, Debug)]
pub struct DualPassword<A>(pub(super) Target<A>);

impl<A: TwoPasswords> DualPassword<A> {
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

impl<A: TwoPasswords> Rotator for DualPassword<A> {
    type Secret = AccountSecret;
    const NAME: &'static str = "dual-password";
    const SLOTS: Slots = Slots::Two;

    fn settings() -> Groups {
        Target::<A>::settings()
    }

    async fn create(
        &self,
        current: &AccountSecret,
        _login: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<AccountSecret> {
        own_account::next_secret(&self.0.accounts, current, cx)
    }

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        let Some(mut own) = own_account::open(&self.0, pending, login, cx).await? else { return Ok(()) };
        match self.0.accounts.passwords(&mut own.session, cx).await? {
            Passwords::Two => self.install(own, pending, cx).await,
            one => Err(one.refusal()),
        }
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        try_login(&self.0.accounts, &placed(secret, cx).await?, cx).await
    }

    async fn test(&self, pending: &AccountSecret, _login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        own_account::test(&self.0.accounts, pending, cx).await
    }

    async fn retire(
        &self,
        keep: &Keep<'_, AccountSecret>,
        _login: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<()> {
        self.discard(keep, cx).await
    }
}

impl<A: TwoPasswords> DualPassword<A> {
    /// Makes the pending password work beside the one that opened the session.
    pub(super) async fn install(&self, own: Own<A>, pending: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        let Own { working, mut session } = own;
        let working = &working.secret().password;
        let swapped =
            self.0.accounts.swap_password(&mut session, working, &pending.password, Old::Retained, cx).await?;
        if swapped == Swapped::NotPrimary && !opens(&self.0.accounts, pending, cx).await? {
            // The primary password is an abandoned attempt's, or was set by hand. To retain it would push out the one
            // that logged in, which is the secondary one.
            self.0.accounts.set_password(&mut session, &pending.username, &pending.password, cx).await?;
        }
        self.0.accounts.commit(session).await
    }

    /// Makes the server refuse the password that is named as gone, if it still works.
    pub(super) async fn discard(&self, keep: &Keep<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        let identity = |secret: &AccountSecret| (secret.username.clone(), secret.password.clone());
        for gone in keep.gone(identity) {
            let same_account =
                |kept: &&AccountSecret| kept.username == gone.username && kept.same_server(gone, A::DEFAULT_PORT);
            // No other account, which an edit by hand left in AWSPREVIOUS.
            let Some(current) = keep.kept().find(same_account) else { continue };
            let mut session = self.0.accounts.log_in(current, cx).await?;
            let passwords = self.0.accounts.passwords(&mut session, cx).await?;
            if matches!(passwords, Passwords::One { .. }) {
                self.0.accounts.close(session).await;
                continue;
            }
            self.0.accounts.lock(&mut session, cx).await?;
            cx.fence().await?;
            // The statement that discards names no password: it has to be this one that is the secondary one.
            if !opens(&self.0.accounts, &gone.at(current), cx).await? {
                self.0.accounts.close(session).await;
                continue;
            }
            if let Passwords::OneUntil { grant } = passwords {
                return Err(Error::forbidden("the old password still works, and the account may not discard it")
                    .next(format!("Let an administrator run {grant}, then start the rotation again")));
            }
            // Both work. Where labels were moved by hand, the one that is gone may be the primary one; then nobody
            // knows the new one, and the next rotation displaces it.
            let unknown = cx.password(A::EXCLUDE_CHARACTERS)?;
            let swapped =
                self.0.accounts.swap_password(&mut session, &gone.password, &unknown, Old::Refused, cx).await?;
            if swapped == Swapped::NotPrimary {
                self.0.accounts.discard_password(&mut session, cx).await?;
            }
            self.0.accounts.commit(session).await?;
        }
        Ok(())
    }
}
