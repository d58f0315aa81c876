use std::time::Duration;

/// What an operation that takes a while tells meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A stale version lost AWSPENDING.
    Dropped {
        /// Its id.
        version: String,
    },
    /// A rotation was started.
    Started {
        /// The version that it makes.
        version: String,
        /// Whether it was under way already.
        resumed: bool,
    },
    /// A rotation is under way.
    Waiting {
        /// The version that it makes.
        version: String,
        /// Whether createSecret stored a value yet. `None`: nobody may look.
        has_value: Option<bool>,
        /// How long the wait has been.
        waited: Duration,
    },
    /// One secret of a fleet came to its end.
    Rotated {
        /// Its name.
        secret: String,
        /// How many are done, this one included.
        done: usize,
        /// How many there are.
        of: usize,
    },
}

/// Receives the progress of an operation. Every `Fn(&Event)` is one.
pub trait Progress: Send + Sync {
    /// Is told what happened. It is called in between, and should not take long.
    fn tell(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Progress for F {
    fn tell(&self, event: &Event) {
        self(event);
    }
}

/// Reports to nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _event: &Event) {}
}
