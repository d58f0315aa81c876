use crate::accounts::{own, try_login};
use crate::{AccountSecret, Accounts, Context, Lives, Login, Result, Rotator};

/// Rotates the password of one account, which changes it by itself.
///
/// Where the server does not let it, the administrator does that the secret names by `masterarn`.
///
/// Between setSecret and finishSecret the server refuses AWSCURRENT: a consumer that logs in then has to try again.
/// Sessions that are open stay open. Where that is too much, use [`DualPassword`](crate::DualPassword) if the server
/// keeps two passwords, or [`AlternatingUsers`](crate::AlternatingUsers).
#[derive(Clone, Copy, Debug)]
pub struct SingleUser<A>(pub A);

impl<A: Accounts> Rotator for SingleUser<A> {
    type Secret = AccountSecret;
    const NAME: &'static str = "single-user";
    const LIVES: Lives = Lives::One;

    async fn create(
        &self,
        current: &AccountSecret,
        _login: &Login<'_, Self>,
        cx: &Context<'_>,
    ) -> Result<AccountSecret> {
        own::next_secret(&self.0, current, cx)
    }

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        match own::open(&self.0, pending, login, cx).await? {
            Some(own) => own::set(&self.0, own.session, pending, cx).await,
            None => Ok(()),
        }
    }

    async fn test(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        try_login(&self.0, secret, cx).await
    }
}
