use std::fmt;

use serde::Deserialize;

use crate::sensitive::Sensitive;

/// A step of the rotation protocol, in the order in which Secrets Manager calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum Step {
    /// Creates the next version and stores it under AWSPENDING.
    #[serde(rename = "createSecret", alias = "create_secret")]
    Create,
    /// Makes the target accept the pending version.
    #[serde(rename = "setSecret", alias = "set_secret")]
    Set,
    /// Proves that the pending version opens the target.
    #[serde(rename = "testSecret", alias = "test_secret")]
    Test,
    /// Moves AWSCURRENT to the pending version and tidies up.
    #[serde(rename = "finishSecret", alias = "finish_secret")]
    Finish,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    /// Returns the name that Secrets Manager uses in its events.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What Secrets Manager asks a rotation function to do.
#[derive(Clone, Debug)]
pub struct StepEvent {
    /// The step to run.
    pub step: Step,
    /// ARN or name of the secret.
    pub secret_id: String,
    /// The id of the version that this rotation makes: the event's ClientRequestToken.
    pub token: String,
    /// What PutSecretValue must be given when Secrets Manager acts with a role of another account.
    pub rotation_token: Option<Sensitive>,
}
