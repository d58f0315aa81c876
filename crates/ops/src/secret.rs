use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{SecretListEntry, SecretVersionsListEntry, Tag};
use fourstep::{AWSCURRENT, AWSPENDING};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::schedule::Rules;
use crate::time::{optional_time, time};

/// What Secrets Manager says of a secret and its versions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Secret {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Whether rotation is turned on.
    pub rotation_enabled: bool,
    /// ARN of the function that rotates it.
    pub function: Option<String>,
    /// The AWS service that manages and rotates it, if one does.
    pub owning_service: Option<String>,
    /// Id or ARN of the KMS key that encrypts it. `None`: the key `aws/secretsmanager` of the account.
    pub kms_key: Option<String>,
    /// When it is rotated.
    pub rules: Rules,
    /// When a rotation last ended well.
    #[serde(serialize_with = "optional_time")]
    pub last_rotated: Option<SystemTime>,
    /// The day until which the next rotation is to be done. It may be in the past.
    #[serde(serialize_with = "optional_time")]
    pub next_rotation: Option<SystemTime>,
    /// When it was marked for deletion, if it is.
    #[serde(serialize_with = "optional_time")]
    pub deleted: Option<SystemTime>,
    /// The region of the primary, where it is replicated.
    pub primary_region: Option<String>,
    /// The copies in other regions.
    pub replicas: Vec<Replica>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Versions, newest first. Those without a label are in it only where they were asked for.
    pub versions: Vec<Version>,
}

/// A copy of a secret in another region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// The region.
    pub region: String,
    /// `InSync`, `InProgress` or `Failed`.
    pub status: String,
    /// What Secrets Manager says of it.
    pub message: Option<String>,
}

/// A version of a secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Id: the token with which it was made.
    pub id: String,
    /// The labels on it.
    pub labels: Vec<String>,
    /// When it was made, where that was asked for.
    #[serde(serialize_with = "optional_time")]
    pub created: Option<SystemTime>,
    /// Whether it has a value.
    pub value: Value,
}

/// Whether a version has a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// It has one: createSecret ran.
    Stored,
    /// It has none: createSecret stored nothing yet.
    Empty,
    /// Nobody looked, or the caller may not.
    #[default]
    Unknown,
}

impl Secret {
    /// Finds the version that has a label.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.has(label))
    }

    /// Finds a version by its id.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    /// Returns the version that a rotation is making: AWSPENDING, unless that is on the current version too, as Secrets
    /// Manager leaves it for a while after a rotation.
    #[must_use]
    pub fn pending(&self) -> Option<&Version> {
        self.labelled(AWSPENDING).filter(|version| !version.has(AWSCURRENT))
    }

    /// Returns whether this copy is a replica of a secret in another region.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        // arn:partition:secretsmanager:region:account:secret:name
        let region = self.arn.split(':').nth(3);
        self.primary_region.as_deref().is_some_and(|primary| region.is_some_and(|region| region != primary))
    }

    /// Checks that the secret is neither a replica nor about to be deleted.
    pub(crate) fn check_primary(&self) -> Result<()> {
        let Self { name, .. } = self;
        if self.deleted.is_some() {
            return Err(Error::forbidden_by_state(
                format!("secret {name} is scheduled for deletion"),
                "Restore it first: aws secretsmanager restore-secret",
            ));
        }
        if self.is_replica() {
            let primary = self.primary_region.as_deref().unwrap_or("of the primary");
            return Err(Error::forbidden_by_state(
                format!("secret {name} is a replica here"),
                format!("Act on the primary, whose result is copied: --region {primary}"),
            ));
        }
        Ok(())
    }
}

impl Version {
    /// Returns whether a label is on it.
    #[must_use]
    pub fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|on| on == label)
    }
}

impl From<DescribeSecretOutput> for Secret {
    fn from(answer: DescribeSecretOutput) -> Self {
        let replicas = answer.replication_status.unwrap_or_default().into_iter().map(|replica| Replica {
            region: replica.region.unwrap_or_default(),
            status: replica.status.map_or_else(|| "Unknown".to_owned(), |status| status.as_str().to_owned()),
            message: replica.status_message,
        });
        Self {
            name: answer.name.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
            rotation_enabled: answer.rotation_enabled.unwrap_or(false),
            function: answer.rotation_lambda_arn,
            owning_service: answer.owning_service,
            kms_key: answer.kms_key_id,
            rules: answer.rotation_rules.map(Rules::from).unwrap_or_default(),
            last_rotated: answer.last_rotated_date.and_then(time),
            next_rotation: answer.next_rotation_date.and_then(time),
            deleted: answer.deleted_date.and_then(time),
            primary_region: answer.primary_region,
            replicas: replicas.collect(),
            tags: tags(answer.tags),
            versions: labelled(answer.version_ids_to_stages.unwrap_or_default()),
        }
    }
}

impl From<SecretListEntry> for Secret {
    fn from(entry: SecretListEntry) -> Self {
        Self {
            name: entry.name.unwrap_or_default(),
            arn: entry.arn.unwrap_or_default(),
            rotation_enabled: entry.rotation_enabled.unwrap_or(false),
            function: entry.rotation_lambda_arn,
            owning_service: entry.owning_service,
            kms_key: entry.kms_key_id,
            rules: entry.rotation_rules.map(Rules::from).unwrap_or_default(),
            last_rotated: entry.last_rotated_date.and_then(time),
            next_rotation: entry.next_rotation_date.and_then(time),
            deleted: entry.deleted_date.and_then(time),
            primary_region: entry.primary_region,
            replicas: Vec::new(),
            tags: tags(entry.tags),
            versions: labelled(entry.secret_versions_to_stages.unwrap_or_default()),
        }
    }
}

impl From<SecretVersionsListEntry> for Version {
    fn from(entry: SecretVersionsListEntry) -> Self {
        Self {
            id: entry.version_id.unwrap_or_default(),
            labels: sorted(entry.version_stages.unwrap_or_default()),
            created: entry.created_date.and_then(time),
            value: Value::Unknown,
        }
    }
}

fn labelled(stages: impl IntoIterator<Item = (String, Vec<String>)>) -> Vec<Version> {
    let version = |(id, labels)| Version { id, labels: sorted(labels), created: None, value: Value::Unknown };
    let mut versions: Vec<_> = stages.into_iter().map(version).collect();
    versions.sort_by(|one, other| (&one.labels, &one.id).cmp(&(&other.labels, &other.id)));
    versions
}

fn sorted(mut labels: Vec<String>) -> Vec<String> {
    labels.sort_unstable();
    labels
}

fn tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}
