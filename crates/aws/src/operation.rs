/// An operation of Secrets Manager that the store uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    DescribeSecret,
    GetSecretValue,
    PutSecretValue,
    UpdateSecretVersionStage,
    ListSecretVersionIds,
}

impl Operation {
    /// Gives the name, which is also that of the permission after `secretsmanager:`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DescribeSecret => "DescribeSecret",
            Self::GetSecretValue => "GetSecretValue",
            Self::PutSecretValue => "PutSecretValue",
            Self::UpdateSecretVersionStage => "UpdateSecretVersionStage",
            Self::ListSecretVersionIds => "ListSecretVersionIds",
        }
    }

    /// Gives the permissions on the secret's KMS key that the operation needs.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
    pub(crate) fn key_permissions(self) -> &'static str {
        match self {
            Self::PutSecretValue => "kms:GenerateDataKey and kms:Decrypt",
            _ => "kms:Decrypt",
        }
    }
}
