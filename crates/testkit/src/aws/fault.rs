use std::fmt;
use std::time::Duration;

use super::call::Call;
use super::operation::Operation;
use super::refusal::Refusal;

/// Something that goes wrong with a call.
#[derive(Debug)]
pub struct Fault {
    /// Which calls it meets.
    pub at: At,
    /// When: before or after the call has its effect.
    pub moment: Moment,
    /// What happens.
    pub action: Action,
}

/// Which calls a fault meets.
pub enum At {
    /// The call with this number, from 1, since the journal began.
    Call(usize),
    /// The call with this number, from 1, among those of the operation.
    Nth(Operation, usize),
    /// Every call of the operation.
    Every(Operation),
    /// Every call of which this is true.
    When(Box<dyn Fn(&Call) -> bool + Send + Sync>),
}

/// Where a call is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call has arrived and done nothing yet.
    Before,
    /// The call has had its effect and is not answered yet.
    After,
}

/// What is done to a call. What lets it go on, lets the next fault act on it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Goes on.
    Proceed,
    /// Waits, then goes on.
    Delay(Duration),
    /// Goes on. If the call is a read, it sees what was true this many writes over HTTP ago. Only before the effect.
    Stale(usize),
    /// Answers with an error.
    Refuse(Refusal),
    /// Closes the connection without an answer.
    HangUp,
    /// Never answers.
    Hang,
}

impl Fault {
    /// Refuses before the effect.
    #[must_use]
    pub fn refuse(at: At, refusal: Refusal) -> Self {
        Self { at, moment: Moment::Before, action: Action::Refuse(refusal) }
    }

    /// Closes the connection before the effect: the call never arrived.
    #[must_use]
    pub fn lose_request(at: At) -> Self {
        Self { at, moment: Moment::Before, action: Action::HangUp }
    }

    /// Closes the connection after the effect: the answer never arrives.
    #[must_use]
    pub fn lose_reply(at: At) -> Self {
        Self { at, moment: Moment::After, action: Action::HangUp }
    }

    /// Never answers, and has no effect.
    #[must_use]
    pub fn hang(at: At) -> Self {
        Self { at, moment: Moment::Before, action: Action::Hang }
    }

    /// Waits before the effect.
    #[must_use]
    pub fn delay(at: At, duration: Duration) -> Self {
        Self { at, moment: Moment::Before, action: Action::Delay(duration) }
    }

    /// Lets a read see what was true so many writes ago.
    #[must_use]
    pub fn stale(at: At, writes: usize) -> Self {
        Self { at, moment: Moment::Before, action: Action::Stale(writes) }
    }

    pub(super) fn action(&self, call: &Call, moment: Moment) -> Action {
        if moment == self.moment && self.at.meets(call) { self.action.clone() } else { Action::Proceed }
    }
}

impl At {
    fn meets(&self, call: &Call) -> bool {
        match self {
            Self::Call(number) => call.number == *number,
            Self::Nth(operation, nth) => call.operation == *operation && call.nth == *nth,
            Self::Every(operation) => call.operation == *operation,
            Self::When(is_meant) => is_meant(call),
        }
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(number) => f.debug_tuple("Call").field(number).finish(),
            Self::Nth(operation, nth) => f.debug_tuple("Nth").field(operation).field(nth).finish(),
            Self::Every(operation) => f.debug_tuple("Every").field(operation).finish(),
            Self::When(_) => f.write_str("When(..)"),
        }
    }
}
