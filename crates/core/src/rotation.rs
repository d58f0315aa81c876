use crate::context::Context;
use crate::error::{Error, Result};
use crate::protocol::Protocol;
use crate::rotator::Rotator;
use crate::settings::Groups;

/// What an engine runs: one rotator, or the choice of one by the secret's settings.
///
/// Every [`Rotator`] is one.
pub trait Rotation: Send + Sync + 'static {
    /// Returns the groups of settings that its rotators read, beside the engine's own: those that each
    /// [`Rotator::settings`] names.
    fn settings(&self) -> Groups;

    /// Chooses the rotator of the context's secret.
    fn choose(&self, cx: &Context<'_>) -> impl Future<Output = Result<Chosen<'_>>> + Send;

    /// Chooses the rotator that lets an administrator set the credential of an account, for
    /// [`Action::Reset`](crate::operator::Action::Reset). `account` is the one that the operator named.
    ///
    /// By default there is none.
    ///
    /// # Errors
    ///
    /// `Invalid` if there is none, or if the secret is not of that account: the message names the one that it is of.
    fn choose_reset(&self, account: Option<&str>, cx: &Context<'_>) -> impl Future<Output = Result<Chosen<'_>>> + Send {
        let _ = (account, cx);
        async {
            Err(Error::invalid("this function has no administrator who could reset the credential of a secret")
                .still_works("Nothing was changed")
                .next("Issue a new credential at the target, and store it in the secret as AWSCURRENT"))
        }
    }
}

impl<R: Rotator> Rotation for R {
    fn settings(&self) -> Groups {
        R::settings()
    }

    async fn choose(&self, _cx: &Context<'_>) -> Result<Chosen<'_>> {
        Ok(Chosen::of(self))
    }
}

/// A rotator that was chosen. Only the engine can do something with it.
pub struct Chosen<'r>(Inner<'r>);

enum Inner<'r> {
    Made(Box<dyn Protocol + 'r>),
    Kept(&'r dyn Protocol),
}

impl<'r> Chosen<'r> {
    /// Chooses a rotator that was made for this secret.
    #[must_use]
    pub fn new(rotator: impl Rotator) -> Self {
        Self(Inner::Made(Box::new(rotator)))
    }

    /// Chooses a rotator that serves more than one secret.
    #[must_use]
    pub fn of(rotator: &'r impl Rotator) -> Self {
        Self(Inner::Kept(rotator))
    }

    /// Returns the steps and actions of the rotator.
    pub(crate) fn protocol(&self) -> &dyn Protocol {
        match &self.0 {
            Inner::Made(protocol) => &**protocol,
            Inner::Kept(protocol) => *protocol,
        }
    }
}

impl std::fmt::Debug for Chosen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Chosen").field(&self.protocol().strategy().0).finish()
    }
}
