//! An administrator's secret that Amazon RDS manages for an instance or for a cluster, for both databases.

use std::collections::BTreeMap;
use std::path::Path;

use fourstep::memory::{CreateSecret, RotateSecret, SecretValue};
use fourstep::{AWSCURRENT, Step};
use fourstep_test_servers::mysql::{self, Flavour, MySql};
use fourstep_test_servers::postgres::{Certificate, Options, Postgres};
use fourstep_testkit::aws::{Aws, DbCluster, DbInstance};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use serde_json::{Value, json};

const NAME: &str = "app/db";
const PENDING: &str = "22222222-2222-4222-8222-222222222222";
const PASSWORD: &str = "first-Passw0rd~1";

/// What an administrator's secret is managed for, and the tag that says so.
const KINDS: [&str; 2] = ["aws:rds:primaryDBInstanceArn", "aws:rds:primaryDBClusterArn"];

/// Rotates `user` with the administrator `boss` of a server at a port, and returns the new account. A secret that Amazon
/// RDS manages cannot say `"ssl": false`.
async fn rotated(function: &str, engine: &str, port: u16, authority: &Path, user: &str, tag: &str) -> Value {
    let aws = Aws::start().await.unwrap();
    let (identifier, host, engine) = ("127".to_owned(), "127.0.0.1".to_owned(), engine.to_owned());
    let arn = if tag == KINDS[0] {
        aws.add_instance(DbInstance { identifier, engine: engine.clone(), host, port, replica_of: None })
    } else {
        aws.add_cluster(DbCluster { identifier, engine: engine.clone(), host, port })
    };
    aws.secrets().with(|model| {
        let admin = json!({ "username": "boss", "password": PASSWORD }).to_string();
        let admin = CreateSecret { name: "admin", value: Some(SecretValue::text(admin)), ..CreateSecret::default() };
        let admin = model.create_secret(admin).unwrap().arn.clone();
        // Only Amazon RDS itself can set such a tag.
        model.secret_mut("admin").unwrap().tags.insert(tag.to_owned(), arn.clone());
        let value = json!({
            "engine": engine, "host": "127.0.0.1", "port": port, "username": user, "password": PASSWORD,
            "masterarn": admin,
        });
        let tags = BTreeMap::from([("fourstep:strategy".to_owned(), "alternating-users".to_owned())]);
        let value = Some(SecretValue::text(value.to_string()));
        model.create_secret(CreateSecret { name: NAME, token: None, value, tags }).unwrap();
        let request = RotateSecret { token: Some(PENDING), lambda_arn: Some(FUNCTION_ARN), ..RotateSecret::now(NAME) };
        model.rotate_secret(request).answer.unwrap();
    });
    let sandbox = Sandbox::new(function::binary(function).unwrap()).unwrap().variable("AWS_ENDPOINT_URL", aws.url());
    let sandbox =
        sandbox.variable("TLS_CA_BUNDLE", authority.as_os_str()).variable("ADMIN_SECRETS", "arn:*:secret:admin-*");
    for step in Step::ALL {
        let event = json!({ "Step": step.name(), "SecretId": NAME, "ClientRequestToken": PENDING });
        sandbox.invoke(event).await.result.unwrap_or_else(|error| panic!("{function}, {tag}, {step:?}: {error}"));
    }
    assert_eq!(aws.asked_instances(), [arn], "{function}, {tag}: once, in setSecret");
    aws.secrets().with(|model| {
        let current = model.secret(NAME).unwrap().labelled(AWSCURRENT).unwrap();
        serde_json::from_str(current.text().unwrap().expose()).unwrap()
    })
}

#[tokio::test]
async fn postgresql_is_rotated_by_the_master_of_an_instance_or_a_cluster() {
    let options = Options { certificate: Some(Certificate::Right), ..Options::default() };
    let Some(server) = Postgres::start_with(options).await else { return };
    server.execute(&format!("CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'")).await;
    for (user, tag) in ["one", "two"].into_iter().zip(KINDS) {
        server.execute(&format!("CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'")).await;
        if server.version() >= 16 {
            server.execute(&format!("GRANT {user} TO boss WITH ADMIN OPTION")).await;
        }
        let account = rotated("rotate-postgres", "postgres", server.port(), &server.authority(), user, tag).await;
        let [name, password] = ["username", "password"].map(|field| account[field].as_str().unwrap());
        assert_eq!(name, format!("{user}_clone"));
        server.connect(name, password, "postgres").await.unwrap();
    }
}

#[tokio::test]
async fn mysql_is_rotated_by_the_master_of_an_instance_or_a_cluster() {
    let options = mysql::Options { certificate: Some(Certificate::Right), ..mysql::Options::default() };
    let Some(server) = MySql::start_with(Flavour::MySql, options).await else { return };
    server
        .execute(&format!(
            "CREATE USER 'boss'@'%' IDENTIFIED BY '{PASSWORD}';
             GRANT ALL ON *.* TO 'boss'@'%' WITH GRANT OPTION"
        ))
        .await;
    for (user, tag) in ["one", "two"].into_iter().zip(KINDS) {
        server.execute(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")).await;
        let account = rotated("rotate-mysql", "mysql", server.port(), &server.authority(), user, tag).await;
        let [name, password] = ["username", "password"].map(|field| account[field].as_str().unwrap());
        assert_eq!(name, format!("{user}_clone"));
        server.connect(name, password, None).await.unwrap();
    }
}
