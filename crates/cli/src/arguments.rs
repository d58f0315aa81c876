use clap::{Args, Parser, Subcommand};
use fourstep_ops::{Connection, Operator};

use crate::output::Format;
use crate::{cancel, configure, doctor, fleet, provider, repair, shell, start, status, versions};

/// Looks after the rotation of secrets held in AWS Secrets Manager.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage; 3 nothing was done, because the state forbids it.
#[derive(Debug, Parser)]
#[command(name = "fourstep", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The profile of ~/.aws/config to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    profile: Option<String>,
    /// The AWS region
    #[arg(long, global = true, value_name = "REGION", help_heading = "Connection")]
    region: Option<String>,
    /// One end point in place of AWS's own
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    endpoint_url: Option<String>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) output: Format,
    /// Asks no questions
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) yes: bool,
}

impl Global {
    pub(crate) async fn operator(&self) -> fourstep_ops::Result<Operator> {
        let Self { profile, region, endpoint_url, .. } = self;
        Operator::connect(Connection {
            profile: profile.clone(),
            region: region.clone(),
            endpoint_url: endpoint_url.clone(),
        })
        .await
    }
}

/// What is done. Each has its description at its own struct, so that `--help` has all of it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Status(status::Status),
    Start(start::Start),
    Watch(start::Watch),
    Cancel(cancel::Cancel),
    Configure(configure::Configure),
    Versions(versions::Versions),
    Stage(versions::Stage),
    Diagnose(repair::Diagnose),
    Rollback(repair::Rollback),
    Recover(repair::Recover),
    Retire(repair::Retire),
    Reconcile(repair::Reconcile),
    Fleet(fleet::Fleet),
    Doctor(doctor::Doctor),
    Provider(provider::Provider),
    Completions(shell::Completions),
    /// Prints the manual page
    Man,
}
