//! Rotates the passwords of PostgreSQL accounts, with a verifier in place of the password in every statement.
//!
//! [`Postgres`] is the [`Accounts`](fourstep::accounts::Accounts) of a PostgreSQL server, of Amazon RDS and of Aurora.
//! The type that users name is in the file of what it implements: `accounts.rs`. The files, in the order to read them;
//! each uses only files below it, and a parent and its children count as one.
//!
//! ```text
//! accounts.rs           Postgres: what happens, in which order
//! clones.rs             makes the clone of an account equal to its base
//!   clones/statement.rs   the statements that make them equal
//!   clones/setting.rs     how the setting of a role is written
//!   clones/pair.rs        what the server knows of the two
//! password.rs           sets a password
//! rights.rs             proves that an account may do what the other one of its pair may
//!   rights/role.rs        proves that a clone acts as its base, and goes on so
//! mark.rs               our mark on a clone
//! account.rs            what the server knows of a role
//! verifier.rs           what is stored in place of a password
//! session.rs            opens a session, and sends statements
//!   session/login.rs      how a session is opened, and what the server asks for
//!   session/start.rs      what a session knows since its start
//! row.rs                reads the columns of an answer
//! error.rs              what each failure means
//!   error/login.rs        the codes that refuse a login
//!   error/statement.rs    the codes of a statement
//!   error/pooler.rs       the answers of a pooler in the server's place
//! identifier.rs         quotes names and values
//! ```
//!
//! # Example
//!
//! ```
//! use fourstep::accounts::Strategies;
//! use fourstep_postgres::Postgres;
//!
//! let rotation = Strategies::from(Postgres::new());
//! ```
//!
//! PostgreSQL keeps one password for an account, so there is no dual-password:
//!
//! ```compile_fail,E0277
//! use fourstep::accounts::DualPassword;
//! use fourstep_postgres::Postgres;
//!
//! let rotator = DualPassword::new(Postgres::new());
//! ```
//!
//! ```compile_fail,E0277
//! use fourstep::accounts::Strategies;
//! use fourstep_postgres::Postgres;
//!
//! let rotation = Strategies::from(Postgres::new()).with_dual_password();
//! ```
//!
//! # What it needs from the server
//!
//! PostgreSQL 10 or later: 10 is the first to know SCRAM-SHA-256. Where `password_encryption` is `md5`, the verifier is
//! one of MD5. The server has to ask for the password: a login that `pg_hba.conf` lets in by `trust` proves neither that
//! the password is right nor that the server is the one at which it was set. By SCRAM, the server proves in turn that it
//! has the verifier.
//!
//! With alternating-users, the clone acts as its base by `ALTER ROLE … SET role`. Until 12.21, 13.17, 14.14, 15.9, 16.5
//! and 17.1, the server forgets that where a connection pool resets a session (`DISCARD ALL`), and these six ignore it
//! from the start. testSecret then fails, and says which version to upgrade to and what else can be done.

mod account;
mod accounts;
#[cfg(test)]
mod against_server;
mod clones;
mod error;
mod identifier;
mod mark;
mod password;
mod rights;
mod row;
mod session;
mod verifier;

pub use accounts::Postgres;
pub use session::Session;
