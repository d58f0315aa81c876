//! Secrets and values: CreateSecret, PutSecretValue, GetSecretValue, DeleteSecret, tags.

use serde_json::json;

use crate::aws::Operation::{
    CreateSecret, DeleteSecret, DescribeSecret, GetSecretValue, PutSecretValue, RestoreSecret, TagResource,
    UntagResource, UpdateSecretVersionStage,
};

use super::rule::{Rule, rules};
use super::scene::{Scene, T1, T2, T3, holds, put, same, stage};

pub(super) const RULES: &[Rule] = rules![
    the_first_version_of_a_secret_is_current,
    a_secret_without_a_value_has_no_version,
    creating_a_secret_again_with_the_same_token_and_value_is_ignored,
    creating_a_secret_again_with_another_value_is_refused,
    a_secret_is_found_by_its_arn,
    an_absent_secret_is_not_found,
    an_absent_version_is_not_found,
    a_value_is_read_by_version_and_by_label,
    a_label_must_be_on_the_version_that_is_read,
    bytes_come_back_as_bytes,
    a_put_without_labels_moves_current_and_previous,
    a_put_under_pending_leaves_current_alone,
    a_put_takes_pending_from_whichever_version_has_it,
    the_same_token_with_the_same_value_is_ignored,
    an_ignored_put_moves_no_label,
    the_same_token_with_another_value_is_refused,
    a_pending_value_is_not_replaced,
    the_first_version_is_current_whatever_was_asked,
    a_token_has_32_to_64_characters,
    a_value_of_65536_bytes_is_stored,
    a_value_of_65537_bytes_is_refused,
    an_empty_value_is_refused,
    tags_are_added_and_removed,
    a_deleted_secret_is_still_described,
    a_deleted_secret_is_not_read,
    a_deleted_secret_is_not_written,
    a_restored_secret_is_read_again,
];

async fn the_first_version_of_a_secret_is_current(scene: &Scene<'_>) -> Result<(), String> {
    let created = scene.create().await?;
    same(&created["VersionId"], &json!(T1))?;
    scene.has_labels([(T1, &["AWSCURRENT"])]).await?;
    same(&scene.text(T1).await?, &json!("v1"))
}

async fn a_secret_without_a_value_has_no_version(scene: &Scene<'_>) -> Result<(), String> {
    scene.call(CreateSecret, json!({})).await?;
    let labels = &scene.describe().await?["VersionIdsToStages"];
    holds(labels.is_null() || *labels == json!({}), "there is no version")?;
    scene.refused(GetSecretValue, json!({}), "ResourceNotFoundException").await
}

async fn creating_a_secret_again_with_the_same_token_and_value_is_ignored(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.create().await?;
    scene.has_labels([(T1, &["AWSCURRENT"])]).await
}

async fn creating_a_secret_again_with_another_value_is_refused(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let again = json!({ "ClientRequestToken": T2, "SecretString": "v2" });
    scene.refused(CreateSecret, again, "ResourceExistsException").await
}

async fn a_secret_is_found_by_its_arn(scene: &Scene<'_>) -> Result<(), String> {
    let created = scene.create().await?;
    let found = scene.call(DescribeSecret, json!({ "SecretId": created["ARN"] })).await?;
    same(&found["Name"], &json!(scene.name))
}

async fn an_absent_secret_is_not_found(scene: &Scene<'_>) -> Result<(), String> {
    scene.refused(DescribeSecret, json!({}), "ResourceNotFoundException").await?;
    scene.refused(GetSecretValue, json!({}), "ResourceNotFoundException").await?;
    scene.refused(PutSecretValue, put(T2, "v2", &[]), "ResourceNotFoundException").await?;
    let promotion = stage("AWSCURRENT", Some(T2), Some(T1));
    scene.refused(UpdateSecretVersionStage, promotion, "ResourceNotFoundException").await
}

async fn an_absent_version_is_not_found(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.refused(GetSecretValue, json!({ "VersionId": T3 }), "ResourceNotFoundException").await?;
    scene.refused(GetSecretValue, json!({ "VersionStage": "AWSPENDING" }), "ResourceNotFoundException").await?;
    let both = json!({ "VersionId": T3, "VersionStage": "AWSPENDING" });
    scene.refused(GetSecretValue, both, "ResourceNotFoundException").await
}

async fn a_value_is_read_by_version_and_by_label(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    for (input, version, text) in [
        (json!({}), T1, "v1"),
        (json!({ "VersionStage": "AWSCURRENT" }), T1, "v1"),
        (json!({ "VersionStage": "AWSPENDING" }), T2, "v2"),
        (json!({ "VersionId": T2 }), T2, "v2"),
        (json!({ "VersionId": T2, "VersionStage": "AWSPENDING" }), T2, "v2"),
    ] {
        let found = scene.call(GetSecretValue, input).await?;
        same(&(&found["VersionId"], &found["SecretString"]), &(&json!(version), &json!(text)))?;
        holds(found["CreatedDate"].is_number(), "the date is a number")?;
    }
    Ok(())
}

async fn a_label_must_be_on_the_version_that_is_read(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let input = json!({ "VersionId": T1, "VersionStage": "AWSPENDING" });
    scene.refused(GetSecretValue, input, "InvalidRequestException").await
}

