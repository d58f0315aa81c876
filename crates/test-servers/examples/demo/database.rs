//! The servers whose accounts the demo rotates, and how a consumer logs in to them.

use fourstep_test_servers::mysql::{Flavour, MySql};
use fourstep_test_servers::postgres::Postgres;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::Result;

/// A real server.
pub(crate) enum Database {
    Postgres(Postgres),
    MySql(MySql),
}

/// What a strategy is, and what a consumer may notice of it.
pub(crate) struct Strategy {
    pub(crate) name: &'static str,
    pub(crate) is: &'static str,
    pub(crate) refusals: bool,
}

const OF_POSTGRES: &[Strategy] = &[
    Strategy { name: "single-user", is: "one account, which changes its own password", refusals: true },
    Strategy { name: "alternating-users", is: "an account and its clone take turns", refusals: false },
];
const OF_MYSQL: &[Strategy] =
    &[Strategy { name: "dual-password", is: "one account, of which the server keeps two passwords", refusals: false }];

/// Where a consumer logs in.
#[derive(Clone)]
pub(crate) struct Place {
    host: String,
    port: u16,
    postgres: bool,
}

impl Database {
    pub(crate) async fn start() -> Result<[Self; 2]> {
        let postgres = Postgres::start().await.ok_or("PostgreSQL is not installed")?;
        let mysql = MySql::start(Flavour::MySql).await.ok_or("MySQL is not installed")?;
        Ok([Self::Postgres(postgres), Self::MySql(mysql)])
    }

    pub(crate) fn strategies(&self) -> &'static [Strategy] {
        match self {
            Self::Postgres(_) => OF_POSTGRES,
            Self::MySql(_) => OF_MYSQL,
        }
    }

    /// Returns the name of the product and its version.
    pub(crate) async fn version(&self) -> String {
        let (product, rows) = match self {
            Self::Postgres(server) => ("PostgreSQL", server.rows("SHOW server_version").await),
            Self::MySql(server) => ("MySQL", server.rows("SELECT VERSION()").await),
        };
        let version = rows.first().map_or("", String::as_str);
        let number: String = version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        format!("{product} {number}")
    }

    pub(crate) fn function(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "rotate-postgres",
            Self::MySql(_) => "rotate-mysql",
        }
    }

    pub(crate) fn engine(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::MySql(_) => "mysql",
        }
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Postgres(server) => Place { host: server.host().to_owned(), port: server.port(), postgres: true },
            Self::MySql(server) => Place { host: server.host().to_owned(), port: server.port(), postgres: false },
        }
    }

    /// Creates the account of a strategy, and an administrator.
    pub(crate) async fn make_account(&self, account: &str) {
        match self {
            Self::Postgres(server) => {
                server
                    .execute(&format!(
                        "CREATE ROLE {account} LOGIN PASSWORD 'first-password';
                         DO $$ BEGIN
                             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'administrator') THEN
                                 CREATE ROLE administrator LOGIN SUPERUSER PASSWORD 'administrator-password';
                             END IF;
                         END $$"
                    ))
                    .await;
            }
            Self::MySql(server) => {
                server
                    .execute(&format!(
                        "CREATE USER {account}@'%' IDENTIFIED BY 'first-password';
                         GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {account}@'%'"
                    ))
                    .await;
            }
        }
    }
}

impl Place {
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Logs in. `false`: the server refused the password.
    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Result<bool> {
        let answer = if self.postgres {
            let options = PgConnectOptions::new_without_pgpass()
                .host(&self.host)
                .port(self.port)
                .username(username)
                .password(password)
                .database("postgres")
                .ssl_mode(PgSslMode::Disable)
                .disable_statement_logging();
            match options.connect().await {
                Ok(connection) => connection.close().await.map(|()| true),
                Err(error) => Err(error),
            }
        } else {
            let options = MySqlConnectOptions::new()
                .host(&self.host)
                .port(self.port)
                .username(username)
                .password(password)
                .ssl_mode(MySqlSslMode::Disabled)
                .disable_statement_logging();
            match options.connect().await {
                Ok(connection) => connection.close().await.map(|()| true),
                Err(error) => Err(error),
            }
        };
        match answer {
            // Any other failure is the demo's own.
            Err(sqlx::Error::Database(error)) if is_refusal(&*error) => Ok(false),
            Err(_) => Err("the consumer could not reach the database".into()),
            Ok(accepted) => Ok(accepted),
        }
    }
}

/// Returns whether the server refused the password: SQLSTATE 28P01 of PostgreSQL, error 1045 of MySQL.
fn is_refusal(error: &(dyn sqlx::error::DatabaseError + 'static)) -> bool {
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => error.number() == 1045,
        None => error.code().as_deref() == Some("28P01"),
    }
}
