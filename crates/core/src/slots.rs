/// How a target's old and new credentials live together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// The target has one slot: set replaces the old credential. Single-user passwords, pushed keys.
    One,
    /// The target has two slots: set pushes the oldest credential out. Alternating users, dual passwords.
    Two,
    /// Each credential has an identity of its own, and create adds one. Minted keys.
    Many,
    /// The target holds a list of credentials. `set` and `retire` each write the whole list. SSH keys.
    List,
    /// Create makes the new credential and kills the old one in the same call. Rolled keys.
    InPlace,
}

impl Slots {
    /// Returns whether createSecret changes the target.
    #[must_use]
    pub(crate) fn create_touches_target(self) -> bool {
        matches!(self, Self::Many | Self::InPlace)
    }

    /// Returns whether AWSCURRENT works at every moment of a rotation.
    #[must_use]
    pub(crate) fn overlaps(self) -> bool {
        matches!(self, Self::Two | Self::Many | Self::List)
    }
}
