//! What every Secrets Manager must do, as far as rotation relies on it.
//!
//! The same rules are checked on the store in memory, on the emulation over HTTP, and on `moto`, which others wrote.
//! A rule is a small function; its name says what must hold. Most are about the service itself, called by the JSON of its
//! API; those in `store_rules` are about what a [`SecretStore`](fourstep::store::SecretStore) makes of it.

mod label_rules;
mod rotation_rules;
mod rule;
mod scene;
mod store_rules;
mod subject;
mod value_rules;

pub use subject::{Difference, Subject};

use rule::Rule;
use scene::Scene;

/// Holds a subject to all rules. Returns how many it was held to.
///
/// # Errors
///
/// A line for each rule that is not kept, for each difference that is no longer there, and for each difference that
/// names no rule.
pub async fn check(subject: &Subject) -> Result<usize, String> {
    let rules: Vec<&Rule> = rules_of(subject.store.is_some()).collect();
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
    // Without a store, the differences about stores are not met, but they name rules all the same.
    let known = |name| rules_of(true).any(|rule| rule.name == name);
    wrong.extend(
        subject
            .differences
            .iter()
            .filter(|difference| !known(difference.rule))
            .map(|difference| format!("{}: a difference that names no rule", difference.rule)),
    );
    if wrong.is_empty() { Ok(rules.len()) } else { Err(format!("{}:\n  {}", subject.name, wrong.join("\n  "))) }
}

fn rules_of(with_store: bool) -> impl Iterator<Item = &'static Rule> {
    let service = [value_rules::RULES, label_rules::RULES, rotation_rules::RULES];
    service.into_iter().chain(with_store.then_some(store_rules::RULES)).flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fourstep::memory::MemoryStore;

    use super::*;
    use crate::json_api::HttpApi;

    #[tokio::test]
    async fn a_difference_that_is_no_longer_there_fails_the_suite() {
        let differences = &[
            Difference { rule: "pending_can_be_removed", instead: "keeps it" },
            Difference { rule: "no_such_rule", instead: "" },
        ];
        let api = Box::new(Arc::new(MemoryStore::new()));
        let wrong = check(&Subject { name: "memory", api, store: None, differences }).await.unwrap_err();
        let lines: Vec<_> = wrong.lines().skip(1).map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "pending_can_be_removed: kept now; remove it from the differences",
                "no_such_rule: a difference that names no rule",
            ]
        );
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_fails_the_suite() {
        // Port 9 of the loopback: nobody listens there.
        let api = Box::new(HttpApi::new("http://127.0.0.1:9"));
        check(&Subject { name: "nobody", api, store: None, differences: &[] }).await.unwrap_err();
    }
}
