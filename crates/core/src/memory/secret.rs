use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::schedule::RotationRules;
use crate::sensitive::Sensitive;
use crate::store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Description};

use super::exception::Exception;

/// A secret: its versions, and which labels are on them.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Name of the secret.
    pub name: String,
    /// ARN of the secret.
    pub arn: String,
    /// When it was made.
    pub created: SystemTime,
    /// Its versions, oldest first.
    pub versions: Vec<SecretVersion>,
    /// Its tags by key.
    pub tags: BTreeMap<String, String>,
    /// How it is rotated, once RotateSecret was called.
    pub rotation: Option<RotationConfiguration>,
    /// When it was marked for deletion, if it is.
    pub deleted: Option<SystemTime>,
    /// The region of the primary, where the secret is replicated.
    pub primary_region: Option<String>,
    /// Status of each replica by region: `InSync`, `InProgress` or `Failed`.
    pub replicas: BTreeMap<String, String>,
}

/// A version of a secret. Its value never changes once it has one.
#[derive(Clone, Debug)]
pub struct SecretVersion {
    /// The token with which it was made.
    pub id: String,
    /// Its value. RotateSecret makes a version that has none yet.
    pub value: Option<SecretValue>,
    /// The labels that are on it.
    pub labels: Vec<String>,
    /// When it was made.
    pub created: SystemTime,
    /// Whether PutSecretValue was given a RotationToken with the value.
    pub rotation_token: bool,
}

/// What a version holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretValue {
    /// A SecretString.
    Text(Sensitive),
    /// A SecretBinary, in base64.
    Binary(Sensitive),
}

impl SecretValue {
    /// Wraps a text as a SecretString.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(Sensitive::new(value))
    }

    /// Returns the size in bytes, which Secrets Manager limits.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.expose().len(),
            Self::Binary(base64) => base64.expose().trim_end_matches('=').len() * 3 / 4,
        }
    }
}

impl SecretVersion {
    /// Returns whether `label` is on this version.
    #[must_use]
    pub fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|on| on == label)
    }

    /// Returns the SecretString, if that is what the version holds.
    #[must_use]
    pub fn text(&self) -> Option<&Sensitive> {
        match &self.value {
            Some(SecretValue::Text(text)) => Some(text),
            Some(SecretValue::Binary(_)) | None => None,
        }
    }
}

/// How a secret is rotated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationConfiguration {
    /// Whether rotation is turned on. CancelRotateSecret turns it off.
    pub enabled: bool,
    /// ARN of the function.
    pub lambda_arn: Option<String>,
    /// When to rotate.
    pub rules: RotationRules,
    /// When a rotation last ended well.
    pub last_rotated: Option<SystemTime>,
}

/// The most labels that may be on one version.
pub(super) const MOST_LABELS: usize = 20;
/// Secrets Manager removes versions without a label above this number …
const KEPT_UNLABELLED: usize = 100;
/// … but none that is younger than this.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

