//! Rotates a secret now, without changing its schedule, and waits for the end.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::time::Duration;

use fourstep_ops::{Connection, Event, Operator, Outcome, Start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("give the name of a secret")?;
    let operator = Operator::connect(Connection::default()).await?;
    let start = Start { wait: Some(Duration::from_secs(15 * 60)), ..Start::default() };
    let tell = |event: &Event| {
        if let Event::Started { version, .. } = event {
            println!("Started rotation: {version}");
        }
    };
    let started = operator.start(&name, &start, &tell).await?;
    match started.ended {
        Some(ended) if ended.outcome != Outcome::Succeeded => Err(ended.error("").into()),
        _ => {
            println!("Rotation completed successfully");
            Ok(())
        }
    }
}
