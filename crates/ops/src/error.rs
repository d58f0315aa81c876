use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;

/// A result whose error is an operator's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done, and what to do next. It holds no secret.
#[derive(Clone, Debug, Serialize)]
pub struct Error {
    /// Why, for programs.
    pub reason: Reason,
    /// What happened: a sentence without its full stop.
    pub message: String,
    /// What to do next: a sentence without its full stop.
    pub next: String,
}

/// Why something was not done.
///
/// A reason exists only because somebody acts on it. The first ones are Secrets Manager's own exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// There is no such secret, version or function: `ResourceNotFoundException`.
    NotFound,
    /// A value is out of its limits: `InvalidParameterException`.
    InvalidParameter,
    /// The state of the secret forbids the call: `InvalidRequestException`.
    InvalidRequest,
    /// A quota of the secret is used up: `LimitExceededException`.
    LimitExceeded,
    /// A condition of the call does not hold: `PreconditionNotMetException`.
    PreconditionNotMet,
    /// The token belongs to another request: `ResourceExistsException`.
    Exists,
    /// The service answers fewer calls than are made, also after retries.
    Throttled,
    /// The service failed, also after retries.
    ServiceFailed,
    /// The caller has not the right.
    Denied,
    /// The secret's KMS key cannot be used by the caller.
    KeyUnusable,
    /// There are no credentials, or AWS does not accept them.
    Credentials,
    /// There was no answer.
    Unreachable,
    /// What the caller asks for makes no sense.
    WrongUsage,
    /// Nothing was done, since the facts speak against it.
    StateForbids,
    /// The rotation failed.
    RotationFailed,
    /// The wait ended before the rotation did.
    TimedOut,
    /// The function answered an operator event with an error, or not as Fourstep does.
    FunctionFailed,
}

impl Error {
    pub(crate) fn new(reason: Reason, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { reason, message: message.into(), next: next.into() }
    }

    pub(crate) fn wrong_usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Reason::WrongUsage, message, next)
    }

    pub(crate) fn forbidden_by_state(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Reason::StateForbids, message, next)
    }

    /// Returns whether nothing was done because the state forbids it.
    #[must_use]
    pub fn is_forbidden_by_state(&self) -> bool {
        matches!(self.reason, Reason::StateForbids | Reason::InvalidRequest | Reason::PreconditionNotMet)
    }

    /// Returns whether the caller asked in a wrong way.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self.reason, Reason::WrongUsage | Reason::InvalidParameter)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}.", self.message, self.next)
    }
}

impl StdError for Error {}

/// Keeps a foreign text on one line and of a bearable length.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(500).collect()
}
