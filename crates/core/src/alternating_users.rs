mod ownership;

use std::sync::Arc;

use crate::account::AccountSecret;
use crate::accounts::Accounts;
use crate::accounts::admin::{self, Admin};
use crate::accounts::{opens, try_login};
use crate::context::Context;
use crate::document::Version;
use crate::error::{Error, Result};
use crate::keep::Keep;
use crate::login::Login;
use crate::rotator::{Rotator, Slots};
use crate::settings::Grants;
use crate::store::AWSPREVIOUS;

/// Rotates between two accounts, of which one always stays as consumers know it.
///
/// The **base** account is the one that the owner made; the other is its clone, named after it with `_clone`. Each
/// time the clone is pending it is made equal to the base; when the base is pending, only its password changes. An
/// administrator's secret, named by `masterarn`, does the changes. Consumers have to read the user name from the
/// secret each time.
#[derive(Clone, Copy, Debug)]
pub struct AlternatingUsers<A>(pub A);

const SUFFIX: &str = "_clone";

impl<A: Accounts> Rotator for AlternatingUsers<A> {
    type Secret = AccountSecret;
    const NAME: &'static str = "alternating-users";
    const SLOTS: Slots = Slots::Two;

    async fn create(
        &self,
        current: &AccountSecret,
        login: &Login<'_, Self>,
        cx: &Context<'_>,
    ) -> Result<AccountSecret> {
        current.check(A::ENGINES)?;
        admin::arn(current)?;
        let username = self.other_account(current, login, cx).await?;
        let next = AccountSecret { username, ..current.clone() };
        self.0.check_name(&next, cx)?;
        Ok(AccountSecret { password: cx.password(A::EXCLUDE_CHARACTERS)?, ..next })
    }

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        pending.check(A::ENGINES)?;
        let current = cx.current::<AccountSecret>().await?;
        let current = current.secret();
        let base = base_of_pair(&current.username, &pending.username).ok_or_else(|| not_a_pair(current, pending))?;
        if !pending.same_server(current, A::DEFAULT_PORT) {
            return Err(Error::conflict(
                "field `host` or `port` of the pending version differs from that of AWSCURRENT",
            )
            .next(START_ANEW));
        }
        // An administrator acts only for one who holds a credential of the pair: the secret alone proves nothing.
        let by_clone = match self.open_pair(current, login, cx).await {
            Ok((version, session)) => {
                self.0.close(session).await;
                version.secret().username != base
            }
            Err(error) if error.is_rejected() => {
                admin::may_reset_lost(pending, error, cx)?;
                false
            }
            Err(error) => return Err(error),
        };
        let Admin { mut session, ahead } = admin::open(&self.0, current, cx).await?;
        self.0.lock(&mut session, cx).await?;
        cx.fence().await?;
        if cx.settings().grants == Grants::Mirror {
            if by_clone {
                self.check_clone(&mut session, base, current, cx).await?;
            }
            if pending.username != base {
                self.mirror(&mut session, base, pending, cx).await?;
            }
        }
        self.0.set_password(&mut session, &pending.username, &pending.password, cx).await?;
        self.0.commit(session).await?;
        if ahead { admin::wait_for_replica(&self.0, pending, cx).await } else { Ok(()) }
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        try_login(&self.0, secret, cx).await
    }

    /// As in [`SingleUser`](crate::SingleUser), the password itself proves that this is the server at which it was set.
    async fn test(&self, pending: &AccountSecret, _login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        pending.check(A::ENGINES)?;
        let mut session = cx.noted(cx.token(), self.0.log_in(pending, cx).await)?;
        let proof = match cx.settings().grants {
            Grants::Mirror => self.check_rights(&mut session, pending, cx).await,
            Grants::Leave => Ok(()),
        };
        let writable = self.0.check_writable(&session);
        self.0.close(session).await;
        proof?;
        match writable {
            Ok(()) => Ok(()),
            Err(error) => self.read_only_as_ever(error, cx).await,
        }
    }

    /// Returns the account of a secret that is gone a password that nobody knows: no lock, no drop, so that the next
    /// rotation finds it as it was.
    async fn retire(&self, keep: &Keep<'_, AccountSecret>, _login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        for gone in keep.gone(|secret| secret.username.clone()) {
            // The other account of the pair, and no third one that an edit by hand left in AWSPREVIOUS.
            let Some(current) = keep.kept().find(|kept| base_of_pair(&kept.username, &gone.username).is_some()) else {
                continue;
            };
            if !opens(&self.0, gone, cx).await? {
                continue;
            }
            let Admin { mut session, .. } = admin::open(&self.0, current, cx).await?;
            self.0.lock(&mut session, cx).await?;
            cx.fence().await?;
            // Once more under the lock: a rotation that began meanwhile may have given the account a new password.
            if opens(&self.0, gone, cx).await? {
                let unknown = cx.password(A::EXCLUDE_CHARACTERS)?;
                self.0.set_password(&mut session, &gone.username, &unknown, cx).await?;
                self.0.commit(session).await?;
            } else {
                self.0.close(session).await;
            }
        }
        Ok(())
    }
}

