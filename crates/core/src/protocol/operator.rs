//! What an operator asks for, with a rotator: the same rules as in the four steps, and no label that the target
//! contradicts.

use std::sync::Arc;

use super::finish;
use super::reconcile::reconcile;
use crate::backoff::retry;
use crate::context::Context;
use crate::document::Version;
use crate::engine::{Done, Outcome};
use crate::error::{Error, ErrorKind, Result};
use crate::operator::{Action, Reply, Tried};
use crate::rotator::{Rotator, Slots};
use crate::sensitive::Sensitive;
use crate::store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Put, StoredContent};

/// Versions without a label that recover reads at the most, youngest first.
const MOST_TRIED: usize = 20;

pub(super) async fn act<R: Rotator>(rotator: &R, action: &Action, cx: &Context<'_>) -> Result<Done> {
    let reply = match action {
        Action::Reconcile => return reconcile(rotator, cx).await,
        Action::Diagnose => diagnose(rotator, cx).await,
        Action::Rollback { version } => roll_back(rotator, version.as_deref(), cx).await,
        Action::Recover { attempts, skip } => recover(rotator, *attempts, skip, cx).await,
        Action::Retire => retire(rotator, cx).await,
    }?;
    let outcome = if reply.changed || *action == Action::Diagnose { Outcome::Done } else { Outcome::AlreadyDone };
    cx.answer(reply);
    Ok(outcome.into())
}

/// Tries the labelled versions. After a refusal one that works logs in again, so that refusals do not add up.
async fn diagnose<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Reply> {
    let mut tried: Vec<(String, Option<bool>)> = Vec::new();
    let mut works: Option<Arc<Version<R::Secret>>> = None;
    for label in [AWSCURRENT, AWSPENDING, AWSPREVIOUS] {
        let id = cx.description().version_with(label).map(str::to_owned);
        let Some(id) = id.filter(|id| tried.iter().all(|(known, _)| known != id)) else { continue };
        let Some(version) = cx.older::<R::Secret>(label).await? else {
            tried.push((id, None));
            continue;
        };
        let opens = opens(rotator, &version, cx).await?;
        tried.push((id, Some(opens)));
        match &works {
            None if opens => works = Some(version),
            Some(works) if !opens => drop(self::opens(rotator, works, cx).await?),
            _ => {}
        }
    }
    let opens = |label: &str| {
        let id = cx.description().version_with(label).map(str::to_owned);
        id.and_then(|id| tried.iter().find(|(known, _)| *known == id)).and_then(|(_, opens)| *opens)
    };
    let (message, next) = match (opens(AWSCURRENT), opens(AWSPENDING), works) {
        (Some(true), _, _) => ("AWSCURRENT opens the target.".to_owned(), None),
        (_, Some(true), _) => (
            "AWSPENDING opens the target, and AWSCURRENT does not: setSecret ran, and finishSecret did not.".to_owned(),
            Some("Let the rotation go on: fourstep start.".to_owned()),
        ),
        (_, _, Some(works)) => (
            format!("Only version {} opens the target.", works.id()),
            Some("Make it AWSCURRENT: fourstep recover.".to_owned()),
        ),
        _ => (
            "No version with a label opens the target.".to_owned(),
            Some("Let fourstep recover try those without a label, too.".to_owned()),
        ),
    };
    Ok(reply(cx, false, message, next, tried))
}

