//! The one place that says what an error of the SDK means.

use std::error::Error as StdError;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ConnectorError, DisplayErrorContext, ProvideErrorMetadata, SdkError};
use fourstep::{Error, ErrorKind};

use crate::operation::{Operation, Service};

/// What a service says by the name of an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Throttled,
    Failed,
    Denied,
    KeyUnusable,
    CredentialsRefused,
    Missing,
    StateForbids,
    Malformed,
    OverQuota,
}

/// The exceptions that the operations can give.
///
/// Sources: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html>, the Errors section of
/// each operation there, <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html>,
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>, and <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors>
/// for those of KMS, which Secrets Manager calls on behalf of the function.
const MEANINGS: &[(&str, Meaning)] = &[
    // "Rate exceeded". The others are the names that AWS services share.
    ("ThrottlingException", Meaning::Throttled),
    ("Throttling", Meaning::Throttled),
    ("ThrottledException", Meaning::Throttled),
    ("RequestThrottled", Meaning::Throttled),
    ("RequestThrottledException", Meaning::Throttled),
    ("RequestLimitExceeded", Meaning::Throttled),
    ("TooManyRequestsException", Meaning::Throttled),
    ("SlowDown", Meaning::Throttled),
    // An error on the server's side; each comes with a status of 500 or more.
    ("InternalServiceError", Meaning::Failed),
    ("InternalFailure", Meaning::Failed),
    ("InternalServerError", Meaning::Failed),
    ("ServiceUnavailable", Meaning::Failed),
    ("ServiceUnavailableException", Meaning::Failed),
    // Of EC2.
    ("InternalError", Meaning::Failed),
    ("Unavailable", Meaning::Failed),
    ("RequestTimeout", Meaning::Failed),
    ("RequestTimeoutException", Meaning::Failed),
    // Of KMS: it could not be reached, or did not answer in time.
    ("KMSInternalException", Meaning::Failed),
    ("DependencyTimeoutException", Meaning::Failed),
    // A policy of the role, the secret, the organisation or the VPC end point says no; or, in the same name, KMS does:
    // "Access to KMS is not allowed".
    ("AccessDeniedException", Meaning::Denied),
    ("AccessDenied", Meaning::Denied),
    ("NotAuthorized", Meaning::Denied),
    ("UnauthorizedOperation", Meaning::Denied),
    // The key is disabled, is being deleted, is gone, or may not be used.
    ("DecryptionFailure", Meaning::KeyUnusable),
    ("EncryptionFailure", Meaning::KeyUnusable),
    ("KMSAccessDeniedException", Meaning::KeyUnusable),
    ("KMSInvalidStateException", Meaning::KeyUnusable),
    ("DisabledException", Meaning::KeyUnusable),
    ("KeyUnavailableException", Meaning::KeyUnusable),
    // The signature or its credentials are not accepted; nothing is known of the permissions.
    ("UnrecognizedClientException", Meaning::CredentialsRefused),
    ("InvalidClientTokenId", Meaning::CredentialsRefused),
    ("ExpiredToken", Meaning::CredentialsRefused),
    ("ExpiredTokenException", Meaning::CredentialsRefused),
    ("InvalidSignatureException", Meaning::CredentialsRefused),
    ("IncompleteSignature", Meaning::CredentialsRefused),
    ("IncompleteSignatureException", Meaning::CredentialsRefused),
    ("MissingAuthenticationToken", Meaning::CredentialsRefused),
    ("MissingAuthenticationTokenException", Meaning::CredentialsRefused),
    ("SignatureDoesNotMatch", Meaning::CredentialsRefused),
    ("AuthFailure", Meaning::CredentialsRefused),
    ("RequestExpired", Meaning::CredentialsRefused),
    ("OptInRequired", Meaning::CredentialsRefused),
    // No such secret. GetSecretValue says so of a version without a value too: see is_missing.
    ("ResourceNotFoundException", Meaning::Missing),
    // Marked for deletion, or managed by another AWS service.
    ("InvalidRequestException", Meaning::StateForbids),
    ("PreconditionNotMetException", Meaning::StateForbids),
    // UpdateSecretVersionStage says so of a label that is elsewhere: the store takes that for a conflict.
    ("InvalidParameterException", Meaning::Malformed),
    ("ValidationException", Meaning::Malformed),
    ("ValidationError", Meaning::Malformed),
    ("InvalidNextTokenException", Meaning::Malformed),
    // 20 labels a version, about 100 versions a secret.
    ("LimitExceededException", Meaning::OverQuota),
];

