mod queue;
mod rate;
mod rotate;
mod run;

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::error::Error;
use crate::selection::Selection;
use crate::time::optional_time;

/// How a fleet of secrets is rotated.
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
