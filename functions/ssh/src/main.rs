//! AWS Lambda function that rotates the SSH keys of a user on a fleet of hosts.
//!
//! Settings: the environment variables of AWS's own function, and those of Fourstep; see the crate `fourstep`.

use fourstep_ssh::Ssh;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), fourstep_lambda::Error> {
    fourstep_lambda::run(Ssh::new()).await
}
