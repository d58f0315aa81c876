mod check;
mod rotation;

use clap::{Args, Subcommand};

use crate::ending::Ending;
use crate::global::Global;

/// Provider files, which describe the keys of HTTP services.
#[derive(Debug, Args)]
pub(crate) struct Provider {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Validates a file and shows the requests that it would send, with secrets masked
    Check(check::Check),
}

pub(crate) async fn run(provider: Provider, global: &Global) -> Result<(), Ending> {
    match provider.command {
        Command::Check(command) => check::run(command, global).await,
    }
}
