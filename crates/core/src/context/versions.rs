//! What a step reads: versions of its own secret, and of others.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::settings::EngineSettings;
use crate::store::{AWSCURRENT, LEAKED, StoredValue, UnlabelledVersion};
use crate::version::{OtherSecret, Version};

/// How many versions without a label are looked at, youngest first. Older ones were retired by the rotations before, and
/// each attempt may count against an account lock at the service.
pub(crate) const YOUNGEST: usize = 3;

impl Context<'_> {
    /// Reads the current version of another secret, such as the administrator's, and its tags.
    ///
    /// Only one that the function's owner lists in `ADMIN_SECRETS`. Whoever writes the secret that is rotated chooses which
    /// one it names, and the function may read every secret that it rotates: without that list, anybody's credential would
    /// be anybody's administrator.
    ///
    /// # Errors
    ///
    /// `Forbidden` if it is not listed, or the function may not read it; `Invalid` if it is absent, deleted, or not of the
    /// shape of `T`.
    pub async fn read<T: Serialize + DeserializeOwned>(&self, secret_id: &str) -> Result<OtherSecret<T>> {
        let listed = &self.settings::<EngineSettings>().admin_secrets;
        // Before anything is asked: whether there is such a secret is nobody's business.
        if !listed.list(secret_id) && !listed.list_longer(secret_id, SUFFIX) {
            return Err(not_listed(secret_id));
        }
        let description = self.store().describe(secret_id).await?;
        // An ARN without its last seven characters leads to a secret, too.
        if secret_id.starts_with("arn:") && !listed.list(&description.arn) {
            return Err(not_listed(secret_id));
        }
        if description.arn == self.secret_id() {
            return Err(Error::invalid(format!(
                "the secret names itself ({secret_id}) where it has to name another one"
            ))
            .next("Name the other secret, as the administrator's in `masterarn`"));
        }
        if description.deleted.is_some() {
            return Err(Error::invalid(format!("secret {secret_id} is scheduled for deletion"))
                .next("Restore it with RestoreSecret, or name another one, as the administrator's in `masterarn`"));
        }
        let missing = || {
            Error::invalid(format!("secret {secret_id} has no AWSCURRENT version with a value"))
                .next("Store a value in that secret")
        };
        let id = description.version_with(AWSCURRENT).ok_or_else(missing)?;
        let value = self.store().read(secret_id, id).await?.ok_or_else(missing)?;
        let version = Version::parse(id, &value, self.filter());
        let version = version.map_err(|error| error.about(format!("secret {secret_id}")))?;
        Ok(OtherSecret { name: description.name, tags: description.tags, version })
    }

    /// Returns whether this rotation's version has a value by now, asking the store again.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn pending_is_stored(&self) -> Result<bool> {
        Ok(self.store().read(self.secret_id(), self.token()).await?.is_some())
    }

    /// Reads the version with `label`, by the id that the step's description gives. `None`: there is none with a
    /// value.
    ///
    /// # Errors
    ///
    /// Those of the store, and `Invalid` if the version is not of the rotator's shape.
    pub async fn labelled<S: Serialize + DeserializeOwned>(&self, label: &str) -> Result<Option<Arc<Version<S>>>> {
        match self.id_of(label) {
            Some(id) => self.version(&id).await,
            None => Ok(None),
        }
    }

    /// Reads AWSCURRENT, from which a rotation starts.
    pub(crate) async fn first_value<S: Serialize + DeserializeOwned>(&self) -> Result<Arc<Version<S>>> {
        self.labelled(AWSCURRENT).await?.ok_or_else(|| {
            Error::invalid("the secret has no AWSCURRENT version with a value")
                .next("Store a first value in the secret, then start the rotation")
        })
    }

    /// Reads AWSCURRENT where there has to be one, since createSecret made the pending version from it.
    ///
    /// # Errors
    ///
    /// Those of [`labelled`](Self::labelled), and `Unavailable` if there is none with a value yet.
    pub async fn current<S: Serialize + DeserializeOwned>(&self) -> Result<Arc<Version<S>>> {
        self.labelled(AWSCURRENT).await?.ok_or_else(|| Error::unavailable("AWSCURRENT is not visible yet"))
    }

    /// Reads the version with `label` where one of another shape is as good as none: an older one, whose credential
    /// nobody can name then.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn older<S: Serialize + DeserializeOwned>(&self, label: &str) -> Result<Option<Arc<Version<S>>>> {
        match self.labelled(label).await {
            Err(error) if error.kind() == ErrorKind::Invalid => {
                tracing::warn!(label, reason = %error, "an older version is left out");
                Ok(None)
            }
            version => version,
        }
    }

    /// Reads a version by its id. A value never changes, so each is read once in a step.
    pub(crate) async fn version<S: Serialize + DeserializeOwned>(&self, id: &str) -> Result<Option<Arc<Version<S>>>> {
        let Some(value) = self.value(id).await? else { return Ok(None) };
        Version::parse(id, &value, self.filter()).map(Some)
    }

    async fn value(&self, id: &str) -> Result<Option<StoredValue>> {
        if let Some(known) = self.lock().values.get(id) {
            return Ok(Some(known.clone()));
        }
        let value = self.store().read(self.secret_id(), id).await?;
        if let Some(value) = &value {
            self.lock().values.insert(id.to_owned(), value.clone());
        }
        Ok(value)
    }

    /// Reads a version by its id where one of another shape is as good as none.
    pub(crate) async fn fitting<S: Serialize + DeserializeOwned>(&self, id: &str) -> Result<Option<Arc<Version<S>>>> {
        match self.version(id).await {
            Err(error) if error.kind() == ErrorKind::Invalid => Ok(None),
            version => version,
        }
    }

    /// Reads this rotation's version; waits a moment where its value is not visible yet.
    pub(crate) async fn pending<S: Serialize + DeserializeOwned>(&self) -> Result<Option<Arc<Version<S>>>> {
        let mut backoff = Backoff::for_visibility();
        loop {
            if let Some(version) = self.version(self.token()).await? {
                return Ok(Some(version));
            }
            if !self.pause(&mut backoff).await {
                return Ok(None);
            }
        }
    }

    /// Lists the youngest versions without a label. None where the function may not list them: the roles that were made
    /// for AWS's own functions do not allow it, and nothing but a rare repair needs it.
    pub(crate) async fn unlabelled(&self, most: usize) -> Result<Vec<UnlabelledVersion>> {
        match self.store().unlabelled(self.secret_id()).await {
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                tracing::warn!(reason = %error, "versions without a label are left out");
                self.notes.may_not_list();
                Ok(Vec::new())
            }
            Err(error) => Err(error),
            Ok(mut versions) => {
                versions.truncate(most);
                Ok(versions)
            }
        }
    }

    /// Returns when the newest version that a rotation may have brought to the target was made: of those with a label, but for
    /// one that a rotation is making now, and of those without. One that was given up may have got there, too.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn newest(&self) -> Result<Option<SystemTime>> {
        let under_way = self.under_way();
        let labelled = self.description().stages.into_keys().filter(|id| under_way.as_ref() != Some(id));
        let mut newest = self.unlabelled(1).await?.first().map(|version| version.created);
        for id in labelled {
            newest = newest.max(self.value(&id).await?.map(|value| value.created));
        }
        Ok(newest)
    }

    /// Reads the youngest versions without a label: what abandoned rotations and edits by hand left. Versions of
    /// another shape are left out.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn abandoned<S: Serialize + DeserializeOwned>(&self) -> Result<Vec<Arc<Version<S>>>> {
        Ok(self.left_behind().await?.0)
    }

    /// Reads the same, and when the oldest version without a label was made.
    pub(crate) async fn left_behind<S: Serialize + DeserializeOwned>(
        &self,
    ) -> Result<(Vec<Arc<Version<S>>>, Option<SystemTime>)> {
        let unlabelled = self.unlabelled(usize::MAX).await?;
        let oldest = unlabelled.last().map(|version| version.created);
        let mut abandoned = Vec::new();
        for version in unlabelled.iter().take(YOUNGEST) {
            abandoned.extend(self.fitting(&version.id).await?);
        }
        Ok((abandoned, oldest))
    }

    /// Reads the versions that have no label but our mark of a leak. Those of another shape are left out.
    pub(crate) async fn marked_as_leaked<S: Serialize + DeserializeOwned>(&self) -> Result<Vec<Arc<Version<S>>>> {
        let mut marked = Vec::new();
        for id in self.description().stages.iter().filter(|(_, labels)| only_leaked(labels)).map(|(id, _)| id) {
            marked.extend(self.fitting(id).await?);
        }
        Ok(marked)
    }
}

