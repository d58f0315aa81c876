//! An administrator's secret that Amazon RDS manages for an instance or for a cluster, for both databases.

use std::collections::BTreeMap;

use fourstep::memory::{CreateSecret, RotateSecret, SecretValue};
use fourstep::{AWSCURRENT, Step};
use fourstep_testkit::aws::{Aws, DbCluster, DbInstance};
use fourstep_testkit::function;
use fourstep_testkit::mysql::{Flavour, MySql};
use fourstep_testkit::postgres::Postgres;
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::{Value, json};

const NAME: &str = "app/db";
const PENDING: &str = "22222222-2222-4222-8222-222222222222";
const PASSWORD: &str = "first-Passw0rd~1";

/// What an administrator's secret is managed for, and the tag that says so.
const KINDS: [&str; 2] = ["aws:rds:primaryDBInstanceArn", "aws:rds:primaryDBClusterArn"];

/// Rotates `user` with the administrator `boss` of a server at a port, and gives the new account.
async fn rotated(function: &str, engine: &str, port: u16, [user, boss]: [&str; 2], database: &str, tag: &str) -> Value {
    let aws = Aws::start().await.unwrap();
    let (identifier, host, engine) = ("127".to_owned(), "127.0.0.1".to_owned(), engine.to_owned());
    let arn = if tag == KINDS[0] {
        aws.add_instance(DbInstance { identifier, engine: engine.clone(), host, port, replica_of: None })
    } else {
        aws.add_cluster(DbCluster { identifier, engine: engine.clone(), host, port })
    };
    aws.secrets().with(|model| {
        let admin = json!({ "username": boss, "password": PASSWORD }).to_string();
        let admin = CreateSecret { name: "admin", value: Some(SecretValue::text(admin)), ..CreateSecret::default() };
        let admin = model.create_secret(admin).unwrap().arn.clone();
        // Only Amazon RDS itself can set such a tag.
        model.secret_mut("admin").unwrap().tags.insert(tag.to_owned(), arn.clone());
        let value = json!({
            "engine": engine, "host": "127.0.0.1", "port": port, "username": user, "password": PASSWORD,
            "dbname": database, "ssl": false, "masterarn": admin,
        });
        let tags = BTreeMap::from([("fourstep:strategy".to_owned(), "alternating-users".to_owned())]);
        let value = Some(SecretValue::text(value.to_string()));
        model.create_secret(CreateSecret { name: NAME, token: None, value, tags }).unwrap();
        let request = RotateSecret { token: Some(PENDING), lambda_arn: Some("arn:lambda"), ..RotateSecret::now(NAME) };
        model.rotate_secret(request).answer.unwrap();
    });
    let sandbox = Sandbox::new(function::binary(function).unwrap()).unwrap().variable("AWS_ENDPOINT_URL", aws.url());
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
    for tag in KINDS {
        let Some(server) = Postgres::shared().await else { return };
        server
            .execute(&format!(
                "CREATE ROLE <boss> LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}';
                 CREATE ROLE <app> LOGIN PASSWORD '{PASSWORD}'"
            ))
            .await;
        if server.version() >= 16 {
            server.execute("GRANT <app> TO <boss> WITH ADMIN OPTION").await;
        }
        let users = ["app", "boss"].map(|name| server.name(name));
        let users = [users[0].as_str(), users[1].as_str()];
        let account = rotated("rotate-postgres", "postgres", server.port(), users, server.database(), tag).await;
        let [user, password] = ["username", "password"].map(|field| account[field].as_str().unwrap());
        assert_eq!(server.plain(user), "app_clone");
        server.connect(user, password, server.database()).await.unwrap();
    }
}

#[tokio::test]
async fn mysql_is_rotated_by_the_master_of_an_instance_or_a_cluster() {
    for tag in KINDS {
        let Some(server) = MySql::shared(Flavour::MySql).await else { return };
        server
            .execute(&format!(
                "CREATE USER '<boss>'@'%' IDENTIFIED BY '{PASSWORD}';
                 GRANT ALL ON *.* TO '<boss>'@'%' WITH GRANT OPTION;
                 CREATE USER '<app>'@'%' IDENTIFIED BY '{PASSWORD}';
                 GRANT SELECT ON `<main>`.* TO '<app>'@'%'"
            ))
            .await;
        let users = ["app", "boss"].map(|name| server.name(name));
        let users = [users[0].as_str(), users[1].as_str()];
        let account = rotated("rotate-mysql", "mysql", server.port(), users, server.database(), tag).await;
        let [user, password] = ["username", "password"].map(|field| account[field].as_str().unwrap());
        assert_eq!(server.plain(user), "app_clone");
        server.connect(user, password, None).await.unwrap();
    }
}
