use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fourstep::{Engine, Error, Filter, Report, Rotation};
use lambda_runtime::{Context, Diagnostic};
use serde_json::Value;

use crate::event::{Event, Payload};
use crate::{log, metrics};

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
        let (event, report, answer) = match payload.parse() {
            Ok(event) => {
                drop(payload);
                let (report, answer) = self.run(&event, context).await;
                (Some(event), report, answer)
            }
            Err(error) => (None, not_an_event(error), None),
        };
        self.tell(event.as_ref(), &report, context);
        // This was the invocation's last line.
        self.filter.forget();
        match report.result {
            Ok(_) => Ok(answer),
            Err(error) => {
                Err(Diagnostic { error_type: error.kind().name().to_owned(), error_message: error.to_string() })
            }
        }
    }

    /// Runs a step or an action. An action has an answer beside its report.
    async fn run(&self, event: &Event, context: &Context) -> (Report, Option<Value>) {
        let function = &context.invoked_function_arn;
        match event {
            Event::Step(event) => (self.engine.run(&self.rotation, event, function, context.deadline()).await, None),
            Event::Operator(event) => {
                let report = self.engine.operate(&self.rotation, event, function, context.deadline()).await;
                let answer = report.answer(&event.action);
                (report.map(|answer| answer.done), Some(answer))
            }
        }
    }

    /// Writes the line of the step or action, and its metrics.
    fn tell(&self, event: Option<&Event>, report: &Report, context: &Context) {
        let secret = report.secret_name.as_deref().or(event.map(Event::secret_id));
        let version = event.and_then(Event::token);
        let step = event.map(Event::name);
        let (owner, strategy, attempts) = (report.owner.as_deref(), report.strategy, report.attempts);
        let duration_ms = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX);
        let request_id = context.request_id.as_str();
        match &report.result {
            Ok(done) => tracing::info!(
                target: "fourstep", secret, owner, version, step, strategy, outcome = done.outcome.name(), attempts,
                duration_ms, request_id,
                without_current_ms = done.without_current.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
                "step done"
            ),
            Err(error) => tracing::error!(
                target: "fourstep", secret, owner, version, step, strategy, kind = error.kind().name(), attempts,
                duration_ms, request_id,
                "{error}"
            ),
        }
        let function = context.env_config.function_name.as_str();
        let measured = metrics::Measured {
            function,
            secret,
            owner,
            strategy,
            step,
            duration: report.duration,
            result: &report.result,
        };
        log::write_line(&self.filter, &metrics::line(&measured, SystemTime::now()));
    }
}

fn not_an_event(error: Error) -> Report {
    Report { secret_name: None, owner: None, strategy: None, attempts: 1, duration: Duration::ZERO, result: Err(error) }
}