impl<A: Accounts> AlternatingUsers<A> {
    /// Proves that a clone may do what its base may, by a session of the base too where the server needs one.
    async fn check_rights(&self, session: &mut A::Session, pending: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        let mut of_base = None;
        if A::RIGHTS_BY_BOTH && pending.username.ends_with(SUFFIX) {
            let current = cx.current::<AccountSecret>().await?;
            let current = current.secret();
            if base_of_pair(&current.username, &pending.username) == Some(&current.username) {
                of_base = match self.0.log_in(current, cx).await {
                    Ok(session) => Some(session),
                    // Its password was changed by hand: setSecret compared the two.
                    Err(error) if error.is_rejected() => None,
                    Err(error) => return Err(error),
                };
            }
        }
        let proof = self.0.check_rights(session, &pending.username, of_base.as_mut(), cx).await;
        if let Some(of_base) = of_base {
            self.0.close(of_base).await;
        }
        proof
    }

    /// Lets a session be read only where that of AWSCURRENT is so too: then `host` names a replica on purpose, and the
    /// administrator's secret its primary. Else a failover came in between.
    async fn read_only_as_ever(&self, error: Error, cx: &Context<'_>) -> Result<()> {
        let current = cx.current::<AccountSecret>().await?;
        let Ok(session) = cx.noted(current.id(), self.0.log_in(current.secret(), cx).await) else {
            return Err(error);
        };
        let writable = self.0.check_writable(&session);
        self.0.close(session).await;
        if writable.is_ok() { Err(error) } else { Ok(()) }
    }

    /// Returns the name of the account that is not current.
    async fn other_account(
        &self,
        current: &AccountSecret,
        login: &Login<'_, Self>,
        cx: &Context<'_>,
    ) -> Result<String> {
        let name = &current.username;
        // A name that ends in `_clone` may be a base account's own: the older version tells, or only our mark.
        if let Some(base) = name.strip_suffix(SUFFIX).filter(|base| !base.is_empty()) {
            let previous = cx.older::<AccountSecret>(AWSPREVIOUS).await?;
            if let Some(previous) = previous
                && base_of_pair(name, &previous.secret().username).is_some()
            {
                return Ok(previous.secret().username.clone());
            }
            let (version, mut session) = self.open_pair(current, login, cx).await?;
            let marked = self.0.marked_base(&mut session, name).await;
            self.0.close(session).await;
            if version.secret().username == *name && marked?.as_deref() == Some(base) {
                return Ok(base.to_owned());
            }
        }
        Ok(clone_of(name))
    }

    /// Opens a session as either account, at AWSCURRENT's own server. What another account or another server accepts
    /// proves nothing: whoever may write the secret chooses what is in its older versions.
    async fn open_pair(
        &self,
        current: &AccountSecret,
        login: &Login<'_, Self>,
        cx: &Context<'_>,
    ) -> Result<(Arc<Version<AccountSecret>>, A::Session)> {
        login
            .open(async |version| {
                let candidate = version.secret();
                let of_pair = candidate.username == current.username
                    || base_of_pair(&candidate.username, &current.username).is_some();
                if !of_pair || !candidate.same_server(current, A::DEFAULT_PORT) {
                    return Err(Error::rejected("the version is of another account, or of another server"));
                }
                self.0.log_in(candidate, cx).await
            })
            .await
    }
}

/// Returns the name that a base account's clone has.
#[must_use]
pub fn clone_of(base: &str) -> String {
    format!("{base}{SUFFIX}")
}

/// Returns the base of two accounts of which one is the other's clone by name.
pub(crate) fn base_of_pair<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    let base_of = |clone: &'a str, base: &'a str| clone.strip_suffix(SUFFIX).filter(|name| *name == base);
    base_of(one, other).or_else(|| base_of(other, one))
}

fn not_a_pair(current: &AccountSecret, pending: &AccountSecret) -> Error {
    let (current, pending) = (&current.username, &pending.username);
    let what = if current == pending {
        format!("the pending version names AWSCURRENT's own account `{current}`")
    } else {
        format!("the pending version names account `{pending}`, which is not the other one of `{current}`")
    };
    Error::conflict(what).next(START_ANEW)
}

const START_ANEW: &str =
    "Nothing was changed. Remove AWSPENDING from the pending version, then start the rotation again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_a_name_and_the_same_with_the_suffix() {
        for (one, other, base) in [
            ("app", "app_clone", Some("app")),
            ("app_clone", "app", Some("app")),
            ("svc_clone", "svc_clone_clone", Some("svc_clone")),
            ("app", "app", None),
            ("app_clone", "app_clone", None),
            ("app", "other_clone", None),
            ("", "_clone", Some("")),
        ] {
            assert_eq!(base_of_pair(one, other), base, "{one} {other}");
        }
    }
}
