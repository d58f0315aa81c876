/// A service that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    SecretsManager,
    Rds,
}

impl Service {
    /// Returns the name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SecretsManager => "Secrets Manager",
            Self::Rds => "Amazon RDS",
        }
    }

    /// Returns the name in permissions and in the names of VPC endpoints.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::Rds => "rds",
        }
    }

    /// Returns the SDK's variable that names another end point.
    pub(crate) fn endpoint_variable(self) -> &'static str {
        match self {
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            Self::Rds => "AWS_ENDPOINT_URL_RDS",
        }
    }

    /// Returns the policy beside those of the role, the organisation and the VPC endpoint that may forbid a call.
    pub(crate) fn further_policy(self) -> &'static str {
        match self {
            Self::SecretsManager => "the secret, ",
            Self::Rds => "",
        }
    }

    /// Returns when it is called, where that is not always: a setting that is simpler than a right may be found there.
    pub(crate) fn needed(self) -> &'static str {
        match self {
            Self::SecretsManager => "",
            Self::Rds => {
                "; Amazon RDS is asked only where it manages the administrator's secret, or where that and this secret name different hosts"
            }
        }
    }
}

/// An operation that the store or the look-up of servers uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    DescribeSecret,
    GetSecretValue,
    PutSecretValue,
    UpdateSecretVersionStage,
    ListSecretVersionIds,
    DescribeDbInstances,
    DescribeDbClusters,
}

impl Operation {
    /// Returns the service that offers it.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::DescribeSecret
            | Self::GetSecretValue
            | Self::PutSecretValue
            | Self::UpdateSecretVersionStage
            | Self::ListSecretVersionIds => Service::SecretsManager,
            Self::DescribeDbInstances | Self::DescribeDbClusters => Service::Rds,
        }
    }

    /// Returns the name, which is also that of the permission after the service's prefix.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DescribeSecret => "DescribeSecret",
            Self::GetSecretValue => "GetSecretValue",
            Self::PutSecretValue => "PutSecretValue",
            Self::UpdateSecretVersionStage => "UpdateSecretVersionStage",
            Self::ListSecretVersionIds => "ListSecretVersionIds",
            Self::DescribeDbInstances => "DescribeDBInstances",
            Self::DescribeDbClusters => "DescribeDBClusters",
        }
    }

    /// Returns the permissions on the secret's KMS key that the operation needs.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
    pub(crate) fn key_permissions(self) -> &'static str {
        match self {
            Self::PutSecretValue => "kms:GenerateDataKey and kms:Decrypt",
            _ => "kms:Decrypt",
        }
    }
}
