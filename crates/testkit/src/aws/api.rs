use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fourstep::memory::{
    CreateSecret, Model, PutSecretValue, RotateSecret, Rotated, Run, Secret, SecretValue, SecretVersion,
    UpdateSecretVersionStage,
};
use fourstep::store::RotationRules;
use serde_json::{Map, Value, json};

use super::input::{Input, missing};
use super::list;
use super::operation::Operation;
use super::refusal::Refusal;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an operation answers, and what Secrets Manager runs after it.
pub(super) struct Answer {
    pub(super) reply: Result<Value, Refusal>,
    pub(super) run: Option<(String, Run)>,
}

/// Performs an operation on the model.
pub(super) fn perform(model: &mut Model, operation: Operation, input: Input) -> Answer {
    if operation == Operation::RotateSecret {
        return rotate(model, &input).unwrap_or_else(|refusal| Answer { reply: Err(refusal), run: None });
    }
    Answer { reply: plain(model, operation, input), run: None }
}

fn plain(model: &mut Model, operation: Operation, mut input: Input) -> Result<Value, Refusal> {
    if operation == Operation::CreateSecret {
        return create(model, input);
    }
    if operation == Operation::ListSecrets {
        return list::list(model, &input.filters, input.max_results, input.next_token.as_deref(), description);
    }
    let value = input.value()?;
    let id = input.secret_id()?;
    match operation {
        Operation::CreateSecret | Operation::ListSecrets | Operation::RotateSecret => {
            unreachable!("these are performed above")
        }
        Operation::DescribeSecret => Ok(description(model.describe_secret(id)?)),
        Operation::GetSecretValue => {
            let secret = model.describe_secret(id)?;
            let (version, value) =
                model.get_secret_value(id, input.version_id.as_deref(), input.version_stage.as_deref())?;
            Ok(value_of(secret, version, value))
        }
        Operation::PutSecretValue => {
            let Some(value) = value else {
                return Err(Refusal::new(
                    "InvalidRequestException",
                    "You must provide either SecretString or SecretBinary.",
                ));
            };
            let stages: Vec<&str> = input.version_stages.iter().flatten().map(String::as_str).collect();
            let version_id = model.put_secret_value(PutSecretValue {
                secret_id: id,
                token: input.client_request_token.as_deref(),
                value,
                stages: &stages,
                rotation_token: input.rotation_token.is_some(),
            })?;
            let secret = model.describe_secret(id)?;
            let labels = secret.version(&version_id).map(|version| &version.labels);
            Ok(identity(secret, [("VersionId", json!(version_id)), ("VersionStages", json!(labels))]))
        }
        Operation::UpdateSecretVersionStage => {
            model.update_secret_version_stage(UpdateSecretVersionStage {
                secret_id: id,
                stage: input.version_stage.as_deref().ok_or_else(|| missing("VersionStage"))?,
                move_to: input.move_to_version_id.as_deref(),
                remove_from: input.remove_from_version_id.as_deref(),
            })?;
            Ok(identity(model.describe_secret(id)?, []))
        }
        Operation::ListSecretVersionIds => list(model, id, &input),
        Operation::CancelRotateSecret => {
            let pending = model.cancel_rotate_secret(id)?;
            let pending = pending.map(|version_id| ("VersionId", json!(version_id)));
            Ok(identity(model.describe_secret(id)?, pending))
        }
        Operation::TagResource => {
            model.tag_resource(id, input.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())))?;
            Ok(json!({}))
        }
        Operation::UntagResource => {
            model.untag_resource(id, input.tag_keys.iter().map(String::as_str))?;
            Ok(json!({}))
        }
        Operation::DeleteSecret => delete(model, id, &input),
        Operation::RestoreSecret => {
            model.restore_secret(id)?;
            Ok(identity(model.describe_secret(id)?, []))
        }
    }
}

fn create(model: &mut Model, mut input: Input) -> Result<Value, Refusal> {
    let value = input.value()?;
    let secret = model.create_secret(CreateSecret {
        name: input.name.as_deref().ok_or_else(|| missing("Name"))?,
        token: input.client_request_token.as_deref(),
        value,
        tags: input.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
    })?;
    let version = secret.labelled(fourstep::AWSCURRENT).map(|version| ("VersionId", json!(version.id)));
    Ok(identity(secret, version))
}

fn rotate(model: &mut Model, input: &Input) -> Result<Answer, Refusal> {
    let id = input.secret_id()?;
    let Rotated { answer, run } = model.rotate_secret(RotateSecret {
        secret_id: id,
        token: input.client_request_token.as_deref(),
        lambda_arn: input.rotation_lambda_arn.as_deref(),
        rules: input.rotation_rules.as_ref().map(|rules| RotationRules {
            automatically_after_days: rules.automatically_after_days,
            duration: rules.duration.clone(),
            schedule_expression: rules.schedule_expression.clone(),
        }),
        rotate_immediately: input.rotate_immediately.unwrap_or(true),
    });
    let secret = model.describe_secret(id)?;
    Ok(Answer {
        reply: answer.map(|version_id| identity(secret, [("VersionId", json!(version_id))])).map_err(Refusal::from),
        run: run.map(|run| (secret.arn.clone(), run)),
    })
}

