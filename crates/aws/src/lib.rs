//! Fourstep's secret store on AWS Secrets Manager, and how services of AWS are called.
//!
//! | file | holds |
//! | --- | --- |
//! | `store` | [`SecretsManagerStore`]: the only part that calls Secrets Manager |
//! | `error` | [`classify`]: what an error of the SDK means, for any service |
//! | `operation` | [`Service`] and [`Operation`]: what is called, for messages |
//! | `client` | [`configuration`]: region, credentials, TLS, time-outs and retries |
//!
//! The store needs these permissions on the secret: `secretsmanager:DescribeSecret`, `GetSecretValue`, `PutSecretValue`,
//! `UpdateSecretVersionStage` and `ListSecretVersionIds`; and `kms:Decrypt` and `kms:GenerateDataKey` where the secret has a
//! key of its own. On an administrator's secret, which another secret names by `masterarn`, it needs `DescribeSecret` and
//! `GetSecretValue`, and `kms:Decrypt`.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use fourstep::Engine;
//! use fourstep::settings::Environment;
//! use fourstep_aws::SecretsManagerStore;
//!
//! # async fn example() {
//! let store = SecretsManagerStore::from_environment().await;
//! let engine = Engine::new(Arc::new(store), Environment::from_process());
//! # }
//! ```

mod client;
mod error;
mod operation;
mod store;

pub use aws_config::SdkConfig;
pub use error::classify;
pub use operation::{Operation, Service};
pub use store::SecretsManagerStore;

/// Returns the configuration of every client that a function makes: region and credentials by Lambda's variables, TLS by
/// rustls with ring, time-outs and retries. For services that have no crate here.
pub async fn configuration() -> SdkConfig {
    client::shared_config().await
}
