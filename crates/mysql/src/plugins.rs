//! The plugins by which an account of MariaDB logs in: there may be several, and each has a password of its own.

use fourstep::{Error, Result};
use fourstep_server::Operation;

use crate::identifier::Account;
use crate::session::{Session, text};

/// The plugins that take a password. By the others nobody logs in with one: `unix_socket`, `gssapi`, `pam`.
const WITH_PASSWORD: [&str; 4] = ["mysql_native_password", "mysql_old_password", "ed25519", "parsec"];

/// Refuses an account that logs in by one of several passwords. `SET PASSWORD` changes that of one plugin, and the others' work
/// on: <https://mariadb.com/kb/en/set-password/>.
///
/// # Errors
///
/// `Invalid`, with the plugins.
pub(crate) fn check(account: &Account, plugins: &[String], session: &Session) -> Result<()> {
    let plugins = plugins.iter().map(String::as_str);
    let with_password: Vec<_> = plugins.filter(|plugin| WITH_PASSWORD.contains(plugin)).collect();
    if with_password.len() < 2 {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "account {account} of {} logs in by a password of either {}: a rotation would change one, and the old one of the other would work on",
        session.destination(),
        with_password.join(" or ")
    ))
    .next(format!(
        "Nothing was changed. Leave it one plugin that takes a password: ALTER USER {account} IDENTIFIED VIA mysql_native_password USING PASSWORD('...'), with the password that the secret holds"
    )))
}

/// Reads the plugins of the session's own account.
pub(crate) async fn of_own(session: &mut Session) -> Result<Vec<String>> {
    let rows = session.run("SHOW CREATE USER CURRENT_USER()", &Operation::new("read how the account logs in")).await?;
    Ok(rows.first().map(|row| parse(&text(row, 0))).unwrap_or_default())
}

/// Reads the plugins in `CREATE USER … IDENTIFIED VIA one USING '…' OR other …`. Without VIA there is one.
fn parse(statement: &str) -> Vec<String> {
    // What is quoted is a name, or what is stored in place of a password.
    let plain: Vec<_> = statement.split(['\'', '`', '"']).step_by(2).collect();
    let plain = plain.join(" ? ");
    let Some((_, by)) = plain.split_once(" IDENTIFIED VIA ") else { return Vec::new() };
    let mut words = by.split_whitespace();
    let mut plugins = Vec::from_iter(words.next());
    while let Some(word) = words.next() {
        match word {
            "OR" => plugins.extend(words.next()),
            "USING" | "AS" | "?" => {}
            _ => break,
        }
    }
    plugins.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_read_and_what_is_quoted_is_not() {
        for (statement, expected) in [
            ("CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*ABC'", &[] as &[&str]),
            ("CREATE USER `app`@`%` IDENTIFIED VIA unix_socket", &["unix_socket"]),
            (
                "CREATE USER `a IDENTIFIED VIA x OR y`@`%` IDENTIFIED VIA mysql_native_password USING '*A OR b' OR ed25519 USING 'x' OR unix_socket REQUIRE SSL WITH MAX_USER_CONNECTIONS 3",
                &["mysql_native_password", "ed25519", "unix_socket"],
            ),
        ] {
            assert_eq!(parse(statement), expected, "{statement}");
        }
    }
}
