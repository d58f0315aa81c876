//! The administrator that a secret names by `masterarn`: when it may act, where it logs in, and as whom.

use std::collections::BTreeMap;

use crate::accounts::clones::base_of_pair;
use crate::accounts::probe::try_login;
use crate::accounts::target::Target;
use crate::accounts::{AccountSecret, AccountSettings, Accounts, ServerLookup, same_host};
use crate::backoff::Backoff;
use crate::context::Context;
use crate::error::{Error, Result};

/// Returns the ARN of the administrator's secret.
pub(crate) fn arn(secret: &AccountSecret) -> Result<&str> {
    secret.masterarn.as_deref().ok_or_else(|| {
        Error::invalid("the secret has no field `masterarn`, which alternating-users needs").next(
            "Add `masterarn` to the secret's JSON: the ARN of the secret of an administrator of the same server; or set the tag fourstep:strategy=single-user",
        )
    })
}

/// A session as the administrator.
pub(crate) struct Administrator<S> {
    pub(crate) session: S,
    /// Whether the secret's own host is a replica, which has the administrator's writes a moment later.
    pub(crate) ahead: bool,
}

/// Opens a session as the administrator that `secret` names, in the secret's own database, to touch `accounts`.
///
/// Whose secret is an administrator's says the function's owner, by `ADMIN_SECRETS`; and which accounts it may touch, by
/// `ADMIN_ACCOUNTS`. Its own account is never among them.
///
/// Whoever may write `secret` chooses its host, and `masterarn` too. So the administrator's password goes to no host
/// that `secret` names: only to the one in the administrator's own secret, or that which Amazon RDS gives for it, or
/// that of the setting `endpoint`, which the function's owner allowed. And it changes nothing there unless the host of
/// `secret`, at which the caller made sure that a credential of the account works, is the same server: by name and
/// port; or, as Amazon RDS says, a read replica of it, or another end point or instance of its cluster. It is never the
/// other way round: the administrator's host has to be the primary.
pub(crate) async fn open<A: Accounts>(
    target: &Target<A>,
    secret: &AccountSecret,
    accounts: &[&str],
    cx: &Context<'_>,
) -> Result<Administrator<A::Session>> {
    let arn = arn(secret)?;
    let allowed = &cx.settings::<AccountSettings>().admin_accounts;
    if !accounts.iter().all(|account| allowed.admit(account)) {
        return Err(not_touched(accounts));
    }
    let other = cx.read::<AccountSecret>(arn).await?;
    let about = |error: Error| error.about(format!("the administrator's secret {arn}"));
    let admin = located(other.version.secret(), &other.tags, &*target.servers).await.map_err(about)?;
    // Where two of its own take turns, neither.
    let is_own = |account: &&str| *account == admin.username || base_of_pair(account, &admin.username).is_some();
    if accounts.iter().any(is_own) {
        return Err(not_touched(accounts));
    }
    complete::<A>(&admin).map_err(about)?;
    hide::<A>(&admin, secret, cx);
    let ahead = is_replicated_to(target, &admin, secret, arn, cx).await?;
    let admin = AccountSecret { dbname: secret.dbname.clone(), ..admin };
    let session = target.accounts.log_in(&admin, cx).await.map_err(|error| {
        if error.is_rejected() {
            // Not a refusal of this secret's credential: no other version of it would help.
            return Error::forbidden(format!("the server refused the administrator of secret {arn}"))
                .next("Correct that secret, or rotate it first");
        }
        error
    })?;
    Ok(Administrator { session, ahead })
}

/// Lets errors repeat neither the administrator's account nor a host that the secret does not name itself. The log tells
/// the function's owner which account it is.
fn hide<A: Accounts>(admin: &AccountSecret, secret: &AccountSecret, cx: &Context<'_>) {
    tracing::info!(account = admin.username, "the administrator acts");
    for quote in ['"', '\'', '`'] {
        let name = admin.username.replace(quote, &format!("{quote}{quote}"));
        cx.hide(format!("{quote}{name}{quote}"), format!("{quote}<administrator>{quote}"));
    }
    let place = |secret: &AccountSecret| {
        let (host, port) = secret.endpoint(cx.settings(), A::DEFAULT_PORT).ok()?;
        Some(format!("{host}:{port}"))
    };
    if let Some(host) = place(admin).filter(|host| place(secret).as_ref() != Some(host)) {
        cx.hide(host, "the administrator's host");
    }
}

