//! Rotates a secret every 60 days from now on, and by another function if one is named. What is not given stays.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::time::Duration;

use fourstep_ops::{Configure, Connection, Operator, Schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("give the name of a secret, and the ARN of a function if that changes too")?;
    let operator = Operator::connect(Connection::default()).await?;
    let configure = Configure {
        function: arguments.next(),
        schedule: Some(Schedule::every(Duration::from_secs(60 * 24 * 60 * 60))?),
        immediately: false,
    };
    let configured = operator.configure(&name, &configure).await?;
    println!("{} is rotated {} by {}", configured.secret, configured.rules, configured.function.unwrap_or_default());
    Ok(())
}
