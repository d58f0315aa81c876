/// A service of AWS that is called, for messages.
#[derive(Debug)]
pub struct Service {
    /// Its name for people, as `Amazon RDS`.
    pub name: &'static str,
    /// What it keeps, as `secret`.
    pub noun: &'static str,
    /// What to correct where it does not find that, or not in a way that it understands: a sentence without its full stop.
    pub found_by: &'static str,
    /// Its name in permissions and in the names of VPC endpoints, as `rds`.
    pub prefix: &'static str,
    /// The SDK's variable that names another end point, as `AWS_ENDPOINT_URL_RDS`.
    pub endpoint_variable: &'static str,
    /// The policy beside those of the role, the organisation and the VPC endpoint that may forbid a call, and a comma and a
    /// blank; or nothing.
    pub further_policy: &'static str,
    /// When it is called, where that is not always: a setting that is simpler than a right may be found there. It begins
    /// with a semicolon and a blank.
    pub needed: &'static str,
}

/// An operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// The service that offers it.
    pub service: &'static Service,
    /// Its name, which is also that of the permission after the service's prefix, as `DescribeDBInstances`.
    pub name: &'static str,
    /// The permissions on a KMS key that it needs.
    pub key_permissions: &'static str,
}

pub(crate) const SECRETS_MANAGER: Service = Service {
    name: "Secrets Manager",
    noun: "secret",
    found_by: "Correct SecretId of the event, or the ARN that names the secret",
    prefix: "secretsmanager",
    endpoint_variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    further_policy: "the secret, ",
    needed: "",
};

pub(crate) const DESCRIBE_SECRET: Operation = of_secrets_manager("DescribeSecret");
pub(crate) const GET_SECRET_VALUE: Operation = of_secrets_manager("GetSecretValue");
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
pub(crate) const PUT_SECRET_VALUE: Operation =
    Operation { key_permissions: "kms:GenerateDataKey and kms:Decrypt", ..of_secrets_manager("PutSecretValue") };
pub(crate) const UPDATE_SECRET_VERSION_STAGE: Operation = of_secrets_manager("UpdateSecretVersionStage");
pub(crate) const LIST_SECRET_VERSION_IDS: Operation = of_secrets_manager("ListSecretVersionIds");

const fn of_secrets_manager(name: &'static str) -> Operation {
    Operation { service: &SECRETS_MANAGER, name, key_permissions: "kms:Decrypt" }
}
