use std::time::Duration;

use crate::action::Action;
use crate::settings::{Owners, Patterns, read};

/// The settings that the engine itself reads, whatever it rotates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineSettings {
    /// When the credential of AWSPREVIOUS stops working.
    pub retire: Retire,
    /// How old AWSCURRENT must be before the next rotation may start.
    pub min_age: Duration,
    /// The names of the actions that the function does for operators.
    pub operator_events: Vec<&'static str>,
    /// The secrets that a rotated secret may name as its administrator's.
    pub admin_secrets: Patterns,
    /// Whose secrets logs and metrics tell apart.
    pub owners: Owners,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            retire: Retire::AtNextRotation,
            min_age: Duration::ZERO,
            operator_events: repairs(),
            admin_secrets: Patterns::default(),
            owners: Owners::default(),
        }
    }
}

/// When the credential of AWSPREVIOUS stops working.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Retire {
    /// In the next rotation, so that clients' caches have time to expire.
    #[default]
    AtNextRotation,
    /// At the end of the rotation that replaced it.
    AtFinish,
}

crate::settings! { EngineSettings;
    "fourstep:retire", "RETIRE",
        "at-next-rotation or at-finish", "at-next-rotation",
        "when the credential of AWSPREVIOUS stops working",
        Secret, Unset, |group, value| read::set(&mut group.retire, read::word(value, &[
            ("at-next-rotation", Retire::AtNextRotation),
            ("at-finish", Retire::AtFinish),
        ]));
    "fourstep:min-age", "MIN_AGE",
        "a duration such as 0s, 12h or 1d", "0s",
        "how old AWSCURRENT must be before the next rotation may start",
        Secret, Unset, |group, value| read::set(&mut group.min_age, humantime::parse_duration(value).ok());
    "", "OPERATOR_EVENTS",
        "on (all but reset and adopt), read (diagnose alone), off, or several of these and of the names of actions, separated by commas", "on",
        "which operator events the function answers",
        Owner, Unset, |group, value| read::set(&mut group.operator_events, actions(value));
    "", "ADMIN_SECRETS",
        "ARNs of secrets, with * and ? as in IAM, several separated by commas", "none",
        "the secrets that a rotated secret may name in masterarn: no other is read",
        Owner, Unset, |group, value| read::set(&mut group.admin_secrets, Patterns::parse(value));
    "", "OWNERS",
        "the key of a tag and values of it, such as team=blue,green", "none",
        "whose secrets logs and metrics tell apart, by a tag; any value that is not listed is told as other",
        Owner, Unset, |group, value| read::set(&mut group.owners, Owners::parse(value));
}

/// What `on` means: by the others an operator's word stands for what a secret cannot prove, so they have to be named.
fn repairs() -> Vec<&'static str> {
    Action::NAMES.into_iter().filter(|name| !["reset", "adopt"].contains(name)).collect()
}

fn actions(value: &str) -> Option<Vec<&'static str>> {
    if value == "off" {
        return Some(Vec::new());
    }
    let mut actions = Vec::new();
    for name in value.split(',').map(str::trim) {
        match name {
            "on" => actions.extend(repairs()),
            "read" => actions.push("diagnose"),
            name => actions.push(Action::NAMES.into_iter().find(|known| *known == name)?),
        }
    }
    Some(actions)
}
