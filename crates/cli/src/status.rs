use clap::Args;
use fourstep_ops::Looked;
use serde_json::json;

use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Cell, Format};
use crate::selection::Which;

/// Tells what is true of secrets' rotations, what works, and what to do next.
///
/// The state follows from the labels of the versions and from the failures that CloudTrail has. It needs the permissions
/// DescribeSecret, and where something is under way ListSecretVersionIds, GetSecretValue and cloudtrail:LookupEvents, and
/// where that failed lambda:GetFunction and logs:FilterLogEvents; without one of these it says what it cannot tell.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    which: Which,
}

pub(crate) async fn run(status: Status, global: &Global) -> Result<(), Ending> {
    let looked = global.operator().await?.statuses(&status.which.selection()).await?;
    match (global.output, &looked[..]) {
        (Format::Json, looked) => output::json(&json!({ "secrets": looked.iter().map(entry).collect::<Vec<_>>() }))?,
        (Format::Table, [Looked { status: Ok(status), .. }]) => card(status)?,
        (Format::Table, [Looked { status: Err(_), .. }]) => {}
        (Format::Table, []) => output::say("No secret is meant by that.")?,
        (Format::Table, several) => output::table(&["name", "state", "since", "next"], several.iter().map(row))?,
    }
    ending(looked)
}

/// One of several that failed is in the table; the exit code tells of it too.
fn ending(looked: Vec<Looked>) -> Result<(), Ending> {
    let many = looked.len() > 1;
    let mut failed = looked.into_iter().filter_map(|looked| looked.status.err());
    match failed.next() {
        None => Ok(()),
        Some(error) if !many => Err(error.into()),
        Some(_) => Err(Ending::failed(format!("{} of the secrets could not be looked at", 1 + failed.count()))),
    }
}

fn entry(looked: &Looked) -> serde_json::Value {
    match &looked.status {
        Ok(status) => json!(status),
        Err(error) => json!({ "name": looked.name, "error": error }),
    }
}

fn row(looked: &Looked) -> Vec<Cell> {
    match &looked.status {
        Ok(status) => vec![
            Cell::new(&status.secret.name),
            output::state(status.judgement.state),
            Cell::new(output::time(status.judgement.since)),
            Cell::new(&status.judgement.next),
        ],
        Err(error) => vec![Cell::new(&looked.name), Cell::new("error"), Cell::new("-"), Cell::new(error)],
    }
}

fn card(status: &fourstep_ops::Status) -> std::io::Result<()> {
    let fourstep_ops::Status { secret, judgement, function_failure, notes } = status;
    let mut rows = vec![
        ("Secret", Cell::new(&secret.name)),
        ("State", output::state(judgement.state)),
        ("Why", Cell::new(&judgement.why)),
        ("Works now", Cell::new(&judgement.works)),
        ("Next", Cell::new(&judgement.next)),
    ];
    if let Some(since) = judgement.since {
        rows.push(("Since", Cell::new(output::time(Some(since)))));
    }
    if let Some(step) = judgement.next_step {
        rows.push(("Next step", Cell::new(step)));
    }
    if let Some(failure) = &judgement.failure {
        rows.push(("Failed at", Cell::new(output::time(Some(failure.at)))));
    }
    if let Some(failure) = function_failure {
        rows.push(("Function says", Cell::new(format!("{}: {}", failure.kind, failure.message))));
    }
    rows.push(("Function", Cell::new(output::or_dash(secret.function.as_deref()))));
    rows.push(("Schedule", Cell::new(&secret.rules)));
    rows.push(("Last rotated", Cell::new(output::time(secret.last_rotated))));
    rows.push(("Next rotation", Cell::new(output::time(secret.next_rotation))));
    for version in secret.versions.iter().filter(|version| !version.labels.is_empty()) {
        rows.push(("Version", Cell::new(format!("{}  {}", version.id, version.labels.join(" ")))));
    }
    for replica in &secret.replicas {
        let message = replica.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        rows.push(("Replica", Cell::new(format!("{}  {}{message}", replica.region, replica.status))));
    }
    for note in notes {
        rows.push(("Note", Cell::new(note)));
    }
    output::facts(rows)
}
