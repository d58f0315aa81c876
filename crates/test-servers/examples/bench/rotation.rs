//! One rotation, step by step as Secrets Manager invokes it, and what it took.

use std::time::{Duration, Instant};

use fourstep::memory::{CreateSecret, RotateSecret, SecretValue};
use fourstep::{AWSCURRENT, Step};
use fourstep_testkit::aws::{Aws, rotation_token};
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use serde_json::{Value, json};

use crate::Result;

/// The secret that is rotated.
pub(crate) const SECRET: &str = "bench";

/// What a rotation took.
pub(crate) struct Figures {
    /// The time of each step. The start of the process is in the first.
    pub(crate) steps: [Duration; 4],
    /// The time of the whole process on processors.
    pub(crate) cpu: Duration,
    /// The most memory that was resident at a time, in bytes.
    pub(crate) peak_memory: u64,
    /// How often Secrets Manager was called.
    pub(crate) calls: usize,
}

/// Makes [`SECRET`].
pub(crate) fn store(aws: &Aws, value: &Value) -> Result<()> {
    let value = Some(SecretValue::text(value.to_string()));
    let secret = CreateSecret { name: SECRET, value, ..CreateSecret::default() };
    Ok(aws.secrets().with(|model| model.create_secret(secret).map(drop))?)
}

/// Rotates [`SECRET`] by the function, which has not run yet. `number` is another one for each rotation.
pub(crate) async fn rotate(aws: &Aws, sandbox: &Sandbox, number: usize) -> Result<Figures> {
    // The ids of versions that the emulation makes up have an 8 there.
    let token = format!("00000000-0000-4000-9000-{number:012}");
    aws.secrets().with(|model| {
        let request = RotateSecret { token: Some(&token), lambda_arn: Some(FUNCTION_ARN), ..RotateSecret::now(SECRET) };
        model.rotate_secret(request).answer
    })?;
    aws.forget_calls();
    let mut steps = [Duration::ZERO; 4];
    for (step, taken) in Step::ALL.into_iter().zip(&mut steps) {
        let event = json!({
            "Step": step.name(), "SecretId": SECRET, "ClientRequestToken": token, "RotationToken": rotation_token(&token),
        });
        let begun = Instant::now();
        let result = sandbox.invoke(event).await.result;
        *taken = begun.elapsed();
        result.map_err(|error| format!("{}: {}: {}", step.name(), error.error_type, error.message))?;
    }
    let promoted = aws.secrets().with(|model| model.secret(SECRET)?.labelled(AWSCURRENT).map(|at| at.id == token));
    if promoted != Some(true) {
        return Err("the rotation ended, and its version is not AWSCURRENT".into());
    }
    let usage = sandbox.usage().ok_or("the function ended")?;
    Ok(Figures { steps, cpu: usage.cpu, peak_memory: usage.peak_memory, calls: aws.calls().len() })
}
