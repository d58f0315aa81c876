//! What the engine asks of Secrets Manager: the interface to where secrets are.

use std::collections::BTreeMap;
use std::time::SystemTime;

use async_trait::async_trait;

use crate::error::Result;
use crate::sensitive::Sensitive;

pub use crate::schedule::RotationRules;

/// The label of the version that consumers use.
pub const AWSCURRENT: &str = "AWSCURRENT";
/// The label of the version that a rotation is making.
pub const AWSPENDING: &str = "AWSPENDING";
/// The label of the version that was current before.
pub const AWSPREVIOUS: &str = "AWSPREVIOUS";

/// What our labels of versions begin with whose credential was retired because others may know it. A number follows, since a
/// label is on one version at a time.
pub(crate) const LEAKED: &str = "fourstep:leaked:";
/// Our label of a version that may be the only one that the target accepts, while a rollback takes AWSPENDING from it.
pub(crate) const LIVE: &str = "fourstep:live";

/// Where secrets are: AWS Secrets Manager, or [`MemoryStore`](crate::memory::MemoryStore) in tests.
///
/// A store answers for one call at a time and keeps nothing. Errors: `Unavailable` for no answer and for throttling,
/// `Forbidden` for a missing right (of Secrets Manager or KMS), `Invalid` for a secret that is absent, deleted or not
/// text. A store that retried by itself marks the error with [`Error::retried`](crate::Error::retried).
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Describes a secret: labels, tags, rotation. `secret_id` is an ARN or a name.
    async fn describe(&self, secret_id: &str) -> Result<Description>;

    /// Reads the value of one version of a secret that was described. `None`: the version has no value, or none that is
    /// visible yet.
    async fn read(&self, secret_id: &str, version_id: &str) -> Result<Option<StoredValue>>;

    /// Stores `value` as the version `token` and labels it AWSPENDING, which it takes from any other version.
    async fn put_pending(
        &self,
        secret_id: &str,
        token: &str,
        value: &Sensitive,
        rotation_token: Option<&Sensitive>,
    ) -> Result<Put>;

    /// Moves AWSCURRENT from version `from` to version `to`, and fails if it is not on `from`.
    async fn promote(&self, secret_id: &str, to: &str, from: &str) -> Result<()>;

    /// Removes AWSPENDING from a version, and fails if it is not on it.
    async fn unstage(&self, secret_id: &str, version_id: &str) -> Result<()>;

    /// Puts a label of our own on version `to`, if there is one, and takes it from version `from`, which has it.
    async fn mark(&self, secret_id: &str, label: &str, to: Option<&str>, from: Option<&str>) -> Result<()>;

    /// Lists the versions without a label, youngest first. Secrets Manager keeps each for at least 24 hours.
    async fn unlabelled(&self, secret_id: &str) -> Result<Vec<UnlabelledVersion>>;
}

/// What DescribeSecret says of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// ARN of the secret.
    pub arn: String,
    /// Name of the secret.
    pub name: String,
    /// Whether rotation is turned on.
    pub rotation_enabled: bool,
    /// ARN of the function that rotates the secret.
    pub rotation_lambda_arn: Option<String>,
    /// When Secrets Manager last rotated the secret: its LastRotatedDate.
    pub last_rotated: Option<SystemTime>,
    /// When Secrets Manager rotates the secret.
    pub rules: RotationRules,
    /// Labels by version id. Versions without a label are not in it.
    pub stages: BTreeMap<String, Vec<String>>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// When the secret was marked for deletion, if it is.
    pub deleted: Option<SystemTime>,
    /// The region of the primary, where the secret is replicated.
    pub primary_region: Option<String>,
    /// The replica regions whose copy is not `InSync`, with the status that Secrets Manager gives,
    /// and its reason: `Failed: …`.
    pub replicas_behind: BTreeMap<String, String>,
}

impl Description {
    /// Returns the id of the version that has `label`.
    #[must_use]
    pub fn version_with(&self, label: &str) -> Option<&str> {
        self.stages.iter().find(|(_, labels)| labels.iter().any(|at| at == label)).map(|(id, _)| id.as_str())
    }

    /// Returns the labels of a version: none if it is unknown or unlabelled.
    #[must_use]
    pub fn labels_of(&self, version_id: &str) -> &[String] {
        self.stages.get(version_id).map_or(&[], Vec::as_slice)
    }

    /// Returns whether this copy is a replica of a secret in another region.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        // arn:partition:secretsmanager:region:account:secret:name
        let region = self.arn.split(':').nth(3);
        self.primary_region.as_deref().is_some_and(|primary| region.is_some_and(|region| region != primary))
    }
}

/// The value of a version, as the store holds it.
#[derive(Clone, Debug)]
pub struct StoredValue {
    /// The text, or bytes that are not for Fourstep.
    pub content: StoredContent,
    /// When the version was made.
    pub created: SystemTime,
}

/// What a version holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredContent {
    /// A SecretString.
    Text(Sensitive),
    /// A SecretBinary, which Fourstep does not rotate.
    Binary,
}

/// What became of a value that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The version now holds this value; or it held the same one already.
    Stored,
    /// The version held another value already, and still does: a version never changes.
    OtherValueStored,
}

/// A version that no label is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlabelledVersion {
    /// Id of the version.
    pub id: String,
    /// When the version was made.
    pub created: SystemTime,
}
