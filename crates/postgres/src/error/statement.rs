use fourstep::Error;
use fourstep_server::Operation;

use fourstep_server::Destination;

/// What happens next where nobody has to act.
pub(super) const AGAIN: &str = "Secrets Manager tries again by itself";

pub(super) const USE_THE_WRITER: &str =
    "After a failover this passes. If it stays, `host` names a replica or a reader endpoint: set it to the writer's";

/// Explains what a SQLSTATE means that a statement was answered with. Those of a full or stopping server come at a login,
/// too.
///
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
///
/// | SQLSTATE | the server sends it when | kind |
/// | --- | --- | --- |
/// | 42501 | a right is missing | `Forbidden` |
/// | 2BP01 | a REVOKE would take from others what was passed on to them | `Conflict` |
/// | 42704 | a role is absent, or a parameter; told apart by the routine | `Invalid` |
/// | 42710 | somebody else made the role in this moment | `Conflict` |
/// | 0LP01 | the two roles would be members of each other | `Conflict` |
/// | 22023 at a password | a module of the server takes no verifier, or the password breaks its rules | `Invalid` |
/// | 25006 | it is read only: a replica, or a server that is being moved. After a failover this passes | `Unavailable` |
/// | 53xxx | it is full: of connections (of the server, the database or the role), disk or memory | `Unavailable` |
/// | 55P03, 57014 | a lock or a statement took too long | `Unavailable` |
/// | 40xxx, XX000 | somebody else changed the same role (`tuple concurrently updated` is XX000) | `Unavailable` |
/// | 57Pxx | it starts, stops, or ended this session | `Unavailable` |
/// | 08xxx, 58xxx | the connection or the system broke | `Unavailable` |
/// | others | not foreseen | `Other` |
pub(super) fn by_sqlstate(code: &str, routine: &str, destination: &Destination, operation: &Operation) -> Error {
    let (account, what) = (&destination.account, &operation.what);
    let later =
        |why: &str| Error::unavailable(format!("{destination} {why} (SQLSTATE {code}): could not {what}")).next(AGAIN);
    match code {
        "42501" => {
            let error = Error::forbidden(format!("role `{account}` of {destination} may not {what} (SQLSTATE 42501)"));
            match &operation.right {
                Some(right) => error.next(format!("Run: {right}")),
                None => error.next("Give the role that right: every role has it on a server as PostgreSQL makes it"),
            }
        }
        "2BP01" => Error::conflict(format!("others hold at {destination} what the role passed on (SQLSTATE 2BP01): could not {what}"))
            .next("Nothing was changed. Revoke it from them, or run the REVOKE with CASCADE"),
        "42704" if !routine.to_lowercase().contains("role") => {
            Error::invalid(format!("{destination} does not know a name in the request (SQLSTATE 42704): could not {what}"))
                .next("If it is a parameter, reset it at the base account: no session of that can have it either")
        }
        "42704" => Error::invalid(format!("{destination} has no such role (SQLSTATE 42704): could not {what}"))
            .next("Create the role, or correct `username` in the secret's JSON"),
        "42710" => Error::conflict(format!("somebody else made the role at {destination} in this moment (SQLSTATE 42710): could not {what}"))
            .next("Nothing was changed. Start the rotation again"),
        "0LP01" => Error::conflict(format!("the roles at {destination} would be members of each other (SQLSTATE 0LP01): could not {what}"))
            .next("Nothing was changed. Revoke the clone's role from its base"),
        "22023" => Error::invalid(format!("{destination} does not take the value (SQLSTATE 22023): could not {what}"))
            .next("If a module checks passwords there, let it take SCRAM-SHA-256 verifiers"),
        "25006" => later("is read only").next(USE_THE_WRITER),
        "53300" => later("has no connection left, for this role, this database or at all")
            .next("Close idle connections, or raise CONNECTION LIMIT or max_connections"),
        "55P03" | "57014" => later("was held up by a lock or by its load").next(format!(
            "{AGAIN}. If this goes on, look in pg_stat_activity for a session that changed the role and has not committed"
        )),
        "57P01" | "57P02" | "57P03" => later("is starting or shutting down"),
        _ if code.starts_with("53") => later("has no room left").next("Free memory or disk space at the server"),
        "25P03" | "25P04" => later("ended the session, which took too long"),
        _ if code.starts_with("57P") => later("ended the session"),
        _ if code.starts_with("40") || code == "XX000" => later("was changed by somebody else at the same time"),
        _ if code.starts_with("08") || code.starts_with("58") => later("has trouble"),
        _ => Error::other(format!("{destination} refused with SQLSTATE {code}: could not {what}")),
    }
}
