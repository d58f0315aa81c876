//! How long a rotation of SSH keys takes, by the number of hosts.
//!
//! Each host takes a second for the command of a login, as one that is far away or busy does, so that the time is that of
//! waiting and not of this machine's processors.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fourstep_test_servers::sshd::{Host, Options};
use fourstep_test_servers::ssm::{Node, SystemsManager};
use fourstep_testkit::aws::Aws;
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::json;

use crate::rotation::{self, Figures};
use crate::{Result, mebibytes};

const FLEETS: [usize; 4] = [16, 50, 100, 200];

/// How many hosts the function logs in to at a time.
const AT_A_TIME: usize = 16;

/// Rotates the keys of fleets of several sizes, and prints a line for each.
pub(crate) async fn measure(function: &Path) -> Result<()> {
    let slow = Options { config: vec!["ForceCommand sleep 1"], ..Options::default() };
    let most = FLEETS.into_iter().max().unwrap_or_default();
    let hosts: Option<Vec<_>> = (0..most).map(|_| Host::start_with(&slow).map(Arc::new)).collect();
    let Some(hosts) = hosts else { return Ok(()) };
    anstream::println!("\nrotate-ssh: hosts that take 1 s for a login, {AT_A_TIME} logins at a time; seconds\n");
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
        let rounds = u32::try_from(fleet.div_ceil(AT_A_TIME))?;
        anstream::println!(
            "{fleet:>5} {rounds:>6}  {create:>6.2} {set:>6.2} {test:>6.2} {finish:>6.2}  {:>9.2}  {:>6.2} {:>8}",
            test / f64::from(rounds),
            figures.cpu.as_secs_f64(),
            mebibytes(figures.peak_memory)
        );
    }
    Ok(())
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
    rotation::store(&aws, &json!({"PublicKey": "", "PrivateKey": ""}))?;
    rotation::rotate(&aws, &ssm.found_by(sandbox), 1).await
}
