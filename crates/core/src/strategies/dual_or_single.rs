use crate::account::AccountSecret;
use crate::accounts::own;
use crate::accounts::{Accounts, Passwords};
use crate::context::Context;
use crate::dual_password::DualPassword;
use crate::error::Result;
use crate::keep::Keep;
use crate::login::Login;
use crate::rotator::{Rotator, Slots};
use crate::single_user::SingleUser;

/// Rotates one account by dual-password where the server and the account's rights allow it, else by single-user.
///
/// The choice is made in the session that acts on it, so it costs no connection. Where the answer changes between two
/// steps nothing is lost: setSecret finds the pending password installed in either way, and what is to be retired is
/// found by logging in with it.
pub(super) struct DualOrSingle<A>(pub(super) A);

impl<A: Accounts> Rotator for DualOrSingle<A> {
    type Secret = AccountSecret;
    // createSecret is the same in both, and opens no session to ask in.
    const NAME: &'static str = "auto";
    const SLOTS: Slots = Slots::Two;

    async fn create(
        &self,
        current: &AccountSecret,
        _login: &Login<'_, Self>,
        cx: &Context<'_>,
    ) -> Result<AccountSecret> {
        own::next_secret(&self.0, current, cx)
    }

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        let Some(mut own) = own::open(&self.0, pending, login, cx).await? else { return Ok(()) };
        match self.passwords(&mut own.session, cx).await? {
            Passwords::Two => DualPassword(self.0.clone()).install(own, pending, cx).await,
            one => {
                tracing::info!("AWSCURRENT is refused from now until finishSecret: {}", one.why());
                own::set(&self.0, own.session, pending, cx).await
            }
        }
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        secret.check(A::ENGINES)?;
        let mut session = self.0.log_in(secret, cx).await?;
        let passwords = self.passwords(&mut session, cx).await;
        self.0.close(session).await;
        passwords.map(drop)
    }

    async fn retire(&self, keep: &Keep<'_, AccountSecret>, _login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        DualPassword(self.0.clone()).discard(keep, cx).await
    }
}

impl<A: Accounts> DualOrSingle<A> {
    /// Asks the server, and notes the strategy that follows from its answer.
    async fn passwords(&self, session: &mut A::Session, cx: &Context<'_>) -> Result<Passwords> {
        let passwords = self.0.passwords(session, cx).await?;
        match passwords {
            Passwords::Two => cx.set_strategy::<DualPassword<A>>(),
            Passwords::OneUntil { .. } | Passwords::One { .. } => cx.set_strategy::<SingleUser<A>>(),
        }
        Ok(passwords)
    }
}
