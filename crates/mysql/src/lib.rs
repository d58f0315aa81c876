//! Rotates the passwords of MySQL and MariaDB accounts, with two passwords at once where the server can.
//!
//! [`Mysql`] is the [`Accounts`](fourstep::Accounts) of a MySQL or MariaDB server, of Amazon RDS and of Aurora:
//!
//! ```
//! use fourstep::Strategies;
//! use fourstep_mysql::Mysql;
//!
//! let rotation = Strategies(Mysql::new());
//! ```
//!
//! What it needs from the server: MySQL 8.0 or later, or MariaDB 10.4 or later. It is tested with MySQL 9.7 and MariaDB
//! 10.11. Which of the two answers, the server says itself: the secret's `engine` may name the other one.
//!
//! # Which account is rotated
//!
//! An account of these servers is a user name and a host, as `'app'@'10.%'`, and one user name may have several.
//!
//! - An account that changes its own password changes the entry that the server matched at its login.
//! - An administrator changes all entries of the user name, and each of them has its clone.
//!
//! # What a statement says of the password
//!
//! | who changes | MySQL | MariaDB |
//! | --- | --- | --- |
//! | the account itself | the password, because the server takes no hash from it, and masks it in its logs | a hash |
//! | an administrator | a hash, after a look at the rules of `validate_password`, which a hash goes round | a hash |
//!
//! # Through a proxy
//!
//! A rotation works through a proxy that gives each client a session of its own, such as MySQL Router: TLS passes through
//! it, or ends at it by a certificate of its own. The lock is given back before a session ends, because a proxy may keep
//! the session for its next client.
//!
//! What cannot work is named, with the way round it, the tag `fourstep:endpoint`: a proxy that shares sessions between
//! clients; that has a list of accounts of its own, as ProxySQL; or that opens the session of another account.

mod account;
mod accounts;
mod clones;
mod destination;
mod error;
mod identifier;
mod mark;
mod password;
mod policy;
mod rights;
mod session;
mod two_passwords;
mod variables;
mod verifier;

pub use accounts::Mysql;
pub use session::Session;
