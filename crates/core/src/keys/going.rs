//! Which keys may go, how each goes, and what a person has to set right because nothing else can.

use std::time::SystemTime;

use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::keep::{Keep, Pass, Strays};
use crate::keys::{Key, KeyName, Keys};

/// A key that may go.
pub(super) struct Going<'k, S> {
    id: String,
    /// The version that names it, where that may hold another key: it is tried afterwards.
    doubtful: Option<&'k S>,
    /// Whether an error is one of the rotation. What a list does not show may be gone already, and stops nothing.
    has_to_go: bool,
    /// The id of the version that names it.
    named_by: &'k str,
}

/// How many keys a line of the log names.
const MOST_NAMED: usize = 10;

/// Returns the keys that may go: from a positive list, never "all but these". Says, before a new key is made, what is to be set
/// right by hand.
pub(super) async fn going<'k, K: Keys>(
    keys: &K,
    keep: &'k Keep<'_, K::Secret>,
    with: &K::Secret,
    cx: &Context<'_>,
) -> Result<Vec<Going<'k, K::Secret>>> {
    let mut kept: Vec<_> = keep.kept().filter_map(|secret| keys.id(secret)).collect();
    let listed = keys.list(with, cx).await?;
    let is_ours = |key: &Key| KeyName::parse(&key.name, cx).is_some();
    let is_kept = |secret: &K::Secret| {
        let value = keys.value(secret);
        value.is_some() && keep.kept().any(|kept| keys.value(kept) == value)
    };
    kept.extend(keep.gone.iter().filter(|gone| is_kept(gone)).filter_map(|gone| keys.id(gone)));
    // A key that is kept and that the list does not know by its version's id is one of the others there.
    let unknown = keep.kept().any(|kept| {
        let id = keys.id(kept);
        !listed.iter().flatten().any(|key| Some(&key.id) == id.as_ref())
    });
    let is_first_look = matches!(keep.strays, Strays::Unlabelled { .. });
    if is_first_look {
        current_is_known(keys, keep, listed.as_ref().is_some_and(|_| unknown));
        let versions = keep.kept().chain(keep.gone.iter().copied());
        if let Some(lost) = lost(keys, versions, keep.since(), listed.as_deref(), cx).await? {
            tracing::warn!(
                keys = lost,
                "the service's list shows no names, and no version that was read names these keys, which are younger than the secret's oldest version: rotations whose answers were lost may have left them. Keys of other secrets, regions and people may be among them: look at the last use of each before you delete it"
            );
        }
    }
    let mut going: Vec<Going<'k, K::Secret>> = Vec::new();
    let mut doubted = Vec::new();
    for (at, &version) in keep.gone.iter().enumerate() {
        let named_by = keep.versions.get(at).copied().unwrap_or_default();
        // The version that is kept may hold the same key without its id, by a person's hand.
        if is_kept(version) {
            continue;
        }
        let id = keys.id(version).filter(|id| !kept.contains(id));
        let Some(id) = id else {
            if is_first_look {
                has_no_id_of_its_own(keys, version, cx).await;
            }
            continue;
        };
        // One of two versions of one id holds a new key beside an old id.
        let is_shared = keep
            .gone
            .iter()
            .any(|&other| keys.id(other).as_ref() == Some(&id) && keys.value(other) != keys.value(version));
        if !is_shared && (going.iter().any(|known| known.id == id) || doubted.contains(&id)) {
            continue;
        }
        let mut refused = false;
        let found = listed.as_ref().map(|listed| listed.iter().find(|key| key.id == id));
        let key = match found {
            Some(Some(_)) => Going { id, doubtful: is_shared.then_some(version), has_to_go: true, named_by },
            // Its maker told its id a moment ago, and it may not work yet.
            _ if matches!(keep.strays, Strays::None) => {
                Going { id, doubtful: None, has_to_go: found.is_none(), named_by }
            }
            _ if !keys.can_be_tried(version) => {
                tracing::warn!(
                    id,
                    version = named_by,
                    "the key of an earlier version cannot be tried, since its secret lacks a field or has one that cannot be sent, and no list shows the id: it is not deleted. If that version's key works, find it at the service by its value, its date or its last use, and delete it there"
                );
                continue;
            }
            // A list may not be whole: by the size of its pages, or the number of the first.
            _ => match keys.probe(version, cx).await {
                // The service may refuse what else the version holds, and the key may live on. To delete what is gone changes nothing.
                Err(error) if error.is_rejected() => {
                    let is_gone = match keep.pass {
                        Pass::First => found.is_some() && !unknown && !keys.ends_in_stages(),
                        Pass::Again => true,
                        Pass::Asked => false,
                    };
                    if is_gone {
                        continue;
                    }
                    refused = true;
                    Going { id, doubtful: None, has_to_go: false, named_by }
                }
                // A finished rotation that is run again writes nothing on a guess.
                Err(error) if !is_first_look && error.kind() == ErrorKind::Unavailable => return Err(error),
                Ok(()) => Going { id, doubtful: Some(version), has_to_go: found.is_none(), named_by },
                Err(_) => Going { id, doubtful: None, has_to_go: false, named_by },
            },
        };
        let may_go = match found {
            Some(Some(listed)) if is_ours(listed) => true,
            _ => is_its_own(keys, keep, version, &key, cx).await?,
        };
        if may_go {
            going.push(key);
        } else if !doubted.contains(&key.id) && (!refused || keep.pass == Pass::Asked) {
            tracing::warn!(
                id = key.id,
                version = named_by,
                "the key that an earlier version names was not made by this secret's rotations, and nothing shows that it is that version's: the id may be another key's. If the version's key still works, find it at the service by its value, its date or its last use, and delete it there"
            );
            doubted.push(key.id);
        }
    }
    let is_stray = |key: &Key| {
        let stray = || KeyName::parse(&key.name, cx).is_some_and(|name| keep.is_stray(name.token()));
        !kept.contains(&key.id) && !going.iter().any(|known| known.id == key.id) && stray()
    };
    if !(unknown && is_first_look) {
        let strays: Vec<_> = listed.into_iter().flatten().filter(is_stray).map(|key| key.id).collect();
        going.extend(strays.into_iter().map(|id| Going { id, doubtful: None, has_to_go: true, named_by: "" }));
    }
    Ok(going)
}

