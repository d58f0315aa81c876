use fourstep::Sensitive;
use fourstep::memory::SecretValue;
use serde::Deserialize;

use super::list::Filter;
use super::refusal::Refusal;

/// The JSON that any operation takes. Each uses its own fields and ignores the others.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Input {
    pub(super) secret_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) client_request_token: Option<String>,
    secret_string: Option<Sensitive>,
    secret_binary: Option<Sensitive>,
    pub(super) rotation_token: Option<Sensitive>,
    pub(super) version_id: Option<String>,
    pub(super) version_stage: Option<String>,
    pub(super) version_stages: Option<Vec<String>>,
    pub(super) move_to_version_id: Option<String>,
    pub(super) remove_from_version_id: Option<String>,
    pub(super) include_deprecated: bool,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
    pub(super) tags: Vec<Tag>,
    pub(super) tag_keys: Vec<String>,
    #[serde(rename = "RotationLambdaARN")]
    pub(super) rotation_lambda_arn: Option<String>,
    pub(super) rotation_rules: Option<Rules>,
    pub(super) rotate_immediately: Option<bool>,
    pub(super) recovery_window_in_days: Option<u32>,
    pub(super) force_delete_without_recovery: bool,
    pub(super) filters: Vec<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rules {
    pub(super) automatically_after_days: Option<u32>,
    pub(super) duration: Option<String>,
    pub(super) schedule_expression: Option<String>,
}

impl Input {
    /// Reads the body of a call. The error says nothing of the body, which may hold a secret.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body)
            .map_err(|_| Refusal::new("SerializationException", "The body is not the JSON of this operation."))
    }

    pub(super) fn secret_id(&self) -> Result<&str, Refusal> {
        self.secret_id.as_deref().ok_or_else(|| missing("SecretId"))
    }

    pub(super) fn value(&mut self) -> Result<Option<SecretValue>, Refusal> {
        match (self.secret_string.take(), self.secret_binary.take()) {
            (Some(_), Some(_)) => Err(Refusal::new(
                "InvalidParameterException",
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            )),
            (Some(text), None) => Ok(Some(SecretValue::Text(text))),
            (None, Some(base64)) => Ok(Some(SecretValue::Binary(base64))),
            (None, None) => Ok(None),
        }
    }
}

/// Returns the refusal of a call without a field that it needs.
pub(super) fn missing(field: &str) -> Refusal {
    Refusal::new("ValidationException", format!("1 validation error detected: {field} must not be null"))
}
