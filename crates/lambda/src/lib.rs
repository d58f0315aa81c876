//! Runs a Fourstep rotator as an AWS Lambda function.
//!
//! [`run`] takes the events of Secrets Manager, runs each step by the engine, and answers Lambda with the error's kind
//! as `errorType`. Logs and metrics go to the standard output, one JSON object a line, with known secret values removed.
//!
//! Its files, in the order to read them:
//!
//! ```text
//! lib.rs        runs a rotation as a function: what it takes from the environment
//! function.rs   answers one invocation: runs it, logs it, measures it
//! event.rs      what an invocation asks for: a step, or an operator's action
//! metrics.rs    the metrics of a step, as CloudWatch reads them in a log line
//! log.rs        the lines of the log, without known secrets
//! panic.rs      what is logged of a panic: where it happened, and no more
//! ```

mod event;
mod function;
mod log;
mod metrics;
mod panic;

use std::sync::Arc;

use fourstep::settings::Environment;
use fourstep::{Engine, Filter, Rotation};
use fourstep_aws::SecretsManagerStore;
use futures_util::FutureExt;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};

/// Why the function stopped answering Lambda.
pub use lambda_runtime::Error;

use crate::function::Function;

/// Answers Lambda's invocations with `rotation`, until Lambda ends the process.
///
/// It takes settings, credentials and end points from the environment. The level of the logs is that of
/// `AWS_LAMBDA_LOG_LEVEL` or `RUST_LOG`, else INFO; other crates than Fourstep's own never log below WARN, since drivers
/// print statements and bodies there.
///
/// ```no_run
/// # async fn example(rotation: impl fourstep::Rotation) {
/// fourstep_lambda::run(rotation).await.expect("Lambda runs the function");
/// # }
/// ```
///
/// # Errors
///
/// If the process was not started by Lambda, if another log subscriber is installed already, or if Lambda's Runtime API
/// fails.
pub async fn run(rotation: impl Rotation) -> Result<(), Error> {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err("this program is an AWS Lambda function: it runs where Lambda starts it".into());
    }
    let filter = Arc::new(Filter::new());
    log::start(&filter)?;
    panic::report_without_payload();
    let store = Arc::new(SecretsManagerStore::from_environment().await);
    let engine = Engine::new(store, Environment::from_process()).with_filter(Arc::clone(&filter));
    let function = Arc::new(Function::new(rotation, engine, filter));
    let handler = service_fn(move |LambdaEvent { payload, context }: LambdaEvent<event::Payload>| {
        let function = Arc::clone(&function);
        // Boxed: a rotation's futures nest so deep that rustc gives up on the sum of all layers.
        async move { function.answer(payload, &context).await }.boxed()
    });
    Runtime::new(handler).run().await
}