/// Returns whether the id that a version gives is its own key's, as far as the list's names do not say it.
async fn is_its_own<K: Keys>(
    keys: &K,
    keep: &Keep<'_, K::Secret>,
    version: &K::Secret,
    key: &Going<'_, K::Secret>,
    cx: &Context<'_>,
) -> Result<bool> {
    // One value under two ids: one of them is a mistake that was corrected, and may be a neighbour's.
    let is_corrected = keep.gone.iter().any(|&other| {
        let (value, id) = (keys.value(other), keys.id(other));
        value.is_some() && value == keys.value(version) && id.is_some_and(|id| id != key.id)
    });
    let owns = keys.owns(version, cx).await?;
    match keys.own_id(version, cx).await {
        Ok(Some(own)) => Ok(own == key.id),
        Err(error) if !owns && (key.has_to_go || key.doubtful.is_some()) => Err(error),
        // A version whose key could not be tried, as where the service answers a dead one with a page, stops nothing.
        Ok(None) | Err(_) => Ok(owns && !is_corrected),
    }
}

impl<S> Going<'_, S> {
    /// Deletes the key, and says what a person has to do where that is not enough. Returns whether the service answered.
    ///
    /// What stops nothing is asked for several times where `repeats`: nobody comes back for it in this step.
    pub(super) async fn delete<K: Keys<Secret = S>>(
        self,
        keys: &K,
        with: &S,
        pass: Pass,
        repeats: bool,
        cx: &Context<'_>,
    ) -> Result<bool> {
        let Self { id, doubtful, has_to_go, named_by } = self;
        let deleted = match repeats && !has_to_go {
            true => cx.retry(|| keys.delete(&id, with, cx)).await,
            false => keys.delete(&id, with, cx).await,
        };
        let is_answered = !matches!(&deleted, Err(error) if error.kind() == ErrorKind::Unavailable);
        match deleted {
            // An operator who asks for it hears that there was no answer.
            Err(error) if has_to_go || pass == Pass::Asked && !is_answered => return Err(error),
            Err(error) => tracing::warn!(
                id,
                version = named_by,
                kind = error.kind().name(),
                reason = %error,
                "the key that an earlier version names could not be deleted by its id, and no list shows it. If the version's key still works, the id may be another's: find the key by its value, its date or its last use, and delete it at the service by hand; if the service's own list has it, correct how that list is read"
            ),
            Ok(()) => {
                if let Some(version) = doubtful
                    && keys.probe(version, cx).await.is_ok()
                {
                    tracing::warn!(
                        id,
                        version = named_by,
                        "the key of an earlier version works on, after the key of its id was deleted: the id may be another's. If the next rotation says so again, find the version's key at the service by its value, its date or its last use, and delete it there"
                    );
                }
            }
        }
        Ok(is_answered)
    }
}

