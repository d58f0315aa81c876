use std::env;

use crate::failure::{Failure, Result};
use crate::process::{Invocation, find};

/// Installs Debian packages.
///
/// # Errors
///
/// Names the programs that are needed, where this system has no `apt-get` or no right to use it.
pub(super) fn install(packages: &[&str]) -> Result {
    let packages = packages.join(" ");
    need_apt(&packages)?;
    update()?;
    as_root(&format!("apt-get install --yes --quiet --no-install-recommends {packages}"))
}

/// Asks the mirrors what they have.
///
/// # Errors
///
/// If none answers, or there is no right to.
pub(super) fn update() -> Result {
    as_root("apt-get update --quiet")
}

/// Checks that this is Debian or a relative of it.
///
/// # Errors
///
/// Says what to install by hand.
pub(super) fn need_apt(packages: &str) -> Result {
    if find("apt-get").is_some() && find("dpkg-deb").is_some() {
        return Ok(());
    }
    Err(Failure::new("this system has no apt-get; only Debian and its relatives are set up").next(format!(
        "Install by hand what Debian calls:\n    {packages}\n\
         PostgreSQL is looked for as /usr/lib/postgresql/<version>/bin/postgres, and as postgres in PATH.\n\
         Python is looked for as python3 in PATH, with its modules venv and ensurepip.\n\
         Without MySQL or MariaDB, `cargo nextest run` skips their tests, and says so.\n\
         PATH is\n    {}",
        env::var("PATH").unwrap_or_default()
    )))
}

/// Runs a command as root: directly, or by sudo.
fn as_root(command: &str) -> Result {
    let root = Invocation::new("id", ["-u"]).output().is_some_and(|id| id == "0");
    if !root && find("sudo").is_none() {
        return Err(Failure::new("packages are installed by root, and there is no sudo")
            .next(format!("Run this as root, then try again:\n    {command}")));
    }
    // Set by `env`, because sudo drops variables.
    let words = ["env", "DEBIAN_FRONTEND=noninteractive"].into_iter().chain(command.split(' '));
    let mut words = (!root).then_some("sudo").into_iter().chain(words);
    let program = words.next().expect("there is at least `env`");
    Invocation::new(program, words).run()
}
