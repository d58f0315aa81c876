use crate::accounts::probe::placed;
use crate::accounts::strategies::dual_password::DualPassword;
use crate::accounts::strategies::own_account;
use crate::accounts::strategies::single_user::SingleUser;
use crate::accounts::target::Target;
use crate::accounts::{AccountSecret, Passwords, TwoPasswords};
use crate::context::Context;
use crate::error::Result;
use crate::keep::Keep;
use crate::login::Login;
use crate::rotator::Rotator;
use crate::settings::Groups;
use crate::slots::Slots;

/// Rotates one account by dual-password where the server and the account's rights allow it, else by single-user.
///
/// The choice is made in the session that acts on it, so it costs no connection. Where the answer changes between two
/// steps nothing is lost: setSecret finds the pending password installed in either way, and what is to be retired is
/// found by logging in with it.
pub(super) struct DualOrSingle<A>(pub(super) Target<A>);

impl<A: TwoPasswords> Rotator for DualOrSingle<A> {
    type Secret = AccountSecret;
    // createSecret is the same in both, and opens no session to ask in.
    const NAME: &'static str = "auto";
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
        match self.passwords(&mut own.session, cx).await? {
            Passwords::Two => DualPassword(self.0.clone()).install(own, pending, cx).await,
            one => {
                tracing::info!("AWSCURRENT is refused from now until finishSecret: {}", one.why());
                own_account::set(&self.0, own.session, pending, cx).await
            }
        }
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        secret.check(A::ENGINES)?;
        let mut session = self.0.accounts.log_in(&placed(secret, cx).await?, cx).await?;
        let passwords = self.passwords(&mut session, cx).await;
        self.0.accounts.close(session).await;
        passwords.map(drop)
    }

    async fn test(&self, pending: &AccountSecret, _login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        pending.check(A::ENGINES)?;
        let mut session = cx.tried(cx.token(), self.0.accounts.log_in(pending, cx).await)?;
        let passwords = self.passwords(&mut session, cx).await;
        let writable = own_account::check_writable(&self.0.accounts, &session, pending);
        self.0.accounts.close(session).await;
        passwords?;
        writable
    }

    async fn retire(
        &self,
        keep: &Keep<'_, AccountSecret>,
        _login: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<()> {
        DualPassword(self.0.clone()).discard(keep, cx).await
    }
}

impl<A: TwoPasswords> DualOrSingle<A> {
    /// Asks the server, and notes the strategy that follows from its answer.
    async fn passwords(&self, session: &mut A::Session, cx: &Context<'_>) -> Result<Passwords> {
        let passwords = self.0.accounts.passwords(session, cx).await?;
        match passwords {
            Passwords::Two => cx.strategy_is(DualPassword::<A>::NAME, DualPassword::<A>::SLOTS),
            Passwords::OneUntil { .. } | Passwords::One { .. } => {
                cx.strategy_is(SingleUser::<A>::NAME, SingleUser::<A>::SLOTS);
            }
        }
        Ok(passwords)
    }
}
