//! How long a rotation of SSH keys takes, by the number of hosts, and what it calls.
//!
//! Each real host takes a second for the command of a login, as one that is far away or busy does, so that the time is that
//! of waiting and not of this machine's processors. Of thousands, the agents are simulated and nobody logs in: each of them
//! takes up to two seconds for an order.

use std::collections::BTreeMap;
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

const FLEETS: [usize; 3] = [16, 50, 200];
const SIMULATED: u32 = 5_000;

/// The longest time that Lambda gives a step.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const LONGEST_STEP: Duration = Duration::from_secs(900);

/// Rotates the keys of fleets of several sizes, and prints a line for each.
pub(crate) async fn measure(function: &Path) -> Result<()> {
    let slow = Options { config: vec!["ForceCommand sleep 1"], ..Options::default() };
    let most = FLEETS.into_iter().max().unwrap_or_default();
    let hosts: Option<Vec<_>> = (0..most).map(|_| Host::start_with(&slow).map(Arc::new)).collect();
    let Some(hosts) = hosts else { return Ok(()) };
    anstream::println!("\nrotate-ssh: the first rotation and the next, seconds of each step");
    anstream::println!("real hosts take 1 s for a login; of simulated ones, the agents are asked\n");
    let names = ["hosts", "create", "set", "test", "finish", "CPU", "memory"];
    let [hosts_name, create, set, test, finish, cpu, memory] = names;
    anstream::println!("{hosts_name:>14} {create:>8} {set:>8} {test:>8} {finish:>8} {cpu:>8} {memory:>10}");
    for fleet in FLEETS {
        let nodes = hosts[..fleet].iter().enumerate();
        for host in &hosts[..fleet] {
            host.authorize(b"");
        }
        let nodes = nodes.map(|(number, host)| Node::new(&format!("i-{number:04}"), Arc::clone(host)));
        rotate(function, &format!("{fleet} real"), nodes.collect(), &[]).await?;
    }
    let nodes = (0..SIMULATED).map(Node::simulated).collect();
    rotate(function, &format!("{SIMULATED} simulated"), nodes, &[("SSH_TEST", "agent")]).await
}

/// Rotates the keys of a fleet twice, and prints what each took and called.
async fn rotate(function: &Path, name: &str, nodes: Vec<Node>, variables: &[(&str, &str)]) -> Result<()> {
    let (aws, ssm) = (Aws::start().await?, SystemsManager::start().await?);
    nodes.into_iter().for_each(|node| drop(ssm.add(node)));
    rotation::store(&aws, &json!({"PublicKey": "", "PrivateKey": ""}))?;
    for number in 1..=2 {
        let mut sandbox =
            Sandbox::new(function)?.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url()).timeout(LONGEST_STEP);
        for (name, value) in variables {
            sandbox = sandbox.variable(name, value);
        }
        ssm.forget_calls();
        let figures = rotation::rotate(&aws, &ssm.found_by(sandbox), number).await?;
        print(name, &figures, &ssm.calls());
    }
    Ok(())
}

fn print(name: &str, figures: &Figures, calls: &[String]) {
    let [create, set, test, finish] = figures.steps.map(|step| step.as_secs_f64());
    anstream::println!(
        "{name:>14} {create:>8.2} {set:>8.2} {test:>8.2} {finish:>8.2} {:>8.2} {:>10}",
        figures.cpu.as_secs_f64(),
        mebibytes(figures.peak_memory)
    );
    let mut counts = BTreeMap::<_, usize>::new();
    for call in calls {
        *counts.entry(call.as_str()).or_default() += 1;
    }
    let counts: Vec<_> = counts.into_iter().map(|(call, count)| format!("{count} {call}")).collect();
    anstream::println!("{:>14} {} of Secrets Manager; {}", "calls", figures.calls, counts.join(", "));
}
