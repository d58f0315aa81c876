//! The administrator that a secret names by `masterarn`: when it may act, and how its session is opened.

use crate::{AWSCURRENT, AccountSecret, Accounts, Context, Error, Result};

/// Gives the ARN of the administrator's secret.
pub(crate) fn arn(secret: &AccountSecret) -> Result<&str> {
    secret.masterarn.as_deref().ok_or_else(|| {
        Error::invalid("the secret has no field `masterarn`, which alternating-users needs").next(
            "Add `masterarn` to the secret's JSON: the ARN of the secret of an administrator of the same server; or set the tag fourstep:strategy=single-user",
        )
    })
}

/// Opens a session as the administrator that `secret` names, at the secret's own server and database.
pub(crate) async fn open<A: Accounts>(accounts: &A, secret: &AccountSecret, cx: &Context<'_>) -> Result<A::Session> {
    let arn = arn(secret)?;
    let admin = cx.read::<AccountSecret>(arn).await?;
    let admin = admin.secret();
    admin.check(A::ENGINES)?;
    if !admin.same_host(secret) {
        return Err(Error::invalid(format!(
            "field `host` of the administrator's secret {arn} is not the host of this secret"
        ))
        .next("Correct `masterarn`, or `host` in one of the two secrets"));
    }
    let admin = AccountSecret { dbname: secret.dbname.clone(), ..admin.clone() };
    accounts.log_in(&admin, cx).await.map_err(|error| {
        if error.is_rejected() {
            // Not a refusal of this secret's credential: no other version of it would help.
            return Error::forbidden(format!("the server refused the administrator of secret {arn}"))
                .next("Correct that secret, or rotate it first");
        }
        error
    })
}

/// Lets the administrator set a password though no version of the secret opens the server, or gives the refusal.
///
/// The tag `fourstep:reset-lost` has to name the version that is current: so it holds for one rotation, and whoever may
/// only write the secret cannot have another account's password reset by naming that account.
pub(crate) fn may_reset_lost(secret: &AccountSecret, refused: Error, cx: &Context<'_>) -> Result<()> {
    let current = cx.description().version_with(AWSCURRENT).map(str::to_owned);
    let Some(current) = current.filter(|_| secret.masterarn.is_some()) else { return Err(refused) };
    if cx.settings().reset_lost.as_deref() == Some(current.as_str()) {
        tracing::warn!(
            version = current,
            "no version opens the server; the administrator resets the password, as fourstep:reset-lost says"
        );
        return Ok(());
    }
    Err(refused.next(format!(
        "Store the password that the server accepts in the secret as AWSCURRENT; or let the administrator set a new one, by the tag fourstep:reset-lost={current}. Then start the rotation again"
    )))
}