/// Waits until the secret's own host accepts what the administrator set, where that is a replica.
pub(crate) async fn wait_for_replica<A: Accounts>(
    accounts: &A,
    pending: &AccountSecret,
    cx: &Context<'_>,
) -> Result<()> {
    let mut backoff = Backoff::for_visibility();
    loop {
        match try_login(accounts, pending, cx).await {
            Err(error) if error.is_rejected() => {
                if !cx.pause(&mut backoff).await {
                    return Err(Error::unavailable("the primary has the new password, and the replica that field `host` of the secret names does not accept it yet")
                        .next("Secrets Manager tries again by itself. If this goes on, look at the replica's lag, or name the primary in `host`")
                        .retried());
                }
            }
            result => return result,
        }
    }
}

/// The tags of a secret that Amazon RDS manages, which hold the ARN of what it belongs to. Nobody else can set a tag that
/// begins with `aws:`. AWS's documentation and its functions spell them in different cases.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>
const MANAGED_BY: [&str; 2] = ["aws:rds:primaryDBInstanceArn", "aws:rds:primaryDBClusterArn"];

/// Refuses an account that the administrator may not touch.
fn not_touched(accounts: &[&str]) -> Error {
    let accounts: Vec<_> = accounts.iter().map(|account| format!("`{account}`")).collect();
    Error::forbidden(format!("the administrator does not act for the account {}: it is the administrator's own, or the function's owner does not allow it", accounts.join(" and ")))
        .still_works("Nothing was changed")
        .next("If it may, let the function's owner add it to the variable ADMIN_ACCOUNTS; or rotate it by its own password, with the tag fourstep:strategy=single-user")
}

/// Checks the administrator's secret as [`AccountSecret::check`] does, and repeats nothing of it: the writer of the secret
/// that is rotated reads the error.
fn complete<A: Accounts>(admin: &AccountSecret) -> Result<()> {
    if admin.engine.as_deref().is_some_and(|engine| !A::ENGINES.contains(&engine)) {
        return Err(Error::invalid("its field `engine` names another kind of server than this function rotates")
            .next("Correct `masterarn`: it has to name the secret of an administrator of the same server"));
    }
    admin.check(A::ENGINES)
}

/// Adds engine, host and port to a secret that Amazon RDS manages, which has a user name and a password alone.
async fn located(
    admin: &AccountSecret,
    tags: &BTreeMap<String, String>,
    servers: &dyn ServerLookup,
) -> Result<AccountSecret> {
    if admin.host.is_some() || admin.engine.is_some() {
        return Ok(admin.clone());
    }
    let is_managed_by = |key: &str| MANAGED_BY.iter().any(|tag| tag.eq_ignore_ascii_case(key));
    let Some((_, arn)) = tags.iter().find(|(key, _)| is_managed_by(key)) else {
        return Err(Error::invalid("it has no fields `engine` and `host`, and is not managed by Amazon RDS either").next(
            "Add `engine` and `host` to that secret's JSON; or name in `masterarn` the secret that Amazon RDS made for the server",
        ));
    };
    let server = servers.server(arn).await?;
    Ok(AccountSecret { engine: Some(server.engine), host: Some(server.host), port: Some(server.port), ..admin.clone() })
}

/// Makes sure that `secret` is for the administrator's server. Returns whether it is so as a replica's.
async fn is_replicated_to<A: Accounts>(
    target: &Target<A>,
    admin: &AccountSecret,
    secret: &AccountSecret,
    arn: &str,
    cx: &Context<'_>,
) -> Result<bool> {
    // What counts is where the sessions are opened: with the setting `endpoint` both are opened there.
    let settings = cx.settings::<AccountSettings>();
    let (host, port) = secret.endpoint(settings, A::DEFAULT_PORT)?;
    let (primary, primary_port) = admin.endpoint(settings, A::DEFAULT_PORT)?;
    if same_host(&host, &primary) {
        return match port == primary_port {
            true => Ok(false),
            false => Err(Error::invalid(format!(
                "field `port` of the administrator's secret {arn} is not that of this secret"
            ))
            .next("Correct `masterarn`, or `port` in one of the two secrets: each port is a server of its own")),
        };
    }
    // They differ, so ask.
    if target.servers.follows(&host, &primary).await? {
        return Ok(true);
    }
    Err(Error::invalid(format!(
        "field `host` of the administrator's secret {arn} is not the host of this secret, nor does Amazon RDS know this secret's host as a replica or another end point of it"
    ))
    .next("Correct `masterarn`, or `host` in one of the two secrets; the administrator's has to be the primary. Where both names lead to one server in another way, as by a CNAME or a proxy, name the server itself in the tag fourstep:endpoint"))
}
