//! AWS Lambda, as far as an operator asks it: Invoke, GetFunction and GetPolicy.

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::rotation::{FunctionError, Invoke};

const FUNCTIONS: &str = "/2015-03-31/functions/";

/// What a function is, beside what it does.
#[derive(Clone, Debug)]
pub struct FunctionFacts {
    /// `provided.al2023`, or another runtime.
    pub runtime: String,
    /// The time-out in seconds.
    pub timeout: u32,
    /// The ARN of its role.
    pub role: String,
    /// Its log group, if that is not `/aws/lambda/` and its name.
    pub log_group: Option<String>,
    /// Its variables.
    pub variables: Vec<(String, String)>,
    /// Its resource policy, if it has one.
    pub policy: Option<Value>,
}

impl Default for FunctionFacts {
    /// A function that Secrets Manager may invoke, for its own account only.
    fn default() -> Self {
        Self {
            runtime: "provided.al2023".to_owned(),
            timeout: 30,
            role: "arn:aws:iam::123456789012:role/rotation".to_owned(),
            log_group: None,
            variables: Vec::new(),
            policy: Some(json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": "secretsmanager.amazonaws.com" },
                    "Action": "lambda:InvokeFunction",
                    "Condition": { "StringEquals": { "AWS:SourceAccount": "123456789012" } },
                }],
            })),
        }
    }
}

/// What is asked of Lambda.
pub(super) enum Asked {
    Invoke,
    Function,
    Policy,
}

impl Asked {
    /// Reads what a request asks. `None`: it is not one to Lambda.
    pub(super) fn parse(method: &Method, path: &str) -> Option<Self> {
        let rest = path.strip_prefix(FUNCTIONS)?;
        let what = rest.split_once('/').map(|(_, what)| what);
        match (method, what) {
            (&Method::POST, Some("invocations")) => Some(Self::Invoke),
            (&Method::GET, Some("policy")) => Some(Self::Policy),
            (&Method::GET, None) => Some(Self::Function),
            _ => None,
        }
    }

    /// Returns the name in permissions.
    pub(super) fn permission(&self) -> &'static str {
        match self {
            Self::Invoke => "lambda:InvokeFunction",
            Self::Function => "lambda:GetFunction",
            Self::Policy => "lambda:GetPolicy",
        }
    }

    /// Answers. A dry run only tells whether the caller may invoke the function.
    pub(super) async fn answer(
        self,
        facts: &FunctionFacts,
        invoke: Option<Invoke>,
        dry_run: bool,
        body: &[u8],
    ) -> Response {
        match self {
            Self::Invoke if dry_run => StatusCode::NO_CONTENT.into_response(),
            Self::Invoke => match (invoke, serde_json::from_slice::<Value>(body)) {
                (None, _) => refusal(&not_found()),
                (_, Err(_)) => refusal(&Refusal::new("InvalidRequestContentException", "The payload is not JSON.")),
                (Some(invoke), Ok(event)) => invoked(invoke(event).await),
            },
            Self::Function => {
                let variables: serde_json::Map<_, _> =
                    facts.variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                let configuration = json!({
                    "FunctionName": "rotate",
                    "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:rotate",
                    "Runtime": facts.runtime,
                    "Timeout": facts.timeout,
                    "Role": facts.role,
                    "LoggingConfig": {
                        "LogFormat": "Text",
                        "LogGroup": facts.log_group.as_deref().unwrap_or("/aws/lambda/rotate"),
                    },
                    "State": "Active",
                    "Environment": { "Variables": variables },
                });
                body_of(StatusCode::OK, &json!({ "Configuration": configuration }))
            }
            Self::Policy => match &facts.policy {
                Some(policy) => body_of(StatusCode::OK, &json!({ "Policy": policy.to_string(), "RevisionId": "1" })),
                None => refusal(&not_found()),
            },
        }
    }
}

fn invoked(answer: Result<Value, FunctionError>) -> Response {
    match answer {
        Ok(value) => body_of(StatusCode::OK, &value),
        Err(error) => {
            let body = json!({ "errorType": error.error_type, "errorMessage": error.message });
            ([("x-amz-function-error", "Unhandled")], body_of(StatusCode::OK, &body)).into_response()
        }
    }
}

fn not_found() -> Refusal {
    Refusal { status: 404, ..Refusal::new("ResourceNotFoundException", "Function or policy not found") }
}

/// Lambda names the exception in a header.
pub(super) fn refusal(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = json!({ "Type": "User", "Message": refusal.message });
    ([("x-amzn-errortype", refusal.exception.clone())], body_of(status, &body)).into_response()
}

fn body_of(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
