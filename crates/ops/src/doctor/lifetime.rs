use std::time::Duration;

use crate::argument::argument;
use crate::doctor::finding::{Finding, Health, bad, doubtful, good};
use crate::schedule::Rules;

/// How long a new credential of a secret lives, as the caller knows it, who knows the plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It does not end by itself, as far as the caller can say.
    Endless,
    /// It ends after this time, as `source` says.
    Limited {
        /// How long it lives with certainty.
        lifetime: Duration,
        /// What says so.
        source: String,
    },
    /// It cannot be said.
    Unknown {
        /// Why: a sentence.
        why: String,
        /// How to learn it, without the full stop.
        next: String,
    },
    /// The function refuses what is set.
    Wrong {
        /// Why: a sentence.
        why: String,
        /// What to do, without the full stop.
        next: String,
    },
}

/// Checks whether the schedule replaces a credential before it ends by itself.
pub(super) fn lifetime(name: &str, rules: &Rules, lifetime: Lifetime) -> Option<Finding> {
    let what = "lifetime of keys";
    let shown = humantime::format_duration;
    Some(match lifetime {
        Lifetime::Endless => return None,
        Lifetime::Wrong { why, next } => bad(what, &why, &next),
        Lifetime::Unknown { why, next } => Finding { health: Health::Unknown, ..bad(what, &why, &next) },
        Lifetime::Limited { lifetime, source } => {
            let name = argument(name);
            let lives = format!("A new key lives for {}, as {source} says", shown(lifetime));
            match rules.longest() {
                Some(longest) if lifetime > longest => {
                    good(what, &format!("{lives}, and is replaced within {}.", shown(longest)))
                }
                Some(longest) => bad(
                    what,
                    &format!("{lives}, and the schedule may let {} pass until the next rotation.", shown(longest)),
                    &format!("Rotate more often: fourstep configure {name} --every …; or raise the lifetime"),
                ),
                None => doubtful(
                    what,
                    &format!("{lives}, and no schedule that can be read replaces it before."),
                    &format!("Set one: fourstep configure {name} --every 30d"),
                ),
            }
        }
    })
}
