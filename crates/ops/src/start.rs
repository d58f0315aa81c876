use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use fourstep::operator::Action;
use fourstep::settings::{EngineSettings, Environment, read};
use fourstep::{AWSCURRENT, AWSPENDING};
use serde::Serialize;

use crate::argument::argument;
use crate::error::{Error, Reason, Result};
use crate::function::{function_of, labelled_opens, opens};
use crate::operator::Operator;
use crate::progress::{Event, Progress};
use crate::request::Request;
use crate::secret::{Secret, Value};
use crate::watch::{DEFAULT_WAIT, Ended, Outcome};

/// How a rotation is started.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The id of the version that is to be made, of 32 to 64 characters. The same one again starts nothing anew.
    pub token: Option<String>,
    /// Removes a stale AWSPENDING first, if it has no value or if the target refuses it.
    pub force: bool,
    /// Waits for the end, at most so long.
    pub wait: Option<Duration>,
}

/// A rotation that was started.
#[derive(Clone, Debug, Serialize)]
pub struct Started {
    /// Name of the secret.
    pub secret: String,
    /// The version that the rotation makes.
    pub version: String,
    /// Whether it was under way already, and goes on.
    pub resumed: bool,
    /// The stale version that lost AWSPENDING before.
    pub dropped: Option<String>,
    /// How it ended, if that was waited for.
    pub ended: Option<Ended>,
    /// What the function answered when it retired the old credential, if that was asked.
    pub retired: Option<serde_json::Value>,
}

impl Operator {
    /// Starts a rotation; or goes on with the one that is under way, which Secrets Manager then tries again.
    ///
    /// # Errors
    ///
    /// `StateForbids` if rotation is not configured or turned off, or if `force` would drop a version that may be alive;
    /// those of RotateSecret; with `wait`, those of [`watch`](Self::watch).
    pub async fn start(&self, name: &str, start: &Start, progress: &dyn Progress) -> Result<Started> {
        check_token(start.token.as_deref())?;
        let before = SystemTime::now();
        let (secret, _) = self.look(name).await?;
        may_rotate(&secret)?;
        if let Some(token) = &start.token {
            may_begin_again(&secret, token)?;
        }
        let mut started = Started {
            secret: secret.name.clone(),
            version: String::new(),
            resumed: false,
            dropped: None,
            ended: None,
            retired: None,
        };
        if let Some(pending) = secret.pending().filter(|_| start.force) {
            self.drop_stale(&secret, &pending.id, pending.value).await?;
            progress.tell(&Event::Dropped { version: pending.id.clone() });
            started.dropped = Some(pending.id.clone());
        }
        let request = Request { token: start.token.as_deref(), immediately: true, ..Request::default() };
        started.version = match (self.rotate(&secret, request).await, secret.pending()) {
            (Ok(version), _) => version,
            // "A previous rotation isn't complete. That rotation will be reattempted."
            (Err(error), Some(pending)) if error.reason == Reason::InvalidRequest && !start.force => {
                started.resumed = true;
                pending.id.clone()
            }
            (Err(error), _) => return Err(error),
        };
        progress.tell(&Event::Started { version: started.version.clone(), resumed: started.resumed });
        if let Some(wait) = start.wait {
            started.ended = Some(self.watch_since(before, &secret.name, Some(&started.version), wait, progress).await?);
        }
        Ok(started)
    }

    /// Rotates a secret whose value is known to others: rotates, waits, and lets the target refuse the old credential.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start); `RotationFailed` if the rotation did not succeed, and then the old credential
    /// still works; `FunctionFailed` if it could not be retired.
    pub async fn replace_compromised(&self, name: &str, start: &Start, progress: &dyn Progress) -> Result<Started> {
        let wait = start.wait.unwrap_or(DEFAULT_WAIT);
        self.may_retire(&self.describe(name).await?).await?;
        let mut started = self.start(name, &Start { wait: Some(wait), ..start.clone() }, progress).await?;
        if let Some(ended) = started.ended.as_ref().filter(|ended| ended.outcome != Outcome::Succeeded) {
            return Err(ended.error("The compromised credential still works"));
        }
        let secret = self.describe(name).await?;
        let retired = self.act(&secret, &Action::Retire).await.map_err(|error| Error {
            message: format!("AWSCURRENT is new, but the compromised credential may still work: {}", error.message),
            next: format!("{}. Then run fourstep retire {}", error.next, argument(name)),
            ..error
        })?;
        started.retired = Some(retired);
        Ok(started)
    }

