use std::time::Duration;

use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::error::{Error, Result};
use crate::profile::credentials_of;

/// Where an operator's calls go, and with which credentials.
///
/// What is not given comes from where the AWS CLI takes it: variables, `~/.aws/config`, the role of the machine. A profile
/// that is given goes before the variables.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// A profile of `~/.aws/config` or `~/.aws/credentials`.
    pub profile: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// One end point for all services, in place of AWS's own.
    pub endpoint_url: Option<String>,
}

/// Somebody who looks after rotations, in one account and region.
///
/// Every operation asks AWS anew and keeps nothing, so that any of them can be interrupted and repeated.
///
/// ```no_run
/// # async fn example() -> fourstep_ops::Result<()> {
/// use fourstep_ops::{Connection, Operator};
///
/// let operator = Operator::connect(Connection::default()).await?;
/// let status = operator.status("rds/prod/masteruser").await?;
/// println!("{}: {}", status.judgement.state, status.judgement.works);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Operator {
    pub(crate) config: SdkConfig,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) trail: aws_sdk_cloudtrail::Client,
    pub(crate) functions: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) permissions: aws_sdk_iam::Client,
    pub(crate) keys: aws_sdk_kms::Client,
}

/// A person waits for the answer, so a call that finds nobody ends soon.
const TO_CONNECT: Duration = Duration::from_secs(3);
/// An operator event may run as long as Lambda lets a function run.
const ANSWER_LIMIT: Duration = Duration::from_secs(15 * 60);
const ATTEMPTS: u32 = 4;

impl Operator {
    /// Creates the clients. Nothing is called yet but what the credentials need.
    ///
    /// # Errors
    ///
    /// [`WrongUsage`](crate::Reason::WrongUsage) if no region is set anywhere, or there is no such profile.
    pub async fn connect(connection: Connection) -> Result<Self> {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http.clone())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().connect_timeout(TO_CONNECT).read_timeout(ANSWER_LIMIT).build());
        if let Some(profile) = &connection.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = connection.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(url) = connection.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let mut config = loader.load().await;
        if let Some(profile) = connection.profile {
            let calls = ProviderConfig::without_region().with_http_client(http).with_region(config.region().cloned());
            let credentials = SharedCredentialsProvider::new(credentials_of(&profile, &calls).await?);
            config = config.into_builder().credentials_provider(credentials).build();
        }
        if config.region().is_none() {
            return Err(Error::wrong_usage("no AWS region is set", "Name one by --region, AWS_REGION or the profile"));
        }
        // To invoke a function twice is safe, but doubles the logins that it tries.
        let functions = aws_sdk_lambda::config::Builder::from(&config)
            .retry_config(RetryConfig::standard().with_max_attempts(1))
            .build();
        Ok(Self {
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            trail: aws_sdk_cloudtrail::Client::new(&config),
            functions: aws_sdk_lambda::Client::from_conf(functions),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            permissions: aws_sdk_iam::Client::new(&config),
            keys: aws_sdk_kms::Client::new(&config),
            config,
        })
    }
}
