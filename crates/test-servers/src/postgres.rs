//! Throwaway PostgreSQL servers, of a test's own or shared by many.

mod client;
mod installation;
mod log;
mod replica;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fourstep_testkit::certificates::Certificates;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::names::Names;
use crate::process::{Process, free_port};
use crate::shared::{self, Shared, port_file};
use crate::tools::skip;
pub use fourstep_testkit::certificates::Certificate;

use installation::{Installation, log_file};

/// How a server is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server's certificate. `None`: it speaks no TLS.
    pub certificate: Option<Certificate>,
    /// The major version. `None`: what `FOURSTEP_POSTGRES_VERSION` says, or else 15, or what is installed.
    pub version: Option<u32>,
    /// Settings beside those that every server has, as `("max_connections", "10")`.
    pub settings: Vec<(&'static str, &'static str)>,
    /// Lines of pg_hba.conf that come before the usual ones.
    pub hba: Vec<&'static str>,
}

/// A PostgreSQL server on a free port of 127.0.0.1, with its files in a temporary directory.
///
/// - Clients log in over TCP with a password (`scram-sha-256`); the superuser `postgres` over a socket, without one.
/// - It logs every statement, and with an error the statement that had it; not those of [`execute`](Self::execute),
///   which may set passwords.
/// - One's own ends when this value is dropped, and also when the test's process is killed.
///
/// # Names
///
/// Names of roles and databases are the whole server's. So that tests can share one, each has names of its own: in the
/// statements of [`execute`](Self::execute), [`rows`](Self::rows) and the like, `<app>` stands for
/// [`name("app")`](Self::name). In what they give back, and in the log, the names are plain again. On a server of one's
/// own all names are plain, and the same statements work.
#[derive(Debug)]
pub struct Postgres {
    // Ended before its files are removed. `None`: it is shared, and ends with whom it belongs to.
    own: Option<(Process, TempDir)>,
    directory: PathBuf,
    version: u32,
    port: u16,
    names: Names,
    database: String,
    /// The length of the log when this value was made.
    log_start: usize,
}

/// Logins over TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// The server let the client in.
    pub accepted: usize,
    /// It did not, for the password, or because there is no such role.
    pub refused: usize,
}

/// The name by which this program logs in.
const TESTKIT: &str = "testkit";

/// Longer than any machine needs.
const START_LIMIT: Duration = Duration::from_secs(60);

impl Postgres {
    /// Starts a server without TLS. `None`: none is installed, and a line says that the test is skipped.
    ///
    /// # Panics
    ///
    /// If the server does not start; if none is installed and `CI` is set.
    pub async fn start() -> Option<Self> {
        Self::start_with(Options::default()).await
    }

    /// Starts a server. `None`: none is installed, and a line says that the test is skipped.
    ///
    /// # Panics
    ///
    /// If the server does not start; if none is installed and `CI` is set.
    pub async fn start_with(options: Options) -> Option<Self> {
        let version = options.version.or_else(installation::wanted_version);
        let Some(installation) = Installation::find(version) else {
            let which = version.map_or_else(String::new, |version| format!(" {version}"));
            skip(&format!("PostgreSQL{which} is not installed; `cargo xtask setup` installs it"));
            return None;
        };
        let user = installation.user;
        let directory = user.directory("pg");
        installation.copy_template(&directory.path().join("data"));
        let mut settings = options.settings.clone();
        fs::write(directory.path().join("hba.conf"), hba(&options)).expect("the directory is ours");
        if let Some(certificate) = options.certificate {
            let files = Certificates::make(certificate);
            user.write(&directory.path().join("server.pem"), &files.certificate);
            user.write(&directory.path().join("server.key"), &files.key);
            fs::write(directory.path().join("authority.pem"), &files.authority).expect("the directory is ours");
            settings.push(("ssl", "on"));
        }
        Some(Self::serve(&installation, directory, &settings).await)
    }

