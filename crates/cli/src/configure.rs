use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use fourstep::Sensitive;
use fourstep_ops::{Create, Schedule};

use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Cell, Format};
use crate::selection::tag;

/// Names the function that rotates a secret, and when.
///
/// What is not given stays as it is. With --create it makes the secret first. Secrets Manager runs testSecret to check the configuration; with --now it rotates.
#[derive(Debug, Args)]
pub(crate) struct Configure {
    /// Name or ARN of the secret
    name: String,
    /// ARN or name of the function
    #[arg(long, value_name = "ARN")]
    function: Option<String>,
    /// Rotates every so often, such as 30d or 12h
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    every: Option<Duration>,
    /// Rotates at the times of a cron expression, in UTC: minutes, hours, day, month, weekday, year
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "every")]
    cron: Option<String>,
    /// Rotates within this time from when the schedule says, such as 3h
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    window: Option<Duration>,
    /// Rotates at once, too
    #[arg(long)]
    now: bool,
    /// Makes the secret first, with what is in this file as its value; - reads the standard input
    ///
    /// A value is never an argument: arguments are seen by everybody on the machine, and kept in the shell's history.
    #[arg(long, value_name = "FILE", requires = "function")]
    create: Option<PathBuf>,
    #[command(flatten)]
    made: Made,
}

/// What a secret that is made has beside its value.
#[derive(Debug, Args)]
struct Made {
    /// What the new secret is for
    #[arg(long, value_name = "TEXT", requires = "create")]
    description: Option<String>,
    /// The KMS key of the new secret, if it is not aws/secretsmanager
    #[arg(long, value_name = "KEY", requires = "create")]
    kms_key: Option<String>,
    /// A tag of the new secret; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag, requires = "create")]
    tag: Vec<(String, String)>,
}

pub(crate) async fn run(configure: Configure, global: &Global) -> Result<(), Ending> {
    let Configure { name, function, every, cron, window, now, create, made } = configure;
    let schedule = match (every, cron) {
        (Some(every), _) => Some(Schedule::every(every)?),
        (None, Some(cron)) => Some(Schedule::cron(&cron)?),
        (None, None) => None,
    };
    let schedule = match (schedule, window) {
        (Some(schedule), Some(window)) => Some(schedule.within(window)?),
        (None, Some(_)) => return Err(Ending::wrong_usage("--window needs a schedule: add --every or --cron")),
        (schedule, None) => schedule,
    };
    let configure = fourstep_ops::Configure { function, schedule, immediately: now };
    let configured = match create {
        Some(file) => {
            let Made { description, kms_key, tag } = made;
            let tags = tag.into_iter().collect();
            let create = Create { description, kms_key, tags, configure, ..Create::new(read(&file)?) };
            global.operator().await?.create(&name, &create).await?
        }
        None => global.operator().await?.configure(&name, &configure).await?,
    };
    if global.output == Format::Json {
        return Ok(output::json(&configured)?);
    }
    let mut rows = vec![
        ("Secret", Cell::new(&configured.secret)),
        ("Function", Cell::new(output::or_dash(configured.function.as_deref()))),
        ("Schedule", Cell::new(&configured.rules)),
    ];
    if let Some(version) = &configured.version {
        rows.push(("Rotates to", Cell::new(version)));
    }
    output::facts(rows)?;
    Ok(())
}

/// Reads a value. The line end that editors and `echo` leave is no part of it.
fn read(file: &Path) -> Result<Sensitive, Ending> {
    let text = if file == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    let mut text = text.map_err(|error| Ending::wrong_usage(format!("{} cannot be read: {error}", file.display())))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(Sensitive::from(text))
}
