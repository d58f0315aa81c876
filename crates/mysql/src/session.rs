use std::fmt;
use std::sync::Arc;

use fourstep::accounts::AccountSecret;
use fourstep::{Context, Error, Result, Sensitive};
use fourstep_server::{CLOSE_LIMIT, Deadline, Destination, Operation, STATEMENT_LIMIT, read_rows, roots};
use sqlx::mysql::{MySqlConnectOptions, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, Row};
use tokio::time::timeout;
use zeroize::Zeroize;

use crate::error::{classify, explain, has_code};
use crate::identifier::{Account, literal};
use crate::version::{Product, Version};

/// What every session does first, as one message:
///
/// - A text means the same whatever the server's `sql_mode` is: backslashes are special, double quotes are no names.
///   MariaDB makes no account because a GRANT names it; MySQL never does.
/// - Each look at the accounts is at the present ones, and at all of them; names in the server's answers are quoted.
/// - What the server sets for sessions that only read does not stop a write. A server that is read only still does.
/// - The version is told by all of them, so it comes with what only some have: MySQL reads what stands in such a comment from
///   8.0 on.
/// - Nothing hangs, and a function that is frozen keeps the lock for 30 s at the most.
const START: &str = "
SET NAMES utf8mb4;
SET SESSION sql_mode = IF(VERSION() LIKE '%MariaDB%', 'STRICT_ALL_TABLES,NO_AUTO_CREATE_USER', 'STRICT_ALL_TABLES');
SET SESSION autocommit = 1, lock_wait_timeout = 5, innodb_lock_wait_timeout = 5, wait_timeout = 30,
    sql_quote_show_create = 1, sql_select_limit = 18446744073709551615;
SET SESSION TRANSACTION READ WRITE;
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'innodb_read_only') AND Value <> 'OFF';
SELECT CURRENT_USER(), VERSION() /*!80000 , CURRENT_ROLE() */";

/// The port of a secret that names none.
pub(crate) const DEFAULT_PORT: u16 = 3306;

/// A session at a MySQL or MariaDB server, as one account.
pub struct Session {
    connection: MySqlConnection,
    destination: Destination,
    version: Version,
    roles: Option<String>,
    read_only: bool,
    account: Account,
    password: Sensitive,
    lock: Option<String>,
    deadline: Deadline,
}

impl Session {
    /// Opens a session as the secret's account, and checks that it is that account's. `default_port` counts where the
    /// secret names no port.
    pub(crate) async fn open(secret: &AccountSecret, default_port: u16, cx: &Context<'_>) -> Result<Self> {
        // Until the server says which it is.
        let product = if secret.engine.as_deref() == Some("mariadb") { Product::MariaDb } else { Product::MySql };
        let version = Version::unknown(product);
        let destination = Destination::of(secret, product.name(), default_port, cx)?;
        let options = options(secret, &destination, cx)?;
        let deadline = Deadline::of(cx);
        let connect = |host: String| {
            let options = options.clone().host(&host);
            let destination = &destination;
            async move { options.connect().await.map_err(|error| explain(&error, destination)) }
        };
        let connection = destination.log_in(deadline, cx, connect).await?;
        let account = Account::new(&secret.username, "");
        let password = secret.password.clone();
        let (roles, read_only, lock) = Default::default();
        let mut session =
            Self { connection, destination, version, roles, read_only, account, password, lock, deadline };
        session.start().await?;
        Ok(session)
    }

    /// Sets what holds in the session, and reads who we are and what the server is.
    async fn start(&mut self) -> Result<()> {
        // An account that may only change its password is told so here, where the login has just succeeded.
        let operation = Operation { login: true, ..Operation::new("begin the session") };
        let rows = self.run(START, &operation).await?;
        let row = rows.last();
        let account = Account::parse(&row.map(|row| text(row, 0)).unwrap_or_default());
        if account.name != self.destination.account {
            let taken = if account.name.is_empty() { "an anonymous account" } else { "another account" };
            return Err(Error::invalid(format!(
                "{} opened the session of {account} for user `{}`: {taken} takes its place here",
                self.destination, self.destination.account
            ))
            .next(format!(
                "Drop {account}, or give the user an entry for this host; if a proxy stands between that maps accounts, name the server itself in `host` or fourstep:endpoint"
            )));
        }
        self.account = account;
        // A row for each variable that forbids to write, and the last one.
        self.read_only = rows.len() > 1;
        self.version = Version::parse(&row.map(|row| text(row, 1)).unwrap_or_default());
        self.roles = row.and_then(|row| optional(row, 2)).filter(|roles| roles != "NONE");
        self.destination.server = self.destination.server.clone().with_product(self.product().name());
        self.version.check(&self.destination)
    }

    /// Takes the lock of this name, which ends with the session. `false`: another session has it.
    pub(crate) async fn lock(&mut self, name: &str) -> Result<bool> {
        let name = literal(name);
        let operation = Operation::new("take the lock of the secret");
        let rows = self.run(&format!("SELECT CAST(GET_LOCK({name}, 0) AS CHAR)"), &operation).await?;
        let taken = rows.last().and_then(|row| optional(row, 0)).as_deref() == Some("1");
        self.lock = taken.then_some(name);
        Ok(taken)
    }

