//! The least that a rotation function can be: the runtime, and a client of Secrets Manager. `cargo xtask bench` compares
//! the start of the functions with its.

use fourstep_aws::SecretsManagerStore;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let _store = SecretsManagerStore::from_environment().await;
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async { Ok::<_, Error>(()) })).await
}
