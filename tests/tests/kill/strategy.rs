/// How the secrets are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    SingleUser,
    AlternatingUsers,
    DualPassword,
}

impl Strategy {
    /// Returns its name as a tag has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SingleUser => "single-user",
            Self::AlternatingUsers => "alternating-users",
            Self::DualPassword => "dual-password",
        }
    }
}
