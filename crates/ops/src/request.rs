use aws_sdk_secretsmanager::types::RotationRulesType;

use crate::call::Call;
use crate::error::Result;
use crate::operator::Operator;
use crate::secret::Secret;

/// What RotateSecret is asked.
#[derive(Debug, Default)]
pub(crate) struct Request<'a> {
    pub(crate) token: Option<&'a str>,
    pub(crate) function: Option<&'a str>,
    pub(crate) rules: Option<RotationRulesType>,
    pub(crate) immediately: bool,
}

impl Operator {
    /// Calls RotateSecret, and returns the id of the version.
    pub(crate) async fn rotate(&self, secret: &Secret, request: Request<'_>) -> Result<String> {
        let subject = format!("secret {}", secret.name);
        let call = Call { service: "secretsmanager", operation: "RotateSecret", subject: &subject };
        let answer = self
            .secrets
            .rotate_secret()
            .secret_id(&secret.arn)
            .set_client_request_token(request.token.map(str::to_owned))
            .set_rotation_lambda_arn(request.function.map(str::to_owned))
            .set_rotation_rules(request.rules)
            .rotate_immediately(request.immediately)
            .send()
            .await;
        answer.map(|answer| answer.version_id.unwrap_or_default()).map_err(|error| call.failed(&error))
    }
}
