//! Rotates the SSH key pair of a user on a fleet of hosts.
//!
//! [`Ssh`] makes a key pair, has the public key written into `authorized_keys` of every host, logs in to each with the
//! new pair, and takes the old key away. Old and new overlap, so that nobody is locked out for a moment.
//!
//! The type that users name is in the file of what it implements: `rotator.rs`. The files, in the order to read them; each
//! uses only files below it, and a parent and its children count as one.
//!
//! ```text
//! rotator.rs            Ssh: what each step does, and in which order; which hosts are pinned
//! pins.rs               where pins are: in the secret, or in Parameter Store; and the users of a version
//! transport.rs          which hosts there are, and how an order gets to them
//!   transport/ssm.rs      by the agents of Systems Manager, as root: which hosts there are
//!     …/parameters.rs     pins that are too many for the secret, in Parameter Store
//!     …/orders.rs         orders to agents, and their answers
//!     …/ec2.rs            asks EC2 for instances
//!     …/instances.rs      instances as EC2 describes them, stopped ones too
//!   transport/ssh.rs      over SSH, by the user itself
//! former.rs             names users who are users no more
//! retired.rs            shows that a retired key opens no host any more
//! notices.rs            what hosts say beside the result: each thing once
//! tally.rs              judges the replies of all hosts: MAX_UNREACHABLE, MIN_HOSTS, the log, and one error
//! session.rs            opens a session: a login with a key, at a host that shows a pinned key
//! each.rs               does something on each host, on some at a time, until the step ends
//! known_hosts.rs        the host keys that are pinned, in OpenSSH's format
//! trust.rs              what a host may show: pinned keys, certificates of an authority
//! host_patterns.rs      whether a line of known_hosts is for a host
//! worst.rs              what the replies of a host for several users come to
//! host.rs               a host, and its reply
//! answer.rs             what the script says of an order, as types
//! order.rs              what a host is told to do as one command
//! script.rs             the program that does it: script/*.sh and script/keys.awk
//! secret.rs             the secret's JSON as a type: KeyPair
//! key.rs                makes a new pair, and writes it
//! settings.rs           the settings of SSH keys, and what tags may choose of them
//!   settings/users.rs     the user, and the users that the function's owner allows
//!   settings/hosts.rs     the hosts, and the hosts that the function's owner allows
//!   settings/keys.rs      what keys are like
//! error.rs              what failures of Systems Manager and of SSH mean (a changed host key: session.rs)
//! ```
//!
//! # Example
//!
//! ```
//! use fourstep_ssh::Ssh;
//!
//! // What a function runs. User, hosts and all else come with each secret and from the function's variables.
//! let rotation = Ssh::new();
//! ```
//!
//! The secret is that of AWS's own function:
//!
//! ```json
//! { "PublicKey": "", "PrivateKey": "" }
//! ```
//!
//! Both may be empty at first. `KnownHosts` and `Fingerprint` are written beside them: the first holds the pinned keys of
//! the hosts, in OpenSSH's format.
//!
//! # What it needs
//!
//! - `SSH_TRANSPORT=ssm` (default): the agent of Systems Manager on each host, which runs the script as root. Hosts are
//!   found by a tag (`TAGNAME`, `TAGVALUE`) or named by their ids. Only public keys pass through Systems Manager. Its
//!   channel authenticates a host, so Fourstep pins the keys that the host reports there.
//! - `SSH_TRANSPORT=ssh`: a key that the hosts accept already, with which the user logs in and edits its own file, and
//!   the hosts' keys in `KnownHosts`, since nothing else vouches for them.
//! - On each host a POSIX `sh`, with `awk`, `base64` and `id`, or busybox in their place.
//! - With both, a route from the function to sshd of each host, to test the key; or `SSH_TEST=agent`.
//!
//! # What is in the file
//!
//! An order says which keys of the secret the file has to hold, and removes all others of this secret. setSecret names
//! AWSPENDING, AWSCURRENT and AWSPREVIOUS; finishSecret names AWSCURRENT and AWSPREVIOUS, or AWSCURRENT alone with
//! `RETIRE=at-finish`. Each line has the comment `fourstep:<ARN of the secret>:<version>`. Another comment notes how old
//! the last order was, and a host refuses an older one. Lines of others stay as they are, unless they hold a key that a
//! version of this secret names as gone.

#[cfg(test)]
mod against_hosts;
mod answer;
mod each;
mod error;
mod former;
mod host;
mod host_patterns;
mod key;
mod known_hosts;
mod notices;
mod order;
mod pins;
mod retired;
mod rotator;
mod script;
mod secret;
mod session;
mod settings;
mod tally;
mod transport;
mod trust;
mod worst;

pub use rotator::Ssh;
pub use script::{DOCUMENT, SCRIPT};
pub use secret::KeyPair;
pub use settings::{HostNames, HostsTag, KeyFormat, KeyType, MaxUnreachable, Proof, SshSettings, TransportChoice};
