use std::fmt;
use std::sync::Arc;

use fourstep::accounts::AccountSecret;
use fourstep::{Context, Error, Result, Sensitive};
use fourstep_server::{CLOSE_LIMIT, Deadline, Destination, Operation, STATEMENT_LIMIT, roots};
use sqlx::postgres::{PgConnectOptions, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};
use tokio::time::timeout;
use zeroize::Zeroize;

use crate::error::{classify, explain};
use crate::identifier;

const DEFAULT_DATABASE: &str = "postgres";

/// 10 is the first version that knows SCRAM-SHA-256.
const LEAST_VERSION: u32 = 100_000;

/// What holds in each transaction, and for nobody after it: a pooler may give the session to somebody else then.
///
/// - Functions and operators are the server's own. The database may be the account's, and an administrator must not
///   run what the account put before `pg_catalog`.
/// - A date is written as any other session reads it.
/// - Nothing hangs, and a function that is frozen in a transaction keeps the lock for 30 s at the most.
const WITHIN: &str = "
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL timezone = 'UTC';
SET LOCAL statement_timeout = '10s';
SET LOCAL lock_timeout = '5s';
SET LOCAL idle_in_transaction_session_timeout = '30s';
SET LOCAL client_min_messages = 'error';
";

/// Asks who we are, and what the server is. What a role or a database sets for its sessions (read only) is told from
/// what holds for the server as a whole.
const START: &str = "
SELECT session_user::text, current_user::text, current_setting('server_version_num'),
       current_setting('password_encryption'), rolreplication::text,
       CASE WHEN pg_is_in_recovery() THEN 'server' WHEN current_setting('transaction_read_only') = 'off' THEN 'nothing'
            WHEN EXISTS (SELECT FROM pg_settings WHERE name = 'default_transaction_read_only'
                            AND source IN ('database', 'user', 'database user')) THEN 'account'
            ELSE 'server' END,
       (session_user <> current_user
        AND NOT EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) entry
                         WHERE setrole = pg_roles.oid AND entry LIKE 'role=%'
                           AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))))::text
  FROM pg_roles WHERE rolname = session_user";

/// A session at a PostgreSQL server, as one account.
pub struct Session {
    connection: PgConnection,
    destination: Destination,
    session_user: String,
    current_user: String,
    version: u32,
    /// How the server would store a password that it was given in plaintext.
    encrypts_by_md5: bool,
    replicates: bool,
    read_only: ReadOnly,
    /// It acts as another role because the database has that for all, and not the account for itself.
    has_role_of_database: bool,
    /// A transaction is under way that lasts longer than one message.
    in_transaction: bool,
    deadline: Deadline,
}

/// What forbids all writing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadOnly {
    Nothing,
    /// The owner made the account or the database read only, which is not meant to stop a change of its password.
    Account,
    /// The server is a replica, or is being moved.
    Server,
}

impl Session {
    /// Opens a session as the secret's account, and checks that it is that account's. `default_port` counts where the
    /// secret names no port.
    pub(crate) async fn open(secret: &AccountSecret, default_port: u16, cx: &Context<'_>) -> Result<Self> {
        identifier::check(&secret.username)?;
        let mut destination = Destination::of(secret, "PostgreSQL", default_port, cx)?;
        let options = options(secret, &destination, cx)?
            .database(destination.database.get_or_insert_with(|| DEFAULT_DATABASE.to_owned()));
        let deadline = Deadline::of(cx);
        let connect = |host: String| {
            let options = options.clone().host(&host);
            let destination = &destination;
            async move { options.connect().await.map_err(|error| explain(&error, destination)) }
        };
        let connection = destination.log_in(deadline, cx, connect).await?;
        let (session_user, current_user) = Default::default();
        let mut session = Self {
            connection,
            destination,
            session_user,
            current_user,
            version: 0,
            encrypts_by_md5: false,
            replicates: false,
            read_only: ReadOnly::Nothing,
            has_role_of_database: false,
            in_transaction: false,
            deadline,
        };
        session.start().await?;
        Ok(session)
    }

    /// Reads who we are and what the server is.
    async fn start(&mut self) -> Result<()> {
        // The server says it with the login; an older one does not know all that we ask.
        if let Some(version) = self.connection.server_version_num()
            && version < LEAST_VERSION
        {
            return Err(Error::invalid(format!("{} is of version {}", self.destination, version_text(version)))
                .next(format!("Upgrade the server: this function needs version {} or later", LEAST_VERSION / 10_000)));
        }
        let rows = self.run(START, &Operation::new("begin the session")).await?;
        let text = |column| rows.last().map(|row| text(row, column)).unwrap_or_default();
        let (session_user, current_user, version) = (text(0), text(1), text(2).parse());
        self.encrypts_by_md5 = text(3) == "md5";
        self.replicates = text(4) == "true";
        self.read_only = match text(5).as_str() {
            "server" => ReadOnly::Server,
            "account" => ReadOnly::Account,
            _ => ReadOnly::Nothing,
        };
        self.has_role_of_database = text(6) == "true";
        if session_user != self.destination.account {
            return Err(Error::invalid(format!(
                "{} opened the session of `{session_user}` for account `{}`",
                self.destination, self.destination.account
            ))
            .next("A proxy stands between that maps accounts: name the server itself in `host` or fourstep:endpoint"));
        }
        self.version =
            version.map_err(|_| Error::invalid(format!("{} does not tell its version", self.destination)))?;
        (self.session_user, self.current_user) = (session_user, current_user);
        Ok(())
    }

