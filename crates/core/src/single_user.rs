use crate::accounts::{admin, try_login};
use crate::{AccountSecret, Accounts, Context, Error, ErrorKind, Lives, Login, Result, Rotator};

/// Rotates the password of one account, which changes it by itself.
///
/// Where the server does not let it, the administrator does that the secret names by `masterarn`.
///
/// Between setSecret and finishSecret the server refuses AWSCURRENT: a consumer that logs in then has to try again.
/// Sessions that are open stay open. Where that is too much, use [`AlternatingUsers`](crate::AlternatingUsers).
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
        current.check(A::ENGINES)?;
        self.0.check_name(&current.username)?;
        Ok(AccountSecret { password: cx.password(A::EXCLUDE_CHARACTERS)?, ..current.clone() })
    }

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        pending.check(A::ENGINES)?;
        match login.open(async |version| self.0.log_in(version.secret(), cx).await).await {
            Ok((working, session)) => {
                same_account(pending, working.secret())?;
                match self.change(session, pending, cx).await {
                    // As on Amazon RDS with rds.restrict_password_commands.
                    Err(error) if error.kind() == ErrorKind::Forbidden && pending.masterarn.is_some() => {
                        tracing::info!(message = %error, "the administrator changes the password");
                        self.change(admin::open(&self.0, pending, cx).await?, pending, cx).await
                    }
                    changed => changed,
                }
            }
            Err(error) if error.is_rejected() => {
                admin::may_reset_lost(pending, error, cx)?;
                same_account(pending, cx.current::<AccountSecret>().await?.secret())?;
                self.change(admin::open(&self.0, pending, cx).await?, pending, cx).await
            }
            Err(error) => Err(error),
        }
    }

    async fn test(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        try_login(&self.0, secret, cx).await
    }
}

impl<A: Accounts> SingleUser<A> {
    /// Sets the pending password in a session: the account's own, or the administrator's.
    async fn change(&self, mut session: A::Session, pending: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        self.0.lock(&mut session, cx).await?;
        cx.fence().await?;
        self.0.set_password(&mut session, &pending.username, &pending.password, cx).await?;
        self.0.commit(session).await
    }
}

/// Refuses to change another account, or one elsewhere, than the one that the secret opened.
fn same_account(pending: &AccountSecret, working: &AccountSecret) -> Result<()> {
    let field = if pending.username != working.username {
        "username"
    } else if !pending.same_host(working) {
        "host"
    } else {
        return Ok(());
    };
    Err(Error::conflict(format!(
        "field `{field}` of the pending version differs from that of the version that opens the server"
    ))
    .next("Nothing was changed. Remove AWSPENDING from the pending version, then start the rotation again"))
}
