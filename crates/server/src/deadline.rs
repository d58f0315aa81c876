use std::time::Duration;

use fourstep::{Context, Error, Result};
use tokio::time::{Instant, timeout};

use crate::server::{CHECK_NETWORK, Server};

/// For the whole of name, connection, TLS and login: what AWS's functions allow too.
pub const LOGIN_LIMIT: Duration = Duration::from_secs(5);

/// For the answer to a statement, a little longer than the server waits for its own locks, after which it says why.
pub const STATEMENT_LIMIT: Duration = Duration::from_secs(12);

/// For a farewell that nothing depends on.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// How long a session waits for its server, so that the step can still say what happened.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    deadline: Instant,
}

impl Deadline {
    /// Begins at this moment, and ends a little before the step does.
    #[must_use]
    pub fn of(cx: &Context<'_>) -> Self {
        Self { deadline: Instant::now() + cx.wait_at_most(Duration::MAX) }
    }

    /// Waits for an answer, `most` at the longest. `what` was asked for, as "the login".
    ///
    /// # Errors
    ///
    /// `Unavailable` if none came; not to be tried again where the step has no time to wait as long once more.
    pub async fn wait<T>(
        self,
        server: &Server,
        most: Duration,
        what: &str,
        answer: impl Future<Output = T>,
    ) -> Result<T> {
        let limit = most.min(self.left());
        if let Ok(answer) = timeout(limit, answer).await {
            return Ok(answer);
        }
        let (host, port, seconds) = (server.host(), server.port(), limit.as_secs_f32());
        let error = Error::unavailable(format!("{host}:{port} gave no answer to {what} within {seconds:.0} s"))
            .next(CHECK_NETWORK);
        Err(if self.left() < limit { error.retried() } else { error })
    }

    fn left(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}
