//! Measures the functions, as they are released, against servers of their own. `cargo xtask bench` runs it.

mod hosts;

use std::path::PathBuf;
use std::process::ExitCode;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(programs) = std::env::args_os().nth(1).map(PathBuf::from) else {
        anstream::eprintln!("name the folder with the functions' binaries: bench target/release");
        return ExitCode::from(2);
    };
    match hosts::measure(&programs.join("rotate-ssh")).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
