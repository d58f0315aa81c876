//! Fourstep's secret store on AWS Secrets Manager.
//!
//! [`SecretsManagerStore`] is the only part that calls Secrets Manager. It needs these permissions on the secret:
//! `secretsmanager:DescribeSecret`, `GetSecretValue`, `PutSecretValue`, `UpdateSecretVersionStage` and
//! `ListSecretVersionIds`; and `kms:Decrypt` and `kms:GenerateDataKey` where the secret has a key of its own.

mod client;
mod error;
mod operation;
mod store;

pub use store::SecretsManagerStore;
