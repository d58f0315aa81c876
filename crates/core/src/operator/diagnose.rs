//! diagnose: which versions open the target.

use crate::argument::argument;
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::operator::Reply;
use crate::operator::leaked::Leaked;
use crate::protocol::Protocol;
use crate::store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE};

/// Tries the labelled versions. After a refusal one that works logs in again, so that refusals do not add up.
pub(super) async fn diagnose(rotator: &dyn Protocol, cx: &Context<'_>) -> Result<Reply> {
    let mut tried: Vec<(String, Option<bool>)> = Vec::new();
    let mut works: Option<String> = None;
    for label in [AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE] {
        let Some(id) = cx.id_of(label).filter(|id| tried.iter().all(|(known, _)| known != id)) else { continue };
        if !has_value(rotator, &id, label, cx).await? {
            tried.push((id, None));
            continue;
        }
        let opens = rotator.opens(&id, cx).await?;
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
    let (message, next) = match (opens(AWSCURRENT), opens(AWSPENDING), works) {
        (Some(true), _, _) => ("AWSCURRENT opens the target.".to_owned(), None),
        (_, Some(true), _) => (
            "AWSPENDING opens the target, and AWSCURRENT does not: setSecret ran, and finishSecret did not.".to_owned(),
            Some("Let the rotation go on: fourstep start.".to_owned()),
        ),
        (_, _, Some(works)) if Leaked::read(cx).await?.has(&works, cx).await? => (
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
    Ok(Reply::new(cx, false, message, next, tried))
}

/// Returns whether a version has a value that can be tried. One of another shape has none.
async fn has_value(rotator: &dyn Protocol, id: &str, label: &str, cx: &Context<'_>) -> Result<bool> {
    match rotator.made(id, cx).await {
        Err(error) if error.kind() == ErrorKind::Invalid => {
            tracing::warn!(label, message = %error, "an older version is left out");
            Ok(false)
        }
        made => Ok(made?.is_some()),
    }
}
