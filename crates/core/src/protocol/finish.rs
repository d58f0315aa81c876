//! finishSecret: promotes, then reconciles, and reconciles again when it is called again.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::keep::{Keep, Pass, Strays};
use crate::login::Login;
use crate::report::{Done, Outcome};
use crate::rotator::Rotator;
use crate::settings::{EngineSettings, Retire};
use crate::slots::Slots;
use crate::store::{AWSCURRENT, AWSPREVIOUS, LIVE};
use crate::version::Version;

pub(super) async fn finish<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Done> {
    let Some(pending) = cx.pending::<R::Secret>().await? else {
        return Err(Error::conflict(format!("the pending version {} has no value to promote", cx.token()))
            .next("Start the rotation again: createSecret stores a value"));
    };
    // The last look before consumers get it: a pending credential may have died since testSecret. What was installed a moment
    // ago may be known to one of the service's machines, and not to the next.
    let proof = cx.retry(|| cx.until_active(rotator.activation(), || rotator.probe(pending.secret(), cx)));
    match cx.tried(pending.id(), proof.await) {
        Ok(()) => {}
        Err(error) if error.is_rejected() => {
            return Err(Error::conflict(format!("the target no longer accepts the pending version {}", cx.token()))
                .next("Nothing was promoted. Remove AWSPENDING from that version, then start the rotation again"));
        }
        Err(error) => return Err(error),
    }
    promote(cx).await?;
    unmark_live(cx).await;
    let without_current =
        if cx.overlaps() { Duration::ZERO } else { cx.now().duration_since(pending.created()).unwrap_or_default() };
    if has_old_credentials(R::SLOTS, cx) {
        see_promoted(cx).await?;
        tidy(rotator, Pass::First, cx).await?;
    }
    Ok(Done { outcome: Outcome::Done, without_current: Some(without_current) })
}

/// Refuses what is not needed any more, once AWSCURRENT is this rotation's version.
pub(super) async fn tidy<R: Rotator>(rotator: &R, pass: Pass, cx: &Context<'_>) -> Result<()> {
    if !has_old_credentials(R::SLOTS, cx) {
        return Ok(());
    }
    // What to do next is the error's own word: it names the right that is missing.
    let at_finish = cx.settings::<EngineSettings>().retire == Retire::AtFinish;
    retire_old(rotator, at_finish, pass, cx).await.map_err(|error| {
        error.still_works(
            "AWSCURRENT is promoted and works; what AWSPREVIOUS opened may still be open until finishSecret is called again, or until the next rotation",
        )
    })
}

/// Refuses what AWSPREVIOUS opened, whenever the settings would do so.
pub(super) async fn refuse_previous<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<()> {
    retire_old(rotator, true, Pass::Asked, cx).await
}

async fn retire_old<R: Rotator>(rotator: &R, at_finish: bool, pass: Pass, cx: &Context<'_>) -> Result<()> {
    if at_finish {
        replicas_in_sync(cx).await?;
    }
    let current = cx.current::<R::Secret>().await?;
    let previous = cx.older::<R::Secret>(AWSPREVIOUS).await?;
    let versions = if at_finish { previous.iter().map(|previous| previous.id()).collect() } else { Vec::new() };
    let previous = previous.as_deref().map(Version::secret);
    if at_finish && previous.is_some() && !cx.has_opened(current.id()) {
        let login = Login::new(rotator, cx);
        if !cx.retry(|| login.current_opens(&current)).await? {
            return Err(Error::conflict(
                "the target refuses AWSCURRENT, so what AWSPREVIOUS opens may be the only login",
            )
            .next(format!(
                "Nothing was changed. Find the version that works: fourstep recover {}",
                cx.secret_argument()
            )));
        }
    }
    let (kept, gone) = if at_finish { (None, previous) } else { (previous, None) };
    let keep = Keep {
        kept: [Some(current.secret()), kept].into_iter().flatten().collect(),
        gone: gone.into_iter().collect(),
        versions,
        strays: Strays::Own { token: cx.token() },
        pass,
    };
    cx.retry(async || {
        let login = Login::new(rotator, cx);
        rotator.retire(&keep, &login, cx).await
    })
    .await
}

