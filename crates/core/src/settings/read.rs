//! How values of settings are read: a group, and the shapes that its values have.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};
use crate::settings::{Empty, Environment, Group, Row};

/// The prefix of the tags that are Fourstep's.
pub(crate) const PREFIX: &str = "fourstep:";

/// Reads a group from the function's variables and the secret's tags, as a step does.
///
/// A tag overrides the variable. Tags that the group does not name are left alone.
///
/// # Errors
///
/// `Invalid` for a value that does not parse, and for what [`Group::check`] refuses.
pub fn group<G: Group>(environment: &Environment, tags: &BTreeMap<String, String>) -> Result<G> {
    let mut group = G::default();
    for setting in G::TABLE {
        let row = &setting.row;
        let variable = row.variable.and_then(|variable| Some((variable, environment.get(variable)?)));
        if let Some((variable, value)) = variable
            && (!value.is_empty() || row.empty == Empty::Value)
        {
            (setting.read)(&mut group, value).ok_or_else(|| refused(row, value, Origin::Variable(variable)))?;
        }
        if let Some((tag, value)) = row.tag.and_then(|tag| Some((tag, tags.get(tag)?))) {
            (setting.read)(&mut group, value).ok_or_else(|| refused(row, value, Origin::Tag(tag)))?;
        }
    }
    group.check(tags)?;
    Ok(group)
}

/// Sets a field to what was read. `None`: nothing was.
pub fn set<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

/// Reads one of several words.
#[must_use]
pub fn word<T: Copy>(value: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning)
}

/// Reads a boolean. AWS's functions take the first four as true and anything else as false; a slip of the pen is refused
/// here.
#[must_use]
pub fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "y" | "yes" => Some(true),
        "false" | "0" | "n" | "no" | "" => Some(false),
        _ => None,
    }
}

/// Reads a number within limits.
#[must_use]
pub fn number(value: &str, least: u32, most: u32) -> Option<u32> {
    // `parse` alone would take a sign.
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|number| digits && (least..=most).contains(number))
}

/// Reads a text of at least one character, none of which is a control character.
#[must_use]
pub fn text(value: &str, longest: usize) -> Option<String> {
    let valid = !value.is_empty() && value.chars().count() <= longest && !value.chars().any(char::is_control);
    valid.then(|| value.to_owned())
}

/// Where a value was found.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Tag(&'a str),
    Variable(&'a str),
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(name) => write!(f, "the tag `{name}`"),
            Self::Variable(name) => write!(f, "the variable `{name}`"),
        }
    }
}

fn refused(row: &Row, value: &str, origin: Origin<'_>) -> Error {
    let Row { accepts, default, .. } = row;
    Error::invalid(format!("{origin} is {}; it takes {accepts}", shown(value)))
        .next(format!("Correct it, or remove it: without it, {default} holds"))
}

/// Quotes a value that is a plain word. Anything else may be a credential in the wrong place, so it is not repeated.
pub(crate) fn shown(value: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.: ".contains(character);
    if value.is_empty() {
        "empty".to_owned()
    } else if value.len() <= 48 && value.chars().all(plain) {
        format!("`{value}`")
    } else {
        "a text that is not repeated here".to_owned()
    }
}