impl Secret {
    /// Finds a version by its id.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&SecretVersion> {
        self.versions.iter().find(|version| version.id == id)
    }

    /// Finds the version that has `label`.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<&SecretVersion> {
        self.versions.iter().find(|version| version.has(label))
    }

    /// Returns the versions without a label, youngest first.
    pub fn unlabelled(&self) -> impl Iterator<Item = &SecretVersion> {
        let mut versions: Vec<_> = self.versions.iter().rev().filter(|version| version.labels.is_empty()).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.created));
        versions.into_iter()
    }

    /// Returns what DescribeSecret says. Versions without a label are not in it.
    #[must_use]
    pub fn description(&self) -> Description {
        let labelled = self.versions.iter().filter(|version| !version.labels.is_empty());
        let behind = self.replicas.iter().filter(|(_, status)| *status != "InSync");
        Description {
            arn: self.arn.clone(),
            name: self.name.clone(),
            rotation_enabled: self.rotation.as_ref().is_some_and(|rotation| rotation.enabled),
            rotation_lambda_arn: self.rotation.as_ref().and_then(|rotation| rotation.lambda_arn.clone()),
            last_rotated: self.rotation.as_ref().and_then(|rotation| rotation.last_rotated),
            rules: self.rotation.as_ref().map(|rotation| rotation.rules.clone()).unwrap_or_default(),
            stages: labelled.map(|version| (version.id.clone(), version.labels.clone())).collect(),
            tags: self.tags.clone(),
            deleted: self.deleted,
            primary_region: self.primary_region.clone(),
            replicas_behind: behind.map(|(region, status)| (region.clone(), status.clone())).collect(),
        }
    }

    pub(super) fn version_mut(&mut self, id: &str) -> Option<&mut SecretVersion> {
        self.versions.iter_mut().find(|version| version.id == id)
    }

    /// Finds a version by its id, or adds one without a value and without a label.
    pub(super) fn version_or_new(&mut self, id: &str, now: SystemTime) -> &mut SecretVersion {
        match self.versions.iter().position(|version| version.id == id) {
            Some(position) => &mut self.versions[position],
            None => self.add_version(id, now),
        }
    }

    /// Adds a version without a value and without a label.
    pub(super) fn add_version(&mut self, id: &str, now: SystemTime) -> &mut SecretVersion {
        self.remove_deprecated(now);
        self.versions.push(SecretVersion {
            id: id.to_owned(),
            value: None,
            labels: Vec::new(),
            created: now,
            rotation_token: false,
        });
        self.versions.last_mut().expect("a version was pushed just above")
    }

    pub(super) fn remove_label(&mut self, label: &str) {
        for version in &mut self.versions {
            version.labels.retain(|on| on != label);
        }
    }

    /// Puts `label` on the version `to`, and takes it from any other one.
    pub(super) fn move_label(&mut self, label: &str, to: &str) {
        self.remove_label(label);
        if let Some(version) = self.version_mut(to) {
            version.labels.push(label.to_owned());
        }
    }

    /// Moves AWSCURRENT to the version `to`.
    ///
    /// AWSPREVIOUS moves along, to the version that AWSCURRENT was on (PutSecretValue, UpdateSecretVersionStage). And
    /// AWSPENDING is removed from the version that is promoted: "moves the label AWSCURRENT … which also removes the
    /// AWSPENDING label in the same API call" (rotation guide, finishSecret).
    pub(super) fn promote(&mut self, to: &str) {
        let from = self.labelled(AWSCURRENT).map(|version| version.id.clone());
        if from.as_deref() == Some(to) {
            return;
        }
        self.move_label(AWSCURRENT, to);
        if let Some(from) = from {
            self.move_label(AWSPREVIOUS, &from);
        }
        if let Some(version) = self.version_mut(to) {
            version.labels.retain(|on| on != AWSPENDING);
        }
    }

    /// Removes the oldest versions without a label, as far as the quota and their age allow it.
    fn remove_deprecated(&mut self, now: SystemTime) {
        if self.versions.len() < KEPT_UNLABELLED {
            return;
        }
        let mut excess = self.unlabelled().count().saturating_sub(KEPT_UNLABELLED);
        self.versions.retain(|version| {
            let young = now.duration_since(version.created).is_ok_and(|age| age < KEPT_FOR);
            let remove = excess > 0 && version.labels.is_empty() && !young;
            excess -= usize::from(remove);
            !remove
        });
    }
}

pub(super) fn check_label(label: &str) -> Result<(), Exception> {
    if (1..=256).contains(&label.len()) {
        Ok(())
    } else {
        Err(Exception::parameter("A staging label must have 1 to 256 characters."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryStore, Model, PutSecretValue};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn put(model: &mut Model, number: usize) {
        model.put_secret_value(PutSecretValue::current("app", format!("value {number}"))).unwrap();
    }

    #[test]
    fn versions_without_a_label_stay_for_a_day() {
        let mut model = MemoryStore::with_secret("app", "{}").snapshot();
        (0..150).for_each(|number| put(&mut model, number));
        assert_eq!(model.secret("app").unwrap().versions.len(), 151);

        for version in &mut model.secret_mut("app").unwrap().versions {
            version.created -= DAY;
        }
        put(&mut model, 150);
        let secret = model.secret("app").unwrap();
        assert_eq!(secret.unlabelled().count(), 101, "100 old ones, and AWSPREVIOUS before this put");
        assert!(secret.labelled(AWSCURRENT).is_some() && secret.labelled(AWSPREVIOUS).is_some());
    }

    #[test]
    fn unlabelled_versions_come_youngest_first() {
        let mut model = MemoryStore::with_secret("app", "{}").snapshot();
        (0..4).for_each(|number| put(&mut model, number));
        let secret = model.secret_mut("app").unwrap();
        secret.versions[0].created += DAY;
        let ids: Vec<_> = secret.versions.iter().map(|version| version.id.clone()).collect();
        let unlabelled: Vec<_> = secret.unlabelled().map(|version| version.id.clone()).collect();
        assert_eq!(unlabelled, [ids[0].clone(), ids[2].clone(), ids[1].clone()]);
    }

    #[test]
    fn a_description_names_labelled_versions_and_replicas_that_are_behind() {
        let mut model = MemoryStore::with_secret("app", "{}").snapshot();
        (0..2).for_each(|number| put(&mut model, number));
        let secret = model.secret_mut("app").unwrap();
        secret.replicas.insert("eu-west-1".to_owned(), "InProgress".to_owned());
        secret.replicas.insert("eu-west-2".to_owned(), "InSync".to_owned());
        let description = secret.description();
        assert_eq!(description.stages.len(), 2);
        assert_eq!(description.version_with(AWSCURRENT), Some(secret.versions[2].id.as_str()));
        assert_eq!(description.replicas_behind.keys().collect::<Vec<_>>(), ["eu-west-1"]);
        assert!(!description.rotation_enabled && !description.is_replica());
    }
}
