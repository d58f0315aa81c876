use std::sync::Arc;

use crate::accounts::probe::{placed, try_login};
use crate::accounts::strategies::own_account;
use crate::accounts::target::Target;
use crate::accounts::{AccountSecret, Accounts, ServerLookup};
use crate::context::Context;
use crate::error::Result;
use crate::login::Login;
use crate::rotator::Rotator;
use crate::settings::Groups;
use crate::slots::Slots;

/// Rotates the password of one account, which changes it by itself.
///
/// Where the server does not let it, the administrator does that the secret names by `masterarn`.
///
/// Between setSecret and finishSecret the server refuses AWSCURRENT: a consumer that logs in then has to try again.
/// Sessions that are open stay open. Where that is too much, use [`DualPassword`](crate::accounts::DualPassword) if the server
/// keeps two passwords, or [`AlternatingUsers`](crate::accounts::AlternatingUsers).
#[derive(Clone, Debug)]
pub struct SingleUser<A>(pub(super) Target<A>);

impl<A: Accounts> SingleUser<A> {
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

impl<A: Accounts> Rotator for SingleUser<A> {
    type Secret = AccountSecret;
    const NAME: &'static str = "single-user";
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

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        match own_account::open(&self.0, pending, login, cx).await? {
            Some(own) => own_account::set(&self.0, own.session, pending, cx).await,
            None => Ok(()),
        }
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        try_login(&self.0.accounts, &placed(secret, cx).await?, cx).await
    }

    async fn test(&self, pending: &AccountSecret, _login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        own_account::test(&self.0.accounts, pending, cx).await
    }
}
