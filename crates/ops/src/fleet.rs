mod queue;
mod run;

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::fleet::queue::{Queue, Waiting};
use crate::fleet::run::{Run, Turn};
use crate::operator::Operator;
use crate::progress::{Event, Progress};
use crate::secret::Secret;
use crate::selection::Selection;
use crate::time::optional_time;

/// How many secrets are rotated.
#[derive(Clone, Debug)]
pub struct FleetRotation {
    /// Which secrets. Those whose rotation is not configured or turned off are left out.
    pub selection: Selection,
    /// When the run began, to the millisecond. A run that was interrupted goes on with the same time: what was rotated
    /// since then is done.
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
    /// What could not be looked up, and which permission would change it.
    pub notes: Vec<String>,
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

impl Operator {
    /// Rotates many secrets, under the account's quota.
    ///
    /// It keeps no journal: it can be stopped at any time, and called again with the same `since`. The ids of the versions
    /// follow from that time and the secrets' ARNs. So RotateSecret itself refuses to rotate a secret twice for one run,
    /// also where a list or a clock is behind, and a rotation that was under way is waited for.
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
            notes: Vec::new(),
            failed: Vec::new(),
        };
        let mut queue = self.queue(fleet, &mut summary).await?;
        summary.planned = queue.len();
        if fleet.dry_run {
            return Ok(summary);
        }
        let run = Run::new(self, fleet);
        let work = async {
            let mut running = FuturesUnordered::new();
            let mut done = 0;
            loop {
                while running.len() < fleet.max_in_flight
                    && let Some(next) = queue.next()
                {
                    let run = &run;
                    running.push(async move { (run.rotate(&next.arn).await, next) });
                }
                let Some((turn, ended)) = running.next().await else { break };
                queue.ended(&ended);
                let secret = run::name(&ended.arn).to_owned();
                match turn {
                    Ok(Turn::Rotated) => summary.rotated += 1,
                    Ok(Turn::DoneBefore) => summary.done_before += 1,
                    Ok(Turn::LeftOut) => summary.left_out += 1,
                    Err(error) => summary.failed.push(FleetFailure { secret: secret.clone(), error }),
                }
                done += 1;
                progress.tell(&Event::Rotated { secret, done, of: summary.planned });
            }
        };
        tokio::select! {
            never = run.follow_failures() => match never {},
            () = work => {}
        }
        summary.throttled = run.throttled();
        summary.notes.extend(run.note());
        summary.failed.sort_by(|one, other| one.secret.cmp(&other.secret));
        Ok(summary)
    }

    async fn queue(&self, fleet: &FleetRotation, summary: &mut FleetSummary) -> Result<Queue> {
        let mut waiting = Vec::new();
        let take = |secret: Secret| {
            if !run::is_rotated_here(&secret) {
                summary.left_out += 1;
            } else if secret.last_rotated.is_some_and(|last| last >= fleet.since) {
                summary.done_before += 1;
            } else {
                let group = fleet.exclusive_by.as_ref().and_then(|tag| secret.tags.get(tag).cloned());
                waiting.push(Waiting { arn: secret.arn, group });
            }
        };
        self.select(&fleet.selection, take).await?;
        Ok(Queue::new(waiting))
    }

    async fn select(&self, selection: &Selection, mut take: impl FnMut(Secret)) -> Result<()> {
        match selection {
            Selection::Names(names) => {
                for name in names {
                    take(self.describe(name).await?);
                }
                Ok(())
            }
            listed => self.list_each(listed, take).await,
        }
    }
}
