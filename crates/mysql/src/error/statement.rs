use fourstep::Error;
use fourstep_server::Operation;

use crate::identifier::quote;
use fourstep_server::Destination;

pub(super) const USE_THE_WRITER: &str =
    "After a failover this passes. If it stays, `host` names a replica or a reader endpoint: set it to the writer's";

/// Explains what a code means that a statement was answered with. `text` is the server's: it is looked at, and not passed on.
///
/// | code | the server sends it when | kind |
/// | --- | --- | --- |
/// | 1044, 1142, 1143, 1227, 1370 | a right is missing | `Forbidden` |
/// | 1045, 1698 | the same: to GRANT one needs the right oneself; MariaDB says 1698 for a role | `Forbidden` |
/// | 1410 | GRANT would have to make the account | `Forbidden` |
/// | 1396 | the account is absent, or is there already where it is made | `Forbidden` |
/// | 1133, 3162, 1959, 3523 | an account or a role is absent | `Forbidden` |
/// | 1290 `--read-only`, `--super-read-only`; 1036, 1836, 1874 | it is read only: a replica, or a server that is being moved. After a failover this passes | `Unavailable` |
/// | 1290 `--strict-password-validation` | MariaDB checks passwords, and a hash cannot be checked | `Invalid` |
/// | 1290 `--skip-grant-tables` | the server keeps no accounts now | `Unavailable` |
/// | 1819 | the password breaks `validate_password`, or a plugin of MariaDB | `Invalid` |
/// | 3638 | the password was used before | `Invalid` |
/// | 1820 | the password has expired | `Forbidden` |
/// | 1105 `GET_LOCK` | Percona XtraDB Cluster with `pxc_strict_mode`: it has no lock for the whole cluster | `Invalid` |
/// | 1524 | the account's plugin is not there any more: `mysql_native_password` since MySQL 8.4 | `Invalid` |
/// | 4006 | the account that is dropped defines a view or a routine | `Forbidden` |
/// | 1372, 1699, 1827 | the account's plugin takes no such hash | `Other` |
/// | 3878, 3891 to 3895 | the rules of two passwords: the strategy asked for what it may not | `Other` |
/// | 1242 | our look at the lock: this message came to another session than the one that has it | `Invalid` |
/// | 1146 | a table of accounts is absent: MariaDB before 10.4 | `Invalid` |
/// | 1205, 1213, 1317, 1969, 3024 | a lock or a statement took too long | `Unavailable` |
/// | 1040, 1053, 1158 to 1161, 1203, 1226, 1927, 2013, 3032, 3168, 4031 | the server stops, is full, or ended the session | `Unavailable` |
/// | 1047, 4165 | a node of a Galera cluster that has no quorum, or is not there yet | `Unavailable` |
/// | 3628 | a role is to be revoked that all accounts have | `Forbidden` |
/// | others | not foreseen | `Other` |
pub(super) fn by_code(code: u16, text: &str, destination: &Destination, operation: &Operation) -> Error {
    let (account, what) = (&destination.account, &operation.what);
    let later = |why: &str| Error::unavailable(format!("{destination} {why} (error {code}): could not {what}"));
    let defect = |why: &str| Error::other(format!("{destination} {why} (error {code}): could not {what}"));
    match code {
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1698 => {
            let error = Error::forbidden(format!("account `{account}` of {destination} may not {what} (error {code})"));
            match &operation.right {
                Some(right) => error.next(format!("Run: {right}")),
                None => error,
            }
        }
        1396 | 1410 => {
            Error::forbidden(format!("{destination} did not let `{account}` {what} (error {code}): the account is not as it was a moment ago, or `{account}` may not make one"))
                .next("Start the rotation again; if this stays, look for what else changes these accounts")
        }
        1133 | 1959 | 3162 | 3523 => Error::forbidden(format!("{destination} has no such account or role (error {code}): could not {what}"))
            .next("Create it, or take it from the base account"),
        1036 | 1836 | 1874 => later("is read only").next(USE_THE_WRITER),
        1290 if text.contains("read-only") || text.contains("read_only") => later("is read only").next(USE_THE_WRITER),
        1290 if text.contains("strict-password-validation") => Error::invalid(format!(
            "{destination} checks passwords by a plugin, which it cannot do with a hash (error 1290): could not {what}"
        ))
        .next("Run: SET GLOBAL strict_password_validation = OFF; the password is long and random by the function's own settings"),
        1290 => later("runs with an option that forbids it"),
        1819 => Error::invalid(format!(
            "the new password does not satisfy the password policy of {destination} (error 1819): could not {what}"
        ))
        .next("Compare PASSWORD_LENGTH, EXCLUDE_CHARACTERS and the other EXCLUDE_ variables with the variables validate_password.% of the server; then remove AWSPENDING from the pending version and start the rotation again"),
        3638 => Error::invalid(format!(
            "the password history of {destination} does not allow this password again (error 3638): could not {what}"
        ))
        .next("Remove AWSPENDING from the pending version, then start the rotation again: it makes a new password"),
        1820 => Error::forbidden(format!("the password of `{account}` at {destination} has expired (error 1820): could not {what}"))
            .next("Give the account a new password, and store it in the secret"),
        1242 => Error::invalid(format!(
            "a proxy or pooler before {destination} gave the statements of one session to several (error 1242): could not {what}"
        ))
        .next("Nothing was changed. Name the server itself in `host` or fourstep:endpoint"),
        1105 if text.contains("GET_LOCK") => Error::invalid(format!(
            "{destination} is a Percona XtraDB Cluster that refuses GET_LOCK, by pxc_strict_mode (error 1105): could not {what}"
        ))
        .next("Set pxc_strict_mode to PERMISSIVE at one node, and name that node in `host` or fourstep:endpoint: a lock holds at one node"),
        1524 => Error::invalid(format!(
            "{destination} has no authentication plugin that an account of the pair logs in by (error 1524): could not {what}"
        ))
        .next("Give the base account the plugin caching_sha2_password, and drop its clone, which is made anew; or load the plugin"),
        4006 => Error::forbidden(format!(
            "{destination} does not drop an account that defines a view, a routine, a trigger or an event (error 4006): could not {what}"
        ))
        .next(format!("Give what it defines another DEFINER; or run: GRANT ALLOW_NONEXISTENT_DEFINER ON *.* TO {}", quote(account))),
        1146 => Error::invalid(format!("{destination} has no such table of accounts (error 1146): could not {what}"))
            .next("Use MySQL 8.0.21 or later, or MariaDB 10.4 or later"),
        1372 | 1699 | 1827 => defect("does not take the hash for the account's plugin"),
        3878 | 3891..=3895 => defect("does not take the change, by its rules for two passwords"),
        1205 | 1213 | 1317 | 1969 | 3024 => later("was held up by a lock or by its load"),
        1040 | 1203 | 1226 => later("allows no more requests now"),
        1053 | 1158..=1161 | 1927 | 2013 | 3032 | 3168 | 4031 => later("stops, or ended the session"),
        1047 | 4165 => later("is a node of a cluster that is not ready"),
        3628 => Error::forbidden(format!("{destination} has that role among its mandatory ones (error 3628): could not {what}"))
            .next("Take it out of mandatory_roles, or grant it to the base account too"),
        _ => Error::other(format!("{destination} refused with error {code}: could not {what}")),
    }
}
