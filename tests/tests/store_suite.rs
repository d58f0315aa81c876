//! The rules of Secrets Manager, held against everything that stands in for it.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Builder, Credentials, Region};
use fourstep::memory::MemoryStore;
use fourstep::store::SecretStore;
use fourstep_aws::SecretsManagerStore;
use fourstep_test_servers::moto::{self, Moto};
use fourstep_testkit::HttpApi;
use fourstep_testkit::aws::Aws;
use fourstep_testkit::store_suite::{self, Subject};

/// Creates the store that a function uses, with the real SDK, at an end point without TLS.
fn store_at(url: &str) -> Arc<dyn SecretStore> {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(url)
        .build();
    Arc::new(SecretsManagerStore::new(Client::from_conf(config)))
}

/// Checks the rules. Returns a line that says how many there were.
async fn hold(subject: Subject) -> String {
    match store_suite::check(&subject).await {
        Ok(rules) => format!("{}: {rules} rules, {} known differences", subject.name, subject.differences.len()),
        Err(wrong) => panic!("{wrong}"),
    }
}

#[tokio::test]
async fn the_memory_store_keeps_the_rules() {
    let store = Arc::new(MemoryStore::new());
    let api = Box::new(Arc::clone(&store));
    let subject = Subject { name: "MemoryStore", api, store: Some(store), differences: &[] };
    println!("{}", hold(subject).await);
}

#[tokio::test]
async fn the_emulation_keeps_the_rules() {
    let aws = Aws::start().await.unwrap();
    let api = Box::new(HttpApi::new(aws.url()));
    let subject = Subject { name: "emulation", api, store: Some(store_at(aws.url())), differences: &[] };
    println!("{}", hold(subject).await);
}

#[tokio::test]
async fn moto_keeps_the_rules_but_for_the_known_differences() {
    let Some(moto) = Moto::start().await.unwrap() else { return };
    let api = Box::new(HttpApi::new(moto.url()));
    let subject = Subject { name: "moto", api, store: Some(store_at(moto.url())), differences: moto::DIFFERENCES };
    println!("{}", hold(subject).await);
}
