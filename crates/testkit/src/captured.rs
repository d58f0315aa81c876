//! What is logged in this thread, to search it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// What was logged so far.
#[derive(Clone, Debug, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

/// Captures what is logged in this thread, at the most talkative level and of the drivers too, until the guard is dropped.
#[must_use]
pub fn capture() -> (Captured, DefaultGuard) {
    let captured = Captured::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false).with_writer(captured.clone()).finish();
    (captured, tracing::subscriber::set_default(subscriber))
}

impl Captured {
    /// Returns it as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
