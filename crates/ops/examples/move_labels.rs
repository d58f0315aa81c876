//! Puts a label of one's own on a version, promotes the version, and moves AWSCURRENT back.
//!
//! Labels are moved, and nothing in the target. To make an older value work again, use `Action::Rollback`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use fourstep_ops::{Connection, Operator, Stage};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [name, version] = &arguments[..] else {
        return Err("give the name of a secret and the id of a version".into());
    };
    let operator = Operator::connect(Connection::default()).await?;
    let to = |label: &str, version: &str, from: Option<String>| Stage::Move {
        label: label.to_owned(),
        to: version.to_owned(),
        from,
    };
    operator.stage(name, &to("TESTING", version, None)).await?;
    println!("TESTING is on version {version}");

    // With `from`, nothing is changed if somebody else moved the label meanwhile.
    let promoted = operator.stage(name, &to("AWSCURRENT", version, None)).await?;
    println!("AWSCURRENT is on version {version}");
    let before = promoted.from.ok_or("no version had AWSCURRENT")?;

    operator.stage(name, &to("AWSCURRENT", &before, Some(version.clone()))).await?;
    println!("AWSCURRENT is on version {before} again");
    Ok(())
}
