//! Creates a secret that is rotated every 45 days from the start. Its value is read from the standard input.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::time::Duration;

use fourstep::Sensitive;
use fourstep_ops::{Configure, Connection, Create, Operator, Schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [name, function] = &arguments[..] else {
        return Err("give the name of a secret and the ARN of a function".into());
    };
    // Arguments are seen by everybody on the machine, and kept in the shell's history.
    let value = Sensitive::from(std::io::read_to_string(std::io::stdin())?);
    let operator = Operator::connect(Connection::default()).await?;
    let create = Create {
        description: Some("Database credentials with automatic rotation".to_owned()),
        configure: Configure {
            function: Some(function.clone()),
            schedule: Some(Schedule::every(Duration::from_secs(45 * 24 * 60 * 60))?),
            immediately: false,
        },
        ..Create::new(value)
    };
    let configured = operator.create(name, &create).await?;
    println!("{} is rotated {}", configured.secret, configured.rules);
    Ok(())
}
