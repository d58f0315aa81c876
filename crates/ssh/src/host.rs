//! A host, and what came of an order on it.

use crate::answer::{Answer, Failure};

/// A host whose keys are rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// The id in Systems Manager, or host and port as the setting names them.
    pub(crate) id: String,
    /// Where SSH finds it.
    pub(crate) address: String,
    /// The name by which people call it, where one is known and is its alone.
    pub(crate) name: Option<String>,
    /// Whose `authorized_keys` a reply is about, where there are several users.
    pub(crate) user: Option<String>,
    /// The port, if it is known before the host says it.
    pub(crate) port: Option<u16>,
    /// Whether an order gets to it.
    pub(crate) presence: Presence,
}

/// Whether an order gets to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Its agent reports; or it is reached over SSH alone.
    Online,
    /// Its agent reported once, and does not now.
    Silent,
    /// It runs, and Systems Manager knows no agent on it.
    WithoutAgent,
    /// It is stopped.
    Stopped,
}

impl Presence {
    /// Returns why nothing gets to the host.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Online => "its agent gave no answer in time",
            Self::Silent => "Systems Manager does not hear of its agent",
            Self::WithoutAgent => "it runs without an agent that Systems Manager knows",
            Self::Stopped => "it is stopped",
        }
    }
}

impl Host {
    /// Returns its id, with the user that a reply is about where there are several.
    pub(crate) fn label(&self) -> String {
        match &self.user {
            Some(user) => format!("{} ({user})", self.id),
            None => self.id.clone(),
        }
    }

    /// Returns the reply that nothing gets to it.
    pub(crate) fn out_of_reach(&self) -> Reply {
        Reply::Unreachable(self.presence.why().to_owned())
    }

    /// Returns whether it is to be reached at all.
    pub(crate) fn is_online(&self) -> bool {
        self.presence == Presence::Online
    }
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
