use std::sync::Arc;

use fourstep::store::SecretStore;

use crate::json_api::JsonApi;

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