/// Returns whether labels are none but our mark of a leak.
pub(crate) fn only_leaked(labels: &[String]) -> bool {
    labels.iter().all(|label| label.starts_with(LEAKED))
}

/// How many characters Secrets Manager adds to a name in its ARN. An ARN without them leads to the secret, too.
const SUFFIX: usize = 7;

fn not_listed(secret_id: &str) -> Error {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/_+=.@-".contains(&byte);
    let is_arn = secret_id.starts_with("arn:") && secret_id.len() <= 256 && secret_id.bytes().all(plain);
    // Anything else may be a credential in the wrong place.
    let (name, next) = if is_arn {
        let next = "If it is an administrator's, the function's owner adds its whole ARN to the variable ADMIN_SECRETS (of the template, the parameter AdminSecretArns)";
        (format!(" {secret_id}"), format!("{next}: {secret_id}"))
    } else {
        let next = "Name that secret in `masterarn` by its whole ARN, and let the function's owner add the same ARN to the variable ADMIN_SECRETS (of the template, the parameter AdminSecretArns)";
        (String::new(), next.to_owned())
    };
    Error::forbidden(format!(
        "the secret names another secret{name} as its administrator's, which the function's owner does not list"
    ))
    .still_works("Nothing was read of it, and nothing was changed")
    .next(next)
}
