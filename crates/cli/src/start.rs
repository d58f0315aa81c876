use std::time::Duration;

use clap::Args;
use fourstep_ops::{Ended, Outcome, Started, argument};

use crate::confirm::confirm;
use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Format};
use crate::spinner::Spinner;

/// Starts a rotation, or goes on with the one that is under way.
///
/// Where a rotation failed, Secrets Manager tries the same version again, and nothing is lost by that.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Name or ARN of the secret
    name: String,
    /// Waits for the end
    #[arg(long)]
    wait: bool,
    /// How long to wait at the most
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// The id of the version to make, of 32 to 64 characters: the same one again starts nothing anew
    #[arg(long, value_name = "ID")]
    token: Option<String>,
    /// Takes AWSPENDING off a stale version first, if that has no value or the target refuses it
    #[arg(long)]
    force: bool,
    /// Others know the value: rotates, waits, and lets the target refuse the old one
    #[arg(long, conflicts_with = "token")]
    compromised: bool,
}

/// Waits for the end of a rotation.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Name or ARN of the secret
    name: String,
    /// The version that the rotation makes, if it is not the one under way
    #[arg(long, value_name = "ID")]
    version: Option<String>,
    /// How long to wait at the most
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

pub(crate) async fn start(start: Start, global: &Global) -> Result<(), Ending> {
    let Start { name, wait, timeout, token, force, compromised } = start;
    if compromised {
        confirm(
            global,
            &format!(
                "Rotates {name} and lets the target refuse the old credential at once; whoever still uses it is locked out."
            ),
        )?;
    } else if force {
        confirm(global, &format!("Drops the pending version of {name}, if it is dead, and rotates."))?;
    }
    let operator = global.operator().await?;
    let request = fourstep_ops::Start { token, force, wait: (wait || compromised).then_some(timeout) };
    let spinner = Spinner::new("starting");
    let started = if compromised {
        operator.replace_compromised(&name, &request, &spinner).await
    } else {
        operator.start(&name, &request, &spinner).await
    };
    drop(spinner);
    let started = started?;
    match global.output {
        Format::Json => output::json(&started)?,
        Format::Table => tell(&started)?,
    }
    started.ended.as_ref().map_or(Ok(()), ending)
}

pub(crate) async fn watch(watch: Watch, global: &Global) -> Result<(), Ending> {
    let spinner = Spinner::new("waiting");
    let operator = global.operator().await?;
    let ended = operator.watch(&watch.name, watch.version.as_deref(), watch.timeout, &spinner).await;
    drop(spinner);
    let ended = ended?;
    match global.output {
        Format::Json => output::json(&ended)?,
        Format::Table => tell_end(&ended)?,
    }
    ending(&ended)
}

fn tell(started: &Started) -> std::io::Result<()> {
    let Started { secret, version, .. } = started;
    let watch = format!("fourstep watch {}", argument(secret));
    if let Some(dropped) = &started.dropped {
        output::say(&format!("AWSPENDING was taken off version {dropped}."))?;
    }
    match &started.ended {
        Some(ended) => tell_end(ended)?,
        None if started.resumed => {
            output::say(&format!("The rotation of {secret} to version {version} goes on. Wait for it: {watch}"))?;
        }
        None => output::say(&format!("The rotation of {secret} to version {version} began. Wait for it: {watch}"))?,
    }
    if started.retired.is_some() {
        output::say("The target refuses the old credential now.")?;
    }
    Ok(())
}

fn tell_end(ended: &Ended) -> std::io::Result<()> {
    match ended.outcome {
        Outcome::Succeeded => {
            output::say(&format!("{} is rotated: AWSCURRENT is version {}.", ended.secret, ended.version))
        }
        _ => Ok(()),
    }
}

fn ending(ended: &Ended) -> Result<(), Ending> {
    match ended.outcome {
        Outcome::Succeeded => Ok(()),
        _ => Err(ended.error("").into()),
    }
}
