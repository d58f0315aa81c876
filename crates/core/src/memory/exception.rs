use std::fmt;

/// The names under which Secrets Manager refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExceptionName {
    /// `ResourceNotFoundException`: no such secret, no such version, or a version without a value.
    ResourceNotFound,
    /// `ResourceExistsException`: the name or the version is taken by something else.
    ResourceExists,
    /// `InvalidParameterException`: a value that is out of its limits, or a label that is not where the caller said.
    InvalidParameter,
    /// `InvalidRequestException`: the state of the secret forbids the call.
    InvalidRequest,
    /// `LimitExceededException`: more labels or tags than a secret may have.
    LimitExceeded,
}

impl ExceptionName {
    /// Returns the name as Secrets Manager spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ResourceExists => "ResourceExistsException",
            Self::InvalidParameter => "InvalidParameterException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::LimitExceeded => "LimitExceededException",
        }
    }
}

/// Secrets Manager's refusal of a call. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Which of the documented errors it is.
    pub name: ExceptionName,
    /// What was wrong. It holds no secret.
    pub message: String,
}

impl Exception {
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { name: ExceptionName::ResourceNotFound, message: message.into() }
    }

    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self { name: ExceptionName::ResourceExists, message: message.into() }
    }

    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self { name: ExceptionName::InvalidParameter, message: message.into() }
    }

    pub(super) fn request(message: impl Into<String>) -> Self {
        Self { name: ExceptionName::InvalidRequest, message: message.into() }
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self { name: ExceptionName::LimitExceeded, message: message.into() }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name.as_str(), self.message)
    }
}

impl std::error::Error for Exception {}
