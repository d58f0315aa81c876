//! What is checked of the deployment, beside its tests.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::{setup, workspace};

/// Names the folder in which the tests write down what the functions call.
pub(super) const FOLDER_OF_ACTIONS: &str = "FOURSTEP_ACTIONS";

/// Creates that folder anew.
pub(super) fn empty_folder_of_actions() -> Result<String> {
    let folder = workspace::target_dir().join("fourstep-actions");
    let made = match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(&folder),
    };
    made.map_err(|error| Failure::new(format!("{} cannot be made: {error}", folder.display())))?;
    Ok(folder.display().to_string())
}

pub(super) fn cfn_lint() -> Invocation {
    let examples = workspace::root().join("examples/cloudformation");
    let mut templates: Vec<_> =
        fs::read_dir(examples).into_iter().flatten().filter_map(|entry| shown(&entry.ok()?.path())).collect();
    templates.sort();
    Invocation::new(setup::program("sam", "cfn-lint"), ["template.yaml".to_owned()]).with(templates)
}

pub(super) fn sam_validate() -> Invocation {
    Invocation::new(
        setup::program("sam", "sam"),
        ["validate", "--lint", "--template-file", "template.yaml", "--region", "eu-central-1"],
    )
    .variable("SAM_CLI_TELEMETRY", "0")
}

/// Without a network: what it asks of GitHub is whether each action still is what its hash says.
pub(super) fn zizmor() -> Invocation {
    Invocation::new(setup::program("zizmor", "zizmor"), ["--offline", "--no-progress", ".github"])
}

fn shown(path: &Path) -> Option<String> {
    Some(path.strip_prefix(workspace::root()).ok()?.to_str()?.to_owned())
}
