//! One rotation, as Secrets Manager runs it. Each step is shown when it ends.

use std::sync::Arc;
use std::time::Instant;

use fourstep_testkit::HttpApi;
use fourstep_testkit::aws::{Aws, Operation, Outcome};
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use serde_json::{Value, json};

use crate::{Result, screen};

/// Rotates a secret by the function that runs in `sandbox`.
pub(crate) async fn run(aws: &Aws, sandbox: &Arc<Sandbox>, secret: &str) -> Result<()> {
    aws.on_rotate({
        let (sandbox, store, secret) = (Arc::clone(sandbox), Arc::clone(aws.secrets()), secret.to_owned());
        move |event: Value| {
            let (sandbox, store, secret) = (Arc::clone(&sandbox), Arc::clone(&store), secret.clone());
            async move {
                let step = event["Step"].as_str().unwrap_or_default().to_owned();
                let started = Instant::now();
                let invocation = sandbox.invoke(event).await;
                let cold = invocation.cold.then(|| started.elapsed().saturating_sub(invocation.duration));
                let labels = store.with(|model| screen::Labels::of(model, &secret));
                screen::step(&step, invocation.duration, cold, invocation.result.as_ref().err(), &labels);
                invocation.result
            }
        }
    });
    let request = json!({"SecretId": secret, "RotationLambdaARN": FUNCTION_ARN});
    crate::call(&HttpApi::new(aws.url()), Operation::RotateSecret, &request).await?;
    match aws.rotation_end(secret).await.ok_or("no rotation was started")?.outcome {
        Outcome::Succeeded => Ok(()),
        outcome => Err(format!("the rotation ended otherwise: {outcome:?}").into()),
    }
}
