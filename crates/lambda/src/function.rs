use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fourstep::{Engine, Error, Filter, Report, Rotation};
use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic};
use serde_json::Value;

use crate::event::{Event, Payload};
use crate::{log, metrics};

/// The time that is kept back to log the step and to answer.
const TO_ANSWER: Duration = Duration::from_millis(300);

/// A rotation function: it answers one invocation after the other.
pub(crate) struct Function<R> {
    rotation: R,
    engine: Engine,
    filter: Arc<Filter>,
}

impl<R: Rotation> Function<R> {
    /// Creates one from an engine and the filter that it teaches.
    pub(crate) fn new(rotation: R, engine: Engine, filter: Arc<Filter>) -> Self {
        Self { rotation, engine, filter }
    }

    /// Runs what an invocation asks for; logs it and measures it. Secrets Manager gets `null`, an operator an object.
    pub(crate) async fn answer(&self, payload: Payload, context: &Context) -> Result<Option<Value>, Diagnostic> {
        let (event, report) = match payload.parse() {
            Ok(event) => {
                drop(payload);
                let report = self.run(&event, context).await;
                (Some(event), report)
            }
            Err(error) => (None, failed(error, Duration::ZERO)),
        };
        self.tell(event.as_ref(), &report, context);
        // This was the invocation's last line.
        self.filter.forget();
        match &report.result {
            Ok(_) => Ok(match &event {
                Some(Event::Operator(event)) => Some(report.answer(&event.action)),
                _ => None,
            }),
            Err(error) => {
                Err(Diagnostic { error_type: error.kind().name().to_owned(), error_message: error.to_string() })
            }
        }
    }

    /// Runs a step or an action so that it ends, whatever it does, while there is still time to say so.
    async fn run(&self, event: &Event, context: &Context) -> Report {
        let (started, deadline) = (SystemTime::now(), context.deadline());
        let given = deadline.duration_since(started).unwrap_or_default();
        let kept_back = TO_ANSWER.min(given / 4);
        let deadline = deadline - kept_back;
        let work = match event {
            Event::Step(event) => self.engine.run(&self.rotation, event, deadline).boxed(),
            Event::Operator(event) => {
                self.engine.operate(&self.rotation, event, &context.invoked_function_arn, deadline).boxed()
            }
        };
        let error = match tokio::time::timeout(given - kept_back, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(report)) => return report,
            Ok(Err(_)) => panicked(),
            Err(_) => timed_out(given),
        };
        let error = if let Event::Step(event) = event { error.at(event.step) } else { error };
        failed(error, started.elapsed().unwrap_or_default())
    }

    /// Writes the line of the step or action, and its metrics.
    fn tell(&self, event: Option<&Event>, report: &Report, context: &Context) {
        let secret = report.secret_name.as_deref().or(event.map(Event::secret_id));
        let version = event.and_then(Event::token);
        let step = event.map(Event::name);
        let (strategy, attempts) = (report.strategy, report.attempts);
        let duration_ms = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX);
        let request_id = context.request_id.as_str();
        match &report.result {
            Ok(done) => tracing::info!(
                target: "fourstep", secret, version, step, strategy, outcome = done.outcome.name(), attempts,
                duration_ms, request_id,
                without_current_ms = done.without_current.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
                "step done"
            ),
            Err(error) => tracing::error!(
                target: "fourstep", secret, version, step, strategy, kind = error.kind().name(), attempts,
                duration_ms, request_id,
                "{error}"
            ),
        }
        let function = context.env_config.function_name.as_str();
        let measured =
            metrics::Measured { function, secret, strategy, step, duration: report.duration, result: &report.result };
        log::write_line(&self.filter, &metrics::line(&measured, SystemTime::now()));
    }
}

fn failed(error: Error, duration: Duration) -> Report {
    Report { strategy: None, secret_name: None, attempts: 1, duration, reply: None, result: Err(error) }
}

fn panicked() -> Error {
    Error::other("the rotator panicked; its message is left out, since it may hold a secret")
        .still_works("What was done before stays, and the next attempt finds it")
        .next("The log names the place in the code: report it to the rotator's author")
}

fn timed_out(given: Duration) -> Error {
    // Rounded, since the time-out began some milliseconds before.
    let tenths = (given.as_millis() + 50) / 100;
    let seconds = match (tenths / 10, tenths % 10) {
        (seconds, 0) => seconds.to_string(),
        (seconds, tenth) => format!("{seconds}.{tenth}"),
    };
    Error::unavailable(format!("no answer within the function's time-out of {seconds} s"))
        .still_works("What was done before stays, and the next attempt finds it")
        .next("Secrets Manager tries the rotation again by itself. If this goes on, look at the way to the target, or raise the function's time-out")
}
