use crate::accounts::{AccountSecret, Accounts};
use crate::context::Context;
use crate::error::Result;
use crate::step::Step;
use crate::store::AWSCURRENT;

/// Returns a version's credential where and how AWSCURRENT says, whatever the version itself says of that: it may be older
/// than what the owner corrected.
pub(crate) async fn placed(secret: &AccountSecret, cx: &Context<'_>) -> Result<AccountSecret> {
    // There it is the pending version, which setSecret compared with AWSCURRENT.
    if cx.step() == Step::Finish && !cx.by_operator() {
        return Ok(secret.clone());
    }
    let current = cx.labelled::<AccountSecret>(AWSCURRENT).await?;
    Ok(current.map_or_else(|| secret.clone(), |current| secret.at(current.secret())))
}

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
