use crate::accounts::probe::opens;
use crate::accounts::strategies::single_user::SingleUser;
use crate::accounts::strategies::{own_account, pair};
use crate::accounts::target::Target;
use crate::accounts::{AccountSecret, Accounts};
use crate::context::Context;
use crate::error::Result;
use crate::login::Login;
use crate::rotator::Rotator;
use crate::settings::Groups;
use crate::slots::Slots;

/// Its name, in logs and replies.
pub(crate) const RESET: &str = "reset";

/// Gives the account that AWSCURRENT names a new password by the administrator's hand: for an operator who says so, where
/// the server refuses every version. No step of a rotation gets here.
///
/// With two accounts that take turns it is the account that consumers use now; the next rotation goes on with the other.
pub(super) struct Reset<A>(pub(super) Target<A>);

impl<A: Accounts> Rotator for Reset<A> {
    type Secret = AccountSecret;
    const NAME: &'static str = RESET;
    const SLOTS: Slots = Slots::One;

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

    async fn set(&self, pending: &AccountSecret, _login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        pending.check(A::ENGINES)?;
        own_account::same_account::<A>(pending, cx.current::<AccountSecret>().await?.secret())?;
        // An earlier call got that far, and a server that keeps a history of passwords would refuse it a second time.
        if opens(&self.0.accounts, pending, cx).await? {
            return Ok(());
        }
        own_account::set_by_administrator(&self.0, pending, cx).await
    }

    /// What an edit by hand left of another account, or of another server, does not count.
    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        let current = cx.current::<AccountSecret>().await?;
        pair::check_of_pair(secret, current.secret(), A::DEFAULT_PORT)?;
        Rotator::probe(&SingleUser(self.0.clone()), secret, cx).await
    }

    async fn test(&self, pending: &AccountSecret, login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        SingleUser(self.0.clone()).test(pending, login, cx).await
    }
}
