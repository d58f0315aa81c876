use std::time::Duration;

use clap::Args;
use comfy_table::Cell;
use fourstep_ops::Schedule;

use crate::arguments::Global;
use crate::ending::Ending;
use crate::output::{self, Format};

/// Names the function that rotates a secret, and when.
///
/// What is not given stays as it is. Secrets Manager runs testSecret to check the configuration; with --now it rotates.
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
}

pub(crate) async fn run(configure: Configure, global: &Global) -> Result<(), Ending> {
    let Configure { name, function, every, cron, window, now } = configure;
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
    let request = fourstep_ops::Configure { function, schedule, immediately: now };
    let configured = global.operator().await?.configure(&name, &request).await?;
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
