use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::process::{Process, User, path};
use crate::tools::tools_dir;

/// The server's programs, and the user as whom they run.
pub(super) struct Installation {
    programs: PathBuf,
    pub(super) version: u32,
    pub(super) user: User,
}

/// What a server is to log, and what it need not do because its data is thrown away.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("log_statement", "all"),
    ("log_min_error_statement", "error"),
    ("log_connections", "on"),
    ("log_line_prefix", "%m [%c] %q%u@%d %a "),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "16MB"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("password_encryption", "scram-sha-256"),
    ("logging_collector", "off"),
];

/// The version on which tests run if nobody says another.
pub(super) const USUAL: u32 = 15;

/// Returns the version that tests are to run on: what `FOURSTEP_POSTGRES_VERSION` says.
///
/// # Panics
///
/// If that is no number.
pub(super) fn wanted_version() -> Option<u32> {
    let version = env::var("FOURSTEP_POSTGRES_VERSION").ok()?;
    Some(version.parse().expect("FOURSTEP_POSTGRES_VERSION is a major version, such as 18"))
}

impl Installation {
    /// Finds the programs of a version: where Debian puts them, or where `cargo xtask setup` does. `None`: the usual
    /// one, or else the highest, or else what is in `PATH`.
    pub(super) fn find(version: Option<u32>) -> Option<Self> {
        let debian = versions(Path::new("/usr/lib/postgresql")).map(|(version, programs)| (version, programs, false));
        let mut found: Vec<(u32, PathBuf, bool)> = debian.collect();
        for (name, tool) in entries(&tools_dir()) {
            if name.starts_with("postgresql-") {
                let programs = versions(&tool.join("usr/lib/postgresql"));
                found.extend(programs.map(|(version, programs)| (version, programs, true)));
            }
        }
        found.sort();
        let of = |wanted: u32| found.iter().find(|(version, ..)| *version == wanted).cloned();
        let chosen = match version {
            Some(version) => of(version),
            None => of(USUAL).or_else(|| found.pop()),
        };
        let in_path = || {
            let path = env::var_os("PATH").filter(|_| version.is_none())?;
            let programs = env::split_paths(&path).find(|directory| directory.join("initdb").exists())?;
            Some((version_of(&programs.join("postgres"))?, programs, false))
        };
        let (version, programs, ours) = chosen.or_else(in_path)?;
        // The build's directory may be in a folder of root's.
        Some(Self { programs, version, user: User::not_root(ours) })
    }

    /// Copies an initialized data directory.
    pub(super) fn copy_template(&self, to: &Path) {
        self.user.copy_template(&self.programs.join("postgres"), to, |data| {
            let arguments =
                ["-D", path(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
            // Less to copy each time.
            let arguments = arguments.into_iter().chain(["--wal-segsize=1"]).collect::<Vec<_>>();
            let output = self.command("initdb", &arguments).output().expect("initdb can be run");
            assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        });
    }

    /// Creates a command that runs one of the programs beside the server's, as the server's user.
    pub(super) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        self.user.command(self.programs.join(program), arguments)
    }

    /// Starts the server.
    pub(super) fn serve(&self, directory: &Path, port: u16, settings: &[(&str, &str)]) -> Process {
        let (data, hba) = (directory.join("data"), directory.join("hba.conf"));
        let (certificate, key) = (directory.join("server.pem"), directory.join("server.key"));
        let (port, socket) = (port.to_string(), path(directory));
        let mut arguments = vec!["-D", path(&data), "-p", &port, "-k", socket];
        let own = [("hba_file", path(&hba)), ("ssl_cert_file", path(&certificate)), ("ssl_key_file", path(&key))];
        let settings: Vec<String> =
            SETTINGS.iter().chain(&own).chain(settings).map(|(name, value)| format!("{name}={value}")).collect();
        arguments.extend(settings.iter().flat_map(|setting| ["-c", setting.as_str()]));
        let postgres = self.programs.join("postgres");
        self.user.serve(&postgres, &arguments, "QUIT", directory, &log_file(directory))
    }
}

/// Returns the file of a server's log.
pub(super) fn log_file(directory: &Path) -> PathBuf {
    directory.join("server.log")
}

/// Returns the versions in a folder such as `/usr/lib/postgresql`, each with its programs.
fn versions(folder: &Path) -> impl Iterator<Item = (u32, PathBuf)> + use<> {
    let versions = entries(folder).filter_map(|(name, path)| Some((name.parse().ok()?, path.join("bin"))));
    versions.filter(|(_, programs)| programs.join("initdb").exists())
}

/// Asks a server's program for its major version, as in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_of(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').nth(2)?.split(|end: char| !end.is_ascii_digit()).next()?.parse().ok()
}

fn entries(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
}
