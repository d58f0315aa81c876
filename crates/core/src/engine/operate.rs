//! What an operator asks of the engine, once it is certain that the operator may.

use std::time::SystemTime;

use super::{Done, Engine, Report, exists_here, perform};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::operator::{Action, Reply, Tried};
use crate::rotation::Rotation;
use crate::settings::Settings;
use crate::step::{Step, StepEvent};
use crate::store::{AWSCURRENT, AWSPENDING, Description};

impl Engine {
    /// Lets the rotation act, and installs what the action staged.
    pub(super) async fn act(
        &self,
        rotation: &impl Rotation,
        action: &Action,
        description: Description,
        deadline: SystemTime,
        report: &mut Report,
    ) -> Result<Done> {
        let secret = description.arn.clone();
        let (done, staged) = self.ask(rotation, action, description, deadline, report).await?;
        let Some(token) = staged else { return Ok(done) };
        let done = self.roll(rotation, &secret, &token, deadline, report).await?;
        report.reply = Some(Reply {
            changed: true,
            message: format!("AWSCURRENT is version {token} now, with the older value, and the target accepts it."),
            next: Some(
                "The value before is AWSPREVIOUS now. Rotate when the reason is gone: fourstep start.".to_owned(),
            ),
            versions: vec![Tried { version_id: token, labels: vec![AWSCURRENT.to_owned()], opens: Some(true) }],
        });
        Ok(done)
    }

    /// Lets the rotation do one action. Returns the version that it staged, too.
    async fn ask(
        &self,
        rotation: &impl Rotation,
        action: &Action,
        description: Description,
        deadline: SystemTime,
        report: &mut Report,
    ) -> Result<(Done, Option<String>)> {
        let settings = Settings::read(&self.environment, &description.tags)?;
        // What reconcile does is what finishSecret of the newest version would do. The others begin with what is
        // current, as if the rotation that made it were called once more after its end.
        let of: &[&str] = if *action == Action::Reconcile { &[AWSPENDING, AWSCURRENT] } else { &[AWSCURRENT] };
        let token =
            of.iter().find_map(|label| description.version_with(label)).map(str::to_owned).ok_or_else(|| {
                Error::invalid(format!("secret {} has no AWSCURRENT version", description.name))
                    .next("Store a first value in the secret, or put AWSCURRENT on the version that the target accepts")
            })?;
        let event = step(Step::Finish, &description.arn, &token);
        let cx = Context::new(self, &event, settings, deadline, description).for_operator(action.clone());
        let done = perform(rotation, &cx, report).await?;
        let (reply, staged) = cx.into_reply();
        report.reply = reply;
        Ok((done, staged))
    }

    /// Installs, tests and promotes the version that was staged with an older value: a rotation forward.
    async fn roll(
        &self,
        rotation: &impl Rotation,
        secret: &str,
        token: &str,
        deadline: SystemTime,
        report: &mut Report,
    ) -> Result<Done> {
        let mut done = None;
        for at in [Step::Set, Step::Test, Step::Finish] {
            let event = step(at, secret, token);
            // Rotation may be off.
            let description = self.described(&event, deadline, exists_here).await?;
            let settings = Settings::read(&self.environment, &description.tags)?;
            let cx = Context::new(self, &event, settings, deadline, description);
            match perform(rotation, &cx, report).await {
                Ok(step_done) => done = Some(step_done),
                Err(error) => return Err(self.give_up(rotation, error.at(at), secret, token, deadline, report).await),
            }
        }
        done.ok_or_else(|| Error::other("no step ran"))
    }

    /// Removes AWSPENDING from a value that the target will not have, if it is certain that nothing was changed there.
    async fn give_up(
        &self,
        rotation: &impl Rotation,
        error: Error,
        secret: &str,
        token: &str,
        deadline: SystemTime,
        report: &mut Report,
    ) -> Error {
        if error.kind() == ErrorKind::Unavailable {
            return error.next("Roll back again: it goes on with the same version");
        }
        let undone = async {
            let description = self.store.describe(secret).await?;
            if description.version_with(AWSPENDING) != Some(token) {
                return Ok(false);
            }
            self.ask(rotation, &Action::Diagnose, description, deadline, report).await?;
            let versions = report.reply.take().map(|reply| reply.versions).unwrap_or_default();
            let opens = |label: &str| {
                let labelled = |tried: &&Tried| tried.labels.iter().any(|on| on == label);
                versions.iter().find(labelled).and_then(|tried| tried.opens)
            };
            if (opens(AWSCURRENT), opens(AWSPENDING)) != (Some(true), Some(false)) {
                return Ok(false);
            }
            self.store.unstage(secret, token).await.map(|()| true)
        };
        match undone.await {
            Ok(true) => Error::conflict(format!("the target does not take the older value: {}", error.message()))
                .still_works("AWSCURRENT opens the target, and nothing was changed")
                .next("Roll back to another version, or rotate forward: fourstep start"),
            Ok(false) | Err(_) => error,
        }
    }
}

fn step(step: Step, secret_id: &str, token: &str) -> StepEvent {
    StepEvent { step, secret_id: secret_id.to_owned(), token: token.to_owned(), rotation_token: None }
}
