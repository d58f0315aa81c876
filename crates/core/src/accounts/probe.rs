use crate::accounts::{AccountSecret, Accounts};
use crate::context::Context;
use crate::error::Result;

/// Tries whether the server accepts the secret's account, as its `probe` in every strategy.
pub(crate) async fn try_login<A: Accounts>(accounts: &A, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
    secret.check(A::ENGINES)?;
    let session = accounts.log_in(secret, cx).await?;
    accounts.close(session).await;
    Ok(())
}

/// Returns whether the server accepts the secret's account. No answer is an error.
pub(crate) async fn opens<A: Accounts>(accounts: &A, secret: &AccountSecret, cx: &Context<'_>) -> Result<bool> {
    match try_login(accounts, secret, cx).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_rejected() => Ok(false),
        Err(error) => Err(error),
    }
}
