//! What can be set for one secret, by the function's variables and the secret's tags: in groups, each of which belongs to
//! the crate that reads it.
//!
//! A group is a struct with a field for each setting, and one table of rows: the one source for reading, for the refusal
//! of unknown tags, and for the documentation. [`settings!`](crate::settings!) writes the table:
//!
//! ```
//! use fourstep::settings::read;
//!
//! /// How a user of our service is rotated.
//! #[derive(Default)]
//! pub struct UserSettings {
//!     /// The team that the user belongs to.
//!     pub team: Option<String>,
//! }
//!
//! fourstep::settings! { UserSettings;
//!     // The tag and the variable; what they take, and what holds without; what for; whose it is; what an empty variable
//!     // means.
//!     "fourstep:team", "TEAM",
//!         "the name of a team", "none",
//!         "the team that the user belongs to",
//!         Secret, Unset, |group, value| read::set(&mut group.team, read::text(value, 64).map(Some));
//! }
//! ```
//!
//! The rotator names the groups that it reads by [`Rotator::settings`](crate::Rotator::settings), here
//! `Groups::of::<PasswordPolicy>().and::<UserSettings>()`, and reads one by `cx.settings::<UserSettings>()`.

mod endpoint;
mod engine;
mod environment;
mod groups;
mod owners;
mod password;
mod patterns;
pub mod read;
mod secret;

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Result;

pub use endpoint::Endpoint;
pub use engine::{EngineSettings, Retire};
pub use environment::Environment;
pub use groups::Groups;
pub use owners::Owners;
pub use password::PasswordPolicy;
pub use patterns::Patterns;
pub(crate) use secret::Settings;

/// A group of settings that one crate reads.
pub trait Group: Default + Send + Sync + 'static {
    /// The settings: the one source for reading, for refusing unknown tags and for the documentation.
    const TABLE: &'static [Setting<Self>];

    /// Checks what concerns several settings. `tags` are those of the secret.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the tag or variable and the fix.
    fn check(&mut self, tags: &BTreeMap<String, String>) -> Result<()> {
        let _ = tags;
        Ok(())
    }
}

/// A setting of the group `G`.
pub struct Setting<G> {
    /// How it is given, and what for.
    pub row: Row,
    /// Reads a value into the group. `None`: the setting does not take it.
    pub read: fn(&mut G, &str) -> Option<()>,
}

impl<G> fmt::Debug for Setting<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row.fmt(f)
    }
}

/// What is documented of a setting: the tag and the variable that give it, what they accept, and what holds without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The tag of a secret that gives it, if one does.
    pub tag: Option<&'static str>,
    /// The environment variable of a function that gives it, if one does.
    pub variable: Option<&'static str>,
    /// The values that it takes, in words.
    pub accepts: &'static str,
    /// What holds where neither is given, in words.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// Who may give it.
    pub whose: Whose,
    /// What a variable means that is set to the empty text.
    pub empty: Empty,
}

/// Who may give a setting.
///
/// Whoever writes a secret also tags it. So a tag narrows what the function's owner allows, or chooses within it: consent
/// to act on anything but the secret's own credential never comes from the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The owner of the function, by a variable. No tag gives it.
    Owner,
    /// The writer of the secret too, by a tag: it concerns nothing but the secret's own credential.
    Secret,
    /// The writer of the secret too, within what the owner allows by this variable, and by the setting's own.
    Within(&'static str),
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::Secret => f.write_str("secret"),
            Self::Within(variable) => write!(f, "secret, within `{variable}`"),
        }
    }
}

/// What a variable means that is set to the empty text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// The same as a variable that is not set, as CloudFormation parameters need it.
    Unset,
    /// A value like others.
    Value,
}

/// Returns the name of a tag or variable; an empty text names none.
#[doc(hidden)]
#[must_use]
pub const fn named(name: &'static str) -> Option<&'static str> {
    if name.is_empty() { None } else { Some(name) }
}

/// Passes a row on, if it says of a tag whose it is.
#[doc(hidden)]
#[must_use]
pub const fn whose_it_is(row: Row) -> Row {
    assert!(row.tag.is_none() == matches!(row.whose, Whose::Owner), "a tag is not the owner's, and all else is");
    row
}

/// Writes the table of a [`Group`], and its documentation, from the same lines.
///
/// Each line has the tag and the variable that give the setting (an empty text where there is none), the values that it
/// takes, what holds without it, what it is for, whose it is ([`Whose`](crate::settings::Whose)), what an empty variable
/// means ([`Empty`](crate::settings::Empty)), and how a value is read into the group. `check` may name a function for what
/// concerns several settings.
///
/// A setting with a tag that says `Owner`, or one without that does not, is refused by the compiler.
#[macro_export]
macro_rules! settings {
    ($group:ty $(, check = $check:expr)?;
     $($tag:literal, $variable:literal, $accepts:literal, $default:literal, $meaning:literal,
        $whose:ident $(($within:literal))?, $empty:ident, $read:expr;)*) => {
        /// A tag on a secret overrides the variable of the function.
        ///
        /// | tag | variable | takes | default | for |
        /// | --- | --- | --- | --- | --- |
        $(#[doc = concat!(
            "| ", $tag, " | ", $variable, " | ", $accepts, " | ", $default, " | ", $meaning, " |"
        )])*
        impl $crate::settings::Group for $group {
            const TABLE: &'static [$crate::settings::Setting<Self>] = &[$($crate::settings::Setting {
                row: $crate::settings::whose_it_is($crate::settings::Row {
                    tag: $crate::settings::named($tag),
                    variable: $crate::settings::named($variable),
                    accepts: $accepts,
                    default: $default,
                    meaning: $meaning,
                    whose: $crate::settings::Whose::$whose $(($within))?,
                    empty: $crate::settings::Empty::$empty,
                }),
                read: $read,
            }),*];

            $(fn check(
                &mut self,
                tags: &::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
            ) -> $crate::Result<()> {
                $check(self, tags)
            })?
        }
    };
}
