use std::fmt;

/// What an operator asks a function to do with a secret that it rotates.
///
/// A function stands inside the network where the operator does not. It takes such an event only for a secret whose
/// RotationLambdaARN is this very function, and not with `OPERATOR_EVENTS=off`. Rotation may be turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Makes the target hold what the labels name, and nothing else that this secret ever made.
    ///
    /// It completes the clean-up of the last rotation. Where the target holds a list of credentials, as SSH keys, it also
    /// installs those that are missing, on hosts that were down or are new; those of AWSPENDING too while a rotation is
    /// under way. Everywhere else a rotation that is under way is a `Conflict`: its own steps do the same.
    Reconcile,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 1] = [Self::Reconcile];

    /// Gives the name that events use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An action, and the secret that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorEvent {
    /// What to do.
    pub action: Action,
    /// ARN or name of the secret.
    pub secret_id: String,
}
