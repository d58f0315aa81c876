//! The user whose keys are rotated, and whom of them a tag may name.

use fourstep::settings::{Patterns, read};
use fourstep::{Error, Result};

/// The users that the function's owner lets a tag name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AllowedUsers {
    pub(super) patterns: Patterns,
    /// Those that are listed as they are, without `*`: the only way to allow an account that is root.
    names: Vec<String>,
}

impl AllowedUsers {
    /// Reads names and patterns that commas separate. `None`: one can be no user's name.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let names: Vec<_> = value.split(',').map(|name| name.trim().to_owned()).collect();
        let valid = names.iter().all(|name| unix_user(&name.replace('*', "x")).is_some());
        let patterns = Patterns::parse(value).filter(|_| valid)?;
        Some(Self { patterns, names })
    }

    /// Returns whether a name is listed as it is. No user's name has a `*`.
    pub(super) fn name(&self, user: &str) -> bool {
        self.names.iter().any(|name| name == user)
    }

    /// Refuses a user by tag whom the function's owner does not allow.
    pub(super) fn check(&self, user: &str) -> Result<()> {
        if self.name(user) || (user != "root" && self.patterns.list(user)) {
            return Ok(());
        }
        let as_it_is = if user == "root" { " as it is, and no pattern stands for root" } else { "" };
        Err(Error::invalid(format!(
            "the tag `{USER_TAG}` names the user `{user}`, whom the variable `ALLOWED_SSH_USERS` does not list{as_it_is}"
        ))
        .next(format!(
            "Remove the tag; or let the function's owner add ALLOWED_SSH_USERS={user} to its variables (several names \
             are separated by commas)"
        )))
    }
}

/// The tag that names the user.
pub(super) const USER_TAG: &str = "fourstep:ssh-user";

/// Reads names that spaces separate, each of them once.
pub(crate) fn unix_users(value: &str) -> Option<Vec<String>> {
    let users: Vec<_> = value.split(' ').map(unix_user).collect::<Option<_>>()?;
    users.iter().enumerate().all(|(at, user)| !users[..at].contains(user)).then_some(users)
}

/// What `useradd` takes, and `@` for users of a directory: nothing that a shell or a path could read otherwise.
pub(super) fn unix_user(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
        && !value.starts_with(['-', '.', '@']);
    read::text(value, 32).filter(|_| valid)
}
