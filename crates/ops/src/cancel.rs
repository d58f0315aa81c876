use aws_sdk_secretsmanager::types::RotationRulesType;
use fourstep::{AWSCURRENT, AWSPENDING};
use serde::Serialize;

use crate::argument::argument;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::function::labelled_opens;
use crate::operator::Operator;
use crate::request::Request;
use crate::schedule::Rules;
use crate::secret::{Secret, Value, Version};

/// How a rotation is cancelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cancel {
    /// Turns rotation on again, with the function and the rules that it had.
    pub resume: bool,
    /// Leaves AWSPENDING where it is, in place of looking whether it may go.
    pub keep_pending: bool,
}

/// A rotation that was cancelled.
#[derive(Clone, Debug, Serialize)]
pub struct Cancelled {
    /// Name of the secret.
    pub secret: String,
    /// The version that had AWSPENDING.
    pub version: Option<String>,
    /// Whether AWSPENDING was taken off it.
    pub dropped: bool,
    /// Whether rotation is on now.
    pub rotation_enabled: bool,
    /// The function that rotated the secret.
    pub function: Option<String>,
    /// The schedule that CancelRotateSecret turned off.
    pub rules: Rules,
}

impl Operator {
    /// Cancels the rotation that is under way, and turns the schedule off: CancelRotateSecret does both.
    ///
    /// Then it takes AWSPENDING off the version that was being made, unless that may be the only one that the target
    /// accepts. Called again it does what is left.
    ///
    /// # Errors
    ///
    /// `StateForbids` if there is nothing to cancel, or if the pending version cannot be dropped; nothing was done then.
    pub async fn cancel(&self, name: &str, cancel: Cancel) -> Result<Cancelled> {
        let (secret, _) = self.look(name).await?;
        secret.check_primary()?;
        let pending = secret.pending();
        if !secret.rotation_enabled && pending.is_none() {
            return Err(Error::forbidden_by_state(
                format!("rotation of secret {} is turned off, and nothing of one is left", secret.name),
                format!("Turn it on again: fourstep configure {}", argument(&secret.name)),
            ));
        }
        let drops = pending.filter(|_| !cancel.keep_pending);
        if let Some(pending) = drops {
            self.may_drop(&secret, pending).await?;
        }
        if secret.rotation_enabled {
            let subject = format!("secret {}", secret.name);
            let call = Call { service: "secretsmanager", operation: "CancelRotateSecret", subject: &subject };
            let answer = self.secrets.cancel_rotate_secret().secret_id(&secret.arn).send().await;
            answer.map_err(|error| call.failed(&error))?;
        }
        let mut cancelled = Cancelled {
            secret: secret.name.clone(),
            version: pending.map(|pending| pending.id.clone()),
            dropped: false,
            rotation_enabled: false,
            function: secret.function.clone(),
            rules: secret.rules.clone(),
        };
        if let Some(dropped) = drops {
            cancelled.dropped = self.drop_cancelled(&secret, dropped).await?;
        }
        if cancel.resume {
            self.resume(&secret).await?;
            cancelled.rotation_enabled = true;
        }
        Ok(cancelled)
    }

    /// Looks again, since a step may have run until rotation was off, and then drops. Returns whether there was anything.
    async fn drop_cancelled(&self, before: &Secret, dropped: &Version) -> Result<bool> {
        let (now, _) = self.look(&before.arn).await?;
        let Some(pending) = now.pending().filter(|pending| pending.id == dropped.id) else { return Ok(false) };
        self.may_drop(&now, pending).await.map_err(|error| Error {
            message: format!("rotation is turned off now, but AWSPENDING stays: {}", error.message),
            ..error
        })?;
        self.unlabel(&now, AWSPENDING, &dropped.id).await?;
        Ok(true)
    }

    /// Turns rotation on with the function and the rules that it had. Secrets Manager runs testSecret to check it.
    async fn resume(&self, secret: &Secret) -> Result<()> {
        let rules = (!secret.rules.is_empty()).then(|| RotationRulesType::from(&secret.rules));
        let request = Request { function: secret.function.as_deref(), rules, ..Request::default() };
        self.rotate(secret, request).await.map(drop).map_err(|error| Error {
            message: format!("the rotation is cancelled, and could not be turned on again: {}", error.message),
            next: format!("{}. The schedule was: {}", error.next, secret.rules),
            ..error
        })
    }

    /// Checks that the target accepts AWSCURRENT, so that nothing is lost with the pending version.
    async fn may_drop(&self, secret: &Secret, pending: &Version) -> Result<()> {
        if pending.value == Value::Empty {
            return Ok(());
        }
        let advice = format!(
            "Let the rotation go on: fourstep start {0}; or cancel it and leave AWSPENDING: fourstep cancel --keep-pending {0}",
            argument(&secret.name)
        );
        let tried = self.diagnose(secret).await.map_err(|error| {
            Error::forbidden_by_state(
                format!(
                    "the pending version {} may be the only one that the target accepts, and that cannot be asked: {}",
                    pending.id, error.message
                ),
                advice.clone(),
            )
        })?;
        match labelled_opens(&tried, AWSCURRENT) {
            Some(true) => Ok(()),
            _ => Err(Error::forbidden_by_state(
                format!(
                    "the pending version {} may be the only one that the target accepts: it does not accept AWSCURRENT",
                    pending.id
                ),
                advice,
            )),
        }
    }
}