/// Explains what an error of `operation` on `subject`, a secret or a database, means, and what to do.
///
/// The SDK has retried by then, so an `Unavailable` is marked as retried.
///
/// The text of the service is passed on where it is about rights and states. It is not where a request was
/// malformed: that text repeats the field's value.
pub fn classify<E>(error: &SdkError<E, HttpResponse>, operation: &Operation, subject: &str) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(refusal) => refused(refusal.err(), refusal.raw().status().as_u16(), operation, subject),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => unreachable(error, operation.service),
            None => no_answer(operation),
        },
        SdkError::TimeoutError(_) => no_answer(operation),
        SdkError::ResponseError(response) => foreign_answer(operation, response.raw().status().as_u16()),
        SdkError::ConstructionFailure(_) => not_sent(error, operation.service),
        _ => Error::other(format!("{} failed in a way that is not known", operation.name)),
    }
}

/// Returns whether GetSecretValue finds nothing: no such secret, or the version has no value, or none yet. One code stands for
/// all of them.
pub(crate) fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("ResourceNotFoundException")
}

fn refused(refusal: &impl ProvideErrorMetadata, status: u16, operation: &Operation, subject: &str) -> Error {
    // Each service names all of its errors.
    let Some(code) = refusal.code() else { return foreign_answer(operation, status) };
    let said = said(operation.service, refusal.message());
    let (service, prefix, name) = (operation.service.name, operation.service.prefix, operation.name);
    let meaning = MEANINGS.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning);
    // A new name is judged by its status.
    let meaning = meaning.or(match status {
        429 => Some(Meaning::Throttled),
        500.. => Some(Meaning::Failed),
        _ => None,
    });
    match meaning {
        Some(Meaning::Throttled) => {
            Error::unavailable(format!("{service} throttles {name} ({code}), also after retries"))
                .next("Secrets Manager tries the rotation again by itself. If this goes on, spread the rotations over time")
                .retried()
        }
        Some(Meaning::Failed) => {
            Error::unavailable(format!("{service} failed to answer {name} ({code}), also after retries"))
                .next("Secrets Manager tries the rotation again by itself")
                .retried()
        }
        Some(Meaning::Denied) if said.contains("KMS") => key_unusable(operation, subject, code, &said),
        Some(Meaning::Denied) => {
            Error::forbidden(format!("the function may not call {prefix}:{name} on {subject}{said}")).next(format!(
                "Allow {prefix}:{name} on {subject} to the function's role; if it is allowed there, look at the policies of {}the organisation and the VPC endpoint{}",
                operation.service.further_policy, operation.service.needed
            ))
        }
        Some(Meaning::KeyUnusable) => key_unusable(operation, subject, code, &said),
        Some(Meaning::CredentialsRefused) => {
            Error::forbidden(format!("{service} does not accept the function's credentials ({code})"))
                .next("Look at the function's role and its trust policy, at its clock, and at variables that override its credentials")
        }
        Some(Meaning::Missing) => Error::invalid(format!("{} {subject} does not exist in this account and region", operation.service.noun))
            .next(operation.service.found_by),
        Some(Meaning::StateForbids) if said.contains("deletion") || said.contains("was deleted") => {
            Error::invalid(format!("secret {subject} is scheduled for deletion"))
                .next("Restore it with RestoreSecret, or turn its rotation off")
        }
        Some(Meaning::StateForbids | Meaning::Malformed) if said.contains("RotationToken") => {
            Error::forbidden(format!("{name} on {subject} asks for the rotation's own RotationToken{said}"))
                .next("Let Secrets Manager itself invoke this function: its event brings RotationToken. If it does, compare the secret's RotationLambdaARN with this function")
        }
        Some(Meaning::StateForbids) => Error::invalid(format!("the state of {} {subject} forbids {name}{said}", operation.service.noun))
            .next(format!("Correct what {service} names; a secret that another AWS service manages is rotated by that service")),
        Some(Meaning::Malformed) => {
            Error::invalid(format!("{service} finds a parameter of {name} on {subject} invalid ({code})"))
                .next(operation.service.found_by)
        }
        Some(Meaning::OverQuota) => {
            Error::invalid(format!("{name} on {subject} would exceed a quota of {service}{said}"))
                .next("Remove labels that the secret does not need, or rotate it less often: versions without a label are deleted after 24 hours")
        }
        None => Error::new(
            ErrorKind::Other,
            format!("{service} refused {name} on {subject} with {} (HTTP {status})", printable(code)),
        ),
    }
}

