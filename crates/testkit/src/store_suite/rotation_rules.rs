//! Rotation: RotateSecret and CancelRotateSecret, and what a rotation's labels go through.

use serde_json::json;

use crate::aws::Operation::{CancelRotateSecret, GetSecretValue, RotateSecret, UpdateSecretVersionStage};

use super::rule::{Rule, rules};
use super::scene::{LAMBDA, Scene, T1, T2, T3, holds, same, stage};

pub(super) const RULES: &[Rule] = rules![
    a_secret_that_was_never_rotated_says_nothing_of_rotation,
    rotating_makes_an_empty_version_under_pending,
    rotating_turns_rotation_on,
    an_empty_pending_version_is_described,
    an_empty_pending_version_is_not_found,
    a_put_fills_the_empty_pending_version,
    a_put_of_a_new_current_version_abandons_the_rotation,
    rotating_needs_a_function,
    rotating_again_with_the_same_token_is_no_error,
    rotating_while_pending_is_elsewhere_is_refused,
    rotating_is_possible_again_once_pending_is_removed,
    rotating_every_1001_days_is_refused,
    cancelling_turns_rotation_off_and_leaves_labels,
    cancelling_without_a_rotation_is_refused,
];

async fn a_secret_that_was_never_rotated_says_nothing_of_rotation(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    holds(scene.describe().await?.get("RotationEnabled").is_none(), "there is no RotationEnabled")
}

async fn rotating_makes_an_empty_version_under_pending(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let input = json!({ "ClientRequestToken": T2, "RotationLambdaARN": LAMBDA });
    let answer = scene.call(RotateSecret, input).await?;
    same(&answer["VersionId"], &json!(T2))?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await
}

async fn rotating_turns_rotation_on(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    let description = scene.describe().await?;
    same(&description["RotationEnabled"], &json!(true))?;
    same(&description["RotationLambdaARN"], &json!(LAMBDA))?;
    same(&description["RotationRules"]["AutomaticallyAfterDays"], &json!(30))
}

async fn an_empty_pending_version_is_described(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await
}

async fn an_empty_pending_version_is_not_found(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    for input in [
        json!({ "VersionId": T2 }),
        json!({ "VersionStage": "AWSPENDING" }),
        json!({ "VersionId": T2, "VersionStage": "AWSPENDING" }),
    ] {
        scene.refused(GetSecretValue, input, "ResourceNotFoundException").await?;
    }
    Ok(())
}

async fn a_put_fills_the_empty_pending_version(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    same(&scene.text(T2).await?, &json!("v2"))?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await
}

async fn a_put_of_a_new_current_version_abandons_the_rotation(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    scene.put(T2, "v2", &["AWSPENDING"]).await?;
    scene.put(T3, "human", &[]).await?;
    scene.has_labels([(T1, &["AWSPREVIOUS"]), (T3, &["AWSCURRENT"])]).await?;
    same(&scene.text(T2).await?, &json!("v2"))
}

async fn rotating_needs_a_function(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.refused(RotateSecret, json!({ "ClientRequestToken": T2 }), "InvalidRequestException").await
}

async fn rotating_again_with_the_same_token_is_no_error(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    scene.call(RotateSecret, json!({ "ClientRequestToken": T2, "RotationLambdaARN": LAMBDA })).await?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await
}

async fn rotating_while_pending_is_elsewhere_is_refused(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    let input = json!({ "ClientRequestToken": T3, "RotationLambdaARN": LAMBDA });
    scene.refused(RotateSecret, input, "InvalidRequestException").await?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await
}

async fn rotating_is_possible_again_once_pending_is_removed(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    scene.call(UpdateSecretVersionStage, stage("AWSPENDING", None, Some(T2))).await?;
    scene.call(RotateSecret, json!({ "ClientRequestToken": T3, "RotationLambdaARN": LAMBDA })).await?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T3, &["AWSPENDING"])]).await
}

async fn rotating_every_1001_days_is_refused(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    let rules = json!({ "AutomaticallyAfterDays": 1001 });
    let input = json!({ "ClientRequestToken": T2, "RotationLambdaARN": LAMBDA, "RotationRules": rules });
    scene.refused(RotateSecret, input, "InvalidParameterException").await
}

async fn cancelling_turns_rotation_off_and_leaves_labels(scene: &Scene<'_>) -> Result<(), String> {
    scene.create_rotating().await?;
    scene.call(CancelRotateSecret, json!({})).await?;
    same(&scene.describe().await?["RotationEnabled"], &json!(false))?;
    scene.has_labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]).await
}

async fn cancelling_without_a_rotation_is_refused(scene: &Scene<'_>) -> Result<(), String> {
    scene.create().await?;
    scene.refused(CancelRotateSecret, json!({}), "InvalidRequestException").await
}
