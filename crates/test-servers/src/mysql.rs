//! Throwaway servers of MySQL and MariaDB, of a test's own or shared by many.

mod flavour;
mod general_log;
mod installation;
mod session;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fourstep_testkit::certificates::Certificates;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::names::Names;
use crate::process::{Process, free_port};
use crate::shared::{self, Shared, port_file};
pub use flavour::Flavour;
pub use fourstep_testkit::certificates::Certificate;

use installation::{Installation, error_log_file, general_log_file};

/// How a server is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server's certificate. `None`: it speaks no TLS.
    pub certificate: Option<Certificate>,
    /// Settings beside those that every server has, as `"--max-connections=10"`.
    pub settings: Vec<&'static str>,
}

/// A server of MySQL or MariaDB on a free port of 127.0.0.1, with its files in a temporary directory.
///
/// - Clients log in over TCP with a password; `root` over a socket, without one.
/// - The general log has every statement, except those of [`execute`](Self::execute), which may set passwords. The error
///   log has each login that was refused.
/// - One's own ends when this value is dropped, and also when the test's process is killed.
///
/// # Names
///
/// Names of accounts and databases are the whole server's. So that tests can share one, each has names of its own: in
/// the statements of [`execute`](Self::execute) and [`rows`](Self::rows), `<app>` stands for
/// [`name("app")`](Self::name), which is ten characters longer. In what they give back, and in the logs, the names are
/// plain again. On a server of one's own all names are plain, and the same statements work.
#[derive(Debug)]
pub struct MySql {
    // Ended before its files are removed. `None`: it is shared, and ends with whom it belongs to.
    own: Option<(Process, TempDir)>,
    flavour: Flavour,
    directory: PathBuf,
    port: u16,
    names: Names,
    database: String,
    /// The lengths of the logs when this value was made.
    general_start: usize,
    error_start: usize,
}

/// Longer than any machine needs.
const START_LIMIT: Duration = Duration::from_secs(60);

impl MySql {
    /// Starts a server without TLS. `None`: it is not installed, and a line says that the test is skipped.
    ///
    /// # Panics
    ///
    /// If the server does not start; if it is not installed and `CI` is set.
    pub async fn start(flavour: Flavour) -> Option<Self> {
        Self::start_with(flavour, Options::default()).await
    }

    /// Starts a server. `None`: it is not installed, and a line says that the test is skipped.
    ///
    /// # Panics
    ///
    /// If the server does not start; if it is not installed and `CI` is set.
    pub async fn start_with(flavour: Flavour, options: Options) -> Option<Self> {
        let installation = Installation::find(flavour)?;
        let mut directory = installation.user.directory("my");
        installation.copy_template(&directory.path().join("data"));
        let settings = settings(flavour, &options, directory.path(), &installation);
        // Another process may take the port between the choice and the start: then the server ends.
        for _ in 0..5 {
            let port = free_port();
            let process = installation.serve(directory.path(), port, &settings);
            let path = directory.path().to_owned();
            let (own, names, database) = (Some((process, directory)), Names::default(), "main".to_owned());
            let (general_start, error_start) = (0, 0);
            let mut server = Self { own, flavour, directory: path, port, names, database, general_start, error_start };
            if server.answers().await {
                fs::write(port_file(&server.directory), port.to_string()).expect("the directory is ours");
                server.make_database().await;
                return Some(server);
            }
            directory = server.own.take().expect("it is our own").1;
        }
        panic!("the server does not start: {}", read(&error_log_file(directory.path()), 0));
    }

