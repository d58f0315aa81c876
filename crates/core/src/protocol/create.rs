//! createSecret: the next version is stored before the target changes.

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::context::versions::only_leaked;
use crate::error::{Error, ErrorKind, Result};
use crate::keep::{Keep, Pass, Strays};
use crate::login::Login;
use crate::report::{Done, Outcome};
use crate::rotator::Rotator;
use crate::sensitive::Sensitive;
use crate::settings::EngineSettings;
use crate::slots::Slots;
use crate::store::{AWSPREVIOUS, Put, StoredContent};
use crate::version::{Version, learn};

pub(super) async fn create<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Done> {
    // Secrets Manager never replaces the value of a version, and emulations of it do. What is stored may be live by now, and
    // it is never too early for it.
    if cx.pending_is_stored().await? {
        return Ok(Outcome::AlreadyDone.into());
    }
    let current = cx.first_value::<R::Secret>().await?;
    old_enough(&current, cx)?;
    let login = Login::new(rotator, cx);
    if R::SLOTS == Slots::Many {
        make_room(rotator, &current, &login, cx).await?;
    }
    let next = if R::SLOTS.create_touches_target() {
        // A repetition could leave a second credential behind: Secrets Manager repeats the step, which looks first.
        rotator.create(current.secret(), &login, cx).await?
    } else {
        cx.retry(|| rotator.create(current.secret(), &login, cx)).await?
    };
    learn(&next, cx.filter())?;
    let stored = match current.overlay(&next) {
        Ok(text) => store(&text, R::SLOTS, cx).await,
        Err(error) => Err(error),
    };
    match stored {
        Ok(Put::Stored) if R::SLOTS == Slots::Many => {
            let keep = Keep {
                kept: vec![current.secret(), &next],
                gone: vec![],
                versions: vec![],
                strays: Strays::Own { token: cx.token() },
                pass: Pass::First,
            };
            tidy_own(rotator, &keep, &login, cx).await;
            Ok(Outcome::Done.into())
        }
        Ok(Put::Stored) => Ok(Outcome::Done.into()),
        Ok(Put::OtherValueStored) => give_up::<R>(rotator, &current, &next, &login, cx).await,
        Err(error) => {
            if R::SLOTS == Slots::Many && error.kind() != ErrorKind::Unavailable {
                // Nothing stores it any more. Where that is not certain, its name tells whose it is.
                let keep = Keep {
                    kept: vec![current.secret()],
                    gone: vec![&next],
                    versions: vec![],
                    strays: Strays::None,
                    pass: Pass::First,
                };
                tidy_own(rotator, &keep, &login, cx).await;
            }
            Err(error)
        }
    }
}

/// Refuses AWSPREVIOUS and what dropped rotations and edits by hand left, so that at most two credentials are alive.
async fn make_room<R: Rotator>(
    rotator: &R,
    current: &Arc<Version<R::Secret>>,
    login: &Login<'_, R::Secret>,
    cx: &Context<'_>,
) -> Result<()> {
    // Then it may be the only login, and the rotation repairs that.
    if !cx.retry(|| login.current_opens(current)).await? {
        return Ok(());
    }
    let mut old = Vec::from_iter(cx.older::<R::Secret>(AWSPREVIOUS).await?);
    // An edit by hand takes the label off a version whose credential is alive and bears no mark.
    let (abandoned, oldest) = cx.left_behind::<R::Secret>().await?;
    let since = old.iter().chain([current]).map(|version| version.created()).chain(oldest).min();
    old.extend(abandoned);
    // Our mark of a leak keeps nothing alive: it is on what has to go.
    old.extend(cx.marked_as_leaked::<R::Secret>().await?);
    let description = cx.description();
    let labelled = description.stages.iter().filter(|(_, labels)| !only_leaked(labels)).map(|(id, _)| id.as_str());
    let keep = Keep {
        kept: vec![current.secret()],
        gone: old.iter().map(|old| old.secret()).collect(),
        versions: old.iter().map(|old| old.id()).collect(),
        strays: Strays::Unlabelled { token: cx.token(), labelled: labelled.collect(), since },
        pass: Pass::First,
    };
    cx.retry(|| rotator.retire(&keep, login, cx)).await
}

/// Stores the new value, and learns what became of it where the answer was lost.
async fn store(text: &Sensitive, slots: Slots, cx: &Context<'_>) -> Result<Put> {
    // PutSecretValue takes AWSPENDING from whichever version has it, without comparing.
    let fenced = cx.fence().await;
    if slots != Slots::InPlace {
        fenced?;
    }
    let mut backoff = Backoff::for_target();
    loop {
        let error = match cx.store().put_pending(cx.secret_id(), cx.token(), text, cx.rotation_token()).await {
            Ok(put) => return Ok(put),
            Err(error) => error,
        };
        if let Ok(Some(value)) = cx.store().read(cx.secret_id(), cx.token()).await {
            let same = value.content == StoredContent::Text(text.clone());
            return Ok(if same { Put::Stored } else { Put::OtherValueStored });
        }
        // A rolled key lives in this memory only, so it is worth more attempts than the store made by itself.
        if slots != Slots::InPlace || !cx.pause(&mut backoff).await {
            return Err(error);
        }
    }
}

/// Another invocation stored its value first: keep that one, refuse ours.
async fn give_up<R: Rotator>(
    rotator: &R,
    current: &Version<R::Secret>,
    ours: &R::Secret,
    login: &Login<'_, R::Secret>,
    cx: &Context<'_>,
) -> Result<Done> {
    match R::SLOTS {
        Slots::One | Slots::Two | Slots::List => {}
        Slots::Many => {
            let stored = cx.pending::<R::Secret>().await?.ok_or_else(|| {
                Error::unavailable("another invocation stored the pending version, and its value is not visible yet")
            })?;
            let previous = cx.older::<R::Secret>(AWSPREVIOUS).await?;
            let kept = [Some(current.secret()), Some(stored.secret()), previous.as_deref().map(Version::secret)];
            let keep = Keep {
                kept: kept.into_iter().flatten().collect(),
                gone: vec![ours],
                versions: vec![],
                strays: Strays::None,
                pass: Pass::First,
            };
            tidy_own(rotator, &keep, login, cx).await;
        }
        Slots::InPlace => {
            return Err(Error::conflict(
                "two invocations replaced the credential at the same time, and the value that is stored may not be the live one",
            )
            .next("If testSecret fails, issue a new credential by hand and store it as AWSCURRENT"));
        }
    }
    Ok(Outcome::AlreadyDone.into())
}

/// Refuses what this attempt made beside the stored value. What stays for now is refused by finishSecret.
async fn tidy_own<R: Rotator>(rotator: &R, keep: &Keep<'_, R::Secret>, login: &Login<'_, R::Secret>, cx: &Context<'_>) {
    if let Err(error) = rotator.retire(keep, login, cx).await {
        tracing::warn!(kind = error.kind().name(), reason = %error, "a credential that is not needed could not be removed yet");
    }
}

fn old_enough<S>(current: &Version<S>, cx: &Context<'_>) -> Result<()> {
    // An operator does not wait for what the schedule would.
    let least = if cx.by_operator() { Duration::ZERO } else { cx.settings::<EngineSettings>().min_age };
    let age = cx.now().duration_since(current.created()).unwrap_or_default();
    if age >= least {
        return Ok(());
    }
    let (age, least) = (humantime::format_duration(whole_seconds(age)), humantime::format_duration(least));
    Err(Error::conflict(format!("AWSCURRENT is {age} old, and the setting min-age asks for {least}"))
        .next("Start the rotation later, or lower the tag fourstep:min-age"))
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}
