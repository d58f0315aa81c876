//! The one place that says what an error of Systems Manager and of the SSH library means.

use std::error::Error as StdError;
use std::io;

use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use fourstep::Error;

/// An operation of Systems Manager, by the name of its permission after `ssm:`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    DescribeInstanceInformation,
    SendCommand,
    ListCommands,
    ListCommandInvocations,
    GetParametersByPath,
    PutParameter,
    DeleteParameters,
}

/// Explains what an error means, and what to do. The text of Systems Manager is not passed on: it may repeat parameters.
pub(crate) fn classify<E>(error: &SdkError<E, HttpResponse>, operation: Operation) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let Some(code) = code else {
        return Error::unavailable(format!("Systems Manager gave no answer to {operation:?}, also after retries"))
            .next("If the function is in a VPC, give its subnets a VPC endpoint for Systems Manager (com.amazonaws.<region>.ssm) or a NAT gateway, and let TCP 443 pass")
            .retried();
    };
    match code {
        // A policy of the role, the organisation or the VPC end point says no.
        "AccessDeniedException" | "AccessDenied" => {
            Error::forbidden(format!("the function may not call ssm:{operation:?}")).next(match operation {
                Operation::SendCommand => "Allow ssm:SendCommand to the function's role, on the document that SSM_DOCUMENT names (without it, AWS-RunShellScript) and on the hosts",
                Operation::GetParametersByPath | Operation::PutParameter | Operation::DeleteParameters => "KnownHosts of so many hosts does not fit into the secret, so it is in Parameter Store. Allow ssm:GetParametersByPath, ssm:PutParameter and ssm:DeleteParameters to the function's role on parameter/fourstep/known-hosts/*",
                _ => "Allow it to the function's role, on all resources",
            })
        }
        // The account calls this operation too often in this region.
        "ThrottlingException" | "Throttling" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            Error::unavailable(format!("Systems Manager throttles {operation:?}, also after retries"))
                .next("Secrets Manager tries the rotation again by itself. If this goes on, spread the rotations over time")
                .retried()
        }
        // A host that is named is not managed, or is in no state to take orders.
        "InvalidInstanceId" => Error::unavailable("Systems Manager takes no orders for one of the hosts")
            .next("Look at Fleet Manager for the hosts that are named or tagged: each needs a running agent"),
        // SSM_DOCUMENT names none of this account and region, or one that is not shared with it.
        "InvalidDocument" | "DocumentNotFound" => Error::invalid("Systems Manager has no document of the name in SSM_DOCUMENT")
            .next("Set SSM_DOCUMENT to the document that the template makes, or remove it for AWS-RunShellScript"),
        // The document has other parameters, or a value does not fit the pattern of one.
        "InvalidParameters" => Error::invalid("the document in SSM_DOCUMENT refuses what it is to do")
            .next("The template's document serves SshUser and AllowedSshUsers of its stack only, and secrets of its account: compare them with the user of this secret. If the function is newer than the document, update the stack"),
        // There is no command of that id, or not yet.
        "InvalidCommandId" => Error::unavailable("Systems Manager does not know the command yet"),
        // Systems Manager itself is in trouble.
        "InternalServerError" | "InternalFailure" | "ServiceUnavailable" => {
            Error::unavailable(format!("Systems Manager failed to answer {operation:?}, also after retries"))
                .next("Secrets Manager tries the rotation again by itself")
                .retried()
        }
        // The role's temporary credentials have expired, or the role was deleted.
        "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException" => {
            Error::forbidden(format!("Systems Manager does not accept the function's credentials ({code})"))
                .next("Look at the function's role and its trust policy")
        }
        _ => {
            let known = code.chars().take(80).all(|sign| sign.is_ascii_alphanumeric());
            let code = if known { code } else { "an error of no known name" };
            Error::invalid(format!("Systems Manager refuses {operation:?} with {code}"))
                .next("Look at the hosts' tags and ids in the settings")
        }
    }
}

/// Explains in our own words why there is no session, or no longer one: the texts of the other side are foreign.
///
/// `UnknownKey` and `NoCommonAlgo`, by which a host shows another key than the pinned ones, are not for this function:
/// whoever opens the session knows both keys, and names them.
pub(crate) fn no_session(error: &russh::Error, port: u16) -> String {
    match error {
        russh::Error::IO(error) => match error.kind() {
            // Nothing listens at the port, or a firewall says no.
            io::ErrorKind::ConnectionRefused => format!("the connection to port {port} is refused"),
            // Whatever is sent there is dropped, as by a security group.
            io::ErrorKind::TimedOut => format!("nothing answers at port {port}"),
            // The subnet's routes do not lead there, or the last router does not find the host.
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "there is no route".to_owned(),
            kind => format!("the connection broke: {kind}"),
        },
        // The first line was not `SSH-2.0-…`.
        russh::Error::Version => "what answers is no SSH server".to_owned(),
        _ => "the SSH connection broke".to_owned(),
    }
}
