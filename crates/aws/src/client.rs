//! The one place that decides how services of AWS are called: credentials, TLS, time-outs and retries.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion as _;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Builder, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// How often a call is made at the most, the first one included.
const ATTEMPTS: u32 = 3;

/// The longest first wait between two attempts; the SDK doubles it for the next, and takes a random part of it.
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// The time to connect: name look-up, TCP and TLS.
///
/// In a VPC without a way to Secrets Manager nobody answers the SYN. That has to end within 5 s in all, while the
/// function still has time to say so: 3 × 1.3 s and waits of at most 0.3 s and 0.6 s make 4.8 s. Within 1.3 s the
/// kernel repeats a lost SYN once, after 1 s; each attempt looks the name up anew, so that it may get the address of
/// another zone.
const TO_CONNECT: Duration = Duration::from_millis(1300);

/// The time from the request to the first byte of the answer. Secrets Manager takes tens of milliseconds, and seconds
/// while it waits for KMS: cutting it shorter would turn a slow service into a failed one.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// The time of a call with all its attempts. It leaves a function with 30 s the time to answer.
const TO_END: Duration = Duration::from_secs(20);

/// Creates a client from the environment of a Lambda function.
pub(crate) async fn from_environment() -> Client {
    let config = shared_config().await;
    let mut builder = Builder::from(&config);
    // AWS's own functions read this variable; the SDK's variables come first.
    let of_the_sdk = ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"];
    if of_the_sdk.iter().all(|name| variable(name).is_none())
        && let Some(url) = variable("SECRETS_MANAGER_ENDPOINT")
    {
        builder = builder.endpoint_url(url);
    }
    Client::from_conf(builder.build())
}

/// Reads what Lambda gives as variables, and nothing else. The SDK's own loader looks for files, other credentials and a
/// host's metadata too: none is there, each costs time at a cold start, and all of their code is in the binary.
pub(crate) async fn shared_config() -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(version())
        .http_client(http_client())
        .retry_config(retries())
        .timeout_config(timeouts())
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .use_fips(is_on("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT"))
        .service_config(Variables)
        .build()
}

/// Answers the clients, which ask for `AWS_ENDPOINT_URL_` and their service, and then for `AWS_ENDPOINT_URL`.
#[derive(Debug)]
struct Variables;

impl LoadServiceConfig for Variables {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_ascii_uppercase().replace(' ', "_");
        variable(&format!("{}_{service}", key.env())).or_else(|| variable(key.env()))
    }
}

/// Pinned, so that an update of the SDK changes no behaviour unseen.
fn version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// TLS by rustls and ring, with the system's roots, which the SDK loads when it first connects.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The SDK's standard retries: on throttling, server errors, and where there was no answer. Nothing retries on top.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_WAIT)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(TO_CONNECT).read_timeout(ANSWER_LIMIT).operation_timeout(TO_END).build()
}

fn is_on(name: &str) -> bool {
    variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::SocketAddr;

    use aws_sdk_secretsmanager::Config;
    use aws_sdk_secretsmanager::config::{Credentials, Region};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::time::timeout;

    use super::*;

    /// Creates a client for an end point, with the time-outs and retries of every other client.
    pub(crate) fn client_at(endpoint: &str) -> Client {
        let config = Config::builder()
            .behavior_version(version())
            .http_client(http_client())
            .retry_config(retries())
            .timeout_config(timeouts())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
            .endpoint_url(endpoint);
        Client::from_conf(config.build())
    }

    /// A listener that nobody accepts from, and the connections that fill its queue: the kernel drops each further
    /// SYN, as a VPC without a way out does. It does so as long as this is held.
    pub(crate) async fn full() -> ((TcpListener, Vec<TcpStream>), SocketAddr) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(stream.unwrap());
        }
        ((listener, waiting), address)
    }

    #[test]
    fn all_attempts_to_connect_end_within_five_seconds() {
        let waits = FIRST_WAIT * 3;
        assert!(TO_CONNECT * ATTEMPTS + waits < Duration::from_secs(5));
    }
}
