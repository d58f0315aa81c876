use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{AWSCURRENT, Clock, SystemClock};

use super::exception::Exception;
use super::secret::{Secret, SecretValue, Version};

/// Secrets Manager in one region: the operations that rotation uses, with their rules about labels.
///
/// Methods are named after the operations and refuse what these refuse. Each either does all of its work or, with an
/// [`Exception`], nothing. A copy is a snapshot: it shares no state with the original.
#[derive(Clone)]
pub struct Model {
    clock: Arc<dyn Clock>,
    secrets: BTreeMap<String, Secret>,
    /// How many tokens and ARNs were made up, so that no two are the same.
    made_up: u64,
}

/// What CreateSecret is asked.
#[derive(Clone, Debug, Default)]
pub struct CreateSecret<'a> {
    /// Name of the secret: 1 to 512 letters, digits and `/_+=.@-`.
    pub name: &'a str,
    /// Id of the first version. Left out, one is made up, as the SDKs do.
    pub token: Option<&'a str>,
    /// The first version's value. Left out, the secret has no version.
    pub value: Option<SecretValue>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
}

const DEFAULT_RECOVERY_DAYS: u32 = 30;
const MOST_TAGS: usize = 50;
/// Region and account of every ARN that a model makes.
const ARN_PREFIX: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:";
/// A hyphen and six characters, which Secrets Manager adds to the name.
const ARN_SUFFIX: usize = 7;

