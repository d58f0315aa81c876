use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::FunctionConfiguration;
use fourstep::operator::{Action, Reply, Tried};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::argument::argument;
use crate::call::Call;
use crate::error::{Error, Reason, Result, one_line};
use crate::operator::Operator;
use crate::secret::Secret;

impl Operator {
    /// Lets the function of a secret act for an operator, and returns its answer.
    ///
    /// # Errors
    ///
    /// `StateForbids` if the state forbids it; `Denied` without `lambda:InvokeFunction`; `FunctionFailed`, with what the
    /// function says, otherwise.
    pub async fn operate(&self, name: &str, action: &Action) -> Result<Value> {
        let secret = self.describe(name).await?;
        self.act(&secret, action).await
    }

    /// Reads how a function is set up.
    pub(crate) async fn configuration(&self, function: &str) -> Result<FunctionConfiguration> {
        let subject = format!("function {function}");
        let call = Call { service: "lambda", operation: "GetFunction", subject: &subject };
        let answer = self.functions.get_function().function_name(function).send().await;
        let answer = answer.map_err(|error| call.failed(&error))?;
        Ok(answer.configuration.unwrap_or_else(|| FunctionConfiguration::builder().build()))
    }

    /// Asks the function which versions open the target.
    pub(crate) async fn diagnose(&self, secret: &Secret) -> Result<Vec<Tried>> {
        let answer = self.act(secret, &Action::Diagnose).await?;
        Reply::deserialize(answer).map(|reply| reply.versions).map_err(|_| not_fourstep(secret))
    }

    /// Sends the function an operator event, and returns its answer.
    pub(crate) async fn act(&self, secret: &Secret, action: &Action) -> Result<Value> {
        let function = function_of(secret)?;
        let subject = format!("function {function}");
        let call = Call { service: "lambda", operation: "InvokeFunction", subject: &subject };
        let event = Blob::new(event(action, &secret.arn).to_string());
        let answer = self.functions.invoke().function_name(function).payload(event).send().await;
        let answer = answer.map_err(|error| call.failed(&error))?;
        let body: Value = answer
            .payload
            .as_ref()
            .and_then(|payload| serde_json::from_slice(payload.as_ref()).ok())
            .unwrap_or_default();
        if answer.function_error.is_none() {
            return Ok(body);
        }
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        Err(said(text("errorType"), text("errorMessage"), secret, action))
    }
}

/// Returns whether a version opens the target, where that was tried.
pub(crate) fn opens(versions: &[Tried], id: &str) -> Option<bool> {
    versions.iter().find(|tried| tried.version_id == id)?.opens
}

/// Returns whether the version with a label opens the target, where that was tried.
pub(crate) fn labelled_opens(versions: &[Tried], label: &str) -> Option<bool> {
    versions.iter().find(|tried| tried.labels.iter().any(|on| on == label))?.opens
}

/// Writes the event as a function takes it.
fn event(action: &Action, arn: &str) -> Value {
    let mut event = json!({ "Action": action.name(), "SecretId": arn });
    let mut give = |field: &str, value: Value| {
        if !value.is_null() {
            event[field] = value;
        }
    };
    match action {
        Action::Rollback { version, leaked_anyway } => {
            give("VersionId", json!(version));
            give("LeakedAnyway", json!(leaked_anyway.then_some(true)));
        }
        Action::Recover { attempts, skip, version, leaked_anyway } => {
            give("Attempts", json!(attempts));
            give("Skip", json!(skip));
            give("VersionId", json!(version));
            give("LeakedAnyway", json!(leaked_anyway.then_some(true)));
        }
        Action::Reset { account, version } | Action::Adopt { account, version } => {
            give("Account", json!(account));
            give("VersionId", json!(version));
        }
        Action::Diagnose | Action::Retire | Action::Reconcile => {}
    }
    event
}

/// Returns the function that rotates a secret.
pub(crate) fn function_of(secret: &Secret) -> Result<&str> {
    secret.function.as_deref().ok_or_else(|| {
        Error::forbidden_by_state(
            format!("no function rotates secret {}", secret.name),
            format!("Name one: fourstep configure --function ARN --every 30d {}", argument(&secret.name)),
        )
    })
}

/// Explains what the function's error means. Only Fourstep's kinds are known; its messages hold no secret.
pub(crate) fn said(kind: &str, message: &str, secret: &Secret, action: &Action) -> Error {
    let message = one_line(message);
    let about =
        |what: &str| format!("{} of secret {} {what}: {}", action.name(), secret.name, message.trim_end_matches('.'));
    match kind {
        "Conflict" => Error::forbidden_by_state(about("was not done"), "Follow what the message says"),
        "Rejected" | "Unavailable" | "Forbidden" | "Invalid" | "Other" => Error::new(
            Reason::FunctionFailed,
            about(&format!("failed ({kind})")),
            "Follow what the message says, and look at the function's log",
        ),
        _ => not_fourstep(secret),
    }
}

/// The answer of another kind of function may repeat a secret, so it is not shown.
fn not_fourstep(secret: &Secret) -> Error {
    Error::new(
        Reason::FunctionFailed,
        format!("the function of secret {} does not answer as Fourstep's do", secret.name),
        "Rotate the secret by a function of Fourstep, of this version: fourstep configure --function ARN",
    )
}
