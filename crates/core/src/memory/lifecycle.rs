use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::exception::Exception;
use super::model::{Model, check_value, no_such_secret};
use super::secret::{Secret, SecretValue};

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

impl Model {
    /// Creates a secret, with AWSCURRENT on its first version if it gets a value.
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
            let now = self.now();
            let mut secret = Secret {
                name: name.to_owned(),
                arn: format!("{ARN_PREFIX}{name}-{:06x}", self.make_up() & 0xff_ffff),
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

    /// Marks a secret for deletion: it can only be described and restored. Returns the date of its end.
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
        let end = self.now() + Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        self.live(secret_id)?.deleted = Some(end);
        Ok(end)
    }

    /// Removes a secret at once (ForceDeleteWithoutRecovery). Returns whether there was one.
    pub fn force_delete_secret(&mut self, secret_id: &str) -> Option<Secret> {
        let key = self.key(secret_id)?.to_owned();
        self.secrets.remove(&key)
    }

    /// Removes the mark of deletion. Without a mark, it changes nothing.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound` if there is no such secret.
    pub fn restore_secret(&mut self, secret_id: &str) -> Result<(), Exception> {
        self.secret_mut(secret_id).ok_or_else(no_such_secret)?.deleted = None;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ExceptionName, MemoryStore, PutSecretValue};
    use crate::store::AWSCURRENT;

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
}
