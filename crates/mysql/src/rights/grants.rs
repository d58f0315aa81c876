//! What an account may do, as `SHOW GRANTS` says it: as types.

use std::collections::{BTreeMap, BTreeSet};

use crate::identifier::quote;

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

/// What `SHOW GRANTS` says of an object on which an account has all privileges.
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
