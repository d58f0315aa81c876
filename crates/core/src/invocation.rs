//! One step: describe the secret, read its settings, choose its rotator, run it. For the engine, and for an operator's
//! rollback, which goes forward by the same steps.

use std::time::SystemTime;

use crate::admission::{not_staged, operable, rotatable};
use crate::backoff::Backoff;
use crate::context::Context;
use crate::error::Result;
use crate::notes::Notes;
use crate::report::Done;
use crate::rotation::{Chosen, Rotation};
use crate::services::Services;
use crate::settings::{Owners, Settings};
use crate::step::StepEvent;
use crate::store::{AWSCURRENT, AWSPENDING, Description};

/// What an engine was asked once, and by when it has to answer.
pub(crate) struct Invocation<'a> {
    pub(crate) services: &'a Services,
    pub(crate) notes: &'a Notes,
    /// The ARN by which the function was invoked.
    pub(crate) function_arn: &'a str,
    /// Whether an operator asked, and not Secrets Manager.
    pub(crate) by_operator: bool,
    pub(crate) deadline: SystemTime,
}

impl<'a> Invocation<'a> {
    /// Prepares a step, if the secret may be rotated by this function.
    pub(crate) async fn prepare<'c>(&'c self, rotation: &impl Rotation, event: &'c StepEvent) -> Result<Context<'c>> {
        let description = self.describe(event).await?;
        self.context(rotation, event, description)
    }

    /// Runs the step of a context.
    pub(crate) async fn run(&self, rotation: &impl Rotation, cx: &Context<'_>) -> Result<Done> {
        let result = async { choose(rotation, cx).await?.protocol().run(cx.step(), cx).await };
        result.await.map_err(|error| cx.with_what_works(error))
    }

    /// Creates the context of a step, with the settings of the secret.
    pub(crate) fn context<'c>(
        &'c self,
        rotation: &impl Rotation,
        event: &'c StepEvent,
        description: Description,
    ) -> Result<Context<'c>> {
        self.notes.secret_is(&description.name);
        // Before the settings are read, so that a wrong one is told as its owner's too.
        self.notes.owner_is(Owners::of(&self.services.environment, &description.tags));
        self.notes.begin_step();
        let settings = Settings::read(rotation.settings(), &self.services.environment, &description.tags)?;
        Ok(Context::new(self.services, self.notes, event, settings, self.by_operator, self.deadline, description))
    }

    /// Refuses a secret that whoever asks may not have this function act on.
    pub(crate) fn admit(&self, description: &Description) -> Result<()> {
        if self.by_operator {
            operable(description, self.function_arn)
        } else {
            rotatable(description, self.function_arn)
        }
    }

    /// Describes the secret and checks that it may be rotated, to this token, now.
    async fn describe(&self, event: &StepEvent) -> Result<Description> {
        let mut backoff = Backoff::for_visibility();
        loop {
            let description = self.services.store.describe(&event.secret_id).await?;
            self.admit(&description)?;
            let labels = description.labels_of(&event.token);
            if labels.iter().any(|label| label == AWSCURRENT || label == AWSPENDING) {
                return Ok(description);
            }
            // RotateSecret staged the version a moment ago, and the description may not show it yet.
            if !self.services.pause(&mut backoff, self.deadline).await {
                return Err(not_staged(&description, event));
            }
        }
    }
}

/// Chooses the rotator of the context's secret, and notes which it is.
pub(crate) async fn choose<'r>(rotation: &'r impl Rotation, cx: &Context<'_>) -> Result<Chosen<'r>> {
    Ok(noted(rotation.choose(cx).await?, cx))
}

/// Notes which rotator was chosen.
pub(crate) fn noted<'r>(chosen: Chosen<'r>, cx: &Context<'_>) -> Chosen<'r> {
    let (name, slots) = chosen.protocol().strategy();
    cx.strategy_is(name, slots);
    chosen
}
