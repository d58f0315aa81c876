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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tells what is true of secrets' rotations, what works, and what to do next
    Status(status::Status),
    /// Starts a rotation, or goes on with the one that is under way
    Start(start::Start),
    /// Waits for the end of a rotation
    Watch(start::Watch),
    /// Cancels a rotation, turns its schedule off and puts the labels right
    Cancel(cancel::Cancel),
    /// Names the function that rotates a secret, and when
    Configure(configure::Configure),
    /// Lists the versions of a secret
    Versions(versions::Versions),
    /// Moves, adds and removes the labels of versions
    Stage(versions::Stage),
    /// Asks the function which versions open the target
    Diagnose(repair::Diagnose),
    /// Makes an older value work again: in the target, and then by the labels
    Rollback(repair::Rollback),
    /// Finds the version that the target accepts, and makes it AWSCURRENT
    Recover(repair::Recover),
    /// Lets the target refuse AWSPREVIOUS now
    Retire(repair::Retire),
    /// Brings all hosts of a secret to what it says
    Reconcile(repair::Reconcile),
    /// Rotates many secrets under the account's quota, and counts their states
    Fleet(fleet::Fleet),
    /// Looks at everything that a rotation needs, before it is needed
    Doctor(doctor::Doctor),
    /// Provider files, which describe the keys of HTTP services
    Provider(provider::Provider),
    /// Prints the completions of a shell
    Completions(shell::Completions),
    /// Prints the manual page
    Man,
}
