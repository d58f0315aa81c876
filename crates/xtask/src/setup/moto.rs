use std::fs;
use std::path::{Path, PathBuf};

use super::{Need, debian};
use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::workspace;

pub(super) const MOTO: Need = Need {
    name: "moto",
    why: "emulates Secrets Manager too, and ours is compared to it; in Python",
    find: installed,
    install,
};

/// Every package of the environment, with its version.
const REQUIREMENTS: &str = include_str!("moto.txt");

fn folder() -> PathBuf {
    workspace::tools_dir().join("moto")
}

/// Holds the requirements as they were when they were installed, written last.
fn receipt() -> PathBuf {
    folder().join("requirements.txt")
}

fn installed() -> Option<String> {
    let same = fs::read_to_string(receipt()).is_ok_and(|receipt| receipt == REQUIREMENTS);
    (same && folder().join("bin/moto_server").is_file()).then(|| folder().display().to_string())
}

fn install() -> Result {
    let folder = folder();
    make_environment(&folder)?;
    let wanted = folder.join("wanted.txt");
    write(&wanted, REQUIREMENTS)?;
    let python = folder.join("bin/python");
    let arguments =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", &text(&wanted)?];
    Invocation::new(text(&python)?, arguments).run()?;
    write(&receipt(), REQUIREMENTS)
}

/// Makes an empty environment. Debian keeps a part of `venv` in a package of its own.
fn make_environment(folder: &Path) -> Result {
    let make = Invocation::new("python3", ["-m", "venv", "--clear", &text(folder)?]);
    if make.output().is_some() {
        return Ok(());
    }
    debian::install(&["python3-venv"])?;
    make.run()
}

fn text(path: &Path) -> Result<String> {
    let path = path.to_str().map(str::to_owned);
    path.ok_or_else(|| Failure::new("the target directory has a name that is not Unicode; set CARGO_TARGET_DIR"))
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}
