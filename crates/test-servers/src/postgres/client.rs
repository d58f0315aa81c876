use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use super::{Postgres, TESTKIT};

/// What is said to the server: as the superuser, and as a consumer.
impl Postgres {
    /// Runs statements as the superuser, in the test's database. They are not logged.
    ///
    /// # Panics
    ///
    /// If one fails.
    pub async fn execute(&self, statements: &str) {
        self.execute_in(&self.database, statements).await;
    }

    /// Runs statements as the superuser, in a database. They are not logged.
    ///
    /// # Panics
    ///
    /// If one fails.
    pub async fn execute_in(&self, database: &str, statements: &str) {
        let statements = self.names.put_into(statements);
        let mut connection = self.superuser(database).connect().await.expect("the superuser can log in");
        let result = sqlx::raw_sql(AssertSqlSafe(statements.as_str())).execute(&mut connection).await;
        result.unwrap_or_else(|error| panic!("{statements}: {error}"));
        connection.close().await.expect("the connection is idle");
    }

    /// Asks for rows as the superuser, in the test's database: each as text, its columns joined by ` | `, with plain
    /// names.
    ///
    /// # Panics
    ///
    /// If the query fails, or a column is not text.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        self.rows_in(&self.database, query).await
    }

    /// Asks for rows as [`rows`](Self::rows) does, in a database.
    ///
    /// # Panics
    ///
    /// If the query fails, or a column is not text.
    pub async fn rows_in(&self, database: &str, query: &str) -> Vec<String> {
        let query = self.names.put_into(query);
        let mut connection = self.superuser(database).connect().await.expect("the superuser can log in");
        let rows = sqlx::raw_sql(AssertSqlSafe(query.as_str())).fetch_all(&mut connection).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
        connection.close().await.expect("the connection is idle");
        let column = |row: &PgRow, at| {
            row.try_get::<Option<String>, _>(at).expect("every column is cast to text").unwrap_or_default()
        };
        let text = |row| (0..Row::len(row)).map(|at| column(row, at)).collect::<Vec<_>>().join(" | ");
        rows.iter().map(|row| self.plain(&text(row))).collect()
    }

    /// Returns all that the server knows of its roles: names, verifiers, attributes, memberships, settings, comments. Of a
    /// shared one, of the test's own roles.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn roles(&self) -> Vec<String> {
        let own = format!("SELECT oid FROM pg_roles WHERE starts_with(rolname, '{}')", self.name(""));
        self.rows(&format!(
            "SELECT to_jsonb(r)::text FROM pg_authid r WHERE oid IN ({own})
             UNION ALL SELECT to_jsonb(m)::text FROM pg_auth_members m WHERE roleid IN ({own}) OR member IN ({own})
             UNION ALL SELECT to_jsonb(s)::text FROM pg_db_role_setting s WHERE setrole IN ({own})
             UNION ALL SELECT to_jsonb(d)::text FROM pg_shdescription d WHERE objoid IN ({own}) ORDER BY 1"
        ))
        .await
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

    pub(super) fn superuser(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.directory)
            .port(self.port)
            .username("postgres")
            .database(database)
            .application_name(TESTKIT)
            .options([("log_statement", "none"), ("log_min_error_statement", "panic")])
            .disable_statement_logging()
    }
}
