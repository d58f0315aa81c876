use serde::{Deserialize, Serialize};

/// What came of one of several places that a credential is for, such as a host of a fleet. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Place {
    /// Its name, as the target has it.
    pub name: String,
    /// Whether it is as it should be.
    pub good: bool,
    /// What came of it, in a few words that many places share: they are counted by it.
    pub outcome: String,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