fn list(model: &Model, id: &str, input: &Input) -> Result<Value, Refusal> {
    let versions = model.list_secret_version_ids(id, input.include_deprecated)?;
    let start = match &input.next_token {
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| Refusal::new("InvalidNextTokenException", "The NextToken value is invalid."))?,
        None => 0,
    };
    let page = input.max_results.unwrap_or(100).clamp(1, 100);
    let listed = versions.iter().skip(start).take(page).map(|version| {
        json!({
            "VersionId": version.id,
            "VersionStages": version.labels,
            "CreatedDate": epoch_seconds(version.created),
        })
    });
    let mut more = vec![("Versions", listed.collect())];
    if start + page < versions.len() {
        more.push(("NextToken", json!((start + page).to_string())));
    }
    Ok(identity(model.describe_secret(id)?, more))
}

fn delete(model: &mut Model, id: &str, input: &Input) -> Result<Value, Refusal> {
    if !input.force_delete_without_recovery {
        let end = model.delete_secret(id, input.recovery_window_in_days)?;
        return Ok(identity(model.describe_secret(id)?, [("DeletionDate", json!(epoch_seconds(end)))]));
    }
    if input.recovery_window_in_days.is_some() {
        return Err(Refusal::new(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    // "If you force delete an already deleted or nonexistent secret, the operation does not return
    // ResourceNotFoundException" (DeleteSecret).
    Ok(model.force_delete_secret(id).map_or_else(|| json!({ "Name": id }), |secret| identity(&secret, [])))
}

fn description(secret: &Secret) -> Value {
    let description = secret.description();
    let tags: Vec<_> = secret.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    let replicas: Vec<_> =
        secret.replicas.iter().map(|(region, status)| json!({ "Region": region, "Status": status })).collect();
    let mut more = vec![
        ("CreatedDate", json!(epoch_seconds(secret.created))),
        ("VersionIdsToStages", json!(description.stages)),
        ("Tags", json!(tags)),
    ];
    if !replicas.is_empty() {
        more.push(("ReplicationStatus", json!(replicas)));
    }
    if let Some(region) = &secret.primary_region {
        more.push(("PrimaryRegion", json!(region)));
    }
    if let Some(deleted) = secret.deleted {
        more.push(("DeletedDate", json!(epoch_seconds(deleted))));
    }
    // Before the first RotateSecret, none of this is in the answer.
    if let Some(rotation) = &secret.rotation {
        let rules: BTreeMap<_, _> = [
            ("AutomaticallyAfterDays", rotation.rules.automatically_after_days.map(|days| json!(days))),
            ("Duration", rotation.rules.duration.as_ref().map(|duration| json!(duration))),
            ("ScheduleExpression", rotation.rules.schedule_expression.as_ref().map(|schedule| json!(schedule))),
        ]
        .into_iter()
        .filter_map(|(name, rule)| Some((name, rule?)))
        .collect();
        more.push(("RotationEnabled", json!(rotation.enabled)));
        more.push(("RotationLambdaARN", json!(rotation.lambda_arn)));
        more.push(("RotationRules", json!(rules)));
        if let Some(last) = rotation.last_rotated {
            more.push(("LastRotatedDate", json!(epoch_seconds(last))));
        }
        if let Some(days) = rotation.rules.automatically_after_days.filter(|_| rotation.enabled) {
            let next = rotation.last_rotated.unwrap_or(secret.created) + DAY * days;
            more.push(("NextRotationDate", json!(epoch_seconds(next))));
        }
    }
    identity(secret, more)
}

fn value_of(secret: &Secret, version: &SecretVersion, value: &SecretValue) -> Value {
    let value = match value {
        SecretValue::Text(text) => ("SecretString", json!(text.expose())),
        SecretValue::Binary(base64) => ("SecretBinary", json!(base64.expose())),
    };
    identity(
        secret,
        [
            ("VersionId", json!(version.id)),
            ("VersionStages", json!(version.labels)),
            ("CreatedDate", json!(epoch_seconds(version.created))),
            value,
        ],
    )
}

/// Creates an answer from the secret's ARN and name, and more.
fn identity(secret: &Secret, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut answer = Map::new();
    answer.insert("ARN".to_owned(), json!(secret.arn));
    answer.insert("Name".to_owned(), json!(secret.name));
    answer.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(answer)
}

pub(super) fn epoch_seconds(time: SystemTime) -> f64 {
    let millis = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    // Milliseconds since 1970 stay far below the 2^53 up to which every integer is a float.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let seconds = millis as f64 / 1000.0;
    seconds
}
