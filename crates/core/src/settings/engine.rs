use std::time::Duration;

use crate::settings::{Owners, read};

/// The settings that the engine itself reads, whatever it rotates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineSettings {
    /// When the credential of AWSPREVIOUS stops working.
    pub retire: Retire,
    /// How old AWSCURRENT must be before the next rotation may start.
    pub min_age: Duration,
    /// Whether the function answers operator events.
    pub operator_events: bool,
    /// Whose secrets logs and metrics tell apart.
    pub owners: Owners,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            retire: Retire::AtNextRotation,
            min_age: Duration::ZERO,
            operator_events: true,
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
        "on or off", "on",
        "whether the function answers operator events",
        Owner, Unset, |group, value| read::set(&mut group.operator_events, read::word(value, &[("on", true), ("off", false)]));
    "", "OWNERS",
        "the key of a tag and values of it, such as team=blue,green", "none",
        "whose secrets logs and metrics tell apart, by a tag; any value that is not listed is told as other",
        Owner, Unset, |group, value| read::set(&mut group.owners, Owners::parse(value));
}
