use std::fmt::Display;

/// Why a command ended without having done all that it was asked for.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Ending {
    /// It failed.
    pub(crate) fn failed(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }

    /// It was asked for something that makes no sense.
    pub(crate) fn wrong_usage(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    /// It did nothing, because the state forbids it.
    pub(crate) fn forbidden_by_state(message: impl Display) -> Self {
        Self { code: 3, message: message.to_string() }
    }
}

impl From<fourstep_ops::Error> for Ending {
    fn from(error: fourstep_ops::Error) -> Self {
        if error.is_wrong_usage() {
            Self::wrong_usage(error)
        } else if error.is_forbidden_by_state() {
            Self::forbidden_by_state(error)
        } else {
            Self::failed(error)
        }
    }
}

impl From<std::io::Error> for Ending {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error)
    }
}