/// Moves AWSCURRENT, and learns what became of it where the answer was lost.
async fn promote(cx: &Context<'_>) -> Result<()> {
    let from = cx.id_of(AWSCURRENT).ok_or_else(|| Error::conflict("no version has AWSCURRENT"))?;
    let Err(error) = cx.store().promote(cx.secret_id(), cx.token(), &from).await else { return Ok(()) };
    let before = cx.description();
    cx.describe_again().await?;
    if cx.is_promoted() {
        return Ok(());
    }
    if before.stages == cx.description().stages {
        return Err(error);
    }
    let now = cx.id_of(AWSCURRENT);
    Err(Error::conflict(format!(
        "AWSCURRENT was to move from version {from}, and is on {}",
        now.as_deref().unwrap_or("no version")
    ))
    .next("Somebody else moved it; nothing was changed. Look at the versions of the secret before rotating again"))
}

/// Takes the mark of a rollback away, now that AWSCURRENT is proved: nothing depends on what has it.
async fn unmark_live(cx: &Context<'_>) {
    let Some(marked) = cx.id_of(LIVE) else { return };
    if let Err(error) = cx.store().mark(cx.secret_id(), LIVE, None, Some(&marked)).await {
        tracing::warn!(kind = error.kind().name(), reason = %error, "a label that is not needed could not be removed yet");
    }
}

/// Reads the labels anew. What they name as kept and gone is right only once they show the promotion.
async fn see_promoted(cx: &Context<'_>) -> Result<()> {
    let mut backoff = Backoff::for_visibility();
    loop {
        cx.describe_again().await?;
        if cx.is_promoted() {
            return Ok(());
        }
        if !cx.pause(&mut backoff).await {
            return Err(Error::unavailable("the promotion is not visible yet")
                .retried()
                .still_works("AWSCURRENT is promoted and works")
                .next("The next call of finishSecret refuses what AWSPREVIOUS opened"));
        }
    }
}

/// What the status of a replica begins with that Secrets Manager gave up; waiting does not help it.
const FAILED: &str = "Failed";

/// Consumers in replica regions read the old version until it is replaced there.
async fn replicas_in_sync(cx: &Context<'_>) -> Result<()> {
    let mut backoff = Backoff::for_target();
    loop {
        let behind = cx.description().replicas_behind;
        if behind.is_empty() {
            return Ok(());
        }
        let failed: Vec<_> = behind.iter().filter(|(_, status)| status.starts_with(FAILED)).collect();
        if !failed.is_empty() {
            let regions: Vec<_> = failed.iter().map(|(region, status)| format!("{region} ({status})")).collect();
            return Err(Error::conflict(format!(
                "the copy of the secret in another region failed, and its consumers still read the old version: {}",
                regions.join(", ")
            ))
            .next(format!(
                "Put the replica right: aws secretsmanager replicate-secret-to-regions --force-overwrite-replica-secret, or remove it by remove-regions-from-replication. Then complete the clean-up: fourstep reconcile {}",
                cx.secret_argument()
            )));
        }
        if !cx.pause(&mut backoff).await {
            let regions: Vec<_> = behind.iter().map(|(region, status)| format!("{region} ({status})")).collect();
            return Err(
                Error::unavailable(format!("replicas have not the new version yet: {}", regions.join(", "))).retried()
            );
        }
        cx.describe_again().await?;
    }
}

/// Returns whether the target may hold a credential that is not needed: set of the others replaced it already.
fn has_old_credentials(slots: Slots, cx: &Context<'_>) -> bool {
    match slots {
        Slots::Many | Slots::List => true,
        Slots::Two => cx.settings::<EngineSettings>().retire == Retire::AtFinish,
        Slots::One | Slots::InPlace => false,
    }
}
