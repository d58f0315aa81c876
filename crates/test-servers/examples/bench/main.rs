//! Measures the functions, as they are released, against servers of their own. `cargo xtask bench` runs it.

mod functions;
mod hosts;
mod rotation;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(programs) = std::env::args_os().nth(1).map(PathBuf::from) else {
        anstream::eprintln!(
            "name the folder with the functions' binaries, and `hosts` for fleets alone: bench target/release"
        );
        return ExitCode::from(2);
    };
    let only_hosts = std::env::args_os().nth(2).is_some_and(|part| part == "hosts");
    match measure(&programs, only_hosts).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(programs: &Path, only_hosts: bool) -> Result<()> {
    if !only_hosts {
        functions::measure(programs).await?;
    }
    hosts::measure(&programs.join("rotate-ssh")).await
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "a process has few bytes")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1024 * 1024))
}
