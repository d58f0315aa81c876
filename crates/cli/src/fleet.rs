use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand, ValueEnum};
use fourstep_ops::{Event, FleetRotation, FleetSummary, Selection, State, printable};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::confirm::confirm;
use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Cell, Format};
use crate::selection::Which;

/// Rotates many secrets under the account's quota, and counts their states.
#[derive(Debug, Args)]
pub(crate) struct Fleet {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Rotates many secrets
    Rotate(Rotate),
    /// Counts the states of many secrets, and names those that need somebody
    Status {
        #[command(flatten)]
        which: Which,
    },
}

/// Rotates many secrets.
///
/// It keeps no journal. Stopped at any time, it goes on with --since: a secret that was rotated since then is done, and a
/// rotation that was under way goes on with its version.
#[derive(Debug, Args)]
struct Rotate {
    #[command(flatten)]
    which: Which,
    /// How many rotations may be under way at the same time; each runs the function once
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    max_in_flight: usize,
    /// How many rotations are started in a second at the most; the account's quota is 50
    #[arg(long, value_name = "NUMBER", default_value_t = 49.0)]
    rate: f64,
    /// Secrets with the same value of this tag are never rotated at once, as those that share an administrator
    #[arg(long, value_name = "TAG")]
    exclusive_by: Option<String>,
    /// When an earlier run began that was stopped: what was rotated since then is done
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    since: Option<SystemTime>,
    /// How long to wait for one rotation at the most
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Only tells how many would be rotated
    #[arg(long)]
    dry_run: bool,
    /// Writes those that failed as comma-separated values, in place of a table
    #[arg(long, value_enum)]
    failures: Option<Failures>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Failures {
    /// Comma-separated values
    Csv,
}

pub(crate) async fn run(fleet: Fleet, global: &Global) -> Result<(), Ending> {
    match fleet.what {
        What::Rotate(rotate) => self::rotate(rotate, global).await,
        What::Status { which } => status(which.selection(), global).await,
    }
}

async fn rotate(rotate: Rotate, global: &Global) -> Result<(), Ending> {
    let fleet = FleetRotation {
        selection: rotate.which.selection(),
        since: rotate.since.unwrap_or_else(SystemTime::now),
        max_in_flight: rotate.max_in_flight.max(1),
        rate: rotate.rate,
        exclusive_by: rotate.exclusive_by,
        wait: rotate.timeout,
        dry_run: rotate.dry_run,
    };
    let since = humantime::format_rfc3339_millis(fleet.since);
    if !fleet.dry_run {
        confirm(global, "Rotates all of these secrets.")?;
        // Whoever stops the run needs it to go on.
        output::tell(&format!("If this is stopped, go on with: --since {since}"));
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} ({elapsed}, {eta} left) {msg}");
    bar.set_style(style.expect("the template is right"));
    let tell = |event: &Event| {
        if let Event::Rotated { secret, done, of } = event {
            bar.set_length(*of as u64);
            bar.set_position(*done as u64);
            bar.set_message(printable(secret));
        }
    };
    let operator = global.operator().await?;
    let summary = tokio::select! {
        summary = operator.rotate_fleet(&fleet, &tell) => summary,
        _ = tokio::signal::ctrl_c() => {
            bar.finish_and_clear();
            return Err(Ending::failed(format!(
                "interrupted. Rotations that began go on at AWS, and nothing is half done. Run the same command again with \
                 --since {since}: what is rotated by then is not rotated again"
            )));
        }
    };
    bar.finish_and_clear();
    let summary = summary?;
    match (global.output, rotate.failures) {
        (Format::Json, _) => output::json(&summary)?,
        (Format::Table, Some(Failures::Csv)) => csv(&summary)?,
        (Format::Table, None) => show(&summary, fleet.dry_run)?,
    }
    match summary.failed.len() {
        0 => Ok(()),
        failed => Err(Ending::failed(format!("{failed} of {} secrets were not rotated", summary.planned))),
    }
}

fn show(summary: &FleetSummary, dry_run: bool) -> std::io::Result<()> {
    let count = |number: usize| Cell::new(number);
    let mut rows =
        vec![if dry_run { ("Would be rotated", count(summary.planned)) } else { ("Rotated", count(summary.rotated)) }];
    rows.push(("Rotated before", count(summary.done_before)));
    rows.push(("Left out: rotation is off", count(summary.left_out)));
    rows.push(("Failed", count(summary.failed.len())));
    rows.push(("Refused by the quota, and repeated", count(summary.throttled)));
    rows.extend(summary.notes.iter().map(|note| ("Note", Cell::new(note))));
    output::facts(rows)?;
    if summary.failed.is_empty() {
        return Ok(());
    }
    let row = |failure: &fourstep_ops::FleetFailure| {
        vec![Cell::new(&failure.secret), Cell::new(&failure.error.message), Cell::new(&failure.error.next)]
    };
    output::table(&["secret", "why", "next"], summary.failed.iter().map(row))
}

fn csv(summary: &FleetSummary) -> std::io::Result<()> {
    let row = |failure: &fourstep_ops::FleetFailure| {
        let fourstep_ops::Error { reason, message, next } = &failure.error;
        let reason = json!(reason).as_str().unwrap_or_default().to_owned();
        [failure.secret.clone(), reason, message.clone(), next.clone()]
    };
    output::csv(["secret", "reason", "why", "next"], summary.failed.iter().map(row))
}

async fn status(selection: Selection, global: &Global) -> Result<(), Ending> {
    let looked = global.operator().await?.statuses(&selection).await?;
    let mut counts = BTreeMap::<State, usize>::new();
    let mut attention = Vec::new();
    let mut unknown = 0;
    for looked in &looked {
        match &looked.status {
            Ok(status) => {
                let state = status.judgement.state;
                *counts.entry(state).or_default() += 1;
                if state.needs_attention() {
                    attention.push((&looked.name, Some(state), status.judgement.next.clone()));
                }
            }
            Err(error) => {
                unknown += 1;
                attention.push((&looked.name, None, error.to_string()));
            }
        }
    }
    show_states(&counts, attention, global.output)?;
    match unknown {
        0 => Ok(()),
        unknown => Err(Ending::failed(format!("{unknown} of {} secrets could not be looked at", looked.len()))),
    }
}

/// Shows how many secrets are in each state, and those that need somebody; without a state those that nobody could look at.
fn show_states(
    counts: &BTreeMap<State, usize>,
    attention: Vec<(&String, Option<State>, String)>,
    format: Format,
) -> std::io::Result<()> {
    if format == Format::Json {
        let attention: Vec<_> =
            attention.iter().map(|(name, state, next)| json!({ "name": name, "state": state, "next": next })).collect();
        return output::json(&json!({ "states": counts, "attention": attention }));
    }
    output::table(
        &["state", "secrets"],
        counts.iter().map(|(state, count)| vec![output::state(*state), Cell::new(count)]),
    )?;
    if attention.is_empty() {
        return Ok(());
    }
    let row = |(name, state, next): (&String, Option<State>, String)| {
        vec![Cell::new(name), state.map_or_else(|| Cell::new("error"), output::state), Cell::new(next)]
    };
    output::table(&["name", "state", "next"], attention.into_iter().map(row))
}