impl Model {
    /// Makes a region without secrets that takes the time from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, secrets: BTreeMap::new(), made_up: 0 }
    }

    /// Finds a secret by its name, its ARN, or its ARN without the last hyphen and six characters.
    #[must_use]
    pub fn secret(&self, secret_id: &str) -> Option<&Secret> {
        self.secrets.get(self.key(secret_id)?)
    }

    /// Finds a secret, to give it a state that no operation gives: an age, a replica.
    pub fn secret_mut(&mut self, secret_id: &str) -> Option<&mut Secret> {
        let key = self.key(secret_id)?.to_owned();
        self.secrets.get_mut(&key)
    }

    /// Gives all secrets, by name.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.values()
    }

    /// Makes a secret, with AWSCURRENT on its first version if it gets a value.
    ///
    /// The same token with the same value is no error: it changes nothing.
    ///
    /// # Errors
    ///
    /// `ResourceExists` if the name is taken, `InvalidRequest` if it is taken by a secret that is marked for deletion,
    /// `InvalidParameter` for a name, token or value out of its limits.
    pub fn create_secret(&mut self, request: CreateSecret<'_>) -> Result<&Secret, Exception> {
        let CreateSecret { name, token, value, tags } = request;
        check_name(name)?;
        let token = self.token(token)?;
        if let Some(value) = &value {
            check_value(value)?;
        }
        if tags.len() > MOST_TAGS {
            return Err(Exception::limit(format!("A secret can have at most {MOST_TAGS} tags.")));
        }
        if let Some(known) = self.secrets.get(name) {
            if known.deleted.is_some() {
                return Err(Exception::request(
                    "You can't create this secret because a secret with this name is already scheduled for deletion.",
                ));
            }
            let repeated =
                known.version(&token).is_some_and(|version| version.value.is_some() && version.value == value);
            if !repeated {
                return Err(Exception::exists(format!(
                    "The operation failed because the secret {name} already exists."
                )));
            }
        } else {
            let now = self.clock.now();
            self.made_up += 1;
            let mut secret = Secret {
                name: name.to_owned(),
                arn: format!("{ARN_PREFIX}{name}-{:06x}", self.made_up & 0xff_ffff),
                created: now,
                versions: Vec::new(),
                tags,
                rotation: None,
                deleted: None,
                primary_region: None,
                replicas: BTreeMap::new(),
            };
            if let Some(value) = value {
                secret.add_version(&token, now).value = Some(value);
                secret.promote(&token);
            }
            self.secrets.insert(name.to_owned(), secret);
        }
        Ok(&self.secrets[name])
    }

    /// Finds a secret, even one that is marked for deletion.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound` if there is none.
    pub fn describe_secret(&self, secret_id: &str) -> Result<&Secret, Exception> {
        self.secret(secret_id).ok_or_else(no_such_secret)
    }

    /// Reads the value of the version named by its id or by a label; by AWSCURRENT if neither is given.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound` if there is no such secret or version, or if the version has no value yet; `InvalidRequest`
    /// if the secret is marked for deletion, or if the label is not on the version.
    pub fn get_secret_value(
        &self,
        secret_id: &str,
        version_id: Option<&str>,
        stage: Option<&str>,
    ) -> Result<(&Version, &SecretValue), Exception> {
        let secret = self.describe_secret(secret_id)?;
        refuse_deleted(secret)?;
        let version = match (version_id, stage) {
            (Some(id), _) => secret.version(id),
            (None, stage) => secret.labelled(stage.unwrap_or(AWSCURRENT)),
        };
        if let (Some(version), Some(_), Some(stage)) = (version, version_id, stage)
            && !version.has(stage)
        {
            return Err(Exception::request(
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ));
        }
        version.and_then(|version| Some((version, version.value.as_ref()?))).ok_or_else(|| {
            let version = match (version_id, stage) {
                (Some(id), _) => format!("VersionId: {id}"),
                (None, stage) => format!("staging label: {}", stage.unwrap_or(AWSCURRENT)),
            };
            Exception::not_found(format!("Secrets Manager can't find the specified secret value for {version}"))
        })
    }

    /// Lists the versions, oldest first: those with a label, and with `include_deprecated` those without.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound` if there is no such secret.
    pub fn list_secret_version_ids(
        &self,
        secret_id: &str,
        include_deprecated: bool,
    ) -> Result<Vec<&Version>, Exception> {
        let secret = self.describe_secret(secret_id)?;
        Ok(secret.versions.iter().filter(|version| include_deprecated || !version.labels.is_empty()).collect())
    }

    /// Adds tags, in place of those with the same keys.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound`; `InvalidRequest` if the secret is marked for deletion; `InvalidParameter` for a key or value
    /// out of its limits; `LimitExceeded` above 50 tags.
    pub fn tag_resource(
        &mut self,
        secret_id: &str,
        tags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), Exception> {
        let secret = self.live(secret_id)?;
        let mut changed = secret.tags.clone();
        for (key, value) in tags {
            if key.is_empty() || key.chars().count() > 128 || key.starts_with("aws:") || value.chars().count() > 256 {
                return Err(Exception::parameter(format!("The tag {key} is not valid.")));
            }
            changed.insert(key, value);
        }
        if changed.len() > MOST_TAGS {
            return Err(Exception::limit(format!("A secret can have at most {MOST_TAGS} tags.")));
        }
        secret.tags = changed;
        Ok(())
    }

    /// Removes tags. A key that is not there is no error.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound`; `InvalidRequest` if the secret is marked for deletion.
    pub fn untag_resource<'k>(
        &mut self,
        secret_id: &str,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<(), Exception> {
        let secret = self.live(secret_id)?;
        for key in keys {
            secret.tags.remove(key);
        }
        Ok(())
    }

    /// Marks a secret for deletion: it can only be described and restored. Gives the date of its end.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound`; `InvalidRequest` if it is marked already; `InvalidParameter` for a number of days other than
    /// 7 to 30.
    pub fn delete_secret(&mut self, secret_id: &str, recovery_days: Option<u32>) -> Result<SystemTime, Exception> {
        let days = recovery_days.unwrap_or(DEFAULT_RECOVERY_DAYS);
        if !(7..=30).contains(&days) {
            return Err(Exception::parameter(
                "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
            ));
        }
        let end = self.clock.now() + Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        self.live(secret_id)?.deleted = Some(end);
        Ok(end)
    }

    /// Removes a secret at once (ForceDeleteWithoutRecovery). Tells whether there was one.
    pub fn force_delete_secret(&mut self, secret_id: &str) -> Option<Secret> {
        let key = self.key(secret_id)?.to_owned();
        self.secrets.remove(&key)
    }

    /// Takes the mark of deletion off. Without a mark, it changes nothing.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound` if there is no such secret.
    pub fn restore_secret(&mut self, secret_id: &str) -> Result<(), Exception> {
        self.secret_mut(secret_id).ok_or_else(no_such_secret)?.deleted = None;
        Ok(())
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Finds a secret that may be changed: not deleted, not a replica.
    pub(super) fn live(&mut self, secret_id: &str) -> Result<&mut Secret, Exception> {
        let secret = self.secret_mut(secret_id).ok_or_else(no_such_secret)?;
        refuse_deleted(secret)?;
        if secret.description().is_replica() {
            return Err(Exception::parameter(
                "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
            ));
        }
        Ok(secret)
    }

    /// Checks a ClientRequestToken, or makes one up.
    pub(super) fn token(&mut self, token: Option<&str>) -> Result<String, Exception> {
        match token {
            Some(token) if (32..=64).contains(&token.len()) => Ok(token.to_owned()),
            Some(_) => Err(Exception::parameter("ClientRequestToken must be 32-64 characters long.")),
            None => {
                self.made_up += 1;
                Ok(format!("00000000-0000-4000-8000-{:012x}", self.made_up))
            }
        }
    }

    fn key(&self, secret_id: &str) -> Option<&str> {
        if let Some((name, _)) = self.secrets.get_key_value(secret_id) {
            return Some(name);
        }
        if !secret_id.starts_with("arn:") {
            return None;
        }
        self.secrets.iter().find_map(|(name, secret)| {
            let suffix = secret.arn.strip_prefix(secret_id)?;
            [0, ARN_SUFFIX].contains(&suffix.len()).then_some(name.as_str())
        })
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.secrets).finish()
    }
}

