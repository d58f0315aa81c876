//! A throwaway PgBouncer before a PostgreSQL server.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::process::{Process, User, free_port, path};
use crate::tools::skip;

/// Where a pooler has the passwords of accounts.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A list of its own, which nobody keeps up with the server.
    OwnList(Vec<(&'static str, &'static str)>),
    /// At the server (`auth_query`), as a superuser.
    AtServer {
        /// The superuser.
        user: &'static str,
        /// Its password.
        password: &'static str,
    },
}

/// A PgBouncer on a free port of 127.0.0.1, with one session at the server for each account.
///
/// It ends when this value is dropped, and also when the test's process is killed.
#[derive(Debug)]
pub struct PgBouncer {
    // Ended before its files are removed.
    process: Process,
    directory: TempDir,
    port: u16,
}

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// Longer than any machine needs.
const START_LIMIT: Duration = Duration::from_secs(60);

impl PgBouncer {
    /// Starts a pooler before the server on this port of 127.0.0.1. `mode` is its `pool_mode`. `None`: it is not
    /// installed, and a line says that the test is skipped.
    ///
    /// # Panics
    ///
    /// If it does not start; if it is not installed and `CI` is set.
    pub async fn start(server: u16, mode: &str, lookup: &Lookup) -> Option<Self> {
        Self::start_with_query(server, mode, lookup, "").await
    }

    /// The same, with a query that each session at the server begins with (`connect_query`).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn start_with_query(server: u16, mode: &str, lookup: &Lookup, query: &str) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            skip("PgBouncer is not installed; `cargo xtask setup` installs it");
            return None;
        }
        // It refuses to be root.
        let user = User::not_root(false);
        let directory = user.directory("pgbouncer");
        let port = free_port();
        let begin = match query {
            "" => String::new(),
            query => format!(" connect_query='{}'", query.replace('\'', "''")),
        };
        let (list, lookup) = match lookup {
            Lookup::OwnList(accounts) => (accounts.clone(), String::new()),
            Lookup::AtServer { user, password } => (vec![(*user, *password)], format!("auth_user = {user}\n")),
        };
        let list: String = list.iter().map(|(user, password)| format!("\"{user}\" \"{password}\"\n")).collect();
        let users = directory.path().join("users");
        let config = format!(
            "[databases]\npostgres = host=127.0.0.1 port={server}{begin}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\n{lookup}\
             pool_mode = {mode}\ndefault_pool_size = 1\nserver_login_retry = 1\n",
            users.display()
        );
        let file = directory.path().join("pgbouncer.ini");
        user.write(&users, &list);
        user.write(&file, &config);
        let log = directory.path().join("log");
        let process = user.serve(Path::new(PROGRAM), &[path(&file)], "TERM", directory.path(), &log);
        let mut pooler = Self { process, directory, port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let ended = pooler.process.ended();
            assert!(!ended && started.elapsed() < START_LIMIT, "PgBouncer does not start: {}", pooler.log());
            // Nothing can be awaited: nothing listens there yet.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(pooler)
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns all that it logged.
    ///
    /// # Panics
    ///
    /// If the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).expect("it has a log")
    }

    /// Logs in to database `postgres` as a consumer would.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub async fn connect(&self, user: &str, password: &str) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(user)
            .password(password)
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
            .extra_float_digits(None)
            .statement_cache_capacity(0)
            .disable_statement_logging();
        options.connect().await
    }
}
