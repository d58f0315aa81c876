//! Sets up that a function rotates a secret every 30 days, and rotates it at once.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::time::Duration;

use fourstep_ops::{Configure, Connection, Operator, Schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [name, function] = &arguments[..] else {
        return Err("give the name of a secret and the ARN of a function".into());
    };
    let operator = Operator::connect(Connection::default()).await?;
    let configure = Configure {
        function: Some(function.clone()),
        schedule: Some(Schedule::every(Duration::from_secs(30 * 24 * 60 * 60))?),
        immediately: true,
    };
    let configured = operator.configure(name, &configure).await?;
    println!("Started rotation for secret: {}", configured.secret);
    println!("AWSPENDING version: {}", configured.version.unwrap_or_default());
    Ok(())
}
