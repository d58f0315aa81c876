mod login;
pub(crate) mod start;

use std::fmt;
use std::sync::Arc;

use fourstep::accounts::AccountSecret;
use fourstep::{Context, Result, Sensitive};
use fourstep_server::{CLOSE_LIMIT, Deadline, Destination, Operation, STATEMENT_LIMIT, read_rows};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;
use zeroize::Zeroize;

use crate::error::{classify, explain};
use crate::identifier;
use crate::row::{size, text};
use crate::session::start::{ReadOnly, Start};

const DEFAULT_DATABASE: &str = "postgres";

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

/// A session at a PostgreSQL server, as one account.
pub struct Session {
    connection: PgConnection,
    destination: Destination,
    /// How it was opened, without the password.
    options: PgConnectOptions,
    start: Start,
    /// A transaction is under way that lasts longer than one message.
    in_transaction: bool,
    deadline: Deadline,
}

impl Session {
    /// Opens a session as the secret's account, and checks that it is that account's. `default_port` counts where the
    /// secret names no port.
    pub(crate) async fn open(secret: &AccountSecret, default_port: u16, cx: &Context<'_>) -> Result<Self> {
        identifier::check(&secret.username)?;
        let mut destination = Destination::of(secret, "PostgreSQL", default_port, cx)?;
        let options = login::options(secret, &destination, cx)?
            .database(destination.database.get_or_insert_with(|| DEFAULT_DATABASE.to_owned()));
        let deadline = Deadline::of(cx);
        let connect = |host: String| {
            let options = options.clone().host(&host);
            let destination = &destination;
            async move {
                let connection = options.connect().await.map_err(|error| explain(&error, destination))?;
                Ok((connection, login::without_password(options)))
            }
        };
        let (connection, options) = destination.log_in(deadline, cx, connect).await?;
        if let Some(version) = connection.server_version_num() {
            start::check_version(version, &destination)?;
        }
        let start = Start::default();
        let mut session = Self { connection, destination, options, start, in_transaction: false, deadline };
        let rows = session.run(start::QUERY, &Operation::new("begin the session")).await?;
        session.start = Start::read(rows.last(), &session.destination)?;
        Ok(session)
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
        let begin = if self.start.read_only == ReadOnly::Account { "BEGIN READ WRITE;" } else { "BEGIN;" };
        // An administrator has its rights as itself, or as the role that its owner gave it.
        let itself = if self.start.has_role_of_database { "SET LOCAL ROLE NONE;" } else { "" };
        format!("{begin}{WITHIN}{itself}")
    }

    async fn send(&mut self, statements: Arc<String>, operation: &Operation) -> Result<Vec<PgRow>> {
        // Safe: every name in a statement went through `identifier`.
        let rows = sqlx::raw_sql(AssertSqlSafe(statements)).fetch(&mut self.connection);
        let (server, what) = (&self.destination.server, format!("the request to {}", operation.what));
        let answer = self.deadline.wait(server, STATEMENT_LIMIT, &what, read_rows(rows, server, &what, size)).await??;
        answer.map_err(|error| classify(&error, &self.destination, operation))
    }

    /// Ends the session in an orderly way, so that the server does not log a lost client.
    pub(crate) async fn close(self) {
        // Whatever was to last was committed, and a connection that is dropped ends as well.
        let _ = timeout(CLOSE_LIMIT, self.connection.close()).await;
    }

    /// Returns the account that logged in.
    pub(crate) fn account(&self) -> &str {
        &self.start.session_user
    }

    /// Returns the role as which the session acts: another than the account where `ALTER ROLE … SET role` is in force.
    pub(crate) fn acts_as(&self) -> &str {
        &self.start.current_user
    }

    /// Returns whether the server, were it given a password in plaintext, would store it as MD5.
    pub(crate) fn encrypts_by_md5(&self) -> bool {
        self.start.encrypts_by_md5
    }

    /// Finds out whether the server asks an account for SCRAM when it logs in.
    ///
    /// # Errors
    ///
    /// Those of a login, but for the refusal of the password.
    pub(crate) async fn is_asked_for_scram(&self, account: &str) -> Result<bool> {
        login::is_asked_for_scram(&self.options, account, &self.destination, self.deadline).await
    }

    /// Returns how often the server would hash a password for SCRAM. `None`: it has no setting for that.
    pub(crate) fn scram_iterations(&self) -> Option<u32> {
        self.start.scram_iterations
    }

    /// Returns whether the account has the attribute REPLICATION.
    pub(crate) fn replicates(&self) -> bool {
        self.start.replicates
    }

    /// Returns whether the server as a whole writes nothing: it is a replica, or it is being moved.
    pub(crate) fn is_read_only(&self) -> bool {
        self.start.read_only == ReadOnly::Server
    }

    /// Returns whether the server is of this major version or a later one.
    pub(crate) fn is_at_least(&self, major: u32) -> bool {
        self.start.version >= major * 10_000
    }

    /// Returns the server's version as the server numbers it: 150018 for 15.18.
    pub(crate) fn version(&self) -> u32 {
        self.start.version
    }

    /// Returns the server, for messages.
    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("account", &self.start.session_user).finish_non_exhaustive()
    }
}
