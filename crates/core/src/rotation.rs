use crate::context::Context;
use crate::engine::Done;
use crate::error::Result;
use crate::protocol;
use crate::rotator::Rotator;

/// What an engine runs: one rotator, or the choice of one by the secret's settings.
///
/// Every [`Rotator`] is one.
pub trait Rotation: Send + Sync + 'static {
    /// Runs the context's step.
    fn step(&self, cx: &Context<'_>) -> impl Future<Output = Result<Done>> + Send;
}

impl<R: Rotator> Rotation for R {
    async fn step(&self, cx: &Context<'_>) -> Result<Done> {
        protocol::run(self, cx).await
    }
}
