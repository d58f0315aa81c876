//! A throwaway PostgreSQL server.

mod certificates;
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};
use tempfile::TempDir;

pub use certificates::Certificate;
use certificates::Certificates;
use process::{Installation, Process};

/// How a server is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server's certificate. `None`: it speaks no TLS.
    pub certificate: Option<Certificate>,
    /// The major version. `None`: the highest that is installed.
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
/// - It ends when this value is dropped, and also when the test's process is killed.
#[derive(Debug)]
pub struct Postgres {
    // Ended before its files are removed.
    process: Process,
    port: u16,
    directory: TempDir,
}

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
        let Some(installation) = Installation::find(options.version) else {
            crate::skip("PostgreSQL is not installed; `cargo xtask setup` installs it");
            return None;
        };
        let mut directory = installation.directory();
        installation.copy_template(&directory.path().join("data"));
        let mut settings = options.settings.clone();
        fs::write(directory.path().join("hba.conf"), hba(&options)).expect("the directory is ours");
        if let Some(certificate) = options.certificate {
            let files = Certificates::make(certificate);
            installation.write(&directory.path().join("server.pem"), &files.certificate);
            installation.write(&directory.path().join("server.key"), &files.key);
            fs::write(directory.path().join("authority.pem"), &files.authority).expect("the directory is ours");
            settings.push(("ssl", "on"));
        }
        // Another process may take the port between the choice and the start: then the server ends at once.
        for _ in 0..5 {
            let port = free_port();
            let process = installation.serve(directory.path(), port, &settings);
            let mut server = Self { process, port, directory };
            if server.answers().await {
                return Some(server);
            }
            directory = server.directory;
        }
        panic!("the server does not start: {}", fs::read_to_string(log_file(directory.path())).unwrap_or_default());
    }

    /// Waits until the server answers. `false`: it ended.
    async fn answers(&mut self) -> bool {
        let started = Instant::now();
        loop {
            if self.process.ended() {
                return false;
            }
            if let Ok(connection) = self.superuser("postgres").connect().await {
                connection.close().await.expect("the server answered just now");
                return true;
            }
            assert!(started.elapsed() < START_LIMIT, "the server does not answer: {}", self.log());
            // Nothing can be awaited: there is no socket yet.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Gives the server's address.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Gives the server's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Gives the file with the certificate of the authority that clients are to trust, as for `TLS_CA_BUNDLE`.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// Gives all that the server logged.
    ///
    /// # Panics
    ///
    /// If the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(log_file(self.directory.path())).expect("the server has a log")).into_owned()
    }

    /// Runs statements as the superuser, in database `postgres`. They are not logged.
    ///
    /// # Panics
    ///
    /// If one fails.
    pub async fn execute(&self, statements: &str) {
        self.execute_in("postgres", statements).await;
    }

    /// Runs statements as the superuser, in a database. They are not logged.
    ///
    /// # Panics
    ///
    /// If one fails.
    pub async fn execute_in(&self, database: &str, statements: &str) {
        let mut connection = self.superuser(database).connect().await.expect("the superuser can log in");
        let result = sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await;
        result.unwrap_or_else(|error| panic!("{statements}: {error}"));
        connection.close().await.expect("the connection is idle");
    }

    /// Asks for rows as the superuser, in database `postgres`: each as text, its columns joined by ` | `.
    ///
    /// # Panics
    ///
    /// If the query fails, or a column is not text.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        let mut connection = self.superuser("postgres").connect().await.expect("the superuser can log in");
        let rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(&mut connection).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
        connection.close().await.expect("the connection is idle");
        let column = |row: &sqlx::postgres::PgRow, at| {
            row.try_get::<Option<String>, _>(at).expect("every column is cast to text").unwrap_or_default()
        };
        rows.iter().map(|row| (0..row.len()).map(|at| column(row, at)).collect::<Vec<_>>().join(" | ")).collect()
    }

    /// Gives all that the server knows of its roles: names, verifiers, attributes, memberships, settings, comments.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn roles(&self) -> Vec<String> {
        let mut roles = self.rows("SELECT to_jsonb(r)::text FROM pg_authid r ORDER BY rolname").await;
        roles.extend(self.rows("SELECT to_jsonb(m)::text FROM pg_auth_members m ORDER BY 1").await);
        roles.extend(self.rows("SELECT to_jsonb(s)::text FROM pg_db_role_setting s ORDER BY 1").await);
        roles.extend(self.rows("SELECT to_jsonb(d)::text FROM pg_shdescription d ORDER BY 1").await);
        roles
    }

    /// Logs in over TCP as a consumer would, in plaintext.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub async fn connect(&self, user: &str, password: &str, database: &str) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host(self.host())
            .port(self.port)
            .username(user)
            .password(password)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .application_name("consumer")
            .disable_statement_logging();
        options.connect().await
    }

    fn superuser(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.directory.path())
            .port(self.port)
            .username("postgres")
            .database(database)
            .application_name("testkit")
            .options([("log_statement", "none"), ("log_min_error_statement", "panic")])
            .disable_statement_logging()
    }
}

fn hba(options: &Options) -> String {
    let usual = ["local all postgres trust", "host all all 127.0.0.1/32 scram-sha-256"];
    options.hba.iter().copied().chain(usual).fold(String::new(), |lines, line| lines + line + "\n")
}

fn log_file(directory: &Path) -> PathBuf {
    directory.join("server.log")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_lets_clients_in_by_password_logs_what_they_say_and_ends() {
        let Some(server) = Postgres::start().await else { return };
        server.execute("CREATE ROLE app LOGIN PASSWORD 'right'").await;
        let mut client = server.connect("app", "right", "postgres").await.unwrap();
        sqlx::raw_sql("SELECT 'said by app'").execute(&mut client).await.unwrap();
        client.close().await.unwrap();
        server.connect("app", "wrong", "postgres").await.unwrap_err();
        let log = server.log();
        assert!(log.contains("said by app") && !log.contains("right"), "{log}");
        let (port, directory) = (server.port(), server.directory.path().to_owned());
        drop(server);
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        assert!(!directory.exists());
    }
}
