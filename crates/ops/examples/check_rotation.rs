//! Returns how a secret is rotated, which labels its versions have, and the state that follows from them.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use fourstep_ops::{Connection, Operator, State, printable};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("give the name of a secret")?;
    let operator = Operator::connect(Connection::default()).await?;
    let status = operator.status(&name).await?;
    println!("Rotation enabled: {}", status.secret.rotation_enabled);
    println!("Rotation function: {}", printable(status.secret.function.as_deref().unwrap_or("none")));
    println!("Rotation schedule: {}", status.secret.rules);
    for version in &status.secret.versions {
        // Whoever stores a version chooses its id and its labels, of any characters.
        println!("{}: {}", printable(&version.id), printable(&version.labels.join(", ")));
    }
    // A rotation that failed is told from one that goes on by what CloudTrail knows, and not by its age.
    match status.judgement.state {
        State::NotConfigured | State::TurnedOff => println!("Rotation is not configured"),
        State::InProgress => println!("Rotation in progress, next: {}", status.judgement.next_step.unwrap_or("a step")),
        State::Failed | State::Stuck => println!("Rotation failed: {}", printable(&status.judgement.why)),
        state => println!("State: {state}"),
    }
    println!("{} {}", printable(&status.judgement.works), printable(&status.judgement.next));
    Ok(())
}
