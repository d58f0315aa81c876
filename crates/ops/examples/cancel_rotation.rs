//! Cancels the rotation of a secret, puts its labels right, and turns its schedule on again as it was.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use fourstep_ops::{Cancel, Connection, Operator};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("give the name of a secret")?;
    let operator = Operator::connect(Connection::default()).await?;
    match operator.cancel(&name, Cancel { resume: true, ..Cancel::default() }).await {
        Ok(cancelled) => println!("Cancelled rotation for: {}", cancelled.secret),
        Err(error) if error.is_forbidden_by_state() => println!("No rotation in progress or cannot cancel: {error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
