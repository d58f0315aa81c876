//! An account that changes its own password: what its strategies share.

use std::sync::Arc;

use crate::accounts::administrator::{self, Administrator};
use crate::accounts::probe::placed;
use crate::accounts::target::Target;
use crate::accounts::{AccountSecret, Accounts};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::login::Login;
use crate::store::AWSCURRENT;
use crate::version::Version;

/// Creates the next secret of the same account.
pub(super) fn next_secret<A: Accounts>(
    accounts: &A,
    current: &AccountSecret,
    cx: &Context<'_>,
) -> Result<AccountSecret> {
    current.check(A::ENGINES)?;
    accounts.check_name(current, cx)?;
    Ok(AccountSecret { password: cx.password(A::EXCLUDE_CHARACTERS)?, ..current.clone() })
}

/// A session as the account itself, with the lock taken and the labels fenced.
pub(super) struct Own<A: Accounts> {
    /// The version whose password opened it: another than the pending one.
    pub(super) working: Arc<Version<AccountSecret>>,
    pub(super) session: A::Session,
}

/// Opens the account's session with the version that the server accepts. None: there is nothing left to do in it.
///
/// - Where AWSCURRENT is refused and the pending password opens, an earlier attempt installed it. It is not set again:
///   a server that keeps a history of passwords would refuse that.
pub(super) async fn open<A: Accounts>(
    target: &Target<A>,
    pending: &AccountSecret,
    login: &Login<'_, AccountSecret>,
    cx: &Context<'_>,
) -> Result<Option<Own<A>>> {
    let accounts = &target.accounts;
    pending.check(A::ENGINES)?;
    match login.open(async |version| accounts.log_in(&placed(version.secret(), cx).await?, cx).await).await {
        Ok((working, session)) if working.id() == cx.token() => {
            accounts.close(session).await;
            Ok(None)
        }
        Ok((working, mut session)) => {
            same_account::<A>(pending, &placed(working.secret(), cx).await?)
                .map_err(|error| edited(error, pending, &working, cx))?;
            accounts.lock(&mut session, cx).await?;
            cx.fence().await?;
            Ok(Some(Own { working, session }))
        }
        Err(error) if error.is_rejected() && pending.masterarn.is_some() => Err(lost(error, cx)),
        Err(error) => Err(error),
    }
}

/// Sets the pending password in the account's own session, or where the account may not, the administrator's.
pub(super) async fn set<A: Accounts>(
    target: &Target<A>,
    mut session: A::Session,
    pending: &AccountSecret,
    cx: &Context<'_>,
) -> Result<()> {
    let accounts = &target.accounts;
    match accounts.set_password(&mut session, &pending.username, &pending.password, cx).await {
        // As on Amazon RDS with rds.restrict_password_commands.
        Err(error) if error.kind() == ErrorKind::Forbidden && pending.masterarn.is_some() => {
            tracing::info!(reason = %error, "the administrator changes the password");
            // It holds the lock that the administrator needs.
            accounts.close(session).await;
            set_by_administrator(target, pending, cx).await
        }
        Err(error) => Err(error),
        Ok(()) => accounts.commit(session).await,
    }
}

/// Proves that the pending password opens the server, and that it is one at which consumers can write.
///
/// The password itself proves that this is the server at which setSecret set it, though the name of the host may lead
/// to another one by now: no other server accepts what was made a moment ago and stored in the secret alone, except a copy of
/// that one. And a copy is no place for consumers who write.
pub(super) async fn test<A: Accounts>(accounts: &A, pending: &AccountSecret, cx: &Context<'_>) -> Result<()> {
    pending.check(A::ENGINES)?;
    let session = cx.tried(cx.token(), accounts.log_in(pending, cx).await)?;
    let writable = check_writable(accounts, &session, pending);
    accounts.close(session).await;
    writable
}

/// Refuses a session at a server that writes nothing, unless the administrator changes the password at another one.
pub(super) fn check_writable<A: Accounts>(accounts: &A, session: &A::Session, pending: &AccountSecret) -> Result<()> {
    match accounts.check_writable(session) {
        // The administrator may have set it elsewhere, and the host be a replica on purpose.
        Err(error) if pending.masterarn.is_some() => {
            tracing::warn!(reason = %error, "what field `host` of the secret names writes nothing");
            Ok(())
        }
        writable => writable,
    }
}

/// Names the operator's way out where the server refuses every version.
pub(super) fn lost(refused: Error, cx: &Context<'_>) -> Error {
    refused.next(format!(
        "Store the password that the server accepts in the secret as AWSCURRENT, then start the rotation again; or let an operator have the administrator set a new one: fourstep reset {}",
        cx.secret_argument()
    ))
}

/// Lets the administrator set the pending password.
pub(super) async fn set_by_administrator<A: Accounts>(
    target: &Target<A>,
    pending: &AccountSecret,
    cx: &Context<'_>,
) -> Result<()> {
    let accounts = &target.accounts;
    let Administrator { mut session, ahead } = administrator::open(target, pending, &[&pending.username], cx).await?;
    accounts.lock(&mut session, cx).await?;
    cx.fence().await?;
    accounts.set_password(&mut session, &pending.username, &pending.password, cx).await?;
    accounts.commit(session).await?;
    if ahead { administrator::wait_for_replica(accounts, pending, cx).await } else { Ok(()) }
}

/// Names the way out where it is AWSCURRENT that names another account than the server opened, since an edit by hand: a new
/// pending version would be of that one again.
fn edited(error: Error, pending: &AccountSecret, working: &Version<AccountSecret>, cx: &Context<'_>) -> Error {
    if cx.id_of(AWSCURRENT).as_deref() == Some(working.id()) {
        return error;
    }
    let secret = cx.secret_argument();
    // Two refused logins at the most come before the version that opens the server: the pending one's, and AWSCURRENT's.
    error.next(format!(
        "Nothing was changed. If AWSCURRENT names `{}` by mistake, run: fourstep recover {secret} --attempts 3; it makes the version AWSCURRENT that opens the server. If not, store the password of that account in AWSCURRENT and run: fourstep start --force {secret}",
        pending.username
    ))
}

/// Refuses to change another account, or one elsewhere, than the one that the secret opened, or to reach it otherwise.
pub(super) fn same_account<A: Accounts>(pending: &AccountSecret, working: &AccountSecret) -> Result<()> {
    let field = if pending.username != working.username {
        "`username`"
    } else if !pending.same_server(working, A::DEFAULT_PORT) {
        "`host` or `port`"
    } else if pending.tls() != working.tls() {
        "`ssl`"
    } else {
        return Ok(());
    };
    Err(Error::conflict(format!(
        "field {field} of the pending version differs from that of the version that opens the server"
    ))
    .next("Nothing was changed. Remove AWSPENDING from the pending version, then start the rotation again"))
}