    /// Reads, with statements of one message, and returns the rows of all of them.
    pub(crate) async fn run(&mut self, statements: &str, operation: &Operation) -> Result<Vec<MySqlRow>> {
        let answer = self.send(Arc::new(statements.to_owned()), operation).await?;
        answer.map_err(|error| classify(&error, &self.destination, operation))
    }

    /// Writes, with statements of one message, and wipes them.
    ///
    /// The message begins with a look at the lock: where a pooler gave this message to another session than the one
    /// that has it, the first statement fails, and the server does none of those after it.
    pub(crate) async fn write(&mut self, statements: &Sensitive, operation: &Operation) -> Result<()> {
        match self.guarded(statements, operation).await? {
            Ok(()) => Ok(()),
            Err(error) => Err(classify(&error, &self.destination, operation)),
        }
    }

    /// Writes as [`write`](Self::write), and returns false where the server answered with this code.
    pub(crate) async fn write_unless(
        &mut self,
        code: u16,
        statements: &Sensitive,
        operation: &Operation,
    ) -> Result<bool> {
        match self.guarded(statements, operation).await? {
            Ok(()) => Ok(true),
            Err(error) if has_code(&error, code) => Ok(false),
            Err(error) => Err(classify(&error, &self.destination, operation)),
        }
    }

    async fn guarded(&mut self, statements: &Sensitive, operation: &Operation) -> Result<sqlx::Result<()>> {
        let guard = self.lock.as_ref().map(|name| {
            format!("SET @fourstep = (SELECT 1 UNION SELECT IF(IS_USED_LOCK({name}) <=> CONNECTION_ID(), 1, 2)); ")
        });
        let text = Arc::new(guard.unwrap_or_default() + statements.expose());
        let result = self.send(Arc::clone(&text), operation).await;
        // The driver is done with its share by now.
        if let Some(mut text) = Arc::into_inner(text) {
            text.zeroize();
        }
        Ok(result?.map(|_| ()))
    }

    async fn send(&mut self, statements: Arc<String>, operation: &Operation) -> Result<sqlx::Result<Vec<MySqlRow>>> {
        // Safe: every name in a statement went through `identifier`. Not prepared: the protocol of prepared statements
        // does not take each of them.
        let rows = sqlx::raw_sql(AssertSqlSafe(statements)).fetch(&mut self.connection);
        let (server, what) = (&self.destination.server, format!("the request to {}", operation.what));
        self.deadline.wait(server, STATEMENT_LIMIT, &what, read_rows(rows, server, &what, size)).await?
    }

    /// Ends the session in an orderly way, so that the server does not log a lost client.
    ///
    /// The lock is given back first: a proxy may keep the session for another client, and would keep the lock with it.
    pub(crate) async fn close(mut self) {
        let farewell = async {
            if let Some(name) = self.lock.take() {
                let release = format!("DO RELEASE_LOCK({name})");
                sqlx::raw_sql(AssertSqlSafe(release)).execute(&mut self.connection).await?;
            }
            self.connection.close().await
        };
        // Whatever was to last was committed, and a connection that is dropped ends as well.
        let _ = timeout(CLOSE_LIMIT, farewell).await;
    }

    /// Returns the account that the server matched.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Returns the password with which the account logged in.
    pub(crate) fn password(&self) -> &Sensitive {
        &self.password
    }

    /// Returns which product the server is.
    pub(crate) fn product(&self) -> Product {
        self.version.product
    }

    /// Returns the server's version.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Returns the roles that are in force, as SQL.
    pub(crate) fn roles(&self) -> Option<&str> {
        self.roles.as_deref()
    }

    /// Returns whether the server as a whole writes nothing.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Returns the server, for messages.
    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("account", &self.account).finish_non_exhaustive()
    }
}

/// Reads a column as text, whatever type of text the server gives it; one that is NULL as an empty one.
pub(crate) fn text(row: &MySqlRow, column: usize) -> String {
    optional(row, column).unwrap_or_default()
}

/// Reads a column as text, whatever type of text the server gives it. `None`: it is NULL.
pub(crate) fn optional(row: &MySqlRow, column: usize) -> Option<String> {
    row.try_get_unchecked(column).ok().flatten()
}

/// Returns the bytes of its values, and of what is kept beside each.
fn size(row: &MySqlRow) -> usize {
    let of_column = |column| row.try_get_unchecked::<Option<&[u8]>, _>(column).ok().flatten().map_or(0, <[u8]>::len);
    (0..row.len()).map(|column| of_column(column) + BESIDE).sum()
}

/// Where a value is in its row.
const BESIDE: usize = 16;

/// Sets everything but the host that the driver would otherwise choose. Never print it: it shows the password.
///
/// The driver sends no statement of its own at the login: [`START`] says all of it.
fn options(secret: &AccountSecret, destination: &Destination, cx: &Context<'_>) -> Result<MySqlConnectOptions> {
    let mut options = MySqlConnectOptions::new()
        .port(destination.server.port())
        .username(&destination.account)
        .password(secret.password.expose())
        .charset("utf8mb4")
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging();
    if let Some(database) = &destination.database {
        options = options.database(database);
    }
    Ok(if destination.tls {
        let roots = roots::trusted(cx.settings(), destination.server.host())?;
        options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca_from_pem(roots)
    } else {
        options.ssl_mode(MySqlSslMode::Disabled)
    })
}