fn key_unusable(operation: &Operation, subject: &str, code: &str, said: &str) -> Error {
    let (name, permissions) = (operation.name, operation.key_permissions);
    Error::forbidden(format!("{name} on {subject} may not use the secret's KMS key ({code}){said}")).next(format!(
        "Allow {permissions} to the function's role, in its policy and in the key's; see also that the key is enabled"
    ))
}

/// Returns why there was no connection. The texts of the layers below tell it, where their types are private.
fn unreachable(error: &ConnectorError, service: &Service) -> Error {
    let name = service.name;
    let chain = DisplayErrorContext(error).to_string();
    let has = |part: &str| chain.contains(part);
    if error.is_timeout() && !has("connect timeout") {
        return Error::unavailable(format!("{name} took the request and did not answer in time, also after retries"))
            .next("Secrets Manager tries the rotation again by itself")
            .retried();
    }
    if has("credentials") || has("identity") {
        return Error::forbidden(format!("there are no credentials to call {name} with")).next(
            "Give the function a role; Lambda then sets AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
        );
    }
    if has("dns error") || has("failed to lookup") {
        return Error::unavailable(format!("the name of {name}'s endpoint does not resolve"))
            .next("In a VPC, turn on enableDnsSupport and enableDnsHostnames, or give the VPC endpoint a private DNS name; if AWS_ENDPOINT_URL is set, correct it")
            .retried();
    }
    if has("invalid peer certificate")
        || has("UnknownIssuer")
        || has("received fatal alert")
        || has("InvalidContentType")
    {
        return Error::unavailable(format!("the TLS handshake with {name} failed: its certificate is not trusted, or something else answers in its place"))
            .next(format!("Look for a proxy or firewall that terminates TLS between the function and {name}"))
            .retried();
    }
    let what = if error.is_timeout() {
        "nothing answered an attempt to connect"
    } else if has("Connection refused") {
        "the connection is refused"
    } else {
        "the connection broke"
    };
    let (prefix, needed) = (service.prefix, service.needed);
    Error::unavailable(format!("{name} cannot be reached: {what}, also after retries"))
        .next(format!("If the function is in a VPC, give its subnets a VPC endpoint for {name} (com.amazonaws.<region>.{prefix}) or a NAT gateway, let the security groups of function and endpoint pass TCP 443, and see that DNS gives the endpoint's address{needed}"))
        .retried()
}

fn foreign_answer(operation: &Operation, status: u16) -> Error {
    let service = operation.service;
    let (name, variable) = (service.name, service.endpoint_variable);
    Error::unavailable(format!("the answer to {} is not one of {name} (HTTP {status})", operation.name))
        .next(format!("Look at what stands between: a proxy, or the variables AWS_ENDPOINT_URL and {variable}"))
        .retried()
}

fn no_answer(operation: &Operation) -> Error {
    let service = operation.service.name;
    Error::unavailable(format!("{service} gave no answer to {} in time, also after retries", operation.name))
        .next("Secrets Manager tries the rotation again by itself")
        .retried()
}

/// A request that was not made: no region, or a part of it that HTTP cannot carry.
fn not_sent(error: &(dyn StdError + 'static), service: &Service) -> Error {
    let chain = DisplayErrorContext(error).to_string();
    if chain.to_ascii_lowercase().contains("region") {
        return Error::invalid("no AWS region is set").next("Set the variable AWS_REGION; Lambda does so by itself");
    }
    Error::invalid(format!("the request to {} could not be made", service.name))
        .next("Look at the variables AWS_REGION and AWS_ENDPOINT_URL, and at SecretId of the event")
}

/// Returns the service's own words, to be put behind ours.
fn said(service: &Service, message: Option<&str>) -> String {
    match message.map(|message| printable(message.trim().trim_end_matches('.'))) {
        Some(message) if !message.is_empty() => format!("; {} says: {message}", service.name),
        _ => String::new(),
    }
}

/// Keeps a foreign text on one line and of a bearable length.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(500).collect()
}

#[cfg(test)]
mod tests;
