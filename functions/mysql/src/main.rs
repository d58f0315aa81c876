//! AWS Lambda function that rotates the passwords of MySQL and MariaDB accounts.
//!
//! Settings: the environment variables of AWS's own functions, and those of Fourstep; see the crate `fourstep`.

use fourstep::Strategies;
use fourstep_mysql::Mysql;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), fourstep_lambda::Error> {
    fourstep_lambda::run(Strategies(Mysql::new())).await
}