    /// Starts a server on files that are there, and waits until it answers.
    async fn serve(installation: &Installation, mut directory: TempDir, settings: &[(&str, &str)]) -> Self {
        // Another process may take the port between the choice and the start: then the server ends at once.
        for _ in 0..5 {
            let port = free_port();
            let process = installation.serve(directory.path(), port, settings);
            let path = directory.path().to_owned();
            let own = Some((process, directory));
            let (names, database, log_start) = (Names::default(), "postgres".to_owned(), 0);
            let version = installation.version;
            let mut server = Self { own, directory: path, version, port, names, database, log_start };
            if server.answers().await {
                fs::write(port_file(&server.directory), port.to_string()).expect("the directory is ours");
                return server;
            }
            directory = server.own.take().expect("it is our own").1;
        }
        panic!("the server does not start: {}", fs::read_to_string(log_file(directory.path())).unwrap_or_default());
    }

    /// Takes a place for the test on the server that `cargo xtask test` started: names and a database of its own. Without
    /// such a server it starts one.
    ///
    /// It is for tests that change nothing of the whole server: no settings, no certificates, no role of others.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start), and if the server that runs does not answer.
    pub async fn shared() -> Option<Self> {
        let version = installation::wanted_version().unwrap_or(installation::USUAL);
        let mut server = match Shared::find(&kind(version)) {
            None => Self::start().await?,
            Some(Shared { directory, port }) => {
                let (names, database) = (Names::default(), "postgres".to_owned());
                Self { own: None, directory, version, port, names, database, log_start: 0 }
            }
        };
        server.log_start = server.whole_log().len();
        server.names = Names::unique();
        let database = server.name("main");
        server.execute(&format!("CREATE DATABASE {database}")).await;
        server.database = database;
        Some(server)
    }

    /// Waits until the server answers. `false`: it ended.
    async fn answers(&mut self) -> bool {
        let started = Instant::now();
        loop {
            if self.own.as_mut().is_some_and(|(process, _)| process.ended()) {
                return false;
            }
            if let Ok(connection) = self.superuser("postgres").connect().await {
                connection.close().await.expect("the server answered just now");
                return true;
            }
            assert!(started.elapsed() < START_LIMIT, "the server does not answer: {}", self.whole_log());
            // Nothing can be awaited: there is no socket yet.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the variable that tells tests of this version to share this server, and its value.
    #[must_use]
    pub fn told_by(&self) -> (String, String) {
        shared::told_by(&kind(self.version), &self.directory)
    }

    /// Returns the server's major version.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
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

    /// Returns the test's own name of a role or database.
    #[must_use]
    pub fn name(&self, name: &str) -> String {
        self.names.name(name)
    }

    /// Removes the test's prefix from the names in a text: those in an error, for example.
    #[must_use]
    pub fn plain(&self, text: &str) -> String {
        self.names.take_out_of(text)
    }

    /// Returns the database that is the test's own; `postgres` on a server of one's own.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Returns what the server logged: of a shared one, what concerns this test, with plain names.
    ///
    /// # Panics
    ///
    /// If the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        let log = self.whole_log();
        if self.names.are_shared() { self.plain(&log::of_test(&log, &self.names)) } else { log }
    }

    /// Returns all that the server logged since this value was made, of other tests too: to search it for a secret.
    ///
    /// # Panics
    ///
    /// If the log cannot be read.
    #[must_use]
    pub fn whole_log(&self) -> String {
        let log = fs::read(log_file(&self.directory)).expect("the server has a log");
        String::from_utf8_lossy(&log[self.log_start..]).into_owned()
    }

    /// Counts the logins over TCP since this value was made, of the test's own roles: those that the server accepted,
    /// and those that it refused.
    #[must_use]
    pub fn logins(&self) -> Logins {
        let log = self.log();
        let count = |text: &str| log.lines().filter(|line| line.contains(text) && !line.contains(TESTKIT)).count();
        Logins { accepted: count("connection authorized: "), refused: count("authentication failed for user ") }
    }
}

fn hba(options: &Options) -> String {
    let usual = ["local all postgres trust", "host all all 127.0.0.1/32 scram-sha-256"];
    options.hba.iter().copied().chain(usual).fold(String::new(), |lines, line| lines + line + "\n")
}

/// Returns the kind by which a shared server is known.
fn kind(version: u32) -> String {
    format!("POSTGRES_{version}")
}

#[cfg(test)]
mod tests;
