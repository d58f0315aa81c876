//! Rotates the SSH key pair of a user on a fleet of hosts.
//!
//! [`Ssh`] makes a key pair, has it installed in `authorized_keys` of every host, logs in to each, and takes the old key
//! away. Old and new overlap, so nobody is locked out for a moment. The secret is that of AWS's own function:
//!
//! ```json
//! { "PublicKey": "", "PrivateKey": "" }
//! ```
//!
//! Both may be empty at first. Beside them, `KnownHosts` and `Fingerprint` are written: the first holds the pinned keys of
//! the hosts, in OpenSSH's format.
//!
//! # How keys get to the hosts
//!
//! - `SSH_TRANSPORT=ssm` (default): the agent of Systems Manager runs a script as root. Hosts are found by a tag
//!   (`TAGNAME`, `TAGVALUE`) or named by their ids. Only public keys pass through Systems Manager. Its channel
//!   authenticates a host, so what the host says there of its own keys is what is pinned.
//! - `SSH_TRANSPORT=ssh`: the user logs in with the key that works and edits its own file. `KnownHosts` has to have the
//!   hosts' keys, since nothing else vouches for them.
//!
//! # What is in the file
//!
//! An order says which keys of the secret are to be in the file, and what else of the secret's is there goes. setSecret
//! says AWSPENDING, AWSCURRENT and AWSPREVIOUS; finishSecret AWSCURRENT and AWSPREVIOUS, or only the first with
//! `RETIRE=at-finish`. Each line has the comment `fourstep:<ARN of the secret>:<version>`; a comment notes the age of the
//! last order, and an older one is refused. Lines of others are not touched, unless they hold a key that a version of this
//! secret names as gone.

#[cfg(test)]
mod against_hosts;
mod answer;
mod error;
mod host;
mod key;
mod known_hosts;
mod order;
mod rotator;
mod secret;
mod session;
mod tally;
mod transport;

pub use rotator::Ssh;
pub use secret::KeyPair;
