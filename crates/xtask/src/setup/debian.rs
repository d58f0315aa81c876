use std::path::Path;
use std::{env, fs};

use super::Need;
use crate::failure::{Failure, Result};
use crate::process::{Invocation, find};

pub(super) const OPENSSH: Need = Need {
    name: "OpenSSH's server",
    why: "the tests and the demo start hosts of their own; no service is started",
    find: || found("/usr/sbin/sshd"),
    install: || install_without_a_start("openssh-server", &["ssh.service", "ssh.socket"]),
};

pub(super) const RABBITMQ: Need = Need {
    name: "RabbitMQ",
    why: "a real service whose passwords are rotated by the tests; no service is started",
    find: || found("/usr/lib/rabbitmq/bin/rabbitmq-server"),
    install: || install_without_a_start("rabbitmq-server", &["rabbitmq-server.service", "epmd.service", "epmd.socket"]),
};

pub(super) const PGBOUNCER: Need = Need {
    name: "PgBouncer",
    why: "rotations through a pooler are tested with a real one; no service is started",
    find: || found("/usr/sbin/pgbouncer"),
    install: || install_without_a_start("pgbouncer", &["pgbouncer.service"]),
};

pub(super) const BUSYBOX: Need = Need {
    name: "busybox",
    why: "the script for authorized_keys is tested on it too",
    find: || found("/bin/busybox"),
    install: || install(&["busybox"]),
};

pub(super) const SHELLCHECK: Need = Need {
    name: "ShellCheck",
    why: "judges that script",
    find: || found("/usr/bin/shellcheck"),
    install: || install(&["shellcheck"]),
};

pub(super) const GAWK: Need = Need {
    name: "gawk",
    why: "the script runs on it where Red Hat's or Amazon's Linux does, and it judges the script's program of awk",
    find: || found("/usr/bin/gawk"),
    install: || install(&["gawk"]),
};

pub(super) const MAWK: Need = Need {
    name: "mawk",
    why: "the script runs on it where Debian does",
    find: || found("/usr/bin/mawk"),
    install: || install(&["mawk"]),
};

pub(super) const BINDFS: Need = Need {
    name: "bindfs",
    why: "a file system in user space, which shows owners that are none: the script has to believe nothing that it shows",
    find: || found("/usr/bin/bindfs"),
    install: || install(&["bindfs"]),
};

fn found(program: &str) -> Option<String> {
    Path::new(program).is_file().then(|| program.to_owned())
}

/// What Debian's packages ask before they start a service. It says no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

fn install_without_a_start(package: &str, units: &[&str]) -> Result {
    let has_policy = Path::new(POLICY).exists();
    if !has_policy {
        let says_no = env::temp_dir().join(format!("fourstep-policy-{}", std::process::id()));
        fs::write(&says_no, "#!/bin/sh\nexit 101\n")
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", says_no.display())))?;
        as_root(&format!("install -m 755 {} {POLICY}", says_no.display()))?;
    }
    let outcome = install(&[package]);
    if !has_policy {
        as_root(&format!("rm {POLICY}"))?;
    }
    outcome?;
    if find("systemctl").is_some() {
        // Nor is it started when the machine starts.
        as_root(&format!("systemctl disable {}", units.join(" ")))?;
    }
    Ok(())
}

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
/// Names what to install by hand.
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
