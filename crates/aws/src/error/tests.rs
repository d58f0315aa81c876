use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use fourstep::Sensitive;
use fourstep::store::{Description, Put, RotationRules, SecretStore};
use tokio::net::TcpListener;

use super::*;
use crate::SecretsManagerStore;
use crate::client::tests::{client_at, full};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:app/db-a1b2c3";
const TOKEN: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";

fn store_at(address: SocketAddr) -> SecretsManagerStore {
    SecretsManagerStore::new(client_at(&format!("http://{address}")))
}

/// Starts a server that answers everything alike.
async fn answering(status: u16, body: String) -> SecretsManagerStore {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = move || {
        let headers = HeaderMap::from_iter([(
            axum::http::header::CONTENT_TYPE,
            axum::http::HeaderValue::from_static("application/x-amz-json-1.1"),
        )]);
        let body = body.clone();
        async move { (status, headers, body) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    store_at(address)
}

async fn refusing(status: u16, code: &str, message: &str) -> SecretsManagerStore {
    answering(status, serde_json::json!({ "__type": code, "message": message }).to_string()).await
}

async fn describe_error(status: u16, code: &str, message: &str) -> Error {
    refusing(status, code, message).await.describe(ARN).await.unwrap_err()
}

#[tokio::test]
async fn each_exception_is_of_the_kind_that_says_who_acts() {
    for (code, message, kind, expected) in [
        ("ThrottlingException", "Rate exceeded", ErrorKind::Unavailable, "throttles DescribeSecret"),
        ("TooManyRequestsException", "", ErrorKind::Unavailable, "throttles DescribeSecret"),
        ("InternalServiceError", "", ErrorKind::Unavailable, "failed to answer DescribeSecret"),
        ("DependencyTimeoutException", "", ErrorKind::Unavailable, "failed to answer DescribeSecret"),
        (
            "AccessDeniedException",
            "User: arn:aws:sts::111122223333:assumed-role/rotate is not authorized",
            ErrorKind::Forbidden,
            "may not call secretsmanager:DescribeSecret on arn:aws:secretsmanager:eu-central-1:111122223333:secret:app/db-a1b2c3; Secrets Manager says: User: arn:aws:sts::111122223333:assumed-role/rotate is not authorized. Allow secretsmanager:DescribeSecret on",
        ),
        ("AccessDeniedException", "Access to KMS is not allowed", ErrorKind::Forbidden, "Allow kms:Decrypt to"),
        ("DecryptionFailure", "", ErrorKind::Forbidden, "Allow kms:Decrypt to the function's role"),
        ("DisabledException", "", ErrorKind::Forbidden, "the key is enabled"),
        ("ExpiredTokenException", "", ErrorKind::Forbidden, "does not accept the function's credentials"),
        (
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
            ErrorKind::Invalid,
            "does not exist in this account and region. Correct SecretId",
        ),
        (
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
            ErrorKind::Invalid,
            "is scheduled for deletion. Restore it with RestoreSecret",
        ),
        (
            "InvalidRequestException",
            "This secret is owned by another service.",
            ErrorKind::Invalid,
            "Secrets Manager says: This secret is owned by another service. Correct",
        ),
        ("LimitExceededException", "", ErrorKind::Invalid, "would exceed a quota"),
        ("NeverHeardOf", "", ErrorKind::Other, "with NeverHeardOf (HTTP 400)"),
    ] {
        let error = describe_error(400, code, message).await;
        assert_eq!(error.kind(), kind, "{code}: {error}");
        assert!(error.to_string().contains(expected), "{code}: {error}");
        assert!(!error.is_retryable(), "{code}: the SDK retried already");
    }
}

#[tokio::test]
async fn a_name_that_is_new_is_judged_by_its_status() {
    for (status, kind) in [(500, ErrorKind::Unavailable), (503, ErrorKind::Unavailable), (429, ErrorKind::Unavailable)]
    {
        assert_eq!(describe_error(status, "NeverHeardOf", "").await.kind(), kind, "{status}");
    }
}

#[tokio::test]
async fn no_text_that_may_repeat_a_value_is_passed_on() {
    let message = "1 validation error detected: Value 'hunter22' at 'secretString' failed to satisfy constraint";
    for code in ["ValidationException", "InvalidParameterException"] {
        let store = refusing(400, code, message).await;
        let error = store.put_pending(ARN, TOKEN, &Sensitive::new("hunter22"), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!format!("{error:?}").contains("hunter22"), "{error:?}");
    }
}

#[tokio::test]
async fn a_foreign_text_stays_on_its_line_and_short() {
    let error = describe_error(400, "AccessDeniedException", &format!("a\nb\u{1b}[31m{}", "x".repeat(2000))).await;
    let text = error.to_string();
    assert!(!text.contains(char::is_control) && text.len() < 1200, "{text}");
}

#[tokio::test]
async fn a_version_without_a_value_is_none_and_a_secret_that_is_not_there_is_invalid() {
    // Whatever the words are.
    let store = refusing(400, "ResourceNotFoundException", "Nicht da.").await;
    assert!(store.read(ARN, TOKEN).await.unwrap().is_none());
    let store = refusing(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.").await;
    assert_eq!(store.describe(ARN).await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn put_tells_another_value_a_missing_rotation_token_and_a_missing_key_apart() {
    let value = Sensitive::new("{}");
    let exists = refusing(400, "ResourceExistsException", "You can't modify an existing version.").await;
    assert_eq!(exists.put_pending(ARN, TOKEN, &value, None).await.unwrap(), Put::OtherValueStored);
    let token = refusing(400, "InvalidRequestException", "RotationToken is required.").await;
    let error = token.put_pending(ARN, TOKEN, &value, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert!(error.to_string().contains("its event brings RotationToken"), "{error}");
    let key = refusing(400, "EncryptionFailure", "").await.put_pending(ARN, TOKEN, &value, None).await.unwrap_err();
    assert!(key.to_string().contains("Allow kms:GenerateDataKey and kms:Decrypt"), "{key}");
}

#[tokio::test]
async fn a_label_that_is_elsewhere_is_a_conflict() {
    let message = "When you move staging label AWSCURRENT, it must be set to the version that currently has it.";
    let store = refusing(400, "InvalidParameterException", message).await;
    let error = store.promote(ARN, TOKEN, "old").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("is not on version old any more"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_secrets_managers_is_unavailable() {
    for status in [200, 502] {
        let error = answering(status, "<html>".to_owned()).await.describe(ARN).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{status}: {error}");
    }
}

#[tokio::test]
async fn a_description_is_read_whole() {
    let body = serde_json::json!({
        "ARN": ARN, "Name": "app/db", "RotationEnabled": true, "RotationLambdaARN": "arn:aws:lambda:x",
        "DeletedDate": 1_700_000_000.5, "LastRotatedDate": 1_600_000_000.25, "PrimaryRegion": "eu-central-1",
        "RotationRules": { "AutomaticallyAfterDays": 30, "Duration": "3h" },
        "Tags": [{ "Key": "fourstep:retire", "Value": "at-finish" }],
        "VersionIdsToStages": { TOKEN: ["AWSPENDING"], "old": ["AWSCURRENT"] },
        "ReplicationStatus": [
            { "Region": "eu-west-1", "Status": "InSync" }, { "Region": "us-east-1", "Status": "InProgress" },
        ],
    });
    let description = answering(200, body.to_string()).await.describe(ARN).await.unwrap();
    let text = |value: &str| value.to_owned();
    let expected = Description {
        arn: text(ARN),
        name: text("app/db"),
        rotation_enabled: true,
        rotation_lambda_arn: Some(text("arn:aws:lambda:x")),
        last_rotated: Some(std::time::UNIX_EPOCH + Duration::from_millis(1_600_000_000_250)),
        rules: RotationRules {
            automatically_after_days: Some(30),
            duration: Some(text("3h")),
            schedule_expression: None,
        },
        stages: [(text(TOKEN), vec![text("AWSPENDING")]), (text("old"), vec![text("AWSCURRENT")])].into(),
        tags: [(text("fourstep:retire"), text("at-finish"))].into(),
        deleted: Some(std::time::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500)),
        primary_region: Some(text("eu-central-1")),
        replicas_behind: [(text("us-east-1"), text("InProgress"))].into(),
    };
    assert_eq!(description, expected);
}

#[tokio::test]
async fn an_endpoint_that_drops_every_syn_ends_within_five_seconds_and_names_the_cause() {
    let (_full, address) = full().await;
    let started = Instant::now();
    let error = store_at(address).describe(ARN).await.unwrap_err();
    let took = started.elapsed();
    println!("no connection: {took:?}: {error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(took < Duration::from_secs(5), "{took:?}");
    for part in ["cannot be reached", "VPC endpoint for Secrets Manager", "NAT gateway", "security groups", "DNS"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn an_endpoint_that_accepts_and_never_answers_ends_too_and_reads_differently() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let started = Instant::now();
    let error = store_at(address).describe(ARN).await.unwrap_err();
    println!("no answer: {:?}: {error}", started.elapsed());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(started.elapsed() < Duration::from_secs(25));
    assert!(error.to_string().contains("gave no answer to DescribeSecret in time"), "{error}");
}

#[tokio::test]
async fn refusals_names_and_tls_read_differently() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let speaks_http = plain.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(plain, Router::new()).await });
    for (endpoint, expected) in [
        (format!("http://{unused}"), "the connection is refused"),
        ("http://secretsmanager.nowhere.invalid".to_owned(), "does not resolve"),
        (format!("https://{speaks_http}"), "the TLS handshake with Secrets Manager failed"),
    ] {
        let error = SecretsManagerStore::new(client_at(&endpoint)).describe(ARN).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains(expected), "{error}");
    }
}
