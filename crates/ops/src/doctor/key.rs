use aws_sdk_kms::types::KeyMetadata;

use crate::call::Call;
use crate::doctor::finding::{Finding, bad, doubtful, good, unknown};
use crate::doctor::simulation::{Simulated, entry};
use crate::error::Result;
use crate::operator::Operator;
use crate::secret::Secret;

/// What Secrets Manager does with the key for whoever reads and writes a version.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
const ACTIONS: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];

impl Operator {
    /// Checks whether the secret's KMS key is enabled, and whether the function's role may use it.
    ///
    /// The key `aws/secretsmanager` is for all of the account: there is nothing to look at.
    pub(super) async fn key(&self, secret: &Secret, role: Option<&str>) -> Option<Finding> {
        let what = "KMS key";
        let key = secret.kms_key.as_deref().filter(|key| !key.ends_with("alias/aws/secretsmanager"))?;
        let metadata = match self.describe_key(key).await {
            Ok(metadata) => metadata,
            Err(error) => return Some(unknown(what, &error)),
        };
        if !metadata.as_ref().is_some_and(KeyMetadata::enabled) {
            let state = metadata.as_ref().and_then(KeyMetadata::key_state).map_or("not known", |state| state.as_str());
            let found =
                format!("Key {key} is not enabled, its state is {state}: nobody can read or rotate the secret.");
            return Some(bad(what, &found, "Enable it: aws kms enable-key, or aws kms cancel-key-deletion before"));
        }
        let arn = metadata.as_ref().and_then(KeyMetadata::arn).unwrap_or(key);
        let Some(role) = role else {
            return Some(good(what, &format!("Key {key} is enabled.")));
        };
        // arn:partition:secretsmanager:region:account:secret:name
        let part = |number| secret.arn.split(':').nth(number).unwrap_or_default();
        let suffix = if part(1) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let context = vec![
            entry("kms:EncryptionContext:SecretARN", &secret.arn),
            entry("kms:ViaService", &format!("secretsmanager.{}.{suffix}", part(3))),
        ];
        Some(match self.simulate(role, &ACTIONS, arn, context).await {
            Ok(Simulated::Forbids(actions)) if actions.is_empty() => {
                good(what, &format!("Key {key} is enabled, and the function's role may use it."))
            }
            // The key's own policy may allow it, which is not simulated.
            Ok(Simulated::Forbids(actions)) => doubtful(
                what,
                &format!("Key {key} is enabled; no policy of {role} allows {}.", actions.join(", ")),
                "Allow the role to do so, unless the key's own policy does",
            ),
            Ok(Simulated::DependsOn(keys)) => doubtful(
                what,
                &format!("Key {key} is enabled; whether {role} may use it depends on {}.", keys.join(", ")),
                "Look whether these conditions of the role's policies hold",
            ),
            Err(error) => unknown(what, &error),
        })
    }

    async fn describe_key(&self, key: &str) -> Result<Option<KeyMetadata>> {
        let subject = format!("KMS key {key}");
        let call = Call { service: "kms", operation: "DescribeKey", subject: &subject };
        let answer = self.keys.describe_key().key_id(key).send().await;
        Ok(answer.map_err(|error| call.failed(&error))?.key_metadata)
    }
}
