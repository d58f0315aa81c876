//! Rotates the passwords of PostgreSQL accounts, with a verifier in place of the password in every statement.
//!
//! [`Postgres`] is the [`Accounts`](fourstep::Accounts) of a PostgreSQL server, of Amazon RDS and of Aurora:
//!
//! ```
//! use fourstep::{Strategies, StrategyChoice};
//! use fourstep_postgres::Postgres;
//!
//! let rotation = Strategies(Postgres::new());
//! ```
//!
//! What it needs from the server: PostgreSQL 10 or later, which is the first to know SCRAM-SHA-256. Servers set to
//! `password_encryption = md5` take the verifier as well. The server has to ask for the password: a login that
//! `pg_hba.conf` lets in by `trust` proves neither that the password is right nor that the server is the one at which it
//! was set. By SCRAM, the server proves in turn that it has the verifier.

mod account;
mod accounts;
#[cfg(test)]
mod against_server;
mod clones;
mod destination;
mod error;
mod identifier;
mod mark;
mod password;
mod rights;
mod session;
mod verifier;

pub use accounts::Postgres;
pub use session::Session;
