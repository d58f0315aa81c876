//! recover: the version that opens the target becomes AWSCURRENT.

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::operator::Reply;
use crate::protocol::Protocol;
use crate::store::{AWSCURRENT, AWSPENDING};

/// Versions without a label that are read at the most, youngest first.
const MOST_TRIED: usize = 20;

/// Finds the version that opens the target and makes it AWSCURRENT, under a budget of refused logins.
pub(super) async fn recover(rotator: &dyn Protocol, attempts: u32, skip: &[String], cx: &Context<'_>) -> Result<Reply> {
    let mut tried = Vec::new();
    let mut refused = 0;
    let mut found = None;
    for id in candidates(rotator, cx).await? {
        if found.is_some() || refused >= attempts || skip.contains(&id) {
            tried.push((id, None));
            continue;
        }
        let opens = rotator.opens(&id, cx).await?;
        refused += u32::from(!opens);
        tried.push((id.clone(), Some(opens)));
        if opens {
            found = Some(id);
        }
    }
    let Some(found) = found else { return Err(not_found(&tried, skip, attempts)) };
    let (current, pending) = (cx.id_of(AWSCURRENT), cx.id_of(AWSPENDING));
    if current.as_ref() == Some(&found) {
        let next = pending.filter(|pending| *pending != found).map(|_| {
            "A rotation is under way: let it go on by fourstep start, or cancel it by fourstep cancel.".to_owned()
        });
        let message = "AWSCURRENT opens the target: there is nothing to recover.".to_owned();
        return Ok(Reply::new(cx, false, message, next, tried));
    }
    let current = current.ok_or_else(|| Error::invalid("no version of the secret has AWSCURRENT"))?;
    cx.fence().await?;
    cx.store().promote(cx.secret_id(), &found, &current).await?;
    // A dead pending version would stop the next rotation, or make it refuse.
    let dead = |id: &String| tried.iter().any(|(known, opens)| known == id && *opens == Some(false));
    if let Some(pending) = pending.filter(dead) {
        cx.store().unstage(cx.secret_id(), &pending).await?;
    }
    cx.describe_again().await?;
    let message = format!("AWSCURRENT is version {found} now, which opens the target. It was version {current}.");
    let next = "Rotate once, so that no other version may still be open: fourstep start.".to_owned();
    Ok(Reply::new(cx, true, message, Some(next), tried))
}

/// Returns the ids of all versions with a value of the right shape, newest first.
async fn candidates(rotator: &dyn Protocol, cx: &Context<'_>) -> Result<Vec<String>> {
    let mut ids: Vec<_> = cx.description().stages.into_keys().collect();
    ids.extend(cx.unlabelled(MOST_TRIED).await?.into_iter().map(|version| version.id));
    let mut versions = Vec::new();
    for id in ids {
        match rotator.made(&id, cx).await {
            Err(error) if error.kind() == ErrorKind::Invalid => {}
            made => versions.extend(made?.map(|made| (made, id))),
        }
    }
    versions.sort_by_key(|(made, _)| std::cmp::Reverse(*made));
    Ok(versions.into_iter().map(|(_, id)| id).collect())
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
