use fourstep::AWSCURRENT;
use serde::Serialize;

use crate::argument::argument;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::secret::{Secret, Version};

/// What is done to a label of a secret's versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Puts it on a version that it is not on yet, and takes it from the one that it is on.
    Move {
        /// The label, of 1 to 256 characters.
        label: String,
        /// The version.
        to: String,
        /// The version that it has to be on now, if the caller knows. Otherwise it is looked up.
        from: Option<String>,
    },
    /// Takes it off the version that it is on.
    Remove {
        /// The label.
        label: String,
    },
}

/// Where a label is now.
#[derive(Clone, Debug, Serialize)]
pub struct Staged {
    /// Name of the secret.
    pub secret: String,
    /// The label.
    pub label: String,
    /// The version that it was on.
    pub from: Option<String>,
    /// The version that it is on now.
    pub to: Option<String>,
    /// All versions that have a label now.
    pub versions: Vec<Version>,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html>
const LONGEST_LABEL: usize = 256;
const MOST_LABELS: usize = 20;

impl Operator {
    /// Moves, adds or removes a label. It changes no target: to make an older credential work again, roll back.
    ///
    /// The move compares: it fails if the label is not where it is thought to be.
    ///
    /// # Errors
    ///
    /// `WrongUsage` for a label out of its limits or an unknown version; `StateForbids` where there is nothing to do or
    /// the version has 20 labels; those of UpdateSecretVersionStage.
    pub async fn stage(&self, name: &str, stage: &Stage) -> Result<Staged> {
        let (secret, _) = self.look(name).await?;
        secret.check_primary()?;
        let label = match stage {
            Stage::Move { label, .. } | Stage::Remove { label } => label,
        };
        if !(1..=LONGEST_LABEL).contains(&label.chars().count()) {
            return Err(Error::wrong_usage(
                format!("the label has {} characters", label.chars().count()),
                format!("Give 1 to {LONGEST_LABEL}"),
            ));
        }
        let on = secret.labelled(label).map(|version| version.id.clone());
        let (from, to) = match stage {
            Stage::Move { to, from, .. } => (from.clone().or_else(|| on.clone()), Some(to.clone())),
            Stage::Remove { .. } => (on.clone(), None),
        };
        match &to {
            Some(to) => movable(&secret, label, on.as_deref(), to)?,
            None => removable(&secret, label, on.as_deref())?,
        }
        self.update_stage(&secret, label, to.as_deref(), from.as_deref()).await?;
        let now = self.describe(&secret.arn).await?;
        Ok(Staged { secret: secret.name, label: label.clone(), from: on, to, versions: now.versions })
    }

    /// Removes a label from a version, which has to have it.
    pub(crate) async fn unlabel(&self, secret: &Secret, label: &str, from: &str) -> Result<()> {
        self.update_stage(secret, label, None, Some(from)).await
    }

    async fn update_stage(&self, secret: &Secret, label: &str, to: Option<&str>, from: Option<&str>) -> Result<()> {
        let subject = format!("secret {}", secret.name);
        let call = Call { service: "secretsmanager", operation: "UpdateSecretVersionStage", subject: &subject };
        let request = self
            .secrets
            .update_secret_version_stage()
            .secret_id(&secret.arn)
            .version_stage(label)
            .set_move_to_version_id(to.map(str::to_owned))
            .set_remove_from_version_id(from.map(str::to_owned));
        request.send().await.map(drop).map_err(|error| call.failed(&error))
    }
}

fn movable(secret: &Secret, label: &str, on: Option<&str>, to: &str) -> Result<()> {
    let Some(version) = secret.version(to) else {
        return Err(Error::wrong_usage(
            format!("secret {} has no version {to}", secret.name),
            format!("Look at its versions: fourstep versions {}", argument(&secret.name)),
        ));
    };
    if on == Some(to) {
        return Err(Error::forbidden_by_state(
            format!("label {label} is on version {to} already"),
            "There is nothing to do",
        ));
    }
    if version.labels.len() >= MOST_LABELS {
        return Err(Error::forbidden_by_state(
            format!("version {to} has {MOST_LABELS} labels, which is the most"),
            format!("Remove one first: fourstep stage remove {} LABEL", argument(&secret.name)),
        ));
    }
    Ok(())
}

fn removable(secret: &Secret, label: &str, on: Option<&str>) -> Result<()> {
    if label == AWSCURRENT {
        return Err(Error::forbidden_by_state(
            "AWSCURRENT can be moved, and not removed",
            format!(
                "Move it to another version: fourstep stage move --to VERSION {} AWSCURRENT",
                argument(&secret.name)
            ),
        ));
    }
    match on {
        Some(_) => Ok(()),
        None => Err(Error::forbidden_by_state(
            format!("no version of secret {} has label {label}", secret.name),
            "There is nothing to do",
        )),
    }
}
