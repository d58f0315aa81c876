use std::fs;
use std::path::{Path, PathBuf};

use super::{Need, debian};
use crate::failure::{Failure, Result};
use crate::process::{Invocation, find};
use crate::workspace;

pub(super) const CDK: Need = Need {
    name: "AWS CDK",
    why: "synthesises the example for it; in JavaScript, as its package-lock.json says",
    find: installed,
    install,
};

/// The files that say what is to be installed. Copies in a folder of their own, written last, say what is.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

fn folder() -> PathBuf {
    workspace::tools_dir().join("cdk")
}

fn installed() -> Option<String> {
    let folder = folder();
    let read = |path: PathBuf| fs::read(path).ok();
    let same = |name: &&str| read(folder.join("installed").join(name)) == read(example().join(name));
    (folder.join("node_modules/.bin/cdk").exists() && FILES.iter().all(same)).then(|| folder.display().to_string())
}

fn install() -> Result {
    if find("npm").is_none() {
        debian::install(&["nodejs", "npm"])?;
    }
    let folder = folder();
    copy_files_to(&folder)?;
    let place = folder.to_str().ok_or_else(|| Failure::new("the target directory has a name that is not Unicode"))?;
    // No package may run a program of its own while it is installed.
    // In that folder: with its option for another one, npm takes the package there for a dependency of itself.
    let arguments = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    Invocation::new("env", [format!("--chdir={place}")]).with(arguments).run()?;
    copy_files_to(&folder.join("installed"))
}

fn example() -> PathBuf {
    workspace::root().join("examples/cdk")
}

fn copy_files_to(folder: &Path) -> Result {
    let copied = fs::create_dir_all(folder)
        .and_then(|()| FILES.iter().try_for_each(|name| fs::copy(example().join(name), folder.join(name)).map(drop)));
    copied.map_err(|error| Failure::new(format!("{} cannot be written: {error}", folder.display())))
}
