//! How long a rotation of SSH keys takes, by the number of hosts.
//!
//! Each host takes a second for the command of a login, as one that is far away or busy does, so that the time is that of
//! waiting and not of this machine's processors.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fourstep::memory::{CreateSecret, RotateSecret, SecretValue};
use fourstep::{AWSCURRENT, Step};
use fourstep_testkit::aws::{Aws, rotation_token};
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use fourstep_testkit::sshd::{Host, Options};
use fourstep_testkit::ssm::{Node, SystemsManager};
use serde_json::json;

use crate::Result;

const FLEETS: [usize; 4] = [16, 32, 64, 128];

/// How many hosts the function logs in to at a time.
const AT_A_TIME: usize = 16;

const SECRET: &str = "bench/ssh";
// The ids of versions that the emulation makes up have an 8 there.
const TOKEN: &str = "00000000-0000-4000-9000-000000000001";

/// Rotates the keys of fleets of several sizes, and prints a line for each.
pub(crate) async fn measure(function: &Path) -> Result<()> {
    let slow = Options { config: vec!["ForceCommand sleep 1"], ..Options::default() };
    let most = FLEETS.into_iter().max().unwrap_or_default();
    let hosts: Option<Vec<_>> = (0..most).map(|_| Host::start_with(&slow).map(Arc::new)).collect();
    let Some(hosts) = hosts else { return Ok(()) };
    anstream::println!("rotate-ssh: hosts that take 1 s for a login, {AT_A_TIME} logins at a time; seconds\n");
    anstream::println!(
        "{:>5} {:>6}  {:>6} {:>6} {:>6} {:>6}  {:>9}  {:>6} {:>8}",
        "",
        "rounds",
        "",
        "",
        "",
        "",
        "test",
        "",
        ""
    );
    anstream::println!(
        "{:>5} {:>6}  {:>6} {:>6} {:>6} {:>6}  {:>9}  {:>6} {:>8}",
        "hosts",
        "of 16",
        "create",
        "set",
        "test",
        "finish",
        "per round",
        "CPU",
        "memory"
    );
    for fleet in FLEETS {
        let figures = rotate(function, &hosts[..fleet]).await?;
        let [create, set, test, finish] = figures.steps.map(|step| step.as_secs_f64());
        let rounds = fleet.div_ceil(AT_A_TIME);
        #[expect(clippy::cast_precision_loss, reason = "these are small numbers")]
        let (per_round, mebibytes) = (test / rounds as f64, figures.peak_memory as f64 / f64::from(1024 * 1024));
        anstream::println!(
            "{fleet:>5} {rounds:>6}  {create:>6.2} {set:>6.2} {test:>6.2} {finish:>6.2}  {per_round:>9.2}  {:>6.2} {mebibytes:>4.1} MiB",
            figures.cpu.as_secs_f64()
        );
    }
    Ok(())
}

struct Figures {
    steps: [Duration; 4],
    cpu: Duration,
    peak_memory: u64,
}

async fn rotate(function: &Path, hosts: &[Arc<Host>]) -> Result<Figures> {
    let (aws, ssm) = (Aws::start().await?, SystemsManager::start().await?);
    for (number, host) in hosts.iter().enumerate() {
        host.authorize(b"");
        ssm.add(Node::new(&format!("i-{number:04}"), Arc::clone(host)));
    }
    let sandbox = Sandbox::new(function)?
        .variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url())
        .timeout(Duration::from_secs(300));
    let sandbox = Arc::new(ssm.found_by(sandbox));
    aws.secrets().with(|model| {
        let value = Some(SecretValue::text(json!({"PublicKey": "", "PrivateKey": ""}).to_string()));
        model.create_secret(CreateSecret { name: SECRET, value, ..CreateSecret::default() })?;
        let request = RotateSecret { token: Some(TOKEN), lambda_arn: Some(FUNCTION_ARN), ..RotateSecret::now(SECRET) };
        model.rotate_secret(request).answer
    })?;
    let mut steps = [Duration::ZERO; 4];
    for (step, taken) in Step::ALL.into_iter().zip(&mut steps) {
        let event = json!({
            "Step": step.name(), "SecretId": SECRET, "ClientRequestToken": TOKEN, "RotationToken": rotation_token(TOKEN),
        });
        let begun = Instant::now();
        let result = sandbox.invoke(event).await.result;
        *taken = begun.elapsed();
        result.map_err(|error| format!("{}: {}: {}", step.name(), error.error_type, error.message))?;
    }
    let promoted = aws.secrets().with(|model| model.secret(SECRET)?.labelled(AWSCURRENT).map(|at| at.id == TOKEN));
    if promoted != Some(true) {
        return Err("the rotation ended, and its version is not AWSCURRENT".into());
    }
    let usage = sandbox.usage().ok_or("the function ended")?;
    Ok(Figures { steps, cpu: usage.cpu, peak_memory: usage.peak_memory })
}
