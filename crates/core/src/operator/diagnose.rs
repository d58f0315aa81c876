//! diagnose: which versions open the target.

use std::collections::BTreeMap;

use crate::argument::argument;
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::operator::leaked::Leaked;
use crate::operator::{Reply, has_value};
use crate::protocol::Protocol;
use crate::store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE};

/// Tries the labelled versions. After a refusal one that works logs in again, so that refusals do not add up.
pub(super) async fn diagnose(rotator: &dyn Protocol, cx: &Context<'_>) -> Result<Reply> {
    let mut tried: Vec<(String, Option<bool>)> = Vec::new();
    let mut works: Option<String> = None;
    let mut unfit = None;
    let (mut places, mut unclear) = (BTreeMap::new(), None);
    for label in [AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE] {
        let Some(id) = cx.id_of(label).filter(|id| tried.iter().all(|(known, _)| known != id)) else { continue };
        let Some(has_value) = has_value(rotator, &id, cx).await? else {
            unfit = unfit.or_else(|| cx.under_way().filter(|pending| *pending == id));
            tried.push((id, None));
            continue;
        };
        if !has_value {
            tried.push((id, None));
            continue;
        }
        cx.take_places();
        let opened = rotator.opens(&id, cx).await;
        let seen = cx.take_places();
        let is_of_places = !seen.is_empty();
        places.insert(id.clone(), seen);
        let opens = match opened {
            // Of several places, some gave no answer: that is what the operator asks.
            Err(error) if is_of_places => {
                if label == AWSCURRENT {
                    unclear = Some(error);
                }
                tried.push((id, None));
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Invalid && label != AWSCURRENT => {
                tracing::warn!(label, reason = %error, "a version that cannot be tried is left out");
                unfit = unfit.or_else(|| cx.under_way().filter(|pending| *pending == id));
                tried.push((id, None));
                continue;
            }
            opens => opens?,
        };
        match &works {
            None if opens => works = Some(id.clone()),
            Some(works) if !opens => drop(rotator.opens(works, cx).await?),
            _ => {}
        }
        tried.push((id, Some(opens)));
    }
    let opens = |label: &str| {
        let id = cx.id_of(label);
        id.and_then(|id| tried.iter().find(|(known, _)| *known == id)).and_then(|(_, opens)| *opens)
    };
    let secret = cx.secret_argument();
    let known = match (opens(AWSCURRENT), opens(AWSPENDING), works) {
        (Some(true), None, _) if unfit.is_some() => (
            "AWSCURRENT opens the target. The value of AWSPENDING is not one that can be tried.".to_owned(),
            Some(format!("Give that version up: fourstep rollback {secret}.")),
        ),
        (Some(true), _, _) => ("AWSCURRENT opens the target.".to_owned(), None),
        (_, Some(true), _) => (
            "AWSPENDING opens the target, and AWSCURRENT does not: setSecret ran, and finishSecret did not.".to_owned(),
            Some("Let the rotation go on: fourstep start.".to_owned()),
        ),
        (_, _, Some(works)) if Leaked::read(rotator, cx).await?.has(&works, rotator, cx).await? => (
            format!(
                "Only version {works} opens the target, and others may know its credential: it was retired for that."
            ),
            Some(format!(
                "Let the administrator set a new one, if the secret names one: fourstep reset {secret}. Or make it AWSCURRENT all the same: fourstep recover {secret} --version {} --leaked-anyway.",
                argument(&works, "ID")
            )),
        ),
        (_, _, Some(works)) => (
            format!("Only version {works} opens the target."),
            Some("Make it AWSCURRENT: fourstep recover.".to_owned()),
        ),
        _ => (
            "No version with a label opens the target.".to_owned(),
            Some("Let fourstep recover try those without a label, too.".to_owned()),
        ),
    };
    let at_some = cx.id_of(AWSCURRENT).and_then(|id| places.get(&id)).and_then(|places| {
        let good = places.iter().filter(|place| place.good).count();
        (opens(AWSCURRENT) == Some(false) && good > 0).then_some((good, places.len()))
    });
    let (message, next) = match (unclear, at_some) {
        (None, Some((good, of))) => (
            format!("AWSCURRENT opens the target at {good} of {of} places."),
            Some(format!(
                "Look at what came of the others. Once that is put right there: fourstep reconcile {secret}."
            )),
        ),
        (Some(error), _) => (
            format!("Whether AWSCURRENT opens the target everywhere is not known: {}.", error.message()),
            error.advice().map(|next| format!("{next}.")),
        ),
        (None, None) => known,
    };
    let mut reply = Reply::new(cx, false, message, next, tried);
    for tried in &mut reply.versions {
        tried.places = places.remove(&tried.version_id).unwrap_or_default();
    }
    cx.take_places();
    Ok(reply)
}