    /// Refuses, before anything is rotated, a function that would not retire the old credential for operators. Where its
    /// variables cannot be read, it is not known, and the end tells.
    async fn may_retire(&self, secret: &Secret) -> Result<()> {
        let Ok(variables) = self.variables(function_of(secret)?).await else { return Ok(()) };
        let environment: Environment = variables.into_iter().collect();
        let Ok(settings) = read::group::<EngineSettings>(&environment, &BTreeMap::new()) else { return Ok(()) };
        if settings.operator_events.contains(&Action::Retire.name()) {
            return Ok(());
        }
        Err(Error::new(
            Reason::Denied,
            format!(
                "the function of secret {} does not retire a credential for operators: its variable OPERATOR_EVENTS does not name it. Nothing was rotated",
                secret.name
            ),
            "Let the function's owner add retire to OPERATOR_EVENTS (of the template, the parameter OperatorEvents); or rotate with fourstep start, and end the old credential at the target by hand",
        ))
    }

    /// Removes AWSPENDING from a version that is of no use: it has no value, or the target refuses it.
    async fn drop_stale(&self, secret: &Secret, pending: &str, value: Value) -> Result<()> {
        if value != Value::Empty {
            let tried = self.diagnose(secret).await?;
            if opens(&tried, pending) != Some(false) {
                return Err(Error::forbidden_by_state(
                    format!("the pending version {pending} is not dropped: the target accepts it, or does not say"),
                    "Start without --force: the rotation goes on with that version",
                ));
            }
            if labelled_opens(&tried, AWSCURRENT) != Some(true) {
                return Err(Error::forbidden_by_state(
                    "no version is dropped while the target does not accept AWSCURRENT",
                    format!("Find the one that it accepts: fourstep recover {}", argument(&secret.name)),
                ));
            }
        }
        self.unlabel(secret, AWSPENDING, pending).await
    }
}

/// Checks that a rotation can be started.
fn may_rotate(secret: &Secret) -> Result<()> {
    let Secret { name, .. } = secret;
    secret.check_primary()?;
    if secret.owning_service.is_none() {
        function_of(secret)?;
    }
    if !secret.rotation_enabled && secret.function.is_some() {
        let next = match secret.pending() {
            Some(_) => format!("Put the labels right first: fourstep cancel --resume {}", argument(name)),
            None => format!("Turn it on: fourstep configure {}", argument(name)),
        };
        return Err(Error::forbidden_by_state(format!("rotation of secret {name} is turned off"), next));
    }
    Ok(())
}

/// Checks that the token is not of a rotation that is over: RotateSecret would accept it, and start nothing.
fn may_begin_again(secret: &Secret, token: &str) -> Result<()> {
    let Secret { name, .. } = secret;
    match secret.version(token) {
        Some(version) if !version.has(AWSCURRENT) && !version.has(AWSPENDING) => Err(Error::forbidden_by_state(
            format!(
                "the rotation of secret {name} to version {token} is over: the version has not AWSPENDING any more"
            ),
            "Give another token, or none: then one is made",
        )),
        _ => Ok(()),
    }
}

fn check_token(token: Option<&str>) -> Result<()> {
    match token.map(|token| token.chars().count()) {
        Some(length) if !(32..=64).contains(&length) => Err(Error::wrong_usage(
            format!("the token has {length} characters"),
            "Give 32 to 64 characters, such as a UUID, or none: then one is made",
        )),
        _ => Ok(()),
    }
}
