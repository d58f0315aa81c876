//! What is said to a server, as `root` or as a consumer, and what it answers.

use sqlx::mysql::{MySqlConnectOptions, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, Row};

use super::{Flavour, MySql};

impl MySql {
    /// Runs statements as `root`, in the test's database. They are not logged.
    ///
    /// # Panics
    ///
    /// If one fails.
    pub async fn execute(&self, statements: &str) {
        self.run(&self.names.put_into(statements), Some(&self.database)).await;
    }

    pub(super) async fn run(&self, statements: &str, database: Option<&str>) {
        let mut connection = self.unlogged(database).await;
        let result = sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await;
        result.unwrap_or_else(|error| panic!("{statements}: {error}"));
        connection.close().await.expect("the connection is idle");
    }

    /// Asks for rows as `root`, in the test's database: each as text, its columns joined by ` | `, with plain names. It
    /// is not logged.
    ///
    /// # Panics
    ///
    /// If the query fails.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        let query = self.names.put_into(query);
        let mut connection = self.unlogged(Some(&self.database)).await;
        let rows = sqlx::raw_sql(AssertSqlSafe(query.as_str())).fetch_all(&mut connection).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
        connection.close().await.expect("the connection is idle");
        rows.iter().map(|row| self.plain(&text(row))).collect()
    }

    /// Returns all that the server knows of its accounts and roles: what makes them anew, hashes too, and their grants. Of a
    /// shared server, of the test's own.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn accounts(&self) -> Vec<String> {
        let (roles, attributes) = match self.flavour {
            Flavour::MySql => ("'N'", "User_attributes"),
            Flavour::MariaDb => ("is_role", "''"),
        };
        let own = self.name("");
        let length = own.len();
        let query = format!(
            "SELECT CONCAT(QUOTE(User), IF({roles} = 'Y', '', CONCAT('@', QUOTE(Host)))), {roles}, {attributes}
             FROM mysql.user WHERE LEFT(User, {length}) = '{own}' ORDER BY 1"
        );
        let mut all = Vec::new();
        for account in self.rows(&query).await {
            let mut columns = account.splitn(3, " | ");
            let mut next = || columns.next().expect("there are three columns").to_owned();
            // As a statement has it: with the test's own name.
            let (plain, role) = (next(), next());
            let named = plain.replacen('\'', &format!("'{own}"), 1);
            if role != "Y" {
                all.extend(self.rows(&format!("SHOW CREATE USER {named}")).await);
            }
            all.extend(self.rows(&format!("SHOW GRANTS FOR {named}")).await);
            all.push(account);
        }
        all
    }

    /// Logs in over TCP as a consumer would, in plaintext.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub async fn connect(&self, user: &str, password: &str, database: Option<&str>) -> sqlx::Result<MySqlConnection> {
        let options = self.client(user, password);
        match database {
            Some(database) => options.database(database),
            None => options,
        }
        .connect()
        .await
    }

    /// Returns what [`connect`](Self::connect) logs in with, for a test to add to: another way of TLS, for example.
    #[must_use]
    pub fn client(&self, user: &str, password: &str) -> MySqlConnectOptions {
        MySqlConnectOptions::new()
            .host(self.host())
            .port(self.port)
            .username(user)
            .password(password)
            .ssl_mode(MySqlSslMode::Disabled)
            .disable_statement_logging()
    }

    pub(super) fn root(&self) -> MySqlConnectOptions {
        MySqlConnectOptions::new()
            .socket(self.directory.join("socket"))
            .username("root")
            .ssl_mode(MySqlSslMode::Disabled)
            .disable_statement_logging()
    }

    /// Logs in as `root` so that what follows is not in the general log.
    async fn unlogged(&self, database: Option<&str>) -> MySqlConnection {
        let mut options = self.root();
        if let Some(database) = database {
            options = options.database(database);
        }
        let mut connection = options.connect().await.expect("root can log in");
        sqlx::raw_sql("SET SESSION sql_log_off = ON").execute(&mut connection).await.expect("root may");
        connection
    }
}

/// Returns a row as text: the server sends it so.
fn text(row: &MySqlRow) -> String {
    let column = |at| row.try_get_unchecked::<Option<String>, _>(at).expect("it is UTF-8").unwrap_or_default();
    (0..row.len()).map(column).collect::<Vec<_>>().join(" | ")
}
