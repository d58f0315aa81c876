//! A host, and what came of an order on it.

use crate::answer::{Answer, Failure};

/// A host whose keys are rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// The id in Systems Manager, or host and port as the setting names them.
    pub(crate) id: String,
    /// Where SSH finds it.
    pub(crate) address: String,
    /// The name by which people call it.
    pub(crate) name: Name,
    /// Whose `authorized_keys` a reply is about, where there are several users.
    pub(crate) user: Option<String>,
    /// The port, if it is known before the host says it.
    pub(crate) port: Option<u16>,
    /// Whether an order gets to it.
    pub(crate) presence: Presence,
}

/// The name by which people call a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// Nobody was asked, or gave no answer: the one that was pinned stays.
    Unknown,
    /// It has none, or none that is its alone.
    None,
    /// This one.
    Is(String),
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
    /// It has a system on which the script does not run: no order will ever be followed there.
    Foreign(System),
}

/// A system on which the script does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// Windows. It has no shell for the script.
    Windows,
    /// macOS. Its users are in no passwd file, and its `su` takes no shell.
    MacOs,
}

impl Host {
    /// Returns its id, with the user that a reply is about where there are several.
    pub(crate) fn label(&self) -> String {
        match &self.user {
            Some(user) => format!("{} ({user})", self.id),
            None => self.id.clone(),
        }
    }

    /// Returns the reply that nothing gets to it: not now, or never.
    pub(crate) fn out_of_reach(&self) -> Reply {
        let why = match self.presence {
            Presence::Online => "its agent gave no answer in time",
            Presence::Silent => "Systems Manager does not hear of its agent",
            Presence::WithoutAgent => "it runs without an agent that Systems Manager knows",
            Presence::Stopped => "it is stopped",
            Presence::Foreign(System::Windows) => return Reply::Failed(Failure::foreign("Windows")),
            Presence::Foreign(System::MacOs) => return Reply::Failed(Failure::foreign("macOS")),
        };
        Reply::Unreachable(why.to_owned())
    }

    /// Returns whether the script does not run on its system.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.presence, Presence::Foreign(_))
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
        /// The parameter of Parameter Store in which they are, where they are not in the secret.
        parameter: Option<String>,
    },
    /// Something else is wrong with the host.
    Failed(Failure),
}
