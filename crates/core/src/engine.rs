mod guard;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::{Clock, SystemClock};
use crate::context::TO_REPORT;
use crate::engine::guard::guarded;
use crate::error::Result;
use crate::filter::Filter;
use crate::invocation::Invocation;
use crate::notes::Notes;
use crate::operator::act::act;
use crate::operator::{Answer, OperatorEvent};
use crate::report::Report;
use crate::rotation::Rotation;
use crate::services::Services;
use crate::settings::Environment;
use crate::step::StepEvent;
use crate::store::SecretStore;

/// Runs the steps of the rotation protocol, and what an operator asks for.
///
/// It keeps nothing between two steps: each derives what to do from the store and from the target, so that any step
/// can be repeated, from any point, by any process.
///
/// It answers in time whatever a rotator does: a step that hangs is ended while there is still time to say so, and a
/// panic is an error of kind `Other`.
pub struct Engine {
    services: Services,
}

impl Engine {
    /// What is kept back of the time until the process ends, to log the step and to answer: 300 ms, but a quarter at the
    /// most.
    pub const TO_REPORT: Duration = TO_REPORT;

    /// Creates an engine on a store, with a function's environment variables.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, environment: Environment) -> Self {
        let services = Services { store, clock: Arc::new(SystemClock), filter: Arc::default(), environment };
        Self { services }
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.services.clock = clock;
        self
    }

    /// Sets the output filter, such as the one that the log writer uses.
    #[must_use]
    pub fn with_filter(mut self, filter: Arc<Filter>) -> Self {
        self.services.filter = filter;
        self
    }

    /// Runs one step. `function_arn` is the ARN by which this function was invoked. `ends` is when the process ends: a
    /// little before that, the step does.
    ///
    /// The report's result is an error of kind `Invalid` for a secret that another function rotates, and otherwise what
    /// the step's description says.
    pub async fn run(
        &self,
        rotation: &impl Rotation,
        event: &StepEvent,
        function_arn: &str,
        ends: SystemTime,
    ) -> Report {
        if let Some(token) = &event.rotation_token {
            self.services.filter.learn(token);
        }
        let notes = Notes::default();
        let started = self.services.clock.now();
        let step = async |deadline| {
            let invocation =
                Invocation { services: &self.services, notes: &notes, function_arn, by_operator: false, deadline };
            let cx = invocation.prepare(rotation, event).await?;
            invocation.run(rotation, &cx).await
        };
        let result = guarded(&*self.services.clock, ends, step).await.map_err(|error| error.at(event.step));
        self.report(&notes, started, result)
    }

    /// Does what an operator asks for. `function_arn` is the ARN by which this function was invoked, and `ends` when the
    /// process ends.
    ///
    /// The report's result is an error of kind `Forbidden` for an action that `OPERATOR_EVENTS` does not name, `Invalid` for
    /// a secret that another function rotates, and otherwise what the action's description says.
    pub async fn operate(
        &self,
        rotation: &impl Rotation,
        event: &OperatorEvent,
        function_arn: &str,
        ends: SystemTime,
    ) -> Report<Answer> {
        let notes = Notes::default();
        let started = self.services.clock.now();
        let action = async |deadline| {
            let invocation =
                Invocation { services: &self.services, notes: &notes, function_arn, by_operator: true, deadline };
            act(&invocation, rotation, event).await
        };
        let result = guarded(&*self.services.clock, ends, action).await;
        self.report(&notes, started, result)
    }

    fn report<T>(&self, notes: &Notes, started: SystemTime, result: Result<T>) -> Report<T> {
        Report {
            secret_name: notes.secret_name(),
            owner: notes.owner(),
            strategy: notes.strategy(),
            attempts: notes.attempts(),
            duration: self.services.clock.now().duration_since(started).unwrap_or_default(),
            result: result.map_err(|error| {
                let works = notes.what_works(error.kind());
                let error = if notes.has_begun() { error.still_works(works) } else { error };
                error.filtered(|text| self.services.filter.apply(&notes.without_hidden(text)))
            }),
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
