use fourstep::memory::Exception;

use super::operation::Operation;

/// An error as Secrets Manager sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The name of the error, such as `ThrottlingException`.
    pub exception: String,
    /// Its text.
    pub message: String,
}

impl Refusal {
    /// Creates an error with status 400, as nearly all are.
    pub fn new(exception: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: 400, exception: exception.into(), message: message.into() }
    }

    /// Creates a `ThrottlingException`.
    #[must_use]
    pub fn throttling() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    /// Creates an `InternalServiceError`, with status 500.
    #[must_use]
    pub fn internal() -> Self {
        Self { status: 500, ..Self::new("InternalServiceError", "An error occurred on the server side.") }
    }

    /// Creates an `AccessDeniedException` for a missing right on the operation.
    #[must_use]
    pub fn access_denied(operation: Operation) -> Self {
        let message = format!(
            "User: arn:aws:sts::123456789012:assumed-role/rotation/function is not authorized to perform: \
             secretsmanager:{operation} because no identity-based policy allows the secretsmanager:{operation} action"
        );
        Self::new("AccessDeniedException", message)
    }

    /// Creates the `AccessDeniedException` of a secret whose KMS key the caller may not use.
    #[must_use]
    pub fn kms_denied() -> Self {
        Self::new("AccessDeniedException", "Access to KMS is not allowed")
    }
}

impl From<Exception> for Refusal {
    fn from(exception: Exception) -> Self {
        Self::new(exception.name.as_str(), exception.message)
    }
}
