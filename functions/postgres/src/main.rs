//! AWS Lambda function that rotates the passwords of PostgreSQL accounts.
//!
//! Settings: the environment variables of AWS's own functions, and those of Fourstep; see the crate `fourstep`.

use std::sync::Arc;

use fourstep::accounts::Strategies;
use fourstep_postgres::Postgres;
use fourstep_rds::RdsServers;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), fourstep_lambda::Error> {
    let rotation = Strategies::from(Postgres::new()).with_servers(Arc::new(RdsServers::from_environment()));
    fourstep_lambda::run(rotation).await
}
