use std::fmt;

use fourstep::{Error, Result};

/// The longest name of a MySQL user, in characters. <https://dev.mysql.com/doc/refman/en/user-names.html>
const LONGEST_OF_MYSQL: usize = 32;
/// The longest name of a MariaDB user, in characters.
/// <https://mariadb.com/docs/server/reference/sql-structure/sql-language-structure/identifier-names>
const LONGEST_OF_MARIADB: usize = 80;

/// An account: a user name and the hosts from which it logs in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) host: String,
}

impl Account {
    pub(crate) fn new(name: &str, host: &str) -> Self {
        Self { name: name.to_owned(), host: host.to_owned() }
    }

    /// Reads what `CURRENT_USER()` gives. A host has no `@`, but a name may.
    pub(crate) fn parse(text: &str) -> Self {
        let (name, host) = text.rsplit_once('@').unwrap_or((text, ""));
        Self::new(name, host)
    }
}

/// As SQL.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", quote(&self.name), quote(&self.host))
    }
}

/// Quotes a name for SQL, so that it is that name whatever it holds and whatever the `sql_mode`.
pub(crate) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Quotes a text for SQL as a value. Every session has a `sql_mode` in which a backslash is special.
pub(crate) fn literal(text: &str) -> String {
    // The full capacity from the start: a string that grows leaves copies of a password behind.
    let mut quoted = String::with_capacity(2 * text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        if matches!(character, '\\' | '\'') {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

/// Writes bytes for SQL as a value.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02X}"))
}

/// Checks that a server of this engine can have a user of this name.
///
/// # Errors
///
/// `Invalid`, with the limit and the length.
pub(crate) fn check(name: &str, engine: Option<&str>, own_limit: Option<usize>) -> Result<()> {
    let (product, most) = match engine {
        Some("mariadb") => ("MariaDB", LONGEST_OF_MARIADB),
        _ => ("MySQL", LONGEST_OF_MYSQL),
    };
    let length = name.chars().count();
    let too_long = |who: &str, most: usize| {
        Err(Error::invalid(format!(
            "the account name `{name}` has {length} characters, and {who} allows at most {most}"
        ))
        .next("Use a shorter name; alternating-users adds `_clone`, 6 characters, to the base account's"))
    };
    match own_limit {
        Some(limit) if length > limit => too_long("the variable `USERNAME_CHARACTER_LIMIT`", limit),
        _ if length > most => too_long(product, most),
        _ if name.is_empty() || name.contains('\0') => {
            Err(Error::invalid("the account name is empty or holds a NUL character")
                .next("Correct `username` in the secret's JSON"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_ends_no_name() {
        assert_eq!(quote("a`; DROP USER b; --"), "`a``; DROP USER b; --`");
        assert_eq!(literal("a'; \\ \""), "'a''; \\\\ \"'");
        assert_eq!(Account::new("a`b", "10.%").to_string(), "`a``b`@`10.%`");
    }

    #[test]
    fn an_at_sign_belongs_to_the_name() {
        assert_eq!(Account::parse("me@home@10.%"), Account::new("me@home", "10.%"));
        assert_eq!(Account::parse("@localhost"), Account::new("", "localhost"));
    }

    #[test]
    fn length_is_counted_in_characters_by_engine() {
        check(&"é".repeat(32), Some("mysql"), None).unwrap();
        let error = check(&"é".repeat(33), Some("aurora"), None).unwrap_err().to_string();
        assert!(error.contains("has 33 characters, and MySQL allows at most 32"), "{error}");
        check(&"é".repeat(80), Some("mariadb"), None).unwrap();
        let error = check(&"é".repeat(81), Some("mariadb"), None).unwrap_err().to_string();
        assert!(error.contains("and MariaDB allows at most 80"), "{error}");
        let error = check(&"a".repeat(17), None, Some(16)).unwrap_err().to_string();
        assert!(error.contains("and the variable `USERNAME_CHARACTER_LIMIT` allows at most 16"), "{error}");
        check("", None, None).unwrap_err();
    }
}
