//! The names of one test on a server that it shares with others.

use std::hash::{BuildHasher, RandomState};

/// What all names of a test begin with, which are the whole server's: accounts and databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Empty on a server of one's own.
    prefix: String,
}

impl Names {
    /// Chooses a prefix that no other test has: ten letters and digits, that need no quotes anywhere.
    pub(crate) fn unique() -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        Self { prefix: format!("t{:08x}_", random >> 32) }
    }

    pub(crate) fn are_shared(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// Returns the test's own name: `t0a1b2c3d_app` of `app`.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Puts the test's own names into statements, where `<app>` stands for that of `app`.
    pub(crate) fn put_into(&self, statements: &str) -> String {
        let mut parts = statements.split('<');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let marked = part.split_once('>').filter(|(name, _)| is_name(name));
            if let Some((name, rest)) = marked {
                text.extend([&self.prefix, name, rest]);
            } else {
                text.extend(["<", part]);
            }
        }
        text
    }

    /// Removes the prefix from what a server said, so that a test can expect the plain names.
    pub(crate) fn take_out_of(&self, text: &str) -> String {
        if self.are_shared() { text.replace(&self.prefix, "") } else { text.to_owned() }
    }

    /// Returns whether a text has a name of this test.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        text.contains(&self.prefix)
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_in_where_it_is_marked_and_nowhere_else() {
        let names = Names::unique();
        let app = names.name("app");
        assert_eq!(
            names.put_into("ALTER ROLE <app> SET role = '<app_clone>'; SELECT 1 < 2, a<b, a <> b, '<>', 3 > 2"),
            format!("ALTER ROLE {app} SET role = '{app}_clone'; SELECT 1 < 2, a<b, a <> b, '<>', 3 > 2")
        );
        assert_eq!(names.take_out_of(&format!("role \"{app}_clone\" of {app}")), "role \"app_clone\" of app");
        assert_ne!(names, Names::unique());
    }

    #[test]
    fn on_a_server_of_ones_own_names_are_plain() {
        let names = Names::default();
        assert_eq!(names.put_into("SELECT '<app>'"), "SELECT 'app'");
        assert_eq!((names.name("app"), names.take_out_of("app")), ("app".to_owned(), "app".to_owned()));
    }
}
