//! The command `fourstep`: what operators do with the rotation of secrets, and tools for authors of provider files.
//!
//! It exits with 0 if it did what it was asked for, 1 if that failed, 2 if it was asked in a wrong way, and 3 if it did
//! nothing because the state forbids it.
//!
//! In reading order: a file uses only files that come later.
//!
//! ```text
//! the command line        main  arguments
//! the commands            status  start  cancel  configure  versions  repair  fleet  doctor
//!                         provider  provider/{check,rotation}  shell
//! what commands share     selection  confirm  spinner  tags
//! the ground              global  output  ending
//! ```

mod arguments;
mod cancel;
mod configure;
mod confirm;
mod doctor;
mod ending;
mod fleet;
mod global;
mod output;
mod provider;
mod repair;
mod selection;
mod shell;
mod spinner;
mod start;
mod status;
mod tags;
mod versions;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::arguments::{Arguments, Command};
use crate::ending::Ending;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // For an argument that is wrong, clap exits with 2 by itself.
    let arguments = Arguments::parse();
    let interrupted = Ending::failed(
        "interrupted. What was begun goes on at AWS, and nothing is half done: run the same command again, or look with \
         `fourstep status`",
    );
    let result = tokio::select! {
        // First, since a command may know better how to resume it.
        biased;
        result = run(arguments) => result,
        _ = tokio::signal::ctrl_c() => Err(interrupted),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ending { code, message }) => {
            output::tell(&format!("fourstep: {message}"));
            ExitCode::from(code)
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Ending> {
    let Arguments { global, command } = arguments;
    match command {
        Command::Status(command) => status::run(command, &global).await,
        Command::Start(command) => start::start(command, &global).await,
        Command::Watch(command) => start::watch(command, &global).await,
        Command::Cancel(command) => cancel::run(command, &global).await,
        Command::Configure(command) => configure::run(command, &global).await,
        Command::Versions(command) => versions::versions(command, &global).await,
        Command::Stage(command) => versions::stage(command, &global).await,
        Command::Diagnose(command) => repair::diagnose(command, &global).await,
        Command::Rollback(command) => repair::rollback(command, &global).await,
        Command::Recover(command) => repair::recover(command, &global).await,
        Command::Retire(command) => repair::retire(command, &global).await,
        Command::Reconcile(command) => repair::reconcile(command, &global).await,
        Command::Reset(command) => repair::reset(command, &global).await,
        Command::Adopt(command) => repair::adopt(command, &global).await,
        Command::Fleet(command) => fleet::run(command, &global).await,
        Command::Doctor(command) => doctor::run(command, &global).await,
        Command::Provider(command) => provider::run(command, &global).await,
        Command::Completions(command) => shell::completions(&command, Arguments::command()),
        Command::Man => shell::man(Arguments::command()),
    }
}
