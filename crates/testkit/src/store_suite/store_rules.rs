//! What a [`SecretStore`](fourstep::store::SecretStore) makes of the service.

use std::time::{Duration, SystemTime};

use fourstep::store::{Put, StoredContent};
use fourstep::{ErrorKind, Result as StoreResult, Sensitive};
use serde_json::json;

use crate::aws::Operation::{CreateSecret, DeleteSecret, TagResource};

use super::rule::{Rule, rules};
use super::scene::{LAMBDA, Scene, T1, T2, T3, holds, same};

pub(super) const RULES: &[Rule] = rules![
    the_store_describes_labels_tags_and_rotation,
    the_store_describes_by_arn,
    the_store_leaves_unlabelled_versions_out_of_a_description,
    the_store_reads_text_with_its_date,
    the_store_reads_nothing_from_an_empty_version,
    the_store_reads_nothing_from_an_absent_version,
    the_store_tells_bytes_from_text,
    the_store_puts_under_pending_and_nothing_else,
    the_store_puts_the_same_value_twice,
    the_store_reports_another_value_under_the_token,
    the_store_passes_a_rotation_token,
    the_store_promotes,
    the_store_reports_a_lost_promotion_as_a_conflict,
    the_store_reports_a_repeated_promotion_as_a_conflict,
    the_store_lists_and_reads_unlabelled_versions,
    the_store_reports_an_absent_secret_as_invalid,
    the_store_lists_no_versions_of_an_absent_secret,
    the_store_describes_a_deleted_secret,
    the_store_reports_a_deleted_secret_as_invalid,
    the_store_stores_nothing_in_a_deleted_secret,
];

fn ok<T>(what: &str, result: StoreResult<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error:?}"))
}

fn is<T>(kind: ErrorKind, what: &str, result: StoreResult<T>) -> Result<(), String> {
    match result {
        Ok(_) => Err(format!("{what} succeeded in place of {kind}")),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(format!("{what} failed otherwise than {kind}: {error:?}")),
    }
}

async fn the_store_describes_labels_tags_and_rotation(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    scene.call(TagResource, json!({ "Tags": [{ "Key": "fourstep:retire", "Value": "at-finish" }] })).await?;
    let found = ok("describe", scene.store()?.describe(&scene.name).await)?;
    same(&found.name, &scene.name)?;
    same(&found.labels_of(T1).to_vec(), &vec!["AWSCURRENT".to_owned()])?;
    same(&found.version_with("AWSPENDING"), &Some(T2))?;
    same(&found.tags.get("fourstep:retire").map(String::as_str), &Some("at-finish"))?;
    same(&(found.rotation_enabled, found.rotation_lambda_arn.as_deref()), &(true, Some(LAMBDA)))?;
    holds(found.deleted.is_none() && !found.is_replica(), "it is neither deleted nor a replica")
}

async fn the_store_describes_by_arn(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let found = ok("describe", scene.store()?.describe(&scene.name).await)?;
    let again = ok("describe by ARN", scene.store()?.describe(&found.arn).await)?;
    same(&again, &found)?;
    holds(!found.rotation_enabled && found.rotation_lambda_arn.is_none(), "it was never rotated")
}

async fn the_store_leaves_unlabelled_versions_out_of_a_description(scene: &Scene<'_>) -> Result<(), String> {
    unlabel(scene).await?;
    let found = ok("describe", scene.store()?.describe(&scene.name).await)?;
    same(&found.stages.keys().map(String::as_str).collect::<Vec<_>>(), &vec![T1, T3])
}

async fn the_store_reads_text_with_its_date(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let found = ok("read", scene.store()?.read(&scene.name, T1).await)?.ok_or("there is no value")?;
    same(&found.content, &StoredContent::Text(Sensitive::new("v1")))?;
    let age = SystemTime::now().duration_since(found.created).unwrap_or_default();
    holds(age < Duration::from_secs(600), "the version was made just now")
}

async fn the_store_reads_nothing_from_an_empty_version(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    let found = ok("read", scene.store()?.read(&scene.name, T2).await)?;
    holds(found.is_none(), "the empty version has no value")
}

async fn the_store_reads_nothing_from_an_absent_version(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let found = ok("read", scene.store()?.read(&scene.name, T2).await)?;
    holds(found.is_none(), "the absent version has no value")
}

async fn the_store_tells_bytes_from_text(scene: &Scene<'_>) -> Result<(), String> {
    scene.call(CreateSecret, json!({ "ClientRequestToken": T1, "SecretBinary": "AAECAw==" })).await?;
    let found = ok("read", scene.store()?.read(&scene.name, T1).await)?.ok_or("there is no value")?;
    same(&found.content, &StoredContent::Binary)
}