/// Goes back: from a rotation that is under way to AWSCURRENT, else to an older version.
///
/// Where the target has to change for that, it stores the older value as AWSPENDING, for the steps to install it.
async fn roll_back<R: Rotator>(rotator: &R, version: Option<&str>, cx: &Context<'_>) -> Result<Reply> {
    let find = |label: &str| cx.description().version_with(label).map(str::to_owned);
    let (current, previous) = (find(AWSCURRENT), find(AWSPREVIOUS));
    let under_way = find(AWSPENDING).filter(|pending| Some(pending) != current.as_ref());
    if let Some(pending) = under_way {
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
    // What these kinds revoked nobody can make work again; the others install the value anew.
    if matches!(R::SLOTS, Slots::Many | Slots::InPlace) {
        let old = cx.version::<R::Secret>(&older).await?.ok_or_else(|| no_value(&older))?;
        if !opens(rotator, &old, cx).await? {
            return Err(Error::conflict(format!(
                "the target refuses the credential of version {older}: it is revoked"
            ))
            .next("It cannot be made to work again: start a rotation, which makes a new one"));
        }
    }
    stage_value(&older, cx).await
}

/// Abandons a rotation that has not ended.
async fn back_to_current<R: Rotator>(
    rotator: &R,
    pending: &str,
    previous: Option<&str>,
    cx: &Context<'_>,
) -> Result<Reply> {
    let current = cx.current::<R::Secret>().await?;
    // An earlier call of this may have come so far. What it stored is what would be stored now.
    if let Some(stored) = value_of(pending, cx).await? {
        for older in [Some(current.id()), previous].into_iter().flatten() {
            if value_of(older, cx).await?.as_ref() == Some(&stored) {
                cx.stage(pending.to_owned());
                return Ok(reply(cx, true, String::new(), None, Vec::new()));
            }
        }
    }
    if !opens(rotator, &current, cx).await? {
        return stage_value(current.id(), cx).await;
    }
    cx.fence().await?;
    cx.store().unstage(&cx.secret_id(), pending).await?;
    cx.describe_again().await?;
    let message = format!("The rotation to version {pending} is given up: AWSCURRENT opens the target, as before it.");
    let tried = vec![(current.id().to_owned(), Some(true)), (pending.to_owned(), None)];
    Ok(reply(cx, true, message, None, tried))
}

/// Stores the value of a version once more, under AWSPENDING and a new id.
async fn stage_value(version: &str, cx: &Context<'_>) -> Result<Reply> {
    let value = value_of(version, cx).await?.ok_or_else(|| no_value(version))?;
    let token = new_token();
    // PutSecretValue takes AWSPENDING from whichever version has it, without comparing.
    cx.fence().await?;
    match cx.store().put_pending(&cx.secret_id(), &token, &value, None).await? {
        Put::Stored => cx.stage(token),
        Put::OtherValueStored => return Err(Error::other("a token that was made just now is taken")),
    }
    Ok(reply(cx, true, String::new(), None, Vec::new()))
}

async fn value_of(version: &str, cx: &Context<'_>) -> Result<Option<Sensitive>> {
    let stored = cx.store().read(&cx.secret_id(), version).await?;
    Ok(stored.and_then(|stored| match stored.content {
        StoredContent::Text(text) => Some(text),
        StoredContent::Binary => None,
    }))
}

fn no_value(version: &str) -> Error {
    Error::conflict(format!("version {version} has no value to go back to"))
        .next("Name another version: fourstep versions lists them")
}

/// Finds the version that opens the target and makes it AWSCURRENT, under a budget of refused logins.
async fn recover<R: Rotator>(rotator: &R, attempts: u32, skip: &[String], cx: &Context<'_>) -> Result<Reply> {
    let mut tried = Vec::new();
    let mut refused = 0;
    let mut found = None;
    for version in candidates::<R>(cx).await? {
        let id = version.id().to_owned();
        if found.is_some() || refused >= attempts || skip.contains(&id) {
            tried.push((id, None));
            continue;
        }
        let opens = opens(rotator, &version, cx).await?;
        refused += u32::from(!opens);
        tried.push((id.clone(), Some(opens)));
        if opens {
            found = Some(id);
        }
    }
    let Some(found) = found else { return Err(not_found(&tried, skip, attempts)) };
    let (current, pending) = {
        let description = cx.description();
        let at = |label| description.version_with(label).map(str::to_owned);
        (at(AWSCURRENT), at(AWSPENDING))
    };
    if current.as_ref() == Some(&found) {
        let next = pending.filter(|pending| *pending != found).map(|_| {
            "A rotation is under way: let it go on by fourstep start, or cancel it by fourstep cancel.".to_owned()
        });
        let message = "AWSCURRENT opens the target: there is nothing to recover.".to_owned();
        return Ok(reply(cx, false, message, next, tried));
    }
    let current = current.ok_or_else(|| Error::invalid("no version of the secret has AWSCURRENT"))?;
    cx.fence().await?;
    cx.store().promote(&cx.secret_id(), &found, &current).await?;
    // A dead pending version would stop the next rotation, or make it refuse.
    let dead = |id: &String| tried.iter().any(|(known, opens)| known == id && *opens == Some(false));
    if let Some(pending) = pending.filter(dead) {
        cx.store().unstage(&cx.secret_id(), &pending).await?;
    }
    cx.describe_again().await?;
    let message = format!("AWSCURRENT is version {found} now, which opens the target. It was version {current}.");
    let next = "Rotate once, so that no other version may still be open: fourstep start.".to_owned();
    Ok(reply(cx, true, message, Some(next), tried))
}

/// Makes the target refuse what AWSPREVIOUS opened.
async fn retire<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Reply> {
    let find = |label: &str| cx.description().version_with(label).map(str::to_owned);
    let (current, pending) = (find(AWSCURRENT), find(AWSPENDING));
    if pending.is_some() && pending != current {
        return Err(Error::conflict("a rotation is under way, and may need AWSPREVIOUS")
            .next("Let it end, or cancel it, before retiring AWSPREVIOUS"));
    }
    let current = cx.current::<R::Secret>().await?;
    if !opens(rotator, &current, cx).await? {
        return Err(Error::conflict("the target refuses AWSCURRENT, so AWSPREVIOUS may be the only one that works")
            .next("Find the version that works first: fourstep recover"));
    }
    if find(AWSPREVIOUS).is_none() {
        let message = "The secret has no AWSPREVIOUS: there is nothing to retire.".to_owned();
        return Ok(reply(cx, false, message, None, vec![(current.id().to_owned(), Some(true))]));
    }
    let (changed, message) = match R::SLOTS {
        Slots::One | Slots::InPlace => (false, "The target keeps one credential, and that is AWSCURRENT's."),
        Slots::Two | Slots::Many | Slots::List => {
            finish::refuse_previous(rotator, cx).await?;
            (true, "AWSCURRENT opens the target, and what AWSPREVIOUS opened is refused.")
        }
    };
    Ok(reply(cx, changed, message.to_owned(), None, vec![(current.id().to_owned(), Some(true))]))
}

/// Returns all versions with a value of the right shape, newest first.
async fn candidates<R: Rotator>(cx: &Context<'_>) -> Result<Vec<Arc<Version<R::Secret>>>> {
    let mut ids: Vec<_> = cx.description().stages.keys().cloned().collect();
    ids.extend(cx.unlabelled(MOST_TRIED).await?.into_iter().map(|version| version.id));
    let mut versions = Vec::new();
    for id in ids {
        match cx.version::<R::Secret>(&id).await {
            Err(error) if error.kind() != ErrorKind::Invalid => return Err(error),
            version => versions.extend(version.ok().flatten()),
        }
    }
    versions.sort_by_key(|version| std::cmp::Reverse(version.created()));
    Ok(versions)
}

fn not_found(tried: &[(String, Option<bool>)], skip: &[String], attempts: u32) -> Error {
    let refused: Vec<_> = tried.iter().filter(|(_, opens)| *opens == Some(false)).map(|(id, _)| id.as_str()).collect();
    let skipped = skip.iter().map(String::as_str);
    let known: Vec<_> = refused.iter().copied().chain(skipped).collect();
    let left = tried.len() - tried.iter().filter(|(id, _)| known.contains(&id.as_str())).count();
    if left == 0 {
        return Error::rejected("the target refuses every version of the secret that still has its value")
            .still_works("Nothing was changed")
            .next("Reset the credential at the target, and store it in the secret as AWSCURRENT");
    }
    let skip: Vec<_> = known.iter().map(|id| format!("--skip {id}")).collect();
    Error::conflict(format!(
        "the target refuses version {}, and after {attempts} refused logins no more are made, so that the account is not locked; {left} versions are not tried",
        refused.join(" and ")
    ))
    .still_works("Nothing was changed")
    .next(format!(
        "If the server allows more refused logins in a row, go on: fourstep recover --attempts 3 {}",
        skip.join(" ")
    ))
}

/// Asks the target, and notes what it says. Only its own word is a no.
async fn opens<R: Rotator>(rotator: &R, version: &Version<R::Secret>, cx: &Context<'_>) -> Result<bool> {
    match cx.noted(version.id(), retry(cx, || rotator.probe(version.secret(), cx)).await) {
        Ok(()) => Ok(true),
        Err(error) if error.is_rejected() => Ok(false),
        Err(error) => Err(error),
    }
}

fn reply(
    cx: &Context<'_>,
    changed: bool,
    message: String,
    next: Option<String>,
    tried: Vec<(String, Option<bool>)>,
) -> Reply {
    let description = cx.description();
    let versions = tried
        .into_iter()
        .map(|(id, opens)| Tried { labels: description.labels_of(&id).to_vec(), version_id: id, opens })
        .collect();
    Reply { changed, message, next, versions }
}

/// Creates the id of a version: a random UUID, as the SDKs do.
fn new_token() -> String {
    let random: u128 = rand::random();
    let hex = format!("{random:032x}");
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
