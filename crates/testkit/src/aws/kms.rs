//! AWS KMS, as far as an operator asks it: DescribeKey.

use serde_json::{Value, json};

use super::refusal::Refusal;

/// The key that encrypts the secrets, where it is not `aws/secretsmanager`.
#[derive(Clone, Debug)]
pub struct KmsKey {
    /// Its ARN, which secrets name.
    pub arn: String,
    /// `Enabled`, `Disabled` or `PendingDeletion`.
    pub state: String,
}

/// Answers DescribeKey.
pub(super) fn describe(key: Option<&KmsKey>, input: &Value) -> Result<Value, Refusal> {
    let key = key.filter(|key| input["KeyId"] == key.arn);
    let KmsKey { arn, state } = key.ok_or_else(|| Refusal::new("NotFoundException", "Key does not exist"))?;
    let id = arn.rsplit('/').next().unwrap_or_default();
    Ok(json!({ "KeyMetadata": { "KeyId": id, "Arn": arn, "KeyState": state, "Enabled": state == "Enabled" } }))
}
