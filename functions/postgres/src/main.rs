//! AWS Lambda function that rotates the passwords of PostgreSQL accounts.
//!
//! Settings: the environment variables of AWS's own functions, and those of Fourstep; see the crate `fourstep`.

use fourstep::Strategies;
use fourstep_postgres::Postgres;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), fourstep_lambda::Error> {
    fourstep_lambda::run(Strategies(Postgres::new())).await
}
