//! rollback: back to AWSCURRENT from a rotation that is under way, else forward to the value of an older version.

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::invocation::{Invocation, choose};
use crate::operator::diagnose::diagnose;
use crate::operator::leaked::{self, Leaked};
use crate::operator::{Answer, Reply, Tried, current};
use crate::protocol::Protocol;
use crate::rotation::Rotation;
use crate::sensitive::Sensitive;
use crate::slots::Slots;
use crate::step::{Step, StepEvent};
use crate::store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE, Put, StoredContent};
use crate::version;

/// What a rollback came to.
pub(super) enum Rolled {
    /// Nothing had to change at the target.
    Back(Reply),
    /// An older value waits under this token to be installed.
    Staged(String),
}

/// Goes back. Where the target has to change for that, it stores the older value as AWSPENDING, for [`install`].
///
/// A version whose credential was retired because others know it is left alone, unless it is named and `leaked_anyway`.
pub(super) async fn roll_back(
    rotator: &dyn Protocol,
    version: Option<&str>,
    leaked_anyway: bool,
    cx: &Context<'_>,
) -> Result<Rolled> {
    let (current, previous) = (cx.id_of(AWSCURRENT), cx.id_of(AWSPREVIOUS));
    if let Some(pending) = cx.under_way() {
        if version.is_some() {
            return Err(Error::conflict(format!("a rotation to version {pending} is under way"))
                .next("Roll that one back first: fourstep rollback, without --version"));
        }
        return back_to_current(rotator, &pending, previous.as_deref(), cx).await;
    }
    let older = version.map(str::to_owned).or(previous).ok_or_else(|| {
        Error::conflict("the secret has no AWSPREVIOUS to go back to")
            .next("Name a version: fourstep versions lists them, also those without a label")
    })?;
    if current.as_ref() == Some(&older) {
        return Err(Error::conflict(format!("version {older} is AWSCURRENT already")).next("There is nothing to do"));
    }
    if !(leaked_anyway && version.is_some()) && Leaked::read(rotator, cx).await?.has(&older, rotator, cx).await? {
        return Err(leaked::refusal(&older, "rollback", cx));
    }
    // One of another shape would stay pending, and every rotation after it would be refused.
    rotator.made(&older, cx).await?.ok_or_else(|| no_value(&older))?;
    // A credential that these kinds revoked cannot be made to work again; the others install the value anew.
    if matches!(rotator.strategy().1, Slots::Many | Slots::InPlace) && !rotator.opens(&older, cx).await? {
        return Err(Error::conflict(format!("the target refuses the credential of version {older}: it is revoked"))
            .next("It cannot be made to work again: start a rotation, which makes a new one"));
    }
    stage_value(&older, cx).await
}

/// Abandons a rotation that has not ended.
async fn back_to_current(
    rotator: &dyn Protocol,
    pending: &str,
    previous: Option<&str>,
    cx: &Context<'_>,
) -> Result<Rolled> {
    let current = current(rotator, cx).await?;
    // An earlier call of this may have got that far. What it stored is what would be stored now.
    let stored = value_of(pending, cx).await?;
    if let Some(stored) = &stored {
        for older in [Some(current.as_str()), previous].into_iter().flatten() {
            if value_of(older, cx).await?.as_ref() == Some(stored) {
                return Ok(Rolled::Staged(pending.to_owned()));
            }
        }
    }
    if !rotator.opens(&current, cx).await? {
        if matches!(rotator.strategy().1, Slots::Many | Slots::InPlace) {
            let secret = cx.secret_argument();
            return Err(Error::conflict("the target refuses AWSCURRENT: it is revoked, and cannot be made to work again")
                .still_works("Nothing was changed")
                .next(format!("Let the rotation go on: fourstep start {secret}; or find the version that works: fourstep recover {secret}")));
        }
        // What one read shows, a later one may not show yet.
        if stored.is_some() || value_of(pending, cx).await?.is_some() {
            keep_findable(pending, cx).await?;
        }
        return stage_value(&current, cx).await;
    }
    cx.fence().await?;
    cx.unstage(pending).await?;
    let message = format!("The rotation to version {pending} is given up: AWSCURRENT opens the target, as before it.");
    let tried = vec![(current, Some(true)), (pending.to_owned(), None)];
    Ok(Rolled::Back(Reply::new(cx, true, message, None, tried)))
}

