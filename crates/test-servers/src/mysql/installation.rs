use std::path::{Path, PathBuf};
use std::process::Command;

use super::flavour::Flavour;
use crate::process::{Process, User, path};
use crate::tools::tool;

/// The server's programs, where `cargo xtask setup` unpacked them.
pub(super) struct Installation {
    flavour: Flavour,
    server: PathBuf,
    /// The folder with `bin`, `share` and so on.
    base: PathBuf,
    pub(super) user: User,
}

/// What a server is to log, and what it need not do because its data is thrown away.
const SETTINGS: &[&str] = &[
    "--bind-address=127.0.0.1",
    "--general-log=ON",
    "--log-output=FILE",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-buffer-pool-size=16M",
];

/// The same, also while the data directory is made: a small one is copied in less time.
const ALWAYS: &[&str] =
    &["--innodb-data-file-path=ibdata1:5M:autoextend", "--innodb-autoextend-increment=1", "--innodb-doublewrite=OFF"];
const OF_MYSQL: &[&str] = &["--innodb-redo-log-capacity=8M", "--log-error-verbosity=3"];
const OF_MARIADB: &[&str] = &["--innodb-log-file-size=4M", "--log-warnings=9"];

impl Installation {
    /// Finds the programs. `None`: a line says that the test is skipped.
    pub(super) fn find(flavour: Flavour) -> Option<Self> {
        let server = match flavour {
            Flavour::MySql => tool("mysql", "usr/sbin/mysqld")?,
            Flavour::MariaDb => tool("mariadb", "usr/sbin/mariadbd")?,
        };
        let server = server.canonicalize().expect("it was found just now");
        let base = server.ancestors().nth(2).expect("it is in `sbin` of the base").to_owned();
        Some(Self { flavour, server, base, user: User::ourselves() })
    }

    /// Copies an initialized data directory, with the account `root`, which has no password.
    pub(super) fn copy_template(&self, to: &Path) {
        self.user.copy_template(&self.server, to, |data| {
            let mut command = self.initializing(data);
            let output = command.output().expect("the program can be run");
            assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
        });
    }

    fn initializing(&self, data: &Path) -> Command {
        let program = match self.flavour {
            Flavour::MySql => self.server.clone(),
            Flavour::MariaDb => self.base.join("bin/mariadb-install-db"),
        };
        let mut arguments = self.places(data);
        match self.flavour {
            Flavour::MySql => arguments.push("--initialize-insecure".to_owned()),
            Flavour::MariaDb => arguments.extend(
                ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
                    .map(str::to_owned),
            ),
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.user.command(program, &arguments)
    }

    /// Starts the server.
    pub(super) fn serve(&self, directory: &Path, port: u16, settings: &[String]) -> Process {
        let place = |name: &str| directory.join(name).display().to_string();
        let mut arguments = self.places(&directory.join("data"));
        arguments.extend([
            format!("--port={port}"),
            format!("--socket={}", place("socket")),
            format!("--pid-file={}", place("pid")),
            format!("--general-log-file={}", general_log_file(directory).display()),
        ]);
        if self.flavour == Flavour::MySql {
            arguments.push("--mysqlx=OFF".to_owned());
        }
        arguments.extend(SETTINGS.iter().map(|&setting| setting.to_owned()));
        arguments.extend(settings.iter().cloned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.user.serve(&self.server, &arguments, "KILL", directory, &error_log_file(directory))
    }

    /// Returns the arguments that every call has; `--no-defaults` has to be the first.
    fn places(&self, data: &Path) -> Vec<String> {
        let mut arguments = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={}", path(data)),
            format!("--basedir={}", path(&self.base)),
        ];
        // The server refuses to run as root unless it is told to.
        if self.user.is_root() {
            arguments.push("--user=root".to_owned());
        }
        let base = self.base.display();
        match self.flavour {
            Flavour::MySql => arguments.extend([
                // Debian has these outside of the base, by absolute paths.
                format!("--lc-messages-dir={base}/share/mysql"),
                format!("--character-sets-dir={base}/share/mysql/charsets"),
                "--secure-file-priv=NULL".to_owned(),
                format!("--plugin-dir={base}/lib/mysql/plugin"),
            ]),
            Flavour::MariaDb => arguments.push(format!("--plugin-dir={base}/lib/mysql/plugin")),
        }
        let own = match self.flavour {
            Flavour::MySql => OF_MYSQL,
            Flavour::MariaDb => OF_MARIADB,
        };
        arguments.extend(ALWAYS.iter().chain(own).map(|&setting| setting.to_owned()));
        arguments
    }
}

/// Returns the file of the general log.
pub(super) fn general_log_file(directory: &Path) -> PathBuf {
    directory.join("general.log")
}

/// Returns the file of the error log.
pub(super) fn error_log_file(directory: &Path) -> PathBuf {
    directory.join("error.log")
}
