//! Versions whose credential was retired because others may know it: marked by a label of ours, so that no rollback or
//! recover makes it work again by mistake.

use std::time::SystemTime;

use crate::argument::argument;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::protocol::Protocol;
use crate::sensitive::Sensitive;
use crate::store::{LEAKED, StoredContent, StoredValue};

/// How many versions are marked at the most. Secrets Manager keeps 20 labels for a secret.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const MOST: usize = 8;

/// What the versions hold that are marked: their values, and the secrets in them.
pub(super) struct Leaked(Vec<(StoredContent, Vec<Sensitive>)>);

impl Leaked {
    /// Reads them: at most as many as may be marked.
    pub(super) async fn read(rotator: &dyn Protocol, cx: &Context<'_>) -> Result<Self> {
        let mut values = Vec::new();
        for id in cx.description().stages.into_keys().filter(|id| has_mark(id, cx)) {
            if let Some(value) = value_of(&id, cx).await? {
                values.push((value.content, rotator.secrets(&id, cx).await?));
            }
        }
        Ok(Self(values))
    }

    /// Returns whether a version is marked, or has the credential of one that is: an operator who went back to it all the same
    /// stored it under another id, or a person edited another field.
    pub(super) async fn has(&self, version: &str, rotator: &dyn Protocol, cx: &Context<'_>) -> Result<bool> {
        if has_mark(version, cx) {
            return Ok(true);
        }
        // Most secrets have no such version, and then there is nothing to compare with.
        if self.0.is_empty() {
            return Ok(false);
        }
        let Some(value) = value_of(version, cx).await? else { return Ok(false) };
        let secrets = rotator.secrets(version, cx).await?;
        let within =
            |some: &[Sensitive], all: &[Sensitive]| !some.is_empty() && some.iter().all(|one| all.contains(one));
        let is_alike = |(content, known): &(StoredContent, Vec<Sensitive>)| {
            *content == value.content || within(known, &secrets) || within(&secrets, known)
        };
        Ok(self.0.iter().any(is_alike))
    }
}

/// Marks a version. Where as many are marked as there may be, the oldest one loses its mark.
pub(super) async fn mark(version: &str, cx: &Context<'_>) -> Result<()> {
    if has_mark(version, cx) {
        return Ok(());
    }
    let stages = cx.description().stages;
    let marked = |label: &str| stages.iter().find(|(_, labels)| labels.iter().any(|on| on == label)).map(|(id, _)| id);
    let mut oldest: Option<(SystemTime, String, &String)> = None;
    for number in 0..MOST {
        let label = format!("{LEAKED}{number}");
        let Some(id) = marked(&label) else {
            return put(&label, version, None, cx).await;
        };
        let created = value_of(id, cx).await?.map_or(SystemTime::UNIX_EPOCH, |value| value.created);
        if oldest.as_ref().is_none_or(|(known, ..)| created < *known) {
            oldest = Some((created, label, id));
        }
    }
    match oldest {
        Some((_, label, id)) => put(&label, version, Some(id), cx).await,
        None => Ok(()),
    }
}

/// Refuses a leaked version, for the command of this name.
pub(super) fn refusal(version: &str, command: &str, cx: &Context<'_>) -> Error {
    let (secret, id) = (cx.secret_argument(), argument(version, "ID"));
    Error::conflict(format!(
        "the credential of version {version} was retired because others may know it, and whoever knows it would get in again"
    ))
    .still_works("Nothing was changed")
    .next(format!(
        "Rotate forward: fourstep start {secret}; or, if it is to work all the same: fourstep {command} {secret} --version {id} --leaked-anyway"
    ))
}

fn has_mark(version: &str, cx: &Context<'_>) -> bool {
    cx.labels_of(version).iter().any(|label| label.starts_with(LEAKED))
}

async fn value_of(version: &str, cx: &Context<'_>) -> Result<Option<StoredValue>> {
    cx.store().read(cx.secret_id(), version).await
}

async fn put(label: &str, version: &str, from: Option<&str>, cx: &Context<'_>) -> Result<()> {
    cx.store().mark(cx.secret_id(), label, Some(version), from).await?;
    cx.describe_again().await
}
