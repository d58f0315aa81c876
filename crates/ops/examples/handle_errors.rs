//! Starts a rotation, and tells the errors of Secrets Manager apart.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use fourstep_ops::{Connection, Operator, Reason, Silent, Start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("give the name of a secret")?;
    let operator = Operator::connect(Connection::default()).await?;
    let error = match operator.start(&name, &Start::default(), &Silent).await {
        Ok(started) => {
            println!("Started rotation: {}", started.version);
            return Ok(());
        }
        Err(error) => error,
    };
    // The error's text says what happened and what to do next.
    match error.reason {
        Reason::NotFound => println!("Secret not found: {error}"),
        Reason::InvalidParameter | Reason::WrongUsage => println!("Invalid rotation configuration: {error}"),
        Reason::InvalidRequest | Reason::StateForbids => println!("Rotation cannot be performed: {error}"),
        Reason::LimitExceeded | Reason::Throttled => println!("Too many requests: {error}"),
        Reason::PreconditionNotMet => println!("Rotation precondition failed: {error}"),
        Reason::Denied => println!("Not allowed: {error}"),
        _ => return Err(error.into()),
    }
    Ok(())
}
