//! Fourstep's secret store on AWS Secrets Manager, and its look-up of database servers in Amazon RDS.
//!
//! [`SecretsManagerStore`] is the only part that calls Secrets Manager. It needs these permissions on the secret:
//! `secretsmanager:DescribeSecret`, `GetSecretValue`, `PutSecretValue`, `UpdateSecretVersionStage` and
//! `ListSecretVersionIds`; and `kms:Decrypt` and `kms:GenerateDataKey` where the secret has a key of its own. On an
//! administrator's secret, which another secret names by `masterarn`, it needs `DescribeSecret` and `GetSecretValue`, and
//! `kms:Decrypt`.
//!
//! [`RdsServers`] is the only part that calls Amazon RDS, and only where an administrator's secret is managed by Amazon
//! RDS, or names another host than the secret that it is for. It then needs `rds:DescribeDBInstances`, and
//! `rds:DescribeDBClusters` where the server is of a cluster.

mod client;
mod error;
mod operation;
mod rds;
mod store;

pub use aws_config::SdkConfig;
pub use rds::RdsServers;
pub use store::SecretsManagerStore;

/// Returns the configuration of every client that a function makes: region and credentials by Lambda's variables, TLS by
/// rustls with ring, time-outs and retries. For services that have no crate here.
pub async fn configuration() -> SdkConfig {
    client::shared_config().await
}
