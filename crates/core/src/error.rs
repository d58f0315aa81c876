use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use crate::step::Step;

/// A result whose error is Fourstep's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error means, and so who acts on it.
///
/// The name of a kind is the `errorType` of the Lambda function's answer: alarms are told apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The target refused the credential. The secret's other versions are tried; if all are refused, the step fails.
    Rejected,
    /// No answer, throttled, or "later". The engine retries, then Secrets Manager does.
    Unavailable,
    /// The credential works but may not do this. The owner grants the right that the message names.
    Forbidden,
    /// Somebody else moved the labels or the target. The step stops and changes nothing.
    Conflict,
    /// The event, the secret, a tag or a setting is wrong. The owner corrects what the message names.
    Invalid,
    /// A defect of Fourstep or of the rotator.
    Other,
}

impl ErrorKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Rejected, Self::Unavailable, Self::Forbidden, Self::Conflict, Self::Invalid, Self::Other];

    /// Returns the name that is Lambda's `errorType`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rejected => "Rejected",
            Self::Unavailable => "Unavailable",
            Self::Forbidden => "Forbidden",
            Self::Conflict => "Conflict",
            Self::Invalid => "Invalid",
            Self::Other => "Other",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong, what still works, and what to do next.
///
/// No part of it may hold a secret. The text of a driver is foreign and may repeat a statement: describe what it says
/// by its code instead of passing it on.
pub struct Error {
    parts: Box<Parts>,
}

struct Parts {
    kind: ErrorKind,
    message: Cow<'static, str>,
    still_works: Option<Cow<'static, str>>,
    next: Option<Cow<'static, str>>,
    step: Option<Step>,
    retried: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error from what happened: a sentence without its full stop.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self {
            parts: Box::new(Parts {
                kind,
                message,
                still_works: None,
                next: None,
                step: None,
                retried: false,
                source: None,
            }),
        }
    }

    /// Creates an [`ErrorKind::Rejected`]: the target itself said no to the credential.
    pub fn rejected(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Rejected, message)
    }

    /// Creates an [`ErrorKind::Unavailable`]: there was no answer, or it was "later".
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Creates an [`ErrorKind::Forbidden`]: the credential works but may not do this. Name the missing right.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Forbidden, message)
    }

    /// Creates an [`ErrorKind::Conflict`]: somebody else moved the labels or the target.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// Creates an [`ErrorKind::Invalid`]: name the field, its place and the fix.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Creates an [`ErrorKind::Other`]: a defect.
    pub fn other(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Other, message)
    }

    /// Adds what to do next, where nothing is said yet.
    pub(crate) fn or_next(self, next: impl Into<Cow<'static, str>>) -> Self {
        if self.parts.next.is_some() { self } else { self.next(next) }
    }

    /// Adds what to do next: a sentence without its full stop.
    #[must_use]
    pub fn next(mut self, next: impl Into<Cow<'static, str>>) -> Self {
        self.parts.next = Some(next.into());
        self
    }

    /// Puts first whom or what the error is about.
    #[must_use]
    pub(crate) fn about(mut self, what: impl fmt::Display) -> Self {
        self.parts.message = format!("{what}: {}", self.parts.message).into();
        self
    }

    /// Adds what still works, unless that is known already.
    #[must_use]
    pub fn still_works(mut self, still_works: impl Into<Cow<'static, str>>) -> Self {
        self.parts.still_works.get_or_insert(still_works.into());
        self
    }

    /// Adds the cause. It is not part of `Display`: only pass on what cannot repeat a secret.
    #[must_use]
    pub fn source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.parts.source = Some(Box::new(source));
        self
    }

    /// Adds the step in which it happened, unless that is known already.
    #[must_use]
    pub fn at(mut self, step: Step) -> Self {
        self.parts.step.get_or_insert(step);
        self
    }

    /// Marks the retries that help as made already, so that the engine makes none on top.
    #[must_use]
    pub fn retried(mut self) -> Self {
        self.parts.retried = true;
        self
    }

    /// Returns what the error means.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.parts.kind
    }

    /// Returns what happened, without what still works and what to do next.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.parts.message
    }

    /// Returns what to do next, where that is said.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.parts.next.as_deref()
    }

    /// Returns the step in which it happened.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        self.parts.step
    }

    /// Returns whether the target refused the credential: the only error that moves Fourstep to another one.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.parts.kind == ErrorKind::Rejected
    }

    /// Returns whether the same call, made a moment later, may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.parts.kind == ErrorKind::Unavailable && !self.parts.retried
    }

    /// Passes every text through `filter`, and drops the source, whose text nobody can vouch for.
    #[must_use]
    pub(crate) fn filtered(mut self, filter: impl Fn(&str) -> String) -> Self {
        self.parts.source = None;
        self.parts.message = filter(&self.parts.message).into();
        self.parts.still_works = self.parts.still_works.map(|text| filter(&text).into());
        self.parts.next = self.parts.next.map(|text| filter(&text).into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { message, still_works, next, step, .. } = &*self.parts;
        if let Some(step) = step {
            write!(f, "{step}: ")?;
        }
        write!(f, "{message}.")?;
        if let Some(still_works) = still_works {
            write!(f, " {still_works}.")?;
        }
        if let Some(next) = next {
            write!(f, " {next}.")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.parts.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.parts.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_happened_what_works_and_what_to_do() {
        let error = Error::rejected("the server refused user `app`")
            .still_works("AWSPREVIOUS (v1) opens the target")
            .next("Start the rotation again")
            .at(Step::Set);
        assert_eq!(
            error.to_string(),
            "setSecret: the server refused user `app`. AWSPREVIOUS (v1) opens the target. Start the rotation again."
        );
        assert_eq!(format!("{error:?}"), format!("Rejected: {error}"));
    }

    #[test]
    fn keeps_the_first_step_and_the_first_word_on_what_works() {
        let error = Error::other("x").at(Step::Set).at(Step::Test).still_works("a").still_works("b");
        assert_eq!(error.to_string(), "setSecret: x. a.");
    }

    #[test]
    fn filtering_reaches_every_text_and_drops_the_source() {
        let error =
            Error::other("hunter22").still_works("hunter22").next("hunter22").source(std::io::Error::other("hunter22"));
        let error = error.filtered(|text| text.replace("hunter22", "*"));
        assert_eq!(error.to_string(), "*. *. *.");
        assert!(StdError::source(&error).is_none());
    }
}
