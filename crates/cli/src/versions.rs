use clap::{Args, Subcommand};
use fourstep_ops::Version;
use serde_json::json;

use crate::confirm::confirm;
use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Cell, Format};

/// Lists the versions of a secret, also those without a label, newest first.
#[derive(Debug, Args)]
pub(crate) struct Versions {
    /// Name or ARN of the secret
    name: String,
}

/// Moves, adds and removes the labels of versions.
///
/// It changes labels only, and no target: where a target has one slot, AWSCURRENT on another version locks everybody
/// out. To make an older value work again, use rollback.
#[derive(Debug, Args)]
pub(crate) struct Stage {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Puts a label on a version, and takes it from the one that it is on
    Move {
        /// Name or ARN of the secret
        name: String,
        /// The label, of 1 to 256 characters
        label: String,
        /// The version to put it on
        #[arg(long, value_name = "ID")]
        to: String,
        /// The version that it has to be on now
        #[arg(long, value_name = "ID")]
        from: Option<String>,
    },
    /// Takes a label off the version that it is on
    Remove {
        /// Name or ARN of the secret
        name: String,
        /// The label
        label: String,
    },
}

pub(crate) async fn versions(versions: Versions, global: &Global) -> Result<(), Ending> {
    let listed = global.operator().await?.versions(&versions.name).await?;
    show(&listed, global)
}

pub(crate) async fn stage(stage: Stage, global: &Global) -> Result<(), Ending> {
    let (name, stage, label) = match stage.what {
        What::Move { name, label, to, from } => {
            (name, fourstep_ops::Stage::Move { label: label.clone(), to, from }, label)
        }
        What::Remove { name, label } => (name, fourstep_ops::Stage::Remove { label: label.clone() }, label),
    };
    if label.starts_with("AWS") {
        confirm(
            global,
            &format!(
                "Changes {label} of {name}, and nothing in the target: consumers may get a value that it refuses."
            ),
        )?;
    }
    let staged = global.operator().await?.stage(&name, &stage).await?;
    match global.output {
        Format::Json => output::json(&staged)?,
        Format::Table => show(&staged.versions, global)?,
    }
    Ok(())
}

fn show(versions: &[Version], global: &Global) -> Result<(), Ending> {
    match global.output {
        Format::Json => output::json(&json!({ "versions": versions }))?,
        Format::Table => output::table(
            &["version", "created", "labels"],
            versions.iter().map(|version| {
                let labels = version.labels.join(" ");
                vec![
                    Cell::new(&version.id),
                    Cell::new(output::time(version.created)),
                    Cell::new(output::or_dash(Some(&labels))),
                ]
            }),
        )?,
    }
    Ok(())
}
