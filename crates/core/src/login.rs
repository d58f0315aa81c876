use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use crate::context::Context;
use crate::context::versions::YOUNGEST;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE};
use crate::version::Version;

/// Tries credentials: the rotator, of which a [`Login`] needs to know no more.
#[async_trait]
pub(crate) trait Probe<S>: Send + Sync {
    /// Tries whether the service accepts a secret.
    async fn probe(&self, secret: &S, cx: &Context<'_>) -> Result<()>;
}

/// Finds the version of the secret that the service accepts, lazily.
///
/// The order is AWSCURRENT, AWSPENDING, AWSPREVIOUS, what a rollback marked as perhaps live, and only when all of these are
/// refused the three youngest versions without a label: where a rotation was abandoned or cancelled, one of them is the live one. Only a refusal
/// by the service leads to the next version; any other error ends the search.
pub struct Login<'a, S> {
    probe: &'a dyn Probe<S>,
    cx: &'a Context<'a>,
    working: OnceCell<Arc<Version<S>>>,
}

impl<'a, S: Serialize + DeserializeOwned + Send + Sync> Login<'a, S> {
    pub(crate) fn new(probe: &'a dyn Probe<S>, cx: &'a Context<'a>) -> Self {
        Self { probe, cx, working: OnceCell::new() }
    }

    /// Finds the version that the rotator's `probe` finds accepted. Asks once.
    ///
    /// # Errors
    ///
    /// `Rejected` if the service refuses every version; whatever else `probe` reports.
    pub async fn working(&self) -> Result<&Arc<Version<S>>> {
        let find = async || {
            let opened = self.open(|version| async move { self.probe.probe(version.secret(), self.cx).await });
            opened.await.map(|(version, ())| version)
        };
        self.working.get_or_try_init(find).await
    }

    /// Returns whether the current version opens the service, without trying another one.
    pub(crate) async fn current_opens(&self, current: &Arc<Version<S>>) -> Result<bool> {
        match self.cx.tried(current.id(), self.probe.probe(current.secret(), self.cx).await) {
            Ok(()) => {
                // Whoever asks for the working version next need not ask the service again.
                let _ = self.working.set(Arc::clone(current));
                Ok(true)
            }
            Err(error) if error.is_rejected() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Finds the version with which `attempt` opens a session, and returns both.
    ///
    /// # Errors
    ///
    /// `Rejected` if `attempt` is refused with every version; any other error of `attempt` as it is.
    pub async fn open<T, F, A>(&self, attempt: A) -> Result<(Arc<Version<S>>, T)>
    where
        A: Fn(Arc<Version<S>>) -> F + Send + Sync,
        F: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let mut refusal = None;
        let mut seen = Vec::new();
        for label in [AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE] {
            let Some(id) = self.cx.id_of(label).filter(|id| !seen.contains(id)) else { continue };
            let version = self.candidate(&id, label == AWSCURRENT).await?;
            seen.push(id);
            let Some(version) = version else { continue };
            if let Some(session) = self.attempt(&version, &attempt, &mut refusal).await? {
                return Ok((version, session));
            }
        }
        let Some(refused) = refusal.take() else {
            return Err(Error::invalid("the secret has no version with a value")
                .next("Store a first value in the secret, then start the rotation"));
        };
        for unlabelled in self.cx.unlabelled(YOUNGEST).await? {
            let Some(version) = self.candidate(&unlabelled.id, false).await? else { continue };
            if let Some(session) = self.attempt(&version, &attempt, &mut refusal).await? {
                tracing::warn!(version = version.id(), "only a version without a label opens the target");
                return Ok((version, session));
            }
        }
        Err(refused.next(
            "Store the credential that the target accepts in the secret as AWSCURRENT, or reset it there, then start the rotation again",
        ))
    }

    /// Reads a version to try. An older one of another shape is no candidate; the current one has to be right.
    async fn candidate(&self, id: &str, current: bool) -> Result<Option<Arc<Version<S>>>> {
        if current { self.cx.version(id).await } else { self.cx.fitting(id).await }
    }

    async fn attempt<T, F, A>(
        &self,
        version: &Arc<Version<S>>,
        attempt: &A,
        refusal: &mut Option<Error>,
    ) -> Result<Option<T>>
    where
        A: Fn(Arc<Version<S>>) -> F + Send + Sync,
        F: Future<Output = Result<T>> + Send,
        T: Send,
    {
        match self.cx.tried(version.id(), attempt(Arc::clone(version)).await) {
            Ok(session) => Ok(Some(session)),
            Err(error) if error.is_rejected() => {
                refusal.get_or_insert(error);
                Ok(None)
            }
            // A person stored what cannot even be tried. The current one has to be right; of the others, one may work.
            Err(error) if error.kind() == ErrorKind::Invalid && refusal.is_some() => {
                tracing::warn!(version = version.id(), reason = %error, "a version that cannot be tried is left out");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl<S> std::fmt::Debug for Login<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}
