use fourstep::{Error, Result};
use fourstep_server::Destination;
use sqlx::postgres::PgRow;

use crate::row::text;

/// Asks who we are, and what the server is. What a role or a database sets for its sessions (read only) is told from
/// what holds for the server as a whole.
pub(super) const QUERY: &str = "
SELECT session_user::text, current_user::text, current_setting('server_version_num'),
       current_setting('password_encryption'), rolreplication::text,
       CASE WHEN pg_is_in_recovery() THEN 'server' WHEN current_setting('transaction_read_only') = 'off' THEN 'nothing'
            WHEN EXISTS (SELECT FROM pg_settings WHERE name = 'default_transaction_read_only'
                            AND source IN ('database', 'user', 'database user')) THEN 'account'
            ELSE 'server' END,
       (session_user <> current_user
        AND NOT EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) entry
                         WHERE setrole = pg_roles.oid AND entry LIKE 'role=%'
                           AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))))::text,
       current_setting('scram_iterations', true)
  FROM pg_roles WHERE rolname = session_user";

/// What a session knows of itself and of the server since its start.
#[derive(Default)]
pub(super) struct Start {
    pub(super) session_user: String,
    pub(super) current_user: String,
    pub(super) version: u32,
    /// How the server would store a password that it was given in plaintext.
    pub(super) encrypts_by_md5: bool,
    /// How often it would hash the password for SCRAM. `None`: as often as all servers before 16.
    pub(super) scram_iterations: Option<u32>,
    pub(super) replicates: bool,
    pub(super) read_only: ReadOnly,
    /// It acts as another role because the database has that for all, and not the account for itself.
    pub(super) has_role_of_database: bool,
}

/// What forbids all writing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ReadOnly {
    #[default]
    Nothing,
    /// The owner made the account or the database read only, which is not meant to stop a change of its password.
    Account,
    /// The server is a replica, or is being moved.
    Server,
}

impl Start {
    /// Reads the answer to [`QUERY`].
    ///
    /// # Errors
    ///
    /// `Invalid` if the session is another account's, or the server does not tell its version.
    pub(super) fn read(row: Option<&PgRow>, destination: &Destination) -> Result<Self> {
        let text = |column| row.map(|row| text(row, column)).unwrap_or_default();
        let session_user = text(0);
        if session_user != destination.account {
            return Err(Error::invalid(format!(
                "{destination} opened the session of `{session_user}` for account `{}`",
                destination.account
            ))
            .next("A proxy stands between that maps accounts: name the server itself in `host` or fourstep:endpoint"));
        }
        let version =
            text(2).parse().map_err(|_| Error::invalid(format!("{destination} does not tell its version")))?;
        Ok(Self {
            session_user,
            current_user: text(1),
            version,
            encrypts_by_md5: text(3) == "md5",
            scram_iterations: text(7).parse().ok(),
            replicates: text(4) == "true",
            read_only: match text(5).as_str() {
                "server" => ReadOnly::Server,
                "account" => ReadOnly::Account,
                _ => ReadOnly::Nothing,
            },
            has_role_of_database: text(6) == "true",
        })
    }
}

/// 10 is the first version that knows SCRAM-SHA-256.
const LEAST_VERSION: u32 = 100_000;

/// Refuses a server that does not know all that is asked of it. It tells its version with the login, before any question.
///
/// # Errors
///
/// `Invalid`, with the least version.
pub(super) fn check_version(version: u32, destination: &Destination) -> Result<()> {
    if version >= LEAST_VERSION {
        return Ok(());
    }
    Err(Error::invalid(format!("{destination} is of version {}", version_text(version)))
        .next(format!("Upgrade the server: this function needs version {} or later", LEAST_VERSION / 10_000)))
}

/// Writes the number of a version as people do.
pub(crate) fn version_text(version: u32) -> String {
    let (major, minor) = (version / 10_000, version % 10_000);
    // Before 10, two numbers were of the major version.
    if major < 10 { format!("{major}.{}", minor / 100) } else { format!("{major}.{minor}") }
}
