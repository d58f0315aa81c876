//! A host, and what came of an order on it.

use crate::answer::{Answer, Failure};

/// A host whose keys are rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// The id in Systems Manager, or host and port as the setting names them.
    pub(crate) id: String,
    /// Where SSH finds it.
    pub(crate) address: String,
    /// The port, if it is known before the host says it.
    pub(crate) port: Option<u16>,
    /// Whether Systems Manager hears of it.
    pub(crate) online: bool,
}

/// What came of one host.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// The script answered.
    Answer(Answer),
    /// A login with the key went well.
    Opened,
    /// There was no answer, for this reason.
    Unreachable(String),
    /// sshd refused the key.
    Refused,
    /// It shows a host key that is not pinned.
    HostKeyChanged {
        /// The fingerprint of the one that it shows.
        shown: String,
        /// The fingerprints of those that are pinned.
        pinned: String,
    },
    /// Something else is wrong with the host.
    Failed(Failure),
}
