use std::fmt;

/// An operation of Secrets Manager that the emulation knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// CancelRotateSecret.
    CancelRotateSecret,
    /// CreateSecret.
    CreateSecret,
    /// DeleteSecret.
    DeleteSecret,
    /// DescribeSecret.
    DescribeSecret,
    /// GetSecretValue.
    GetSecretValue,
    /// ListSecretVersionIds.
    ListSecretVersionIds,
    /// ListSecrets.
    ListSecrets,
    /// PutSecretValue.
    PutSecretValue,
    /// RestoreSecret.
    RestoreSecret,
    /// RotateSecret.
    RotateSecret,
    /// TagResource.
    TagResource,
    /// UntagResource.
    UntagResource,
    /// UpdateSecretVersionStage.
    UpdateSecretVersionStage,
}

impl Operation {
    /// Every operation, by name.
    pub const ALL: [Self; 13] = [
        Self::CancelRotateSecret,
        Self::CreateSecret,
        Self::DeleteSecret,
        Self::DescribeSecret,
        Self::GetSecretValue,
        Self::ListSecretVersionIds,
        Self::ListSecrets,
        Self::PutSecretValue,
        Self::RestoreSecret,
        Self::RotateSecret,
        Self::TagResource,
        Self::UntagResource,
        Self::UpdateSecretVersionStage,
    ];

    /// Returns the name that stands in `X-Amz-Target`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CancelRotateSecret => "CancelRotateSecret",
            Self::CreateSecret => "CreateSecret",
            Self::DeleteSecret => "DeleteSecret",
            Self::DescribeSecret => "DescribeSecret",
            Self::GetSecretValue => "GetSecretValue",
            Self::ListSecretVersionIds => "ListSecretVersionIds",
            Self::ListSecrets => "ListSecrets",
            Self::PutSecretValue => "PutSecretValue",
            Self::RestoreSecret => "RestoreSecret",
            Self::RotateSecret => "RotateSecret",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
            Self::UpdateSecretVersionStage => "UpdateSecretVersionStage",
        }
    }

    /// Finds an operation by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// Returns whether the operation changes nothing.
    #[must_use]
    pub fn is_read(self) -> bool {
        matches!(self, Self::DescribeSecret | Self::GetSecretValue | Self::ListSecretVersionIds | Self::ListSecrets)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