    /// Takes a place for the test on the server that `cargo xtask test` started: names and a database of its own. Without
    /// such a server it starts one.
    ///
    /// It is for tests that change nothing of the whole server: no settings, no certificates, no account of others.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start), and if the server that runs does not answer.
    pub async fn shared(flavour: Flavour) -> Option<Self> {
        let mut server = match Shared::find(flavour.kind()) {
            None => Self::start(flavour).await?,
            Some(Shared { directory, port }) => {
                let (names, database) = (Names::default(), String::new());
                Self { own: None, flavour, directory, port, names, database, general_start: 0, error_start: 0 }
            }
        };
        server.general_start = server.whole_general_log().len();
        server.error_start = server.whole_error_log().len();
        server.names = Names::unique();
        server.database = server.name("main");
        server.make_database().await;
        Some(server)
    }

    async fn make_database(&self) {
        self.run(&format!("CREATE DATABASE {}", self.database), None).await;
    }

    /// Waits until the server answers. `false`: it ended.
    async fn answers(&mut self) -> bool {
        let started = Instant::now();
        loop {
            if self.own.as_mut().is_some_and(|(process, _)| process.ended()) {
                return false;
            }
            if let Ok(connection) = self.root().connect().await {
                connection.close().await.expect("the server answered just now");
                return true;
            }
            assert!(started.elapsed() < START_LIMIT, "the server does not answer: {}", self.whole_error_log());
            // Nothing can be awaited: there is no socket yet.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns which of the two servers it is.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Returns the variable that tells tests to share this server, and its value.
    #[must_use]
    pub fn told_by(&self) -> (String, String) {
        shared::told_by(self.flavour.kind(), &self.directory)
    }

    /// Returns the server's address.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Returns the server's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the file with the certificate of the authority that clients are to trust, as for `TLS_CA_BUNDLE`.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.join("authority.pem")
    }

    /// Returns the test's own name of an account or database.
    #[must_use]
    pub fn name(&self, name: &str) -> String {
        self.names.name(name)
    }

    /// Removes the test's prefix from the names in a text: those in an error, for example.
    #[must_use]
    pub fn plain(&self, text: &str) -> String {
        self.names.take_out_of(text)
    }

    /// Returns the database that is the test's own, which every server has: `main`.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Returns the general log: of a shared server, the sessions that concern this test, with plain names.
    #[must_use]
    pub fn general_log(&self) -> String {
        let log = self.whole_general_log();
        if self.names.are_shared() { self.plain(&general_log::of_test(&log, &self.names)) } else { log }
    }

    /// Returns the error log: of a shared server, the lines that name what is this test's, with plain names.
    #[must_use]
    pub fn error_log(&self) -> String {
        let log = self.whole_error_log();
        let own = log.split_inclusive('\n').filter(|line| self.names.are_in(line));
        self.plain(&own.collect::<String>())
    }

    /// Returns all that the general log got since this value was made, of other tests too: to search it for a secret.
    #[must_use]
    pub fn whole_general_log(&self) -> String {
        read(&general_log_file(&self.directory), self.general_start)
    }

    /// Returns all that the error log got since this value was made, of other tests too: to search it for a secret.
    #[must_use]
    pub fn whole_error_log(&self) -> String {
        read(&error_log_file(&self.directory), self.error_start)
    }
}

fn settings(flavour: Flavour, options: &Options, directory: &Path, installation: &Installation) -> Vec<String> {
    let mut settings = Vec::new();
    if let Some(certificate) = options.certificate {
        let files = Certificates::make(certificate);
        for (name, setting, text) in [
            ("authority.pem", "ssl-ca", &files.authority),
            ("server.pem", "ssl-cert", &files.certificate),
            ("server.key", "ssl-key", &files.key),
        ] {
            let file = directory.join(name);
            installation.user.write(&file, text);
            settings.push(format!("--{setting}={}", file.display()));
        }
    } else if flavour == Flavour::MySql {
        // It makes certificates by itself.
        settings.push("--tls-version=".to_owned());
    }
    settings.extend(options.settings.iter().map(|&setting| setting.to_owned()));
    settings
}

fn read(log: &Path, from: usize) -> String {
    let log = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&log[from..]).into_owned()
}

#[cfg(test)]
mod tests;