/// Warns where AWSCURRENT does not say by which id the service knows its key.
fn current_is_known<K: Keys>(keys: &K, keep: &Keep<'_, K::Secret>, list_lacks_it: bool) {
    if keep.kept().any(|kept| keys.id(kept).is_none()) {
        tracing::warn!(
            "AWSCURRENT does not say the id of its key: no rotation can delete that key, nor what lost answers left beside it. Add the id to the secret's JSON; or, after the next rotation, delete the key at the service by hand"
        );
    } else if list_lacks_it {
        tracing::warn!(
            "the service's list does not show AWSCURRENT's key by the id that the secret says, so that keys that lost answers left stay. If the secret holds a new key beside an old id, correct the id in its JSON; else the list is not whole: correct its pages"
        );
    }
}

/// Warns of a key that works, and of which nobody knows the id.
async fn has_no_id_of_its_own<K: Keys>(keys: &K, version: &K::Secret, cx: &Context<'_>) {
    // Without an answer, the next rotation asks again.
    if keys.value(version).is_none() || keys.probe(version, cx).await.is_err() {
        return;
    }
    match keys.id(version) {
        None => tracing::warn!(
            "the key of an earlier version works on, and no version says its id: find it at the service by its value, its date or its last use, and delete it there by hand"
        ),
        Some(id) => tracing::warn!(
            id,
            "AWSCURRENT and an earlier version hold two keys that work, and name the same id: one of them is a new key beside an old id. Correct the id in the secret's JSON. To delete the other key by hand, find it by its value, its date or its last use, not by this id: it may be AWSCURRENT's"
        ),
    }
}

/// Names the keys that a lost answer may have left, where the list shows no names but when each key was made: those that no
/// version names, and that are younger than the oldest of the secret's versions.
pub(super) async fn lost<'s, K: Keys>(
    keys: &K,
    versions: impl Iterator<Item = &'s K::Secret> + Send,
    since: Option<SystemTime>,
    listed: Option<&[Key]>,
    cx: &Context<'_>,
) -> Result<Option<String>> {
    let named: Vec<_> = versions.filter_map(|version| keys.id(version)).collect();
    let Some(listed) = listed.filter(|listed| listed.iter().any(|key| key.created.is_some())) else { return Ok(None) };
    // A person may have put a label of their own on a version, so that its key is not lost.
    let mut labelled = Vec::new();
    for id in cx.description().stages.into_keys().filter(|id| id != cx.token()) {
        labelled.extend(cx.fitting::<K::Secret>(&id).await?.and_then(|version| keys.id(version.secret())));
    }
    let (known, others): (Vec<_>, Vec<_>) = listed.iter().partition(|key| named.contains(&key.id));
    let others = others.into_iter().filter(|key| !labelled.contains(&key.id));
    let Some(since) = known.iter().filter_map(|key| key.created).chain(since).min() else { return Ok(None) };
    let made = |key: &&Key| key.created.filter(|created| *created > since);
    let mut lost: Vec<_> = others.filter_map(|key| Some((made(&key)?, &key.id))).collect();
    lost.sort_unstable();
    // The youngest are the likeliest.
    let shown = lost.iter().rev().take(MOST_NAMED);
    let shown = shown.map(|(made, id)| format!("`{id}` of {}", humantime::format_rfc3339_seconds(*made)));
    let shown = Vec::from_iter(shown).join(", ");
    Ok(match lost.len() {
        0 => None,
        found if found > MOST_NAMED => Some(format!("{shown} and {} more", found - MOST_NAMED)),
        _ => Some(shown),
    })
}
