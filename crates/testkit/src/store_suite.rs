//! What every Secrets Manager must do, as far as rotation relies on it.
//!
//! The same rules are checked on the store in memory, on the emulation over HTTP, and on `moto`, which others wrote.
//! A rule is a small function; its name says what must hold. [`api_rules`] are about the service itself, called by the
//! JSON of its API; [`store_rules`] are about what a [`SecretStore`] makes of it.

mod api_rules;
mod moto_differences;
mod rotation_rules;
mod scene;
mod store_rules;

use std::sync::Arc;

use fourstep::SecretStore;
use futures_util::future::BoxFuture;

use crate::json_api::JsonApi;

pub use moto_differences::MOTO_DIFFERENCES;

use scene::Scene;

/// A Secrets Manager that is held to the rules.
pub struct Subject {
    /// What it is called in messages.
    pub name: &'static str,
    /// The service itself.
    pub api: Box<dyn JsonApi>,
    /// A store on that service. `None`: only the service is checked.
    pub store: Option<Arc<dyn SecretStore>>,
    /// Where it is known to differ from AWS.
    pub differences: &'static [Difference],
}

/// A rule that a subject is known not to keep. If it keeps it after all, the suite fails, so that the list stays true.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Name of the rule.
    pub rule: &'static str,
    /// What the subject does instead.
    pub instead: &'static str,
}

/// Something that must hold.
struct Rule {
    name: &'static str,
    check: for<'s> fn(&'s Scene<'s>) -> BoxFuture<'s, Result<(), String>>,
}

/// Makes rules of functions.
macro_rules! rules {
    ($($check:ident),* $(,)?) => {
        &[$($crate::store_suite::Rule { name: stringify!($check), check: |scene| Box::pin($check(scene)) }),*]
    };
}
use rules;

/// Holds a subject to all rules. Gives how many it was held to.
///
/// # Errors
///
/// A line for each rule that is not kept, for each difference that is no longer there, and for each difference that
/// names no rule.
pub async fn check(subject: &Subject) -> Result<usize, String> {
    let store_rules = if subject.store.is_some() { store_rules::RULES } else { &[] };
    let rules: Vec<&Rule> = api_rules::RULES.iter().chain(rotation_rules::RULES).chain(store_rules).collect();
    let mut wrong = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let scene = Scene::new(subject, format!("suite/{number}-{}", rule.name));
        let kept = (rule.check)(&scene).await;
        let difference = subject.differences.iter().find(|difference| difference.rule == rule.name);
        match (kept, difference) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Err(why), None) => wrong.push(format!("{}: {why}", rule.name)),
            (Ok(()), Some(_)) => wrong.push(format!("{}: kept now; remove it from the differences", rule.name)),
        }
    }
    // Without a store, the differences about stores are not met.
    let known = |name| {
        api_rules::RULES.iter().chain(rotation_rules::RULES).chain(store_rules::RULES).any(|rule| rule.name == name)
    };
    wrong.extend(
        subject
            .differences
            .iter()
            .filter(|difference| !known(difference.rule))
            .map(|difference| format!("{}: a difference that names no rule", difference.rule)),
    );
    if wrong.is_empty() { Ok(rules.len()) } else { Err(format!("{}:\n  {}", subject.name, wrong.join("\n  "))) }
}
