//! The command `fourstep`: looks at what rotates secrets, and tries it.
//!
//! It exits with 0 if it did what it was asked for, 1 if that failed, 2 if it was asked in a wrong way, and 3 if it did
//! nothing because the state forbids it.

mod ending;
mod provider;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::ending::Ending;

/// Rotates secrets held in AWS Secrets Manager: tools for whoever runs it.
#[derive(Debug, Parser)]
#[command(name = "fourstep", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Provider files, which describe the keys of HTTP services
    Provider(provider::Provider),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // For an argument that is wrong, clap exits with 2 by itself.
    let result = match Arguments::parse().command {
        Command::Provider(command) => provider::run(command).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ending { code, message }) => {
            anstream::eprintln!("fourstep: {message}");
            ExitCode::from(code)
        }
    }
}
