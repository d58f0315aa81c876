use std::collections::BTreeSet;

use fourstep_test_servers::mysql::{Flavour, MySql};
use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::proxy::Proxy;
use serde_json::Value;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{Connection, Row};

use crate::strategy::Strategy;

/// Which server the accounts are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    MySql(Flavour),
}

/// A real server.
pub(crate) enum Server {
    Postgres(Postgres),
    MySql(MySql),
}

/// What an administrator of MySQL or MariaDB may do who is no superuser.
const RIGHTS: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE USER";

impl Server {
    /// Starts it. `None`: it is not installed.
    pub(crate) async fn start(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Postgres => Self::Postgres(Postgres::start().await?),
            Kind::MySql(flavour) => Self::MySql(MySql::start(flavour).await?),
        })
    }

    pub(crate) async fn proxy(&self) -> Proxy {
        match self {
            Self::Postgres(server) => Proxy::before(server.port()).await,
            Self::MySql(server) => Proxy::before_mysql(server.port()).await,
        }
    }

    /// Returns the name of the function's binary.
    pub(crate) fn function(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "rotate-postgres",
            Self::MySql(_) => "rotate-mysql",
        }
    }

    pub(crate) fn engine(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::MySql(server) if server.flavour() == Flavour::MySql => "mysql",
            Self::MySql(_) => "mariadb",
        }
    }

    pub(crate) fn database(&self) -> &str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::MySql(server) => server.database(),
        }
    }

    /// Creates an administrator as Amazon RDS does: no superuser.
    pub(crate) async fn make_admin(&self, name: &str, password: &str) {
        match self {
            Self::Postgres(server) => {
                server.execute(&format!("CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{password}'")).await;
            }
            Self::MySql(server) => {
                server
                    .execute(&format!(
                        "CREATE USER {name}@'%' IDENTIFIED BY '{password}';
                         GRANT {RIGHTS} ON *.* TO {name}@'%' WITH GRANT OPTION"
                    ))
                    .await;
                // Whoever logs in for the first time has to send more: see `SINGLE_USER_OF_MYSQL`.
                server.connect(name, password, None).await.unwrap().close().await.unwrap();
            }
        }
    }

    /// Creates an account that `admin` may change, if there is an administrator.
    pub(crate) async fn make_account(&self, name: &str, password: &str, strategy: Strategy, admin: &str) {
        match self {
            Self::Postgres(server) => {
                server.execute(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'")).await;
                // Since PostgreSQL 16 it may change only roles that it was given.
                let version = "SELECT current_setting('server_version_num')";
                if strategy == Strategy::AlternatingUsers && server.rows(version).await[0].as_str() >= "160000" {
                    server.execute(&format!("GRANT {name} TO {admin} WITH ADMIN OPTION")).await;
                }
            }
            Self::MySql(server) => {
                server
                    .execute(&format!(
                        "CREATE USER {name}@'%' IDENTIFIED BY '{password}'; GRANT SELECT ON main.* TO {name}@'%'"
                    ))
                    .await;
                if strategy == Strategy::DualPassword {
                    server.execute(&format!("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {name}@'%'")).await;
                }
            }
        }
    }

    /// Returns the names of all accounts but those that a server has by itself.
    pub(crate) async fn accounts(&self) -> BTreeSet<String> {
        let rows = match self {
            Self::Postgres(server) => {
                server
                    .rows("SELECT rolname::text FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'")
                    .await
            }
            Self::MySql(server) => {
                server.rows("SELECT User FROM mysql.user WHERE User NOT LIKE 'm%.%' AND User <> 'root'").await
            }
        };
        rows.into_iter().collect()
    }

    /// Returns whether the function has a session.
    pub(crate) async fn has_session(&self) -> bool {
        let sessions = match self {
            Self::Postgres(server) => {
                server.rows("SELECT pid::text FROM pg_stat_activity WHERE application_name = 'fourstep'").await
            }
            Self::MySql(server) => {
                let all = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER LIKE 'app%' OR USER LIKE 'boss%'";
                server.rows(all).await
            }
        };
        !sessions.is_empty()
    }

    /// Returns all that the server logged, and a part that shows that it logs what changes a password.
    pub(crate) fn log(&self) -> (String, &'static str) {
        match self {
            Self::Postgres(server) => (server.log(), "PASSWORD 'SCRAM-SHA-256$4096:"),
            Self::MySql(server) => {
                let changed = if server.flavour() == Flavour::MySql { "ALTER USER" } else { "SET PASSWORD" };
                (server.whole_general_log() + &server.whole_error_log(), changed)
            }
        }
    }

    /// Logs in as a consumer does, and gives as whom it may act. `None`: the server refused the password.
    pub(crate) async fn log_in(&self, secret: &Value) -> Option<String> {
        let text = |field: &str| secret[field].as_str().unwrap();
        let (user, password, database) = (text("username"), text("password"), text("dbname"));
        match self {
            Self::Postgres(server) => {
                let mut client = match server.connect(user, password, database).await {
                    Err(sqlx::Error::Database(answer)) if answer.code().as_deref() == Some("28P01") => return None,
                    answer => answer.unwrap(),
                };
                let row = sqlx::raw_sql("SELECT current_user::text").fetch_one(&mut client).await.unwrap();
                client.close().await.unwrap();
                Some(row.get(0))
            }
            Self::MySql(server) => {
                let mut client = match server.connect(user, password, Some(database)).await {
                    Err(sqlx::Error::Database(answer))
                        if answer
                            .try_downcast_ref::<MySqlDatabaseError>()
                            .is_some_and(|error| error.number() == 1045) =>
                    {
                        return None;
                    }
                    answer => answer.unwrap(),
                };
                sqlx::raw_sql("SHOW TABLES").execute(&mut client).await.unwrap();
                client.close().await.unwrap();
                Some(user.trim_end_matches("_clone").to_owned())
            }
        }
    }
}
