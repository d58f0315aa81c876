use std::collections::BTreeMap;
use std::fmt;

use super::api::Input;

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

/// One call that the emulation received. It holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number among all calls, from 1.
    pub number: usize,
    /// Its number among the calls of its operation, from 1.
    pub nth: usize,
    /// The operation.
    pub operation: Operation,
    /// The secret, as the caller named it.
    pub secret_id: Option<String>,
    /// The version that is read, written or moved to.
    pub version_id: Option<String>,
    /// The labels that the caller named.
    pub stages: Vec<String>,
    /// Whether there was a RotationToken.
    pub rotation_token: bool,
}

/// The calls so far, in order.
#[derive(Default)]
pub(super) struct Journal {
    calls: Vec<Call>,
    counts: BTreeMap<Operation, usize>,
}

impl Journal {
    pub(super) fn add(&mut self, operation: Operation, input: &Input) -> Call {
        let nth = self.counts.entry(operation).or_default();
        *nth += 1;
        let versions = [&input.client_request_token, &input.version_id, &input.move_to_version_id];
        let stages = input.version_stages.iter().flatten().chain(&input.version_stage);
        let call = Call {
            number: self.calls.len() + 1,
            nth: *nth,
            operation,
            secret_id: input.secret_id.clone().or_else(|| input.name.clone()),
            version_id: versions.into_iter().flatten().next().cloned(),
            stages: stages.cloned().collect(),
            rotation_token: input.rotation_token.is_some(),
        };
        self.calls.push(call.clone());
        call
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn count(&self, operation: Operation) -> usize {
        self.counts.get(&operation).copied().unwrap_or_default()
    }
}
