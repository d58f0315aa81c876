use serde::Serialize;

use crate::error::Error;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// How it is.
    pub health: Health,
    /// What was found: a sentence.
    pub found: String,
    /// What to do, if something is to be done: a sentence.
    pub next: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and could be better.
    Doubtful,
    /// It could not be looked at.
    Unknown,
    /// Rotation does not work like this.
    Bad,
}

/// Returns that something is as it should be.
pub(super) fn good(what: &'static str, found: &str) -> Finding {
    Finding { what, health: Health::Good, found: found.to_owned(), next: None }
}

/// Returns what keeps the secret from being rotated, and what to do.
pub(super) fn bad(what: &'static str, found: &str, next: &str) -> Finding {
    Finding { what, health: Health::Bad, found: found.to_owned(), next: Some(format!("{next}.")) }
}

/// Returns what works and could be better, and what to do.
pub(super) fn doubtful(what: &'static str, found: &str, next: &str) -> Finding {
    Finding { health: Health::Doubtful, ..bad(what, found, next) }
}

/// Returns that something could not be looked at, and why.
pub(super) fn unknown(what: &'static str, error: &Error) -> Finding {
    let Error { message, next, .. } = error;
    Finding { what, health: Health::Unknown, found: format!("{message}."), next: Some(format!("{next}.")) }
}