/// Stores the value of a version once more, under AWSPENDING and a new id.
async fn stage_value(version: &str, cx: &Context<'_>) -> Result<Rolled> {
    let value = value_of(version, cx).await?.ok_or_else(|| no_value(version))?;
    let token = version::new_id("rollback");
    // PutSecretValue takes AWSPENDING from whichever version has it, without comparing.
    cx.fence().await?;
    match cx.store().put_pending(cx.secret_id(), &token, &value, None).await? {
        Put::Stored => Ok(Rolled::Staged(token)),
        Put::OtherValueStored => Err(Error::other("a token that was made just now is taken")),
    }
}

/// Marks the version that loses AWSPENDING: the target may accept no other, and where the function may not list versions, one
/// without a label is found by nobody. finishSecret takes the mark away.
///
/// One without a value needs none: createSecret never came to its end, and the target knows nothing of it.
async fn keep_findable(pending: &str, cx: &Context<'_>) -> Result<()> {
    let marked = cx.id_of(LIVE);
    if marked.as_deref() == Some(pending) {
        return Ok(());
    }
    cx.fence().await?;
    cx.store().mark(cx.secret_id(), LIVE, Some(pending), marked.as_deref()).await?;
    cx.describe_again().await
}

async fn value_of(version: &str, cx: &Context<'_>) -> Result<Option<Sensitive>> {
    let stored = cx.store().read(cx.secret_id(), version).await?;
    Ok(stored.and_then(|stored| match stored.content {
        StoredContent::Text(text) => Some(text),
        StoredContent::Binary => None,
    }))
}

fn no_value(version: &str) -> Error {
    Error::conflict(format!("version {version} has no value to go back to"))
        .next("Name another version: fourstep versions lists them")
}

/// Installs, tests and promotes the version that was staged with an older value: a rotation forward.
pub(super) async fn install(
    invocation: &Invocation<'_>,
    rotation: &impl Rotation,
    secret: &str,
    token: &str,
) -> Result<Answer> {
    let mut done = None;
    for at in [Step::Set, Step::Test, Step::Finish] {
        let event = event(at, secret, token);
        let cx = invocation.prepare(rotation, &event).await?;
        match invocation.run(rotation, &cx).await {
            Ok(step_done) => done = Some(step_done),
            Err(error) => return Err(give_up(invocation, rotation, error.at(at), secret, token).await),
        }
    }
    let reply = Reply {
        changed: true,
        message: format!("AWSCURRENT is version {token} now, with the older value, and the target accepts it."),
        next: Some("The value before is AWSPREVIOUS now. Rotate when the reason is gone: fourstep start.".to_owned()),
        versions: vec![Tried::promoted(token)],
    };
    let done = done.ok_or_else(|| Error::other("no step ran"))?;
    Ok(Answer { done, reply: Some(reply), places: invocation.notes.take_places() })
}

/// Removes AWSPENDING from a value that the target will not have, if it is certain that nothing was changed there.
async fn give_up(
    invocation: &Invocation<'_>,
    rotation: &impl Rotation,
    error: Error,
    secret: &str,
    token: &str,
) -> Error {
    if error.kind() == ErrorKind::Unavailable {
        return error.next("Roll back again: it goes on with the same version");
    }
    match unstage_refused(invocation, rotation, secret, token).await {
        Ok(true) => Error::conflict(format!("the target does not take the older value: {}", error.message()))
            .still_works("AWSCURRENT opens the target, and nothing was changed")
            .next("Roll back to another version, or rotate forward: fourstep start"),
        Ok(false) | Err(_) => error,
    }
}

async fn unstage_refused(
    invocation: &Invocation<'_>,
    rotation: &impl Rotation,
    secret: &str,
    token: &str,
) -> Result<bool> {
    let description = invocation.services.store.describe(secret).await?;
    let (Some(current), Some(pending)) = (description.version_with(AWSCURRENT), description.version_with(AWSPENDING))
    else {
        return Ok(false);
    };
    if pending != token {
        return Ok(false);
    }
    let finish = event(Step::Finish, secret, current);
    let cx = invocation.context(rotation, &finish, description)?;
    let versions = diagnose(choose(rotation, &cx).await?.protocol(), &cx).await?.versions;
    let opens = |label: &str| {
        let labelled = |tried: &&Tried| tried.labels.iter().any(|on| on == label);
        versions.iter().find(labelled).and_then(|tried| tried.opens)
    };
    if (opens(AWSCURRENT), opens(AWSPENDING)) != (Some(true), Some(false)) {
        return Ok(false);
    }
    cx.unstage(token).await.map(|()| true)
}

pub(super) fn event(step: Step, secret_id: &str, token: &str) -> StepEvent {
    StepEvent { step, secret_id: secret_id.to_owned(), token: token.to_owned(), rotation_token: None }
}
