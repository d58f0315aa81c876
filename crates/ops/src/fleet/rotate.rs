use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::error::Result;
use crate::fleet::queue::{Queue, Waiting};
use crate::fleet::run::{Run, Turn, is_rotated_here, name};
use crate::fleet::{FleetFailure, FleetRotation, FleetSummary};
use crate::operator::Operator;
use crate::progress::{Event, Progress};
use crate::secret::Secret;
use crate::selection::Selection;

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
                let secret = name(&ended.arn).to_owned();
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
            if !is_rotated_here(&secret) {
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
