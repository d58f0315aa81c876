use clap::Args;

use crate::confirm::confirm;
use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Cell, Format};

/// Cancels a rotation, turns its schedule off and puts the labels right.
///
/// AWS's call turns the schedule off too; --resume turns it on again as it was. A pending value that may be the only one
/// that the target accepts is not dropped: then nothing is done.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Name or ARN of the secret
    name: String,
    /// Turns rotation on again, with the same function and schedule
    #[arg(long)]
    resume: bool,
    /// Leaves AWSPENDING where it is
    #[arg(long)]
    keep_pending: bool,
}

pub(crate) async fn run(cancel: Cancel, global: &Global) -> Result<(), Ending> {
    let Cancel { name, resume, keep_pending } = cancel;
    let schedule = if resume { "turns its schedule off and on again" } else { "turns its schedule off" };
    confirm(global, &format!("Cancels the rotation of {name} and {schedule}."))?;
    let request = fourstep_ops::Cancel { resume, keep_pending };
    let cancelled = global.operator().await?.cancel(&name, request).await?;
    if global.output == Format::Json {
        return Ok(output::json(&cancelled)?);
    }
    let pending = match (&cancelled.version, cancelled.dropped) {
        (Some(version), true) => format!("taken off version {version}"),
        (Some(version), false) => format!("still on version {version}"),
        (None, _) => "was on no version of its own".to_owned(),
    };
    let enabled = if cancelled.rotation_enabled { "on, as it was" } else { "off: --resume, or configure, turns it on" };
    output::facts(vec![
        ("Secret", Cell::new(&cancelled.secret)),
        ("AWSPENDING", Cell::new(pending)),
        ("Rotation", Cell::new(enabled)),
        ("Function", Cell::new(output::or_dash(cancelled.function.as_deref()))),
        ("Schedule", Cell::new(&cancelled.rules)),
    ])?;
    Ok(())
}
