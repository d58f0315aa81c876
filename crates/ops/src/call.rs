use std::error::Error as StdError;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ConnectorError, DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::error::{Error, Reason, one_line};

/// A call of AWS, as far as messages name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// The name in permissions, as `secretsmanager`.
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    /// What it is about, as `secret app`.
    pub(crate) subject: &'a str,
}

impl Call<'_> {
    /// Explains what an error of the call means, and what to do.
    pub(crate) fn failed<E>(self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let Self { service, operation, .. } = self;
        match error {
            SdkError::ServiceError(refusal) => self.refused(refusal.err(), refusal.raw().status().as_u16()),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(error) => self.unreachable(error),
                None => self.unreachable_because("there was no answer"),
            },
            SdkError::TimeoutError(_) => self.unreachable_because("there was no answer in time"),
            SdkError::ResponseError(response) => Error::new(
                Reason::Unreachable,
                format!(
                    "the answer to {operation} is not one of {service} (HTTP {})",
                    response.raw().status().as_u16()
                ),
                "Look at what stands between: a proxy, --endpoint-url, or the variable AWS_ENDPOINT_URL",
            ),
            SdkError::ConstructionFailure(_) => not_sent(error),
            _ => {
                Error::new(Reason::ServiceFailed, format!("{operation} failed in a way that is not known"), "Try again")
            }
        }
    }

    fn refused(self, refusal: &impl ProvideErrorMetadata, status: u16) -> Error {
        let Self { service, operation, subject } = self;
        let code = refusal.code().unwrap_or_default();
        let said = said(refusal.message());
        match code {
            "ResourceNotFoundException" => Error::new(
                Reason::NotFound,
                format!("{subject} does not exist in this account and region{said}"),
                "Look at the name, and at the account and the region: --profile, --region; `fourstep status --all` lists the secrets there",
            ),
            "InvalidParameterException" | "ValidationException" | "InvalidParameterValueException" => Error::new(
                Reason::InvalidParameter,
                format!("{operation} finds a parameter invalid for {subject}{said}"),
                "Correct the option that the message names; nothing was changed",
            ),
            "InvalidRequestException" if said.contains("deletion") => Error::new(
                Reason::InvalidRequest,
                format!("{subject} is scheduled for deletion"),
                "Restore it first: aws secretsmanager restore-secret",
            ),
            "InvalidRequestException" => Error::new(
                Reason::InvalidRequest,
                format!("the state of {subject} forbids {operation}{said}"),
                "Look at it with `fourstep status`; nothing was changed",
            ),
            "LimitExceededException" => Error::new(
                Reason::LimitExceeded,
                format!("{operation} would exceed a quota of {subject}{said}"),
                "Remove labels or versions that are not needed: `fourstep versions` lists them",
            ),
            "PreconditionNotMetException" | "PreconditionFailedException" => Error::new(
                Reason::PreconditionNotMet,
                format!("a condition of {operation} does not hold for {subject}{said}"),
                "Correct what the message names, then try again; nothing was changed",
            ),
            "ResourceExistsException" => Error::new(
                Reason::Exists,
                format!("the token of {operation} belongs to another request on {subject}{said}"),
                "Use another token, or none: then one is made",
            ),
            "DecryptionFailure"
            | "EncryptionFailure"
            | "KMSAccessDeniedException"
            | "KMSInvalidStateException"
            | "KMSDisabledException"
            | "KMSNotFoundException" => self.key_unusable(&said),
            "AccessDeniedException" | "AccessDenied" | "NotAuthorized" if said.contains("KMS") => {
                self.key_unusable(&said)
            }
            "AccessDeniedException" | "AccessDenied" | "NotAuthorized" => Error::new(
                Reason::Denied,
                format!("you may not call {service}:{operation} on {subject}{said}"),
                format!(
                    "Allow {service}:{operation} to your role or user; if it is allowed there, look at the policies of the resource and the organisation"
                ),
            ),
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => Error::new(
                Reason::Credentials,
                format!("AWS does not accept your credentials ({code})"),
                "Log in again, or choose others by --profile; if they are right, look at this machine's clock",
            ),
            _ if status == 429
                || code.contains("Throttl")
                || ["RequestLimitExceeded", "TooManyRequestsException", "SlowDown"].contains(&code) =>
            {
                Error::new(
                    Reason::Throttled,
                    format!("{service} throttles {operation} ({code}), also after retries"),
                    "Try again in a moment; for many secrets, use `fourstep fleet rotate`, which keeps to the account's quota",
                )
            }
            _ if status >= 500 || code.starts_with("Internal") => Error::new(
                Reason::ServiceFailed,
                format!("{service} failed to answer {operation} ({}), also after retries", one_line(code)),
                "Try again in a moment; look at https://health.aws.amazon.com if it goes on",
            ),
            _ => Error::new(
                Reason::ServiceFailed,
                format!("{service} refused {operation} on {subject} with {} (HTTP {status}){said}", one_line(code)),
                "Correct what the message names; nothing was changed",
            ),
        }
    }

    fn key_unusable(self, said: &str) -> Error {
        let Self { operation, subject, .. } = self;
        Error::new(
            Reason::KeyUnusable,
            format!("{operation} may not use the KMS key of {subject}{said}"),
            "Allow kms:Decrypt to your role, in its policy and in the key's, and see that the key is enabled",
        )
    }

    /// Returns why there was no connection. The texts of the layers below tell it, where their types are private.
    fn unreachable(self, error: &ConnectorError) -> Error {
        let chain = DisplayErrorContext(error).to_string();
        let has = |part: &str| chain.contains(part);
        if has("credential") || has("identity") {
            return Error::new(Reason::Credentials, "there are no credentials to call AWS with", NO_CREDENTIALS);
        }
        let what = if has("dns error") || has("failed to lookup") {
            "the name of its end point does not resolve"
        } else if has("invalid peer certificate") || has("UnknownIssuer") || has("InvalidContentType") {
            "its certificate is not trusted, or something else answers in its place"
        } else if has("Connection refused") {
            "the connection is refused"
        } else if error.is_timeout() {
            "nothing answers"
        } else {
            "the connection broke"
        };
        self.unreachable_because(what)
    }

    fn unreachable_because(self, what: &str) -> Error {
        let Self { service, operation, .. } = self;
        Error::new(
            Reason::Unreachable,
            format!("{operation} did not reach {service}: {what}, also after retries"),
            "Look at the network, at --region and --endpoint-url. What was begun goes on at AWS: run the same command again",
        )
    }
}

const NO_CREDENTIALS: &str = "Log in (for single sign-on: aws sso login), name another profile by --profile or AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// A request that was not made: no region, no credentials, or a part of it that HTTP cannot carry.
fn not_sent(error: &(dyn StdError + 'static)) -> Error {
    let chain = DisplayErrorContext(error).to_string().to_ascii_lowercase();
    if chain.contains("credential") || chain.contains("identity") {
        return Error::new(Reason::Credentials, "there are no credentials to call AWS with", NO_CREDENTIALS);
    }
    Error::wrong_usage("the request could not be made", "Look at --region, --endpoint-url and the name of the secret")
}

/// Returns the service's own words, to be put behind ours.
fn said(message: Option<&str>) -> String {
    match message.map(|message| one_line(message.trim().trim_end_matches('.'))) {
        Some(message) if !message.is_empty() => format!("; AWS says: {message}"),
        _ => String::new(),
    }
}
