//! What an operator asks of a rotation function beside the steps, and what it answers.
//!
//! For a rotation that has stopped half-way, in this order:
//!
//! 1. [`Diagnose`](Action::Diagnose) says which versions open the target and what to do next. It changes nothing.
//! 2. Where the cause is gone, start the rotation again: it goes on with the same version.
//! 3. [`Rollback`](Action::Rollback) gives up the rotation, or goes back to an older value.
//! 4. [`Recover`](Action::Recover) is for an AWSCURRENT that does not open the target: it finds the version that does.
//!
//! An [`OperatorEvent`] carries one of them: `{"Action": "diagnose", "SecretId": "app"}`, by who may invoke the function.
//!
//! Two are for a rotation that has ended: [`Retire`](Action::Retire) ends what AWSPREVIOUS opened, and
//! [`Reconcile`](Action::Reconcile) completes a clean-up.
//!
//! Two are an operator's word for what the secret cannot prove, and no tag can stand for it: [`Reset`](Action::Reset) lets
//! the administrator set a password though no version opens the account, and [`Adopt`](Action::Adopt) says that two
//! accounts are one secret's.

pub(crate) mod act;
mod adopt;
mod diagnose;
mod leaked;
mod reconcile;
mod recover;
mod reset;
mod retire;
mod rollback;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::Protocol;
use crate::report::{Done, Report};
use crate::store::AWSCURRENT;

pub use crate::action::Action;
pub use crate::place::Place;

/// An action, and the secret that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorEvent {
    /// What to do.
    pub action: Action,
    /// ARN or name of the secret.
    pub secret_id: String,
}

/// What a function tells an operator beside the outcome. It holds no secret.
///
/// As JSON its fields are `Changed`, `Message`, `Next` and `Versions`, and for each version `VersionId`, `Labels` and
/// `Opens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reply {
    /// Whether anything was changed, in the labels or in the target.
    pub changed: bool,
    /// What is true now: a sentence.
    pub message: String,
    /// What to do next, if there is something: a sentence.
    pub next: Option<String>,
    /// What the target said of the versions, in the order of the logins.
    pub versions: Vec<Tried>,
}

/// What the target said of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tried {
    /// Id of the version.
    pub version_id: String,
    /// The labels that are on it after the action.
    pub labels: Vec<String>,
    /// Whether it opens the target. `None`: it was not tried, or some places gave no answer.
    pub opens: Option<bool>,
    /// What came of each place, where the target is several, as the hosts of a fleet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

impl Tried {
    /// Returns the version that an action proved and promoted.
    pub(crate) fn promoted(version_id: &str) -> Self {
        let labels = vec![AWSCURRENT.to_owned()];
        Self { version_id: version_id.to_owned(), labels, opens: Some(true), places: Vec::new() }
    }
}

impl Reply {
    /// Creates a reply with the labels that the versions have now.
    pub(crate) fn new(
        cx: &Context<'_>,
        changed: bool,
        message: String,
        next: Option<String>,
        tried: Vec<(String, Option<bool>)>,
    ) -> Self {
        let versions = tried.into_iter();
        let versions =
            versions.map(|(id, opens)| Tried { labels: cx.labels_of(&id), version_id: id, opens, places: Vec::new() });
        Self { changed, message, next, versions: versions.collect() }
    }
}

/// What an action did, and what the operator is told beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the action did, and what its metrics report: a rollback may promote a version.
    pub done: Done,
    /// What is true now. `None` for reconcile, whose outcome says all.
    pub reply: Option<Reply>,
    /// What the action came to at each place, where the target is several, as the hosts of a fleet.
    pub places: Vec<Place>,
}

impl Report<Answer> {
    /// Returns what an operator is answered: an object of `Action`, `Secret` (its name), `Outcome` and `Strategy`, each a
    /// text, and `DurationMs`; but for reconcile, also what [`Reply`] has; and `Places`, where the target is several.
    #[must_use]
    pub fn answer(&self, action: &Action) -> Value {
        let answered = self.result.as_ref().ok();
        let mut answer = json!({
            "Action": action.name(),
            "Secret": self.secret_name,
            "Outcome": answered.map(|answer| answer.done.outcome.name()).unwrap_or_default(),
            "Strategy": self.strategy,
            "DurationMs": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
        });
        if let Some(places) = answered.map(|answer| &answer.places).filter(|places| !places.is_empty()) {
            answer["Places"] = json!(places);
        }
        let reply = json!(answered.and_then(|answer| answer.reply.as_ref()));
        if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), reply) {
            answer.extend(more);
        }
        answer
    }
}

/// Returns whether a version has a value. `None`: it has one of another shape, which cannot be tried.
pub(crate) async fn has_value(rotator: &dyn Protocol, version: &str, cx: &Context<'_>) -> Result<Option<bool>> {
    match rotator.made(version, cx).await {
        Err(error) if error.kind() == ErrorKind::Invalid => {
            tracing::warn!(version, reason = %error, "an older version is left out");
            Ok(None)
        }
        made => Ok(Some(made?.is_some())),
    }
}

/// Returns the id of AWSCURRENT, where it has a value.
pub(crate) async fn current(rotator: &dyn Protocol, cx: &Context<'_>) -> Result<String> {
    let missing = || Error::unavailable("AWSCURRENT is not visible yet");
    let current = cx.id_of(AWSCURRENT).ok_or_else(missing)?;
    rotator.made(&current, cx).await?.ok_or_else(missing)?;
    Ok(current)
}
