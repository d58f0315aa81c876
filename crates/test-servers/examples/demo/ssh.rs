//! The SSH keys of a user on two hosts with a real sshd: rotated twice, while a consumer logs in with AWSCURRENT.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fourstep_test_servers::sshd::Host;
use fourstep_test_servers::ssm::{Node, SystemsManager};
use fourstep_testkit::HttpApi;
use fourstep_testkit::aws::{Aws, Operation};
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::{Value, json};

use crate::{Result, rotation, screen};

const SECRET: &str = "demo/ssh";
const HOSTS: usize = 2;
const ROTATIONS: usize = 2;

pub(crate) async fn show(function: &Path) -> Result<()> {
    screen::strategy("ssh-keys", "the new key is in authorized_keys beside the old one");
    let hosts: Option<Vec<_>> = (0..HOSTS).map(|_| Host::start().map(Arc::new)).collect();
    let Some(hosts) = hosts else { return Ok(()) };
    let (aws, ssm) = (Aws::start().await?, SystemsManager::start().await?);
    for (number, host) in hosts.iter().enumerate() {
        let id = format!("i-{number:04}");
        screen::host(&id, host);
        ssm.add(Node::new(&id, Arc::clone(host)));
    }
    let sandbox = Sandbox::new(function)?.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url());
    let sandbox = Arc::new(ssm.found_by(sandbox));
    let value = json!({"PublicKey": "", "PrivateKey": ""}).to_string();
    let create = json!({"Name": SECRET, "SecretString": value});
    crate::call(&HttpApi::new(aws.url()), Operation::CreateSecret, &create).await?;
    for number in 1..=ROTATIONS {
        rotate(&aws, &hosts, &sandbox, number).await?;
    }
    if let Some(usage) = sandbox.usage() {
        screen::usage(sandbox.time_to_first_poll(), usage.cpu, usage.peak_memory, ROTATIONS);
    }
    Ok(())
}

async fn rotate(aws: &Aws, hosts: &[Arc<Host>], sandbox: &Arc<Sandbox>, number: usize) -> Result<()> {
    let labels = || aws.secrets().with(|model| screen::Labels::of(model, SECRET));
    screen::labels(&format!("rotation {number}, before"), &labels());
    let stop = Arc::new(AtomicBool::new(false));
    let consumer = tokio::spawn(consume(Arc::clone(&stop), HttpApi::new(aws.url()), hosts.to_vec()));
    rotation::run(aws, sandbox, SECRET).await?;
    stop.store(true, Ordering::Relaxed);
    let (accepted, refused) = consumer.await??;
    screen::labels("after", &labels());
    let keys = |host: &Arc<Host>| {
        let file = String::from_utf8_lossy(&host.authorized_keys()).into_owned();
        file.lines().filter(|line| !line.starts_with('#')).count()
    };
    let left: Vec<_> = hosts.iter().map(keys).collect();
    screen::authorized_keys(accepted, refused, &left);
    // The first rotation begins with no key at all.
    match refused {
        0 if left.iter().all(|keys| *keys == number.min(2)) => Ok(()),
        _ => Err(format!("{refused} logins were refused, and {left:?} keys are left").into()),
    }
}

/// Reads AWSCURRENT and logs in to each host with it by OpenSSH's own client, all the while. Returns how often it was
/// accepted and refused.
async fn consume(stop: Arc<AtomicBool>, api: HttpApi, hosts: Vec<Arc<Host>>) -> Result<(usize, usize)> {
    let (mut accepted, mut refused) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let answer = crate::call(&api, Operation::GetSecretValue, &json!({"SecretId": SECRET})).await?;
        let value: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap_or_default())?;
        let key = value["PrivateKey"].as_str().unwrap_or_default().to_owned();
        if key.is_empty() {
            continue;
        }
        let hosts = hosts.clone();
        let opened = move || hosts.iter().filter(|host| host.opens(&key)).count();
        let opened = tokio::task::spawn_blocking(opened).await?;
        accepted += opened;
        refused += HOSTS - opened;
    }
    Ok((accepted, refused))
}
