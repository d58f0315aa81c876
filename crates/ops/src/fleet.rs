use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use fourstep::AWSCURRENT;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;

use crate::error::{Call, Error, Reason, Result};
use crate::facts::{Secret, optional_time};
use crate::operator::Operator;
use crate::progress::{Event, Progress, Silent};
use crate::rate::Rate;
use crate::status::Selection;
use crate::watch::Outcome;

/// How many secrets are rotated.
#[derive(Clone, Debug)]
pub struct FleetRotation {
    /// Which secrets. Those whose rotation is not configured or turned off are left out.
    pub selection: Selection,
    /// When the run began. A secret that was rotated since then is done: a run that was interrupted goes on with this.
    pub since: SystemTime,
    /// How many rotations may be under way at the same time.
    pub max_in_flight: usize,
    /// How many rotations may be started in a second. The account's quota is 50, shared with CancelRotateSecret.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
    pub rate: f64,
    /// A tag: secrets with the same value of it, as those that share an administrator, are never rotated at once.
    pub exclusive_by: Option<String>,
    /// How long to wait for one rotation.
    pub wait: Duration,
    /// Only tells what would be rotated.
    pub dry_run: bool,
}

/// What became of a fleet.
#[derive(Clone, Debug, Serialize)]
pub struct FleetSummary {
    /// When the run began, to go on with after an interruption.
    #[serde(serialize_with = "optional_time")]
    pub since: Option<SystemTime>,
    /// How many were rotated in this run.
    pub rotated: usize,
    /// How many had been rotated since the run began.
    pub done_before: usize,
    /// How many are not rotated by a function, or not now.
    pub left_out: usize,
    /// How many would be rotated, in a dry run.
    pub planned: usize,
    /// How often Secrets Manager refused a start because of its quota, and it was made again.
    pub throttled: usize,
    /// Those that failed, each with what to do.
    pub failed: Vec<FleetFailure>,
}

/// A secret of a fleet that was not rotated.
#[derive(Clone, Debug, Serialize)]
pub struct FleetFailure {
    /// Its name.
    pub secret: String,
    /// Why, and what to do next.
    pub error: Error,
}

/// What is kept of each secret that waits for its turn.
struct Waiting {
    name: String,
    arn: String,
    group: Option<String>,
}

impl Operator {
    /// Rotates many secrets, under the account's quota.
    ///
    /// It keeps no journal: it can be stopped at any time, and called again with the same `since`. A rotation that was
    /// under way goes on with its version then, so none is rotated twice.
    ///
    /// # Errors
    ///
    /// If the secrets cannot be listed. What fails with one of them is in the summary.
    pub async fn rotate_fleet(&self, fleet: &FleetRotation, progress: &dyn Progress) -> Result<FleetSummary> {
        let mut summary = FleetSummary {
            since: Some(fleet.since),
            rotated: 0,
            done_before: 0,
            left_out: 0,
            planned: 0,
            throttled: 0,
            failed: Vec::new(),
        };
        let mut waiting = self.waiting(fleet, &mut summary).await?;
        summary.planned = waiting.len();
        if fleet.dry_run {
            return Ok(summary);
        }
        let of = waiting.len();
        let rate = Rate::new(fleet.rate);
        let mut busy = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < fleet.max_in_flight {
                let free =
                    waiting.iter().position(|next| next.group.as_ref().is_none_or(|group| !busy.contains(group)));
                let Some(next) = free.and_then(|position| waiting.remove(position)) else { break };
                busy.extend(next.group.clone());
                let rate = &rate;
                running.push(async move {
                    let result = self.rotate_one(&next, rate, fleet.wait).await;
                    (next, result)
                });
            }
            let Some((ended, result)) = running.next().await else { break };
            if let Some(group) = &ended.group {
                busy.remove(group);
            }
            match result {
                Ok(()) => summary.rotated += 1,
                Err(error) => summary.failed.push(FleetFailure { secret: ended.name.clone(), error }),
            }
            let done = summary.rotated + summary.failed.len();
            progress.tell(&Event::Rotated { secret: ended.name, done, of });
        }
        summary.throttled = rate.refused();
        summary.failed.sort_by(|one, other| one.secret.cmp(&other.secret));
        Ok(summary)
    }

    async fn waiting(&self, fleet: &FleetRotation, summary: &mut FleetSummary) -> Result<VecDeque<Waiting>> {
        let mut waiting = VecDeque::new();
        for secret in self.select(&fleet.selection).await? {
            if !secret.rotation_enabled || secret.deleted.is_some() || secret.is_replica() {
                summary.left_out += 1;
            } else if secret.last_rotated.is_some_and(|last| last >= fleet.since) {
                summary.done_before += 1;
            } else {
                let group = fleet.exclusive_by.as_ref().and_then(|tag| secret.tags.get(tag).cloned());
                waiting.push_back(Waiting { name: secret.name, arn: secret.arn, group });
            }
        }
        Ok(waiting)
    }

    async fn select(&self, selection: &Selection) -> Result<Vec<Secret>> {
        match selection {
            Selection::Names(names) => {
                let mut secrets = Vec::new();
                for name in names {
                    secrets.push(self.describe(name).await?);
                }
                Ok(secrets)
            }
            listed => self.list(listed).await,
        }
    }

    async fn rotate_one(&self, next: &Waiting, rate: &Rate, wait: Duration) -> Result<()> {
        let before = SystemTime::now();
        let version = self.start_at(next, rate).await?;
        let ended = self.watch_since(before, &next.arn, Some(&version), wait, &Silent).await?;
        match ended.outcome {
            Outcome::Succeeded => Ok(()),
            _ => Err(ended.error("")),
        }
    }

    /// Starts a rotation when the rate allows it, as often as the quota refuses it. Gives the version.
    async fn start_at(&self, next: &Waiting, rate: &Rate) -> Result<String> {
        let subject = format!("secret {}", next.name);
        let call = Call { service: "secretsmanager", operation: "RotateSecret", subject: &subject };
        // The SDK's own retries would count against the quota without a pause.
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let token = new_token();
        loop {
            rate.turn().await;
            let request = self.secrets.rotate_secret().secret_id(&next.arn).client_request_token(&token);
            let error = match request.customize().config_override(once.clone()).send().await {
                Ok(answer) => {
                    rate.accepted();
                    return Ok(answer.version_id.unwrap_or_default());
                }
                Err(error) => call.failed(&error),
            };
            match error.reason {
                // The token makes it safe to ask again where the answer was lost.
                Reason::Throttled | Reason::ServiceFailed | Reason::Unreachable if rate.refuse(error.reason) => {}
                // An earlier run began it: Secrets Manager tries that version again.
                Reason::InvalidRequest => return self.under_way(next).await?.ok_or(error),
                _ => return Err(error),
            }
        }
    }

    async fn under_way(&self, next: &Waiting) -> Result<Option<String>> {
        let secret = self.describe(&next.arn).await?;
        Ok(secret.pending().filter(|pending| !pending.has(AWSCURRENT)).map(|pending| pending.id.clone()))
    }
}

/// Makes the id of a version.
fn new_token() -> String {
    format!("{:032x}", rand::random::<u128>())
}
