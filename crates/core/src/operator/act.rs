use std::collections::BTreeMap;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::invocation::{Invocation, choose};
use crate::operator::adopt::adopt;
use crate::operator::diagnose::diagnose;
use crate::operator::reconcile::reconcile;
use crate::operator::recover::recover;
use crate::operator::reset::reset;
use crate::operator::retire::retire;
use crate::operator::rollback::{Rolled, install, roll_back};
use crate::operator::{Action, Answer, OperatorEvent};
use crate::report::Outcome;
use crate::rotation::Rotation;
use crate::settings::{EngineSettings, Settings};
use crate::step::{Step, StepEvent};
use crate::store::{AWSCURRENT, AWSPENDING, Description};

/// Does what an operator asks, with the rotator of the secret: by the rules of the four steps, and by no label that the
/// target contradicts.
pub(crate) async fn act(
    invocation: &Invocation<'_>,
    rotation: &impl Rotation,
    event: &OperatorEvent,
) -> Result<Answer> {
    allowed(invocation, rotation, &event.action)?;
    let description = invocation.services.store.describe(&event.secret_id).await?;
    invocation.admit(&description)?;
    invocation.notes.secret_is(&description.name);
    let step = as_if_called_once_more(&event.action, &description)?;
    let cx = invocation.context(rotation, &step, description)?;
    if let Action::Reset { account: Some(_), version } | Action::Adopt { account: Some(_), version } = &event.action {
        as_looked_at(version.as_deref(), &cx)?;
    }
    if let Action::Reset { account, .. } = &event.action {
        return reset(invocation, rotation, account.as_deref(), &cx).await;
    }
    match perform(rotation, &event.action, &cx).await? {
        Performed::Answered(answer) => Ok(answer),
        Performed::Staged(token) => install(invocation, rotation, cx.secret_id(), &token).await,
    }
}

/// What an action came to.
enum Performed {
    Answered(Answer),
    /// An older value waits under this token to be installed.
    Staged(String),
}

async fn perform(rotation: &impl Rotation, action: &Action, cx: &Context<'_>) -> Result<Performed> {
    let chosen = choose(rotation, cx).await?;
    let rotator = chosen.protocol();
    let reply = match action {
        Action::Reconcile => {
            let done = reconcile(rotator, cx).await?;
            return Ok(Performed::Answered(Answer { done, reply: None, places: cx.take_places() }));
        }
        Action::Diagnose => diagnose(rotator, cx).await?,
        Action::Rollback { version, leaked_anyway } => {
            match roll_back(rotator, version.as_deref(), *leaked_anyway, cx).await? {
                Rolled::Back(reply) => reply,
                Rolled::Staged(token) => return Ok(Performed::Staged(token)),
            }
        }
        Action::Recover { attempts, skip, version, leaked_anyway } => {
            let only = version.as_deref().map(|version| (version, *leaked_anyway));
            recover(rotator, *attempts, skip, only, cx).await?
        }
        Action::Retire => retire(rotator, cx).await?,
        Action::Adopt { account, .. } => adopt(rotator, account.as_deref(), cx).await?,
        Action::Reset { .. } => return Err(Error::other("a reset is no action on what works")),
    };
    let outcome = if reply.changed || *action == Action::Diagnose { Outcome::Done } else { Outcome::AlreadyDone };
    Ok(Performed::Answered(Answer { done: outcome.into(), reply: Some(reply), places: cx.take_places() }))
}

fn allowed(invocation: &Invocation<'_>, rotation: &impl Rotation, action: &Action) -> Result<()> {
    // All of them are read, so that one that is wrong is told before anything is asked.
    let settings = Settings::read(rotation.settings(), &invocation.services.environment, &BTreeMap::new())?;
    let answered = &settings.group::<EngineSettings>().operator_events;
    if answered.contains(&action.name()) {
        return Ok(());
    }
    let name = action.name();
    let what = match answered.as_slice() {
        [] => "this function answers no operator events: its variable OPERATOR_EVENTS is off".to_owned(),
        answered => format!(
            "this function does not do `{name}` for operators: its variable OPERATOR_EVENTS names {}",
            answered.join(", ")
        ),
    };
    Err(Error::forbidden(what)
        .next(format!("Let the function's owner add {name} to OPERATOR_EVENTS (of the template, the parameter OperatorEvents), or act without the function, by --local")))
}

/// Refuses an operator's word that is for another value than the present one.
fn as_looked_at(version: Option<&str>, cx: &Context<'_>) -> Result<()> {
    if version.is_some() && cx.id_of(AWSCURRENT).as_deref() == version {
        return Ok(());
    }
    let what = match version {
        Some(_) => "the secret's value was changed since: the version that was named is not AWSCURRENT",
        None => "the account was named without the version of the secret that names it",
    };
    Err(Error::conflict(what)
        .still_works("Nothing was changed")
        .next("Look again, by the same command without --account: it tells what to say"))
}

/// Returns the step that an action is like. What reconcile does is what finishSecret of the newest version would do. The
/// others begin with what is current, as if the rotation that made it were called once more after its end.
fn as_if_called_once_more(action: &Action, description: &Description) -> Result<StepEvent> {
    let of: &[&str] = if *action == Action::Reconcile { &[AWSPENDING, AWSCURRENT] } else { &[AWSCURRENT] };
    let token = of.iter().find_map(|label| description.version_with(label)).ok_or_else(|| {
        Error::invalid(format!("secret {} has no AWSCURRENT version", description.name))
            .next("Store a first value in the secret, or put AWSCURRENT on the version that the target accepts")
    })?;
    Ok(StepEvent {
        step: Step::Finish,
        secret_id: description.arn.clone(),
        token: token.to_owned(),
        rotation_token: None,
    })
}