async fn put(scene: &Scene<'_>, token: &str, value: &str) -> Result<Put, String> {
    ok("put_pending", scene.store()?.put_pending(&scene.name, token, &Sensitive::new(value), None).await)
}

async fn the_store_puts_under_pending_and_nothing_else(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    same(&put(scene, T2, "v2").await?, &Put::Stored)?;
    same(&scene.text(T2).await?, &json!("v2"))?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await
}

async fn the_store_puts_the_same_value_twice(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    same(&put(scene, T2, "v2").await?, &Put::Stored)?;
    same(&put(scene, T2, "v2").await?, &Put::Stored)
}

async fn the_store_reports_another_value_under_the_token(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    put(scene, T2, "v2").await?;
    same(&put(scene, T2, "other").await?, &Put::OtherValueStored)?;
    same(&scene.text(T2).await?, &json!("v2"))
}

async fn the_store_passes_a_rotation_token(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let token = Sensitive::new(crate::aws::rotation_token(T2));
    let put = scene.store()?.put_pending(&scene.name, T2, &Sensitive::new("v2"), Some(&token)).await;
    same(&ok("put_pending", put)?, &Put::Stored)
}

async fn the_store_promotes(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["custom"]).await?;
    ok("promote", scene.store()?.promote(&scene.name, T2, T1).await)?;
    scene.has_labels([(T1, &["AWSPREVIOUS"]), (T2, &["AWSCURRENT", "custom"])]).await
}

async fn the_store_reports_a_lost_promotion_as_a_conflict(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "human", &[]).await?;
    scene.put(T3, "v3", &["custom"]).await?;
    is(ErrorKind::Conflict, "promote", scene.store()?.promote(&scene.name, T3, T1).await)?;
    scene.has_labels([(T1, &["AWSPREVIOUS"]), (T2, &["AWSCURRENT"]), (T3, &["custom"])]).await
}

async fn the_store_reports_a_repeated_promotion_as_a_conflict(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["custom"]).await?;
    ok("promote", scene.store()?.promote(&scene.name, T2, T1).await)?;
    is(ErrorKind::Conflict, "promote again", scene.store()?.promote(&scene.name, T2, T1).await)
}

/// Leaves T2 without a label.
async fn unlabel(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.put(T3, "v3", &["AWSPENDING"]).await.map(|_| ())
}

async fn the_store_lists_and_reads_unlabelled_versions(scene: &Scene<'_>) -> Result<(), String> {
    unlabel(scene).await?;
    let found = ok("unlabelled", scene.store()?.unlabelled(&scene.name).await)?;
    same(&found.iter().map(|version| version.id.as_str()).collect::<Vec<_>>(), &vec![T2])?;
    let found = ok("read", scene.store()?.read(&scene.name, T2).await)?.ok_or("there is no value")?;
    same(&found.content, &StoredContent::Text(Sensitive::new("v2")))
}

async fn the_store_reports_an_absent_secret_as_invalid(scene: &Scene<'_>) -> Result<(), String> {
    let (store, id, kind) = (scene.store()?, scene.name.as_str(), ErrorKind::Invalid);
    is(kind, "describe", store.describe(id).await)?;
    is(kind, "put_pending", store.put_pending(id, T2, &Sensitive::new("v2"), None).await)?;
    is(kind, "promote", store.promote(id, T2, T1).await)
}

async fn the_store_lists_no_versions_of_an_absent_secret(scene: &Scene<'_>) -> Result<(), String> {
    is(ErrorKind::Invalid, "unlabelled", scene.store()?.unlabelled(&scene.name).await)
}

async fn the_store_describes_a_deleted_secret(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.call(DeleteSecret, json!({})).await?;
    let found = ok("describe", scene.store()?.describe(&scene.name).await)?;
    holds(found.deleted.is_some(), "the description says that it is deleted")
}

async fn the_store_reports_a_deleted_secret_as_invalid(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.call(DeleteSecret, json!({})).await?;
    is(ErrorKind::Invalid, "read", scene.store()?.read(&scene.name, T1).await)
}

async fn the_store_stores_nothing_in_a_deleted_secret(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.call(DeleteSecret, json!({})).await?;
    let put = scene.store()?.put_pending(&scene.name, T2, &Sensitive::new("v2"), None).await;
    is(ErrorKind::Invalid, "put_pending", put)
}
