use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::clock::{Clock, SystemClock};
use crate::store::AWSCURRENT;

use super::exception::Exception;
use super::secret::{Secret, SecretValue, SecretVersion};

/// Secrets Manager in one region: the operations that rotation uses, with their rules about labels.
///
/// Methods are named after the operations and refuse what these refuse. Each either does all of its work or, with an
/// [`Exception`], nothing. A copy is a snapshot: it shares no state with the original.
#[derive(Clone)]
pub struct Model {
    clock: Arc<dyn Clock>,
    pub(super) secrets: BTreeMap<String, Secret>,
    /// How many tokens and ARNs were made up, so that no two are the same.
    made_up: u64,
}

/// A hyphen and six characters, which Secrets Manager adds to the name.
const ARN_SUFFIX: usize = 7;

impl Model {
    /// Creates a region without secrets that takes the time from `clock`.
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

    /// Returns all secrets, by name.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.values()
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
    ) -> Result<(&SecretVersion, &SecretValue), Exception> {
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
    ) -> Result<Vec<&SecretVersion>, Exception> {
        let secret = self.describe_secret(secret_id)?;
        Ok(secret.versions.iter().filter(|version| include_deprecated || !version.labels.is_empty()).collect())
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
            None => Ok(format!("00000000-0000-4000-8000-{:012x}", self.make_up())),
        }
    }

    /// Returns a number that was not given before.
    pub(super) fn make_up(&mut self) -> u64 {
        self.made_up += 1;
        self.made_up
    }

    pub(super) fn key(&self, secret_id: &str) -> Option<&str> {
        if let Some((name, _)) = self.secrets.get_key_value(secret_id) {
            return Some(name);
        }
        // arn:partition:secretsmanager:region:account:secret:name, with the suffix or without.
        let name = secret_id.strip_prefix("arn:")?.splitn(6, ':').nth(5)?;
        let without_suffix = name.len().checked_sub(ARN_SUFFIX).and_then(|end| name.get(..end));
        [without_suffix, Some(name)].into_iter().flatten().find_map(|name| {
            let (name, secret) = self.secrets.get_key_value(name)?;
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

fn refuse_deleted(secret: &Secret) -> Result<(), Exception> {
    if secret.deleted.is_some() {
        return Err(Exception::request(
            "You can't perform this operation on the secret because it was marked for deletion.",
        ));
    }
    Ok(())
}

pub(super) fn no_such_secret() -> Exception {
    Exception::not_found("Secrets Manager can't find the specified secret.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{CreateSecret, ExceptionName, MemoryStore, PutSecretValue};

    fn model() -> Model {
        MemoryStore::with_secret("app", "{}").snapshot()
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
    fn a_replica_is_read_and_not_written() {
        let mut model = model();
        model.secret_mut("app").unwrap().primary_region = Some("eu-west-1".to_owned());
        assert!(model.get_secret_value("app", None, None).is_ok());
        let refused = model.put_secret_value(PutSecretValue::current("app", "x")).unwrap_err();
        assert_eq!(refused.name, ExceptionName::InvalidParameter);
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
