use std::collections::BTreeMap;
use std::time::SystemTime;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::primitives::DateTime;
use aws_sdk_secretsmanager::types::{RotationRulesType, StatusType};
use fourstep::store::{Description, Put, RotationRules, SecretStore, StoredContent, StoredValue, UnlabelledVersion};
use fourstep::{AWSCURRENT, AWSPENDING, Error, Result, Sensitive};

use crate::client;
use crate::error::{classify, is_missing};
use crate::operation::{
    DESCRIBE_SECRET, GET_SECRET_VALUE, LIST_SECRET_VERSION_IDS, PUT_SECRET_VALUE, UPDATE_SECRET_VERSION_STAGE,
};

/// Secrets in AWS Secrets Manager, by the AWS SDK.
///
/// The SDK retries; nothing retries on top, so each `Unavailable` is marked as retried. Values are in
/// [`Sensitive`](fourstep::Sensitive) from the moment they are read.
#[derive(Clone, Debug)]
pub struct SecretsManagerStore {
    client: Client,
}

impl SecretsManagerStore {
    /// Uses a client that somebody else made, with that client's time-outs and retries.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a store from the environment of a Lambda function.
    ///
    /// Region and credentials come from Lambda's variables; where these are not set, from where the SDK looks
    /// otherwise. `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL` and, after them, `SECRETS_MANAGER_ENDPOINT`
    /// name another end point. A Secrets Manager that cannot be reached is `Unavailable` within 5 s.
    pub async fn from_environment() -> Self {
        Self::new(client::from_environment().await)
    }
}

#[async_trait]
impl SecretStore for SecretsManagerStore {
    async fn describe(&self, secret_id: &str) -> Result<Description> {
        let answer = self.client.describe_secret().secret_id(secret_id).send().await;
        answer.map(description).map_err(|error| classify(&error, &DESCRIBE_SECRET, secret_id))
    }

    async fn read(&self, secret_id: &str, version_id: &str) -> Result<Option<StoredValue>> {
        let answer = self.client.get_secret_value().secret_id(secret_id).version_id(version_id).send().await;
        match answer {
            Ok(answer) => {
                let content = match answer.secret_string {
                    Some(text) => StoredContent::Text(Sensitive::new(text)),
                    None => StoredContent::Binary,
                };
                let created = answer.created_date.map_or(SystemTime::UNIX_EPOCH, time);
                Ok(Some(StoredValue { content, created }))
            }
            // The secret is there, since it was described.
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(classify(&error, &GET_SECRET_VALUE, secret_id)),
        }
    }

    async fn put_pending(
        &self,
        secret_id: &str,
        token: &str,
        value: &Sensitive,
        rotation_token: Option<&Sensitive>,
    ) -> Result<Put> {
        let request = self
            .client
            .put_secret_value()
            .secret_id(secret_id)
            .client_request_token(token)
            .secret_string(value.expose())
            .version_stages(AWSPENDING)
            .set_rotation_token(rotation_token.map(|token| token.expose().to_owned()));
        match request.send().await {
            Ok(_) => Ok(Put::Stored),
            // The version has a value already, and it is not this one: for the same value the call succeeds.
            // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
            Err(error) if error.code() == Some("ResourceExistsException") => Ok(Put::OtherValueStored),
            Err(error) => Err(classify(&error, &PUT_SECRET_VALUE, secret_id)),
        }
    }

    async fn promote(&self, secret_id: &str, to: &str, from: &str) -> Result<()> {
        let request = self
            .client
            .update_secret_version_stage()
            .secret_id(secret_id)
            .version_stage(AWSCURRENT)
            .move_to_version_id(to)
            .remove_from_version_id(from);
        match request.send().await {
            Ok(_) => Ok(()),
            // The compare-and-swap: AWSCURRENT is not on `from`.
            // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
            Err(error) if error.code() == Some("InvalidParameterException") => {
                Err(Error::conflict(format!("AWSCURRENT of secret {secret_id} is not on version {from} any more"))
                    .next("Somebody else moved it; nothing was changed. Look at the versions of the secret"))
            }
            Err(error) => Err(classify(&error, &UPDATE_SECRET_VERSION_STAGE, secret_id)),
        }
    }

    async fn unstage(&self, secret_id: &str, version_id: &str) -> Result<()> {
        let request = self.client.update_secret_version_stage().secret_id(secret_id).version_stage(AWSPENDING);
        let answer = request.remove_from_version_id(version_id).send().await;
        answer.map(drop).map_err(|error| classify(&error, &UPDATE_SECRET_VERSION_STAGE, secret_id))
    }

    async fn mark(&self, secret_id: &str, label: &str, to: Option<&str>, from: Option<&str>) -> Result<()> {
        let request = self.client.update_secret_version_stage().secret_id(secret_id).version_stage(label);
        let request = request.set_move_to_version_id(to.map(str::to_owned));
        let request = request.set_remove_from_version_id(from.map(str::to_owned));
        let answer = request.send().await;
        answer.map(drop).map_err(|error| classify(&error, &UPDATE_SECRET_VERSION_STAGE, secret_id))
    }

    async fn unlabelled(&self, secret_id: &str) -> Result<Vec<UnlabelledVersion>> {
        let request = self.client.list_secret_version_ids().secret_id(secret_id).include_deprecated(true);
        let mut pages = request.into_paginator().send();
        let mut versions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify(&error, &LIST_SECRET_VERSION_IDS, secret_id))?;
            for version in page.versions.unwrap_or_default() {
                let labels = version.version_stages.unwrap_or_default();
                if let (Some(id), true) = (version.version_id, labels.is_empty()) {
                    let created = version.created_date.map_or(SystemTime::UNIX_EPOCH, time);
                    versions.push(UnlabelledVersion { id, created });
                }
            }
        }
        versions.sort_by_key(|version| std::cmp::Reverse(version.created));
        Ok(versions)
    }
}

fn description(answer: DescribeSecretOutput) -> Description {
    let tags = answer.tags.unwrap_or_default();
    let replicas = answer.replication_status.unwrap_or_default();
    let behind = replicas.into_iter().filter(|replica| replica.status != Some(StatusType::InSync));
    Description {
        arn: answer.arn.unwrap_or_default(),
        name: answer.name.unwrap_or_default(),
        rotation_enabled: answer.rotation_enabled.unwrap_or(false),
        rotation_lambda_arn: answer.rotation_lambda_arn,
        last_rotated: answer.last_rotated_date.map(time),
        rules: answer.rotation_rules.map(rules).unwrap_or_default(),
        stages: answer.version_ids_to_stages.unwrap_or_default().into_iter().collect(),
        tags: tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
        deleted: answer.deleted_date.map(time),
        primary_region: answer.primary_region,
        replicas_behind: behind
            .map(|replica| {
                let status = replica.status.map_or_else(|| "Unknown".to_owned(), |status| status.as_str().to_owned());
                let status = match replica.status_message.filter(|message| !message.is_empty()) {
                    Some(message) => format!("{status}: {message}"),
                    None => status,
                };
                (replica.region.unwrap_or_default(), status)
            })
            .collect::<BTreeMap<_, _>>(),
    }
}

fn rules(rules: RotationRulesType) -> RotationRules {
    RotationRules {
        automatically_after_days: rules.automatically_after_days.and_then(|days| u32::try_from(days).ok()),
        duration: rules.duration,
        schedule_expression: rules.schedule_expression,
    }
}

/// Times of Secrets Manager are after 1970; one that is not is as good as unknown.
fn time(time: DateTime) -> SystemTime {
    SystemTime::try_from(time).unwrap_or(SystemTime::UNIX_EPOCH)
}