pub(super) fn check_value(value: &SecretValue) -> Result<(), Exception> {
    if (1..=65_536).contains(&value.size()) {
        Ok(())
    } else {
        Err(Exception::parameter("The secret value must have 1 to 65536 bytes."))
    }
}

fn check_name(name: &str) -> Result<(), Exception> {
    let known = |char: char| char.is_ascii_alphanumeric() || "/_+=.@-".contains(char);
    if (1..=512).contains(&name.len()) && name.chars().all(known) {
        Ok(())
    } else {
        Err(Exception::parameter(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ))
    }
}

fn refuse_deleted(secret: &Secret) -> Result<(), Exception> {
    if secret.deleted.is_some() {
        return Err(Exception::request(
            "You can't perform this operation on the secret because it was marked for deletion.",
        ));
    }
    Ok(())
}

fn no_such_secret() -> Exception {
    Exception::not_found("Secrets Manager can't find the specified secret.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ExceptionName, MemoryStore, PutSecretValue};

    fn model() -> Model {
        MemoryStore::with_secret("app", "{}").snapshot()
    }

    #[test]
    fn the_first_version_is_current() {
        let model = model();
        let (version, value) = model.get_secret_value("app", None, None).unwrap();
        assert_eq!((version.labels.as_slice(), value), ([AWSCURRENT.to_owned()].as_slice(), &SecretValue::text("{}")));
    }

    #[test]
    fn a_secret_without_value_has_no_version() {
        let mut model = Model::default();
        model.create_secret(CreateSecret { name: "empty", ..CreateSecret::default() }).unwrap();
        assert!(model.secret("empty").unwrap().versions.is_empty());
        let refused = model.get_secret_value("empty", None, None).unwrap_err();
        assert_eq!(refused.name, ExceptionName::ResourceNotFound);
    }

    #[test]
    fn creating_again_is_ignored_with_the_same_token_and_value_and_refused_with_others() {
        let mut model = Model::default();
        let token = "t".repeat(32);
        let request = |token, text: &str| CreateSecret {
            name: "app",
            token,
            value: Some(SecretValue::text(text)),
            ..CreateSecret::default()
        };
        model.create_secret(request(Some(&token), "a")).unwrap();
        model.create_secret(request(Some(&token), "a")).unwrap();
        assert_eq!(model.secret("app").unwrap().versions.len(), 1);
        for refused in [request(Some(&token), "b"), request(None, "a")] {
            assert_eq!(model.create_secret(refused).unwrap_err().name, ExceptionName::ResourceExists);
        }
    }

    #[test]
    fn a_secret_is_found_by_name_arn_and_arn_without_suffix() {
        let model = model();
        let arn = model.secret("app").unwrap().arn.clone();
        assert!(model.describe_secret(&arn).is_ok());
        assert!(model.describe_secret(&arn[..arn.len() - ARN_SUFFIX]).is_ok());
        for wrong in ["ap", &arn[..arn.len() - 1], "arn:", ""] {
            assert_eq!(model.describe_secret(wrong).unwrap_err().name, ExceptionName::ResourceNotFound, "{wrong}");
        }
    }

    #[test]
    fn a_label_must_be_on_the_version_it_is_read_with() {
        let model = model();
        let id = model.secret("app").unwrap().versions[0].id.clone();
        assert!(model.get_secret_value("app", Some(&id), Some(AWSCURRENT)).is_ok());
        let refused = model.get_secret_value("app", Some(&id), Some("AWSPENDING")).unwrap_err();
        assert_eq!(refused.name, ExceptionName::InvalidRequest);
        let unknown = model.get_secret_value("app", Some("none"), Some(AWSCURRENT)).unwrap_err();
        assert_eq!(unknown.name, ExceptionName::ResourceNotFound);
    }

    #[test]
    fn values_tokens_and_names_have_limits() {
        let mut model = model();
        let mut put = |token: Option<&str>, value: String| {
            model.put_secret_value(PutSecretValue { token, ..PutSecretValue::current("app", value) })
        };
        assert!(put(None, "x".repeat(65_536)).is_ok());
        assert!(put(Some(&"t".repeat(64)), "x".to_owned()).is_ok());
        for refused in [
            put(None, "x".repeat(65_537)),
            put(None, String::new()),
            put(Some(&"t".repeat(31)), "x".to_owned()),
            put(Some(&"t".repeat(65)), "x".to_owned()),
        ] {
            assert_eq!(refused.unwrap_err().name, ExceptionName::InvalidParameter);
        }
        for name in ["", "a b", "ä", &"n".repeat(513)] {
            let refused = model.create_secret(CreateSecret { name, ..CreateSecret::default() }).map(|_| ());
            assert_eq!(refused.unwrap_err().name, ExceptionName::InvalidParameter);
        }
    }

    #[test]
    fn a_binary_value_counts_in_bytes_and_not_in_base64() {
        assert_eq!(SecretValue::Binary("aGVsbG8=".to_owned().into()).size(), 5);
    }

    #[test]
    fn a_deleted_secret_is_described_and_restored_and_nothing_else() {
        let mut model = model();
        model.delete_secret("app", None).unwrap();
        assert!(model.describe_secret("app").unwrap().deleted.is_some());
        let name = |result: Result<(), Exception>| result.unwrap_err().name;
        assert_eq!(name(model.get_secret_value("app", None, None).map(|_| ())), ExceptionName::InvalidRequest);
        assert_eq!(
            name(model.put_secret_value(PutSecretValue::current("app", "x")).map(|_| ())),
            ExceptionName::InvalidRequest
        );
        assert_eq!(name(model.tag_resource("app", [])), ExceptionName::InvalidRequest);
        assert_eq!(name(model.delete_secret("app", None).map(|_| ())), ExceptionName::InvalidRequest);
        let again = CreateSecret { name: "app", ..CreateSecret::default() };
        assert_eq!(name(model.create_secret(again).map(|_| ())), ExceptionName::InvalidRequest);
        model.restore_secret("app").unwrap();
        assert!(model.get_secret_value("app", None, None).is_ok());
    }

    #[test]
    fn deletion_takes_7_to_30_days_or_is_forced() {
        let mut model = model();
        for days in [6, 31] {
            assert_eq!(model.delete_secret("app", Some(days)).unwrap_err().name, ExceptionName::InvalidParameter);
        }
        assert!(model.force_delete_secret("app").is_some() && model.secret("app").is_none());
    }

    #[test]
    fn a_replica_is_read_and_not_written() {
        let mut model = model();
        model.secret_mut("app").unwrap().primary_region = Some("eu-west-1".to_owned());
        assert!(model.get_secret_value("app", None, None).is_ok());
        let refused = model.put_secret_value(PutSecretValue::current("app", "x")).unwrap_err();
        assert_eq!(refused.name, ExceptionName::InvalidParameter);
    }

    #[test]
    fn tags_are_added_replaced_removed_and_limited() {
        let mut model = model();
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        model.tag_resource("app", [tag("a", "1"), tag("b", "2")]).unwrap();
        model.tag_resource("app", [tag("a", "3")]).unwrap();
        model.untag_resource("app", ["b", "none"]).unwrap();
        assert_eq!(model.secret("app").unwrap().tags, BTreeMap::from([tag("a", "3")]));
        let many = (0..50).map(|number| tag(&number.to_string(), ""));
        assert_eq!(model.tag_resource("app", many).unwrap_err().name, ExceptionName::LimitExceeded);
        assert_eq!(model.tag_resource("app", [tag("aws:x", "")]).unwrap_err().name, ExceptionName::InvalidParameter);
        assert_eq!(model.secret("app").unwrap().tags.len(), 1);
    }

    #[test]
    fn nothing_prints_a_value() {
        let mut model = MemoryStore::with_secret("app", "hunter22").snapshot();
        let binary = SecretValue::Binary("aHVudGVyMjI=".to_owned().into());
        model.put_secret_value(PutSecretValue { value: binary, ..PutSecretValue::current("app", "") }).unwrap();
        let printed = format!("{model:?} {:?}", PutSecretValue::current("app", "hunter22"));
        assert!(!printed.contains("hunter22") && !printed.contains("aHVudGVyMjI"), "{printed}");
    }
}
