//! Labels: UpdateSecretVersionStage, and what DescribeSecret and ListSecretVersionIds say of versions.

use serde_json::json;

use crate::aws::Operation::{ListSecretVersionIds, UpdateSecretVersionStage};

use super::rule::{Rule, rules};
use super::scene::{Scene, T1, T2, T3, holds, same, stage};

pub(super) const RULES: &[Rule] = rules![
    promotion_moves_current_and_previous,
    promotion_removes_pending,
    current_moves_only_if_its_version_is_named,
    current_does_not_move_from_a_version_that_has_it_no_more,
    promotion_a_second_time_is_refused,
    no_label_moves_to_an_absent_version,
    a_refused_move_leaves_the_label_where_it_is,
    pending_can_be_removed,
    current_cannot_be_removed,
    another_label_moves_only_if_its_version_is_named,
    describing_leaves_versions_without_a_label_out,
    listing_leaves_versions_without_a_label_out,
    listing_deprecated_versions_names_them_with_their_dates,
    listing_comes_in_pages,
];

async fn promotion_moves_current_and_previous(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["custom"]).await?;
    scene.promote(T2, T1).await?;
    scene.has_labels([(T1, &["AWSPREVIOUS"]), (T2, &["AWSCURRENT", "custom"])]).await?;
    scene.promote(T1, T2).await?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPREVIOUS", "custom"])]).await
}

async fn promotion_removes_pending(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.promote(T2, T1).await?;
    scene.has_labels([(T1, &["AWSPREVIOUS"]), (T2, &["AWSCURRENT"])]).await
}

async fn current_moves_only_if_its_version_is_named(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["custom"]).await?;
    let input = stage("AWSCURRENT", Some(T2), None);
    scene.refused(UpdateSecretVersionStage, input, "InvalidParameterException").await?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["custom"])]).await
}

async fn current_does_not_move_from_a_version_that_has_it_no_more(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &[]).await?;
    scene.put(T3, "v3", &["custom"]).await?;
    let input = stage("AWSCURRENT", Some(T3), Some(T1));
    scene.refused(UpdateSecretVersionStage, input, "InvalidParameterException").await?;
    scene.has_labels([(T1, &["AWSPREVIOUS"]), (T2, &["AWSCURRENT"]), (T3, &["custom"])]).await
}

async fn promotion_a_second_time_is_refused(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["custom"]).await?;
    scene.promote(T2, T1).await?;
    let again = stage("AWSCURRENT", Some(T2), Some(T1));
    scene.refused(UpdateSecretVersionStage, again, "InvalidParameterException").await?;
    scene.has_labels([(T1, &["AWSPREVIOUS"]), (T2, &["AWSCURRENT", "custom"])]).await
}

async fn no_label_moves_to_an_absent_version(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let input = stage("AWSCURRENT", Some(T2), Some(T1));
    // Under which name is not documented.
    holds(scene.try_call(UpdateSecretVersionStage, input).await.is_err(), "the move is refused")
}

async fn a_refused_move_leaves_the_label_where_it_is(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let input = stage("AWSCURRENT", Some(T2), Some(T1));
    holds(scene.try_call(UpdateSecretVersionStage, input).await.is_err(), "the move is refused")?;
    scene.has_labels([(T1, &["AWSCURRENT"])]).await
}

async fn pending_can_be_removed(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.call(UpdateSecretVersionStage, stage("AWSPENDING", None, Some(T2))).await?;
    scene.has_labels([(T1, &["AWSCURRENT"])]).await?;
    same(&scene.text(T2).await?, &json!("v2"))
}

async fn current_cannot_be_removed(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let input = stage("AWSCURRENT", None, Some(T1));
    scene.refused(UpdateSecretVersionStage, input, "InvalidParameterException").await?;
    scene.has_labels([(T1, &["AWSCURRENT"])]).await
}

async fn another_label_moves_only_if_its_version_is_named(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["custom"]).await?;
    let input = stage("custom", Some(T1), None);
    scene.refused(UpdateSecretVersionStage, input, "InvalidParameterException").await?;
    scene.call(UpdateSecretVersionStage, stage("custom", Some(T1), Some(T2))).await?;
    scene.has_labels([(T1, &["AWSCURRENT", "custom"])]).await
}

/// Leaves T2 without a label.
async fn deprecate(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.put(T3, "v3", &["AWSPENDING"]).await.map(|_| ())
}

async fn describing_leaves_versions_without_a_label_out(scene: &Scene<'_>) -> Result<(), String> {
    deprecate(scene).await?;
    let description = scene.describe().await?;
    holds(description["VersionIdsToStages"].get(T2).is_none(), "T2 is not described")
}

async fn listing_leaves_versions_without_a_label_out(scene: &Scene<'_>) -> Result<(), String> {
    deprecate(scene).await?;
    let listed = scene.call(ListSecretVersionIds, json!({})).await?;
    same(&listed["Versions"].as_array().map(Vec::len), &Some(2))
}

async fn listing_deprecated_versions_names_them_with_their_dates(scene: &Scene<'_>) -> Result<(), String> {
    deprecate(scene).await?;
    let listed = scene.call(ListSecretVersionIds, json!({ "IncludeDeprecated": true })).await?;
    let versions = listed["Versions"].as_array().ok_or("there are no versions")?;
    same(&versions.len(), &3)?;
    let found = versions.iter().find(|version| version["VersionId"] == T2).ok_or("T2 is not listed")?;
    same(&found.get("VersionStages").cloned().unwrap_or_else(|| json!([])), &json!([]))?;
    holds(found["CreatedDate"].is_number(), "the date is a number")
}

async fn listing_comes_in_pages(scene: &Scene<'_>) -> Result<(), String> {
    deprecate(scene).await?;
    let mut ids = Vec::new();
    let mut input = json!({ "IncludeDeprecated": true, "MaxResults": 2 });
    for wanted in [2, 1] {
        let listed = scene.call(ListSecretVersionIds, input.clone()).await?;
        let versions = listed["Versions"].as_array().ok_or("there are no versions")?;
        same(&versions.len(), &wanted)?;
        ids.extend(versions.iter().map(|version| version["VersionId"].to_string()));
        input["NextToken"] = listed["NextToken"].clone();
    }
    holds(input["NextToken"].is_null(), "there is no third page")?;
    ids.sort_unstable();
    same(&ids, &[T1, T2, T3].map(|id| format!("\"{id}\"")).to_vec())
}
