//! The key of an HTTP service: rotated twice by its provider file alone, while a consumer asks with AWSCURRENT.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fourstep_test_servers::key_service::{FIRST_KEY, KeyService, PROVIDER};
use fourstep_testkit::HttpApi;
use fourstep_testkit::aws::{Aws, Operation};
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::{Value, json};

use crate::{Result, rotation, screen};

const SECRET: &str = "demo/api-key";
const ROTATIONS: usize = 2;

pub(crate) async fn show(function: &Path) -> Result<()> {
    screen::strategy("minted-key", "the service makes each key, as this file says");
    screen::file(PROVIDER);
    let (aws, service) = (Aws::start().await?, Arc::new(KeyService::start().await?));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("keys.toml");
    std::fs::write(&file, PROVIDER)?;
    let sandbox = Sandbox::new(function)?.variable("AWS_ENDPOINT_URL", aws.url());
    let sandbox = Arc::new(service.found_by(sandbox, &file));
    let api = HttpApi::new(aws.url());
    let value = json!({"key": FIRST_KEY, "key_id": "key-0"}).to_string();
    crate::call(&api, Operation::CreateSecret, &json!({"Name": SECRET, "SecretString": value})).await?;
    for number in 1..=ROTATIONS {
        rotate(&aws, &service, &sandbox, number).await?;
    }
    Ok(())
}

async fn rotate(aws: &Aws, service: &Arc<KeyService>, sandbox: &Arc<Sandbox>, number: usize) -> Result<()> {
    let labels = || aws.secrets().with(|model| screen::Labels::of(model, SECRET));
    screen::labels(&format!("rotation {number}, before"), &labels());
    let stop = Arc::new(AtomicBool::new(false));
    let consumer = tokio::spawn(consume(Arc::clone(&stop), HttpApi::new(aws.url()), Arc::clone(service)));
    rotation::run(aws, sandbox, SECRET).await?;
    stop.store(true, Ordering::Relaxed);
    let (accepted, refused) = consumer.await??;
    screen::labels("after", &labels());
    let keys = service.state().keys.len();
    screen::keys(accepted, refused, keys);
    match (refused, keys) {
        (0, 2) => Ok(()),
        _ => Err(format!("{refused} requests were refused, and {keys} keys are left").into()),
    }
}

/// Reads AWSCURRENT and uses it, all the while. Returns how often it was accepted and refused.
async fn consume(stop: Arc<AtomicBool>, api: HttpApi, service: Arc<KeyService>) -> Result<(usize, usize)> {
    let (mut accepted, mut refused) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let answer = crate::call(&api, Operation::GetSecretValue, &json!({"SecretId": SECRET})).await?;
        let value: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap_or_default())?;
        // It is asked, not by a request, so that the requests of the function alone are counted.
        let opens = service.state().accepts(value["key"].as_str().unwrap_or_default());
        if opens { accepted += 1 } else { refused += 1 }
    }
    Ok((accepted, refused))
}
