//! ListSecrets: filters and pages.

use fourstep::memory::{Model, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;

/// A filter of ListSecrets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    key: String,
    values: Vec<String>,
}

impl Filter {
    /// Returns whether a secret is meant. "The filter is a prefix match"; the one for names ignores case.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html>
    fn meets(&self, secret: &Secret) -> Result<bool, Refusal> {
        let any = |text: &str| self.values.iter().any(|value| text.starts_with(value.as_str()));
        Ok(match self.key.as_str() {
            "name" => {
                let name = secret.name.to_lowercase();
                self.values.iter().any(|value| name.starts_with(&value.to_lowercase()))
            }
            "tag-key" => secret.tags.keys().any(|key| any(key)),
            "tag-value" => secret.tags.values().any(|value| any(value)),
            other => {
                return Err(Refusal::new(
                    "InvalidParameterException",
                    format!("The emulation does not filter by {other}."),
                ));
            }
        })
    }
}

/// Lists the secrets that meet all filters, except those marked for deletion.
pub(super) fn list(
    model: &Model,
    filters: &[Filter],
    most: Option<usize>,
    next: Option<&str>,
    describe: impl Fn(&Secret) -> Value,
) -> Result<Value, Refusal> {
    let start = next.map_or(Ok(0), |token| {
        token.parse().map_err(|_| Refusal::new("InvalidNextTokenException", "The NextToken value is invalid."))
    })?;
    let page = most.unwrap_or(100).clamp(1, 100);
    let mut listed = Vec::new();
    let mut seen = 0;
    for secret in model.secrets().filter(|secret| secret.deleted.is_none()) {
        if !filters.iter().map(|filter| filter.meets(secret)).collect::<Result<Vec<_>, _>>()?.into_iter().all(|met| met)
        {
            continue;
        }
        seen += 1;
        if seen <= start {
            continue;
        }
        if listed.len() == page {
            return Ok(json!({ "SecretList": listed, "NextToken": (start + page).to_string() }));
        }
        let mut entry = describe(secret);
        if let Some(stages) = entry.as_object_mut().and_then(|entry| entry.remove("VersionIdsToStages")) {
            entry["SecretVersionsToStages"] = stages;
        }
        listed.push(entry);
    }
    Ok(json!({ "SecretList": listed }))
}
