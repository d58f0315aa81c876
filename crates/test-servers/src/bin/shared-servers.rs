//! Starts servers for many tests to share: `shared-servers postgres-15 postgres-18 mysql mariadb`.
//!
//! For each it writes a line `VARIABLE=directory`, which tells the tests of it, and at last an empty line. The servers end
//! with its standard input, or with this program in any other way. `cargo xtask test` runs it.

use std::error::Error;
use std::io::{self, Write as _};

use fourstep_test_servers::mysql::{self, Flavour, MySql};
use fourstep_test_servers::postgres::{self, Postgres};
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt as _, stdin};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let servers = try_join_all(names.iter().map(|name| Server::start(name))).await?;
    let mut output = io::stdout().lock();
    for (variable, directory) in servers.iter().flatten().map(Server::told_by) {
        writeln!(output, "{variable}={directory}")?;
    }
    writeln!(output)?;
    stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}

enum Server {
    Postgres(Postgres),
    MySql(MySql),
}

impl Server {
    /// Starts a server by its name. `None`: it is not installed, and a line says so.
    async fn start(name: &str) -> Result<Option<Self>, String> {
        if let Some(version) = name.strip_prefix("postgres-") {
            let version =
                version.parse().map_err(|_| format!("`{version}` is no version of PostgreSQL, such as 18"))?;
            // Each test has several connections at once.
            let settings = vec![("max_connections", "300")];
            let options = postgres::Options { version: Some(version), settings, ..postgres::Options::default() };
            return Ok(Postgres::start_with(options).await.map(Self::Postgres));
        }
        let flavour = match name {
            "mysql" => Flavour::MySql,
            "mariadb" => Flavour::MariaDb,
            _ => return Err(format!("there is no server `{name}`: name postgres-<version>, mysql or mariadb")),
        };
        let options = mysql::Options { settings: vec!["--max-connections=300"], ..mysql::Options::default() };
        Ok(MySql::start_with(flavour, options).await.map(Self::MySql))
    }

    fn told_by(&self) -> (String, String) {
        match self {
            Self::Postgres(server) => server.told_by(),
            Self::MySql(server) => server.told_by(),
        }
    }
}
