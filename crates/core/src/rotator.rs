use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::keep::Keep;
use crate::login::{Login, Probe};
use crate::settings::{Groups, PasswordPolicy};
use crate::slots::Slots;

/// What is special about rotating the credentials of one kind of service.
///
/// The engine owns the protocol: labels, retries, idempotency, fallback to other versions, redaction. An author says
/// how to make a credential, how to install it, how to try it and, where old ones stay alive, how to refuse them.
/// Three methods are required; `async fn` implements them.
///
/// Errors: [`Rejected`](crate::ErrorKind::Rejected) only if the service itself refused the credential. No answer, a
/// full service and a failed TLS handshake are [`Unavailable`](crate::ErrorKind::Unavailable), and the engine tries
/// again.
pub trait Rotator: Send + Sync + Sized + 'static {
    /// The secret's JSON object. Fields that it leaves out are carried over untouched. What is secret in it is
    /// [`Sensitive`](crate::Sensitive).
    type Secret: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The name that logs and metrics give to this kind of rotation.
    const NAME: &'static str;

    /// How old and new credentials live together at the target.
    const SLOTS: Slots;

    /// Returns the groups of settings that it reads, beside the engine's own. By default those of a password, which
    /// [`Context::password`] needs.
    ///
    /// A `fourstep:` tag in none of them is refused, so that no tag is ignored in silence.
    fn settings() -> Groups {
        Groups::of::<PasswordPolicy>()
    }

    /// createSecret: makes the next secret from the current one. It is stored before anything else happens.
    ///
    /// - Called once for a version; again if what it returned was never stored.
    /// - Changes the target only where [`SLOTS`](Self::SLOTS) is `Many` or `InPlace`.
    fn create(
        &self,
        current: &Self::Secret,
        login: &Login<'_, Self::Secret>,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<Self::Secret>> + Send;

    /// setSecret: makes the service accept `pending`.
    ///
    /// - Called on every attempt; must be idempotent, down to the statement.
    /// - Opens its session, takes the target's lock in it, calls [`Context::fence`], and only then writes.
    fn set(
        &self,
        pending: &Self::Secret,
        login: &Login<'_, Self::Secret>,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Tries whether `secret` opens the service, as the right account. Has no side effects.
    fn probe(&self, secret: &Self::Secret, cx: &Context<'_>) -> impl Future<Output = Result<()>> + Send;

    /// testSecret: proves that `pending` opens the service and, where the service can tell, may do what the current
    /// secret may. Has no side effects.
    ///
    /// By default it calls [`probe`](Self::probe), which proves the first half, for as long as [`activation`](Self::activation)
    /// allows for.
    fn test(
        &self,
        pending: &Self::Secret,
        login: &Login<'_, Self::Secret>,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = login;
        cx.until_active(self.activation(), || self.probe(pending, cx))
    }

    /// Returns for how long the service may still refuse a credential that it has just been given, or made. None at all, by
    /// default: then finishSecret takes a refusal for the service's last word.
    fn activation(&self) -> Duration {
        Duration::ZERO
    }

    /// Makes the service refuse what `keep` names as gone, and marked strays. By default it does nothing, which is right
    /// where `set` replaces the old credential.
    ///
    /// - Never touches what shares its identity (account, key id, public key) with a secret that is kept.
    /// - Takes the lock and calls [`Context::fence`] before it writes, like `set`.
    /// - Succeeds where there is nothing to do, and then writes nothing.
    fn retire(
        &self,
        keep: &Keep<'_, Self::Secret>,
        login: &Login<'_, Self::Secret>,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (keep, login, cx);
        async { Ok(()) }
    }

    /// Marks at the service that two accounts are this secret's, on the word of an operator who named `account`:
    /// [`Action::Adopt`](crate::operator::Action::Adopt). Returns whether anything was changed.
    ///
    /// By default it is refused.
    ///
    /// # Errors
    ///
    /// `Invalid` if this kind of rotation adopts nothing, or `account` is not the one that would be: the message names that.
    fn adopt(
        &self,
        account: Option<&str>,
        login: &Login<'_, Self::Secret>,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<bool>> + Send {
        let _ = (account, login, cx);
        async {
            Err(Error::invalid(format!("rotation by {} adopts no account: it has one", Self::NAME))
                .still_works("Nothing was changed")
                .next("Two accounts take turns where the tag fourstep:strategy is alternating-users"))
        }
    }
}

#[async_trait]
impl<R: Rotator> Probe<R::Secret> for R {
    async fn probe(&self, secret: &R::Secret, cx: &Context<'_>) -> Result<()> {
        Rotator::probe(self, secret, cx).await
    }
}
