use std::path::Path;
use std::{env, fs};

use super::Need;
use crate::failure::{Failure, Result};
use crate::process::{Invocation, find};

pub(super) const POSTGRESQL: Need = Need {
    name: "PostgreSQL",
    why: "the tests and the demo start servers of their own, in temporary folders",
    find: || postgresql(Path::new(VERSIONS)).or_else(|| find("postgres").map(|path| path.display().to_string())),
    install: install_postgresql,
};

/// Where Debian puts each version of PostgreSQL.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Where Debian's packages of PostgreSQL look up whether to make a server.
const CREATECLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// Installs Debian packages.
///
/// # Errors
///
/// Names the programs that are needed, where this system has no `apt-get` or no right to use it.
pub(super) fn install(packages: &[&str]) -> Result {
    let packages = packages.join(" ");
    if find("apt-get").is_none() {
        let path = env::var("PATH").unwrap_or_default();
        return Err(Failure::new("this system has no apt-get; only Debian and its relatives are set up").next(
            format!(
                "Install by hand what Debian calls:\n    {packages}\n\
                 PostgreSQL is looked for as {VERSIONS}/<version>/bin/postgres,\n\
                 and as postgres in PATH.\n\
                 Python is looked for as python3 in PATH, with its modules venv and ensurepip.\n\
                 PATH is\n    {path}"
            ),
        ));
    }
    as_root("apt-get update --quiet")?;
    as_root(&format!("apt-get install --yes --quiet --no-install-recommends {packages}"))
}

/// Gives the folder of the programs of the newest version.
fn postgresql(versions: &Path) -> Option<String> {
    let folders = fs::read_dir(versions).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = folders.filter(|path| path.join("bin/postgres").is_file()).max_by_key(|path| number(path))?;
    Some(newest.join("bin").display().to_string())
}

fn install_postgresql() -> Result {
    install(&["postgresql-common"])?;
    // Installing the server would also make and start a database server on port 5432, which nobody asked for.
    let asked = Invocation::new("pg_conftool", [CREATECLUSTER, "show", "-bs", "create_main_cluster"]).output();
    if asked.is_some_and(|answer| !answer.is_empty()) {
        return install(&["postgresql"]);
    }
    as_root(&format!("cp --preserve {CREATECLUSTER} {CREATECLUSTER}.before"))?;
    as_root(&format!("pg_conftool {CREATECLUSTER} set create_main_cluster off"))?;
    let outcome = install(&["postgresql"]);
    as_root(&format!("mv {CREATECLUSTER}.before {CREATECLUSTER}"))?;
    outcome
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_with_a_server_is_found() {
        let versions = env::temp_dir().join(format!("fourstep-xtask-{}", std::process::id()));
        assert_eq!(postgresql(&versions), None);
        for version in ["9", "15", "100", "client-only"] {
            fs::create_dir_all(versions.join(version).join("bin")).unwrap();
        }
        for version in ["9", "15"] {
            fs::write(versions.join(version).join("bin/postgres"), "").unwrap();
        }
        let found = postgresql(&versions);
        fs::remove_dir_all(&versions).unwrap();
        assert_eq!(found.unwrap(), versions.join("15/bin").display().to_string());
    }
}