    /// Begins a transaction that lasts until [`commit`](Self::commit), and takes in it the lock of this key. `false`:
    /// another session has it.
    pub(crate) async fn lock(&mut self, key: i64) -> Result<bool> {
        self.in_transaction = true;
        // A change of password that an owner waits for is on the disk, whatever the account's sessions do.
        let durable =
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";
        let lock = format!("SELECT pg_catalog.pg_try_advisory_xact_lock({key})::text");
        let statements = format!("{}{durable}; {lock}", self.opening());
        let rows = self.send(Arc::new(statements), &Operation::new("take the lock of the secret")).await?;
        Ok(rows.last().is_some_and(|row| text(row, 0) == "true"))
    }

    /// Makes what the transaction wrote lasting.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.run("COMMIT", &Operation::new("commit the change")).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Runs statements as one message, and returns the rows of all of them. If no transaction is under way, they have one of
    /// their own, of which nothing lasts: only under the lock is anything written.
    pub(crate) async fn run(&mut self, statements: &str, operation: &Operation) -> Result<Vec<PgRow>> {
        self.send(Arc::new(self.message(statements)), operation).await
    }

    /// Runs statements that hold a verifier as one message, wipes them, and returns the rows.
    pub(crate) async fn run_sensitive(&mut self, statement: &Sensitive, operation: &Operation) -> Result<Vec<PgRow>> {
        let text = Arc::new(self.message(statement.expose()));
        let result = self.send(Arc::clone(&text), operation).await;
        // The driver is done with its share by now.
        if let Some(mut text) = Arc::into_inner(text) {
            text.zeroize();
        }
        result
    }

    fn message(&self, statements: &str) -> String {
        if self.in_transaction { statements.to_owned() } else { format!("{}{statements}; ROLLBACK", self.opening()) }
    }

    fn opening(&self) -> String {
        let begin = if self.read_only == ReadOnly::Account { "BEGIN READ WRITE;" } else { "BEGIN;" };
        // An administrator has its rights as itself, or as the role that its owner gave it.
        let itself = if self.has_role_of_database { "SET LOCAL ROLE NONE;" } else { "" };
        format!("{begin}{WITHIN}{itself}")
    }

    async fn send(&mut self, statements: Arc<String>, operation: &Operation) -> Result<Vec<PgRow>> {
        // Safe: every name in a statement went through `identifier`.
        let query = sqlx::raw_sql(AssertSqlSafe(statements)).fetch_all(&mut self.connection);
        let what = format!("the request to {}", operation.what);
        let answer = self.deadline.wait(&self.destination.server, STATEMENT_LIMIT, &what, query).await?;
        answer.map_err(|error| classify(&error, &self.destination, operation))
    }

    /// Ends the session in an orderly way, so that the server does not log a lost client.
    pub(crate) async fn close(self) {
        // Whatever was to last was committed, and a connection that is dropped ends as well.
        let _ = timeout(CLOSE_LIMIT, self.connection.close()).await;
    }

    /// Returns the account that logged in.
    pub(crate) fn account(&self) -> &str {
        &self.session_user
    }

    /// Returns the role as which the session acts: another than the account where `ALTER ROLE … SET role` is in force.
    pub(crate) fn acts_as(&self) -> &str {
        &self.current_user
    }

    /// Returns whether the server, were it given a password in plaintext, would store it as MD5.
    pub(crate) fn encrypts_by_md5(&self) -> bool {
        self.encrypts_by_md5
    }

    /// Returns whether the account has the attribute REPLICATION.
    pub(crate) fn replicates(&self) -> bool {
        self.replicates
    }

    /// Returns whether the server as a whole writes nothing: it is a replica, or it is being moved.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only == ReadOnly::Server
    }

    /// Returns whether the server is of this major version or a later one.
    pub(crate) fn is_at_least(&self, major: u32) -> bool {
        self.version >= major * 10_000
    }

    /// Returns the server's version as the server numbers it: 150018 for 15.18.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Returns the server, for messages.
    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("account", &self.session_user).finish_non_exhaustive()
    }
}

/// Reads a column as text; one that is NULL as an empty one.
pub(crate) fn text(row: &PgRow, column: usize) -> String {
    optional(row, column).unwrap_or_default()
}

/// Reads a column as text. `None`: it is NULL.
pub(crate) fn optional(row: &PgRow, column: usize) -> Option<String> {
    row.try_get(column).ok().flatten()
}

/// Writes the number of a version as people do.
pub(crate) fn version_text(version: u32) -> String {
    let (major, minor) = (version / 10_000, version % 10_000);
    // Before 10, two numbers were of the major version.
    if major < 10 { format!("{major}.{}", minor / 100) } else { format!("{major}.{minor}") }
}

/// Sets everything but host and database that the driver would otherwise take from PG* variables. Never print it: it shows
/// the password.
///
/// No start-up options, and no parameter beside those that every pooler knows: RDS Proxy and PgBouncer refuse others.
fn options(secret: &AccountSecret, destination: &Destination, cx: &Context<'_>) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::new_without_pgpass()
        .port(destination.server.port())
        .username(&destination.account)
        .password(secret.password.expose())
        .application_name("fourstep")
        .extra_float_digits(None)
        .disable_statement_logging();
    Ok(if destination.tls {
        options
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert_from_pem(roots::trusted(cx.settings(), destination.server.host())?)
    } else {
        options.ssl_mode(PgSslMode::Disable)
    })
}
