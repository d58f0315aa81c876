//! AWS Lambda function that rotates keys and tokens of HTTP APIs.
//!
//! Settings: `API_PROVIDER` or `API_PROVIDER_FILE` names the provider files; see the crates `fourstep-api-key` and
//! `fourstep`.

use fourstep::settings::Environment;
use fourstep_api_key::ApiKeys;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), fourstep_lambda::Error> {
    fourstep_lambda::run(ApiKeys::new(Environment::from_process())).await
}