async fn bytes_come_back_as_bytes(scene: &Scene<'_>) -> Result<(), String> {
    scene.call(CreateSecret, json!({ "ClientRequestToken": T1, "SecretBinary": "AAECAw==" })).await?;
    let found = scene.call(GetSecretValue, json!({})).await?;
    same(&found["SecretBinary"], &json!("AAECAw=="))?;
    holds(found.get("SecretString").is_none(), "there is no text")
}

async fn a_put_without_labels_moves_current_and_previous(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let answer = scene.put(T2, "v2", &[]).await?;
    same(&answer["VersionStages"], &json!(["AWSCURRENT"]))?;
    scene.has_labels([(T1, &["AWSPREVIOUS"]), (T2, &["AWSCURRENT"])]).await?;
    scene.put(T3, "v3", &[]).await?;
    scene.has_labels([(T2, &["AWSPREVIOUS"]), (T3, &["AWSCURRENT"])]).await
}

async fn a_put_under_pending_leaves_current_alone(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await?;
    same(&scene.text(T1).await?, &json!("v1"))
}

async fn a_put_takes_pending_from_whichever_version_has_it(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.put(T3, "v3", &["AWSPENDING"]).await?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T3, &["AWSPENDING"])]).await?;
    same(&scene.text(T2).await?, &json!("v2"))
}

async fn the_same_token_with_the_same_value_is_ignored(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    for _ in 0..2 {
        let answer = scene.put(T2, "v2", &["AWSPENDING"]).await?;
        same(&answer["VersionId"], &json!(T2))?;
    }
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await
}

async fn an_ignored_put_moves_no_label(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.call(UpdateSecretVersionStage, stage("AWSPENDING", None, Some(T2))).await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.has_labels([(T1, &["AWSCURRENT"])]).await
}

async fn the_same_token_with_another_value_is_refused(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.refused(PutSecretValue, put(T1, "other", &[]), "ResourceExistsException").await?;
    same(&scene.text(T1).await?, &json!("v1"))
}

async fn a_pending_value_is_not_replaced(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.refused(PutSecretValue, put(T2, "other", &["AWSPENDING"]), "ResourceExistsException").await?;
    same(&scene.text(T2).await?, &json!("v2"))?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await
}

async fn the_first_version_is_current_whatever_was_asked(scene: &Scene<'_>) -> Result<(), String> {
    scene.call(CreateSecret, json!({})).await?;
    scene.put(T1, "v1", &["AWSPENDING"]).await?;
    scene.has_labels([(T1, &["AWSCURRENT", "AWSPENDING"])]).await
}

async fn a_token_has_32_to_64_characters(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    for length in [31, 65] {
        let input = put(&"t".repeat(length), "v2", &[]);
        scene.refused(PutSecretValue, input, "InvalidParameterException").await?;
    }
    for length in [32, 64] {
        scene.put(&"t".repeat(length), "v2", &[]).await?;
    }
    Ok(())
}

async fn a_value_of_65536_bytes_is_stored(scene: &Scene<'_>) -> Result<(), String> {
    let value = "x".repeat(65_536);
    scene.create().await?;
    scene.put(T2, &value, &[]).await?;
    holds(scene.text(T2).await? == json!(value), "the value comes back whole")
}

async fn a_value_of_65537_bytes_is_refused(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    // 32,769 characters of two bytes each, less one: bytes count, not characters.
    let value = format!("{}x", "ä".repeat(32_768));
    scene.refused(PutSecretValue, put(T2, &value, &[]), "InvalidParameterException").await
}

async fn an_empty_value_is_refused(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    match scene.try_call(PutSecretValue, put(T2, "", &[])).await {
        Ok(_) => Err("an empty value was stored".to_owned()),
        Err(_) => scene.has_labels([(T1, &["AWSCURRENT"])]).await,
    }
}

async fn tags_are_added_and_removed(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let tags = json!([{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }]);
    scene.call(TagResource, json!({ "Tags": tags })).await?;
    scene.call(TagResource, json!({ "Tags": [{ "Key": "a", "Value": "3" }] })).await?;
    scene.call(UntagResource, json!({ "TagKeys": ["b"] })).await?;
    same(&scene.describe().await?["Tags"], &json!([{ "Key": "a", "Value": "3" }]))
}

async fn delete(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.call(DeleteSecret, json!({})).await.map(|_| ())
}

async fn a_deleted_secret_is_still_described(scene: &Scene<'_>) -> Result<(), String> {
    delete(scene).await?;
    holds(scene.describe().await?["DeletedDate"].is_number(), "the date of deletion is a number")
}

async fn a_deleted_secret_is_not_read(scene: &Scene<'_>) -> Result<(), String> {
    delete(scene).await?;
    scene.refused(GetSecretValue, json!({ "VersionId": T1 }), "InvalidRequestException").await
}

async fn a_deleted_secret_is_not_written(scene: &Scene<'_>) -> Result<(), String> {
    delete(scene).await?;
    scene.refused(PutSecretValue, put(T2, "v2", &["AWSPENDING"]), "InvalidRequestException").await
}

async fn a_restored_secret_is_read_again(scene: &Scene<'_>) -> Result<(), String> {
    delete(scene).await?;
    scene.call(RestoreSecret, json!({})).await?;
    same(&scene.text(T1).await?, &json!("v1"))
}
