//! What an account may do, as `SHOW GRANTS` says it.

mod lexer;
mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fourstep::{Error, Operation, Result};

use crate::account::Entry;
use crate::identifier::{Account, quote};
use crate::session::{Session, text};

/// All rights of an account, by what they are on.
pub(crate) type Grants = BTreeMap<Object, Rights>;

/// What rights are on, in the order in which they are given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    /// A role, as SQL.
    Role(String),
    /// `*.*`.
    Everything,
    /// A dynamic privilege of MySQL: each can be passed on or not, apart from the others.
    Dynamic(String),
    /// A database; its name may be a pattern.
    Database(String),
    Table(String, String),
    /// Its kind: `PROCEDURE`, `FUNCTION`, `PACKAGE`, `PACKAGE BODY`.
    Routine(String, String, String),
    /// To act as an account, as SQL.
    Proxy(String),
    /// What a right on everything is not on: a partial revoke of MySQL.
    Except(String),
}

/// Rights on one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The name of each, and the column that it is on, if it is on one.
    pub(crate) privileges: BTreeSet<(String, Option<String>)>,
    /// May be passed on: WITH GRANT OPTION, or of a role, WITH ADMIN OPTION.
    pub(crate) grantable: bool,
}

pub(crate) const ALL: &str = "ALL PRIVILEGES";

impl Rights {
    /// Writes the privileges as SQL, columns and all. None of them is `USAGE`.
    pub(crate) fn list(privileges: &BTreeSet<(String, Option<String>)>) -> String {
        let mut columns: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut plain = Vec::new();
        for (name, column) in privileges {
            match column {
                Some(column) => columns.entry(name).or_default().push(quote(column)),
                None => plain.push(name.clone()),
            }
        }
        let columns = columns.iter().map(|(name, columns)| format!("{name} ({})", columns.join(", ")));
        let list: Vec<String> = plain.into_iter().chain(columns).collect();
        if list.is_empty() { "USAGE".to_owned() } else { list.join(", ") }
    }
}

impl Object {
    /// Writes what stands after ON, if that is how the object is named.
    pub(crate) fn on(&self) -> String {
        match self {
            Self::Role(name) => name.clone(),
            Self::Everything | Self::Dynamic(_) => "*.*".to_owned(),
            Self::Database(name) | Self::Except(name) => format!("{}.*", quote(name)),
            Self::Table(database, name) => format!("{}.{}", quote(database), quote(name)),
            Self::Routine(kind, database, name) => format!("{kind} {}.{}", quote(database), quote(name)),
            Self::Proxy(account) => account.clone(),
        }
    }
}

/// Reads what some accounts may do, with one message.
pub(crate) async fn read(session: &mut Session, entries: &[Entry]) -> Result<Vec<Grants>> {
    let query = entries.iter().fold(String::new(), |mut query, entry| {
        write!(query, "SHOW GRANTS FOR {}; ", entry.account).expect("a text can be written to");
        query
    });
    let by = session.account();
    let operation =
        Operation::new("read the rights of accounts").allowed_by(format!("GRANT SELECT ON mysql.* TO {by}"));
    let mut found: Vec<Grants> = entries.iter().map(Entry::grants).collect();
    for row in session.run(query.trim_end_matches("; "), &operation).await? {
        let row = text(&row, 0);
        let Some((account, grants)) = parsed(&row, session)? else { continue };
        let Some(at) = entries.iter().position(|entry| entry.account == account) else { continue };
        add(&mut found[at], grants);
    }
    Ok(found)
}

/// Reads what the session's own account may do. `roles` are those whose rights count as its own, as SQL.
pub(crate) async fn read_own(session: &mut Session, roles: Option<&str>) -> Result<Grants> {
    let using = roles.map(|roles| format!(" USING {roles}")).unwrap_or_default();
    let operation = Operation::new("read the account's own rights");
    let mut found = Grants::new();
    for row in session.run(&format!("SHOW GRANTS FOR CURRENT_USER(){using}"), &operation).await? {
        if let Some((_, grants)) = parsed(&text(&row, 0), session)? {
            add(&mut found, grants);
        }
    }
    Ok(found)
}

fn parsed(row: &str, session: &Session) -> Result<Option<(Account, Grants)>> {
    parse::row(row).map_err(|row| {
        // Not the whole row: it may hold a hash.
        let begins: String = row.chars().take_while(|c| c.is_ascii_alphabetic() || *c == ' ').take(40).collect();
        Error::other(format!("{} has a grant of an unknown form, which begins `{begins}`", session.destination()))
    })
}

fn add(all: &mut Grants, some: Grants) {
    for (object, rights) in some {
        let found = all.entry(object).or_default();
        found.privileges.extend(rights.privileges);
        found.grantable |= rights.grantable;
    }
}

impl Entry {
    /// Returns what the tables of accounts say more readably than `SHOW GRANTS`.
    fn grants(&self) -> Grants {
        let rights = |grantable| Rights { privileges: BTreeSet::new(), grantable };
        let proxies =
            self.proxies.iter().map(|(account, grantable)| (Object::Proxy(account.clone()), rights(*grantable)));
        let everything = self.grants_all.then(|| (Object::Everything, rights(true)));
        proxies.chain(everything).collect()
    }
}
