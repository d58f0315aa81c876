use std::fmt;

/// What an operator asks a function to do with a secret that it rotates.
///
/// A function stands inside the network where the operator does not. It takes such an event only for a secret whose
/// RotationLambdaARN is this very function, and only for the actions that `OPERATOR_EVENTS` names. Rotation may be turned off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Finds out which versions open the target. It changes nothing.
    Diagnose,
    /// Gives up a rotation that has not ended, so that AWSCURRENT works; else rotates forward to the value of an older
    /// version: installs it, tests it, then moves the labels.
    ///
    /// A value that the target will not have, or a credential that is revoked already, is a `Conflict`.
    Rollback {
        /// The version. `None`: AWSPREVIOUS, or AWSCURRENT while a rotation is under way.
        version: Option<String>,
        /// Goes back to it though its credential was retired because others know it. It has to be named.
        leaked_anyway: bool,
    },
    /// Finds the version that opens the target, newest first, and makes it AWSCURRENT.
    Recover {
        /// How many refused logins are allowed, so that no account is locked.
        attempts: u32,
        /// Versions that are not tried, since they are known to be refused.
        skip: Vec<String>,
        /// The only version that is tried. `None`: all.
        version: Option<String>,
        /// Makes that one AWSCURRENT though its credential was retired because others know it.
        leaked_anyway: bool,
    },
    /// Makes the target refuse what AWSPREVIOUS opened, now, and marks its version as leaked: rollback and recover leave
    /// it alone from then on.
    Retire,
    /// Makes the target hold what the labels name, and nothing else that this secret ever made.
    ///
    /// It completes the clean-up of the last rotation. Where the target holds a list of credentials, as SSH keys, it also
    /// installs those that are missing, on hosts that were down or are new; those of AWSPENDING too while a rotation is
    /// under way. Everywhere else a rotation that is under way is a `Conflict`: its own steps do the same.
    Reconcile,
    /// Lets the administrator set a new password of the account that AWSCURRENT names, where no version opens it.
    ///
    /// Nothing but the operator's word says that the account is this secret's: whoever writes the secret chose its name.
    Reset {
        /// The account. `None`: it is only told which one it would be.
        account: Option<String>,
        /// The version that was AWSCURRENT when the operator looked: whoever writes the secret may have changed it since.
        version: Option<String>,
    },
    /// Marks an account and its clone as one secret's, where only their names say so: for pairs that another function
    /// made. Some version has to open one of the two.
    Adopt {
        /// The base account of the pair. `None`: it is only told which one it would be.
        account: Option<String>,
        /// The version that was AWSCURRENT when the operator looked.
        version: Option<String>,
    },
}

impl Action {
    /// The names of all actions, as events spell them.
    pub const NAMES: [&'static str; 7] = ["diagnose", "rollback", "recover", "retire", "reconcile", "reset", "adopt"];

    /// Returns the name that events use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Diagnose => "diagnose",
            Self::Rollback { .. } => "rollback",
            Self::Recover { .. } => "recover",
            Self::Retire => "retire",
            Self::Reconcile => "reconcile",
            Self::Reset { .. } => "reset",
            Self::Adopt { .. } => "adopt",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
