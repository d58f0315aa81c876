//! A throwaway MySQL Router, the proxy of MySQL's own makers, before a MySQL server.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fourstep_testkit::certificates::{Certificate, Certificates};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::process::{Process, User, free_port, path};
use crate::tools::tool;

/// What becomes of TLS on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThroughTls {
    /// It passes through, from the client to the server.
    Passes,
    /// It is not offered to clients, whatever the server offers.
    Lost,
    /// It ends at the router, which has a certificate of its own and demands it of clients.
    Demanded(Certificate),
}

/// How a router is to be.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What becomes of TLS on the way.
    pub tls: ThroughTls,
    /// Sessions at the server go from one client to the next, statement by statement.
    pub sharing: bool,
}

/// A MySQL Router on a free port of 127.0.0.1.
///
/// It ends when this value is dropped, and also when the test's process is killed.
#[derive(Debug)]
pub struct MySqlRouter {
    // Ended before its files are removed.
    process: Process,
    directory: TempDir,
    port: u16,
}

/// Longer than any machine needs.
const START_LIMIT: Duration = Duration::from_secs(60);

impl MySqlRouter {
    /// Starts a router before the server on this port of 127.0.0.1. `None`: it is not installed, and a line says that
    /// the test is skipped.
    ///
    /// # Panics
    ///
    /// If it does not start; if it is not installed and `CI` is set.
    pub async fn start(server: u16, options: Options) -> Option<Self> {
        let program = tool("mysql-router", "usr/bin/mysqlrouter")?;
        let program = program.canonicalize().expect("it was found just now");
        let plugins = program.ancestors().nth(2).expect("it is in `bin` of the base").join("lib/mysqlrouter/plugin");
        let user = User::ourselves();
        let directory = user.directory("router");
        let port = free_port();
        let place = path(directory.path());
        let mut config = format!(
            "[DEFAULT]\nlogging_folder=\nruntime_folder={place}\ndata_folder={place}\nplugin_folder={}\n\
             [connection_pool]\nmax_idle_server_connections=4\n\
             [routing:all]\nbind_address=127.0.0.1\nbind_port={port}\ndestinations=127.0.0.1:{server}\n\
             routing_strategy=first-available\nprotocol=classic\n",
            path(&plugins)
        );
        let to_server = match options.tls {
            ThroughTls::Passes => "client_ssl_mode=PASSTHROUGH\nserver_ssl_mode=AS_CLIENT\n".to_owned(),
            ThroughTls::Lost => "client_ssl_mode=DISABLED\nserver_ssl_mode=DISABLED\n".to_owned(),
            ThroughTls::Demanded(certificate) => {
                let files = Certificates::make(certificate);
                for (name, text) in [
                    ("authority.pem", &files.authority),
                    ("router.pem", &files.certificate),
                    ("router.key", &files.key),
                ] {
                    user.write(&directory.path().join(name), text);
                }
                format!(
                    "client_ssl_mode=REQUIRED\nclient_ssl_cert={place}/router.pem\nclient_ssl_key={place}/router.key\n\
                     server_ssl_mode=PREFERRED\n"
                )
            }
        };
        config += &to_server;
        if options.sharing {
            writeln!(config, "connection_sharing=1\nconnection_sharing_delay=0").expect("a text takes more");
        }
        let file = directory.path().join("router.conf");
        user.write(&file, &config);
        let log = directory.path().join("log");
        let process = user.serve(&program, &["-c", path(&file)], "TERM", directory.path(), &log);
        let mut router = Self { process, directory, port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let ended = router.process.ended();
            assert!(!ended && started.elapsed() < START_LIMIT, "MySQL Router does not start: {}", router.log());
            // Nothing can be awaited: nothing listens there yet.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(router)
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the file with the certificate of the authority that clients are to trust, if it has one of its own.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
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
}
