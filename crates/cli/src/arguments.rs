use clap::{Parser, Subcommand};

use crate::global::Global;
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
    Reset(repair::Reset),
    Adopt(repair::Adopt),
    Fleet(fleet::Fleet),
    Doctor(doctor::Doctor),
    Provider(provider::Provider),
    Completions(shell::Completions),
    /// Prints the manual page
    Man,
}
