//! Rotates the passwords of MySQL and MariaDB accounts, with two passwords at once where the server can.
//!
//! [`Mysql`] is the [`Accounts`](fourstep::accounts::Accounts) of a MySQL or MariaDB server, of Amazon RDS and of Aurora.
//! The type that users name is in the file of what it implements: `accounts.rs`. The files, in the order to read them;
//! each uses only files below it, and a parent and its children count as one.
//!
//! ```text
//! accounts.rs           Mysql: what happens, in which order
//! clones.rs             makes the clone of an account equal to its base
//!   clones/statement.rs   the statements that make them equal
//!   clones/pair.rs        what the server knows of the two
//! two_passwords.rs      keeps the old password beside the new one
//! password.rs           sets a password
//! variables.rs          what the server's variables say of passwords
//! policy.rs             the rules of validate_password
//! ownership.rs          which entries of a user name are the secret's
//! mark.rs               our mark on a clone
//! rights.rs             proves that an account may do what the other one of its pair may
//!   rights/lacking.rs     what one lacks of what another may
//!   rights/read.rs        reads what an account may do
//!   rights/parse.rs       reads a row of SHOW GRANTS
//!   rights/lexer.rs       splits a row into words, names and symbols
//!   rights/grants.rs      what an account may do, as types
//! account.rs            what the server knows of an account
//! verifier.rs           what is stored in place of a password
//!   verifier/sha_crypt.rs crypt's digest with SHA-256
//! session.rs            opens a session, and sends statements
//! error.rs              what each failure means
//!   error/login.rs        the codes that refuse a login
//!   error/statement.rs    the codes of a statement
//!   error/pooler.rs       the answers of a proxy in the server's place
//! plugins.rs            refuses an account of MariaDB that has several passwords
//! version.rs            which server it is, and whether it is too old
//! settings.rs           the setting USERNAME_CHARACTER_LIMIT
//! identifier.rs         an account's name and host; quotes names and values
//! ```
//!
//! # Example
//!
//! ```
//! use fourstep::accounts::Strategies;
//! use fourstep_mysql::Mysql;
//!
//! let rotation = Strategies::from(Mysql::new());
//! ```
//!
//! # What it needs from the server
//!
//! MySQL 8.0 or later (Aurora MySQL 3), and 8.0.21 or later where an administrator acts; or MariaDB 10.4 or later. It is
//! tested with MySQL 9.7 and MariaDB 10.11. The server itself says which of the two it is: the secret's `engine` may name
//! the other one.
//!
//! The lock of a secret is `GET_LOCK`, which holds at one node. Of a cluster with several nodes that write (Galera, Percona
//! XtraDB Cluster, Group Replication with several primaries), let `host` or `fourstep:endpoint` name one, and not a balancer
//! before all: two invocations at two nodes do not see each other. Percona XtraDB Cluster has to allow it, by
//! `pxc_strict_mode=PERMISSIVE`. Aurora and Multi-AZ write at one node.
//!
//! # Which account is rotated
//!
//! An account of these servers is a user name and a host, as `'app'@'10.%'`, and one user name may have several.
//!
//! - An account that changes its own password changes the entry that the server matched at its login.
//! - An administrator changes each entry of the user name that a password in one of the secret's versions opens, by what
//!   the server stores for it, and each of them has its clone. Those of others, and those that no password opens, are left
//!   alone and named in the log. A name with one entry needs no such look: the login itself shows whose it is.
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
mod error;
mod identifier;
mod mark;
mod ownership;
mod password;
mod plugins;
mod policy;
mod rights;
mod session;
mod settings;
mod two_passwords;
mod variables;
mod verifier;
mod version;

pub use accounts::Mysql;
pub use session::Session;
pub use settings::MysqlSettings;
