//! `rotate-postgres` with an administrator's secret that Amazon RDS manages, or that is elsewhere.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fourstep::memory::{CreateSecret, RotateSecret, Secret, SecretValue};
use fourstep::{AWSCURRENT, Filter, Sensitive, Step};
use fourstep_test_servers::postgres::{Certificate, Options, Postgres};
use fourstep_testkit::aws::{At, Aws, DbInstance, Fault, FunctionError, Operation, Refusal};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use serde_json::{Value, json};

const NAME: &str = "app/db";
const ADMIN: &str = "rds-db-admin";
const PENDING: &str = "22222222-2222-4222-8222-222222222222";
const ADMIN_PASSWORD: &str = "admin-Passw0rd~1";

/// A server with TLS, its instance in Amazon RDS, and a secret whose rotation has begun.
struct World {
    server: Postgres,
    aws: Aws,
    sandbox: Sandbox,
}

impl World {
    /// Starts all of it, with the secret's host. `None`: PostgreSQL is not installed.
    async fn start(host: &str) -> Option<Self> {
        let options = Options { certificate: Some(Certificate::Right), ..Options::default() };
        let server = Postgres::start_with(options).await?;
        server
            .execute(&format!(
                "CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD '{ADMIN_PASSWORD}';
                 CREATE ROLE app LOGIN PASSWORD 'first-Passw0rd~1'"
            ))
            .await;
        // Since version 16, what it would have had it made the role itself.
        if server.rows("SELECT current_setting('server_version_num')").await[0].as_str() >= "160000" {
            server.execute("GRANT app TO boss WITH ADMIN OPTION").await;
        }
        let aws = Aws::start().await.unwrap();
        let instance = aws.add_instance(DbInstance {
            identifier: "127".to_owned(),
            engine: "postgres".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: server.port(),
            replica_of: None,
        });
        let (mut value, port) = (account(), server.port());
        (value["host"], value["port"]) = (host.into(), port.into());
        aws.secrets().with(|model| {
            let admin = json!({ "username": "boss", "password": ADMIN_PASSWORD });
            let admin = CreateSecret {
                name: ADMIN,
                value: Some(SecretValue::text(admin.to_string())),
                ..CreateSecret::default()
            };
            let arn = model.create_secret(admin).unwrap().arn.clone();
            // Only Amazon RDS itself can set such a tag.
            model.secret_mut(ADMIN).unwrap().tags.insert("aws:rds:primaryDBInstanceArn".to_owned(), instance);
            value["masterarn"] = arn.into();
            let tags = BTreeMap::from([("fourstep:strategy".to_owned(), "alternating-users".to_owned())]);
            let secret =
                CreateSecret { name: NAME, token: None, value: Some(SecretValue::text(value.to_string())), tags };
            model.create_secret(secret).unwrap();
            let rotation =
                RotateSecret { token: Some(PENDING), lambda_arn: Some(FUNCTION_ARN), ..RotateSecret::now(NAME) };
            model.rotate_secret(rotation).answer.unwrap();
        });
        let sandbox = Sandbox::new(function::binary("rotate-postgres").unwrap()).unwrap();
        let sandbox =
            sandbox.variable("AWS_ENDPOINT_URL", aws.url()).variable("TLS_CA_BUNDLE", server.authority().as_os_str());
        // An owner who lists too much.
        let sandbox = sandbox.variable("ADMIN_SECRETS", "*");
        Some(Self { server, aws, sandbox })
    }

    async fn step(&self, step: Step) -> Result<Value, FunctionError> {
        let event = json!({ "Step": step.name(), "SecretId": NAME, "ClientRequestToken": PENDING });
        self.sandbox.invoke(event).await.result
    }

    /// Runs the rotation, and logs in with what is current after it.
    async fn rotates(&self) {
        for step in Step::ALL {
            self.step(step).await.unwrap();
        }
        let current = self.aws.secrets().with(|model| {
            let version = model.secret(NAME).unwrap().labelled(AWSCURRENT).unwrap();
            assert_eq!(version.id, PENDING);
            serde_json::from_str::<Value>(version.text().unwrap().expose()).unwrap()
        });
        assert_eq!(current["username"], "app_clone");
        let password = current["password"].as_str().unwrap();
        self.server.connect("app_clone", password, "postgres").await.unwrap();
        self.tells_no_secret();
    }

    /// Runs setSecret, which fails and has changed nothing.
    async fn refuses(&self, kind: &str, parts: &[&str]) {
        self.step(Step::Create).await.unwrap();
        let roles = self.server.roles().await;
        let error = self.step(Step::Set).await.unwrap_err();
        assert_eq!(error.error_type, kind, "{error}");
        for part in parts {
            assert!(error.message.contains(part), "no `{part}` in: {error}");
        }
        assert_eq!(self.server.roles().await, roles);
        self.tells_no_secret();
    }

    fn change_admin<T>(&self, change: impl FnOnce(&mut Secret) -> T) -> T {
        self.aws.secrets().with(|model| change(model.secret_mut(ADMIN).unwrap()))
    }

    fn tells_no_secret(&self) {
        let filter = Filter::new();
        filter.learn(&Sensitive::new(ADMIN_PASSWORD));
        for text in [self.sandbox.output().unwrap(), self.server.log()] {
            assert_eq!(filter.apply(&text), text, "the administrator's password is in it");
        }
    }
}

fn account() -> Value {
    json!({ "engine": "postgres", "username": "app", "password": "first-Passw0rd~1", "dbname": "postgres" })
}

#[tokio::test]
async fn a_master_secret_that_rds_manages_rotates_two_accounts() {
    let Some(world) = World::start("127.0.0.1").await else { return };
    world.rotates().await;
    assert_eq!(world.aws.asked_instances(), ["arn:aws:rds:us-east-1:123456789012:db:127"], "once, in setSecret");
    assert_eq!(world.aws.calls().len(), 16, "14, and two for the administrator's secret");
}

#[tokio::test]
async fn a_replica_is_rotated_at_its_primary() {
    let Some(world) = World::start("localhost").await else { return };
    world.aws.add_instance(DbInstance {
        identifier: "localhost".to_owned(),
        engine: "postgres".to_owned(),
        host: "localhost".to_owned(),
        port: world.server.port(),
        replica_of: Some("127".to_owned()),
    });
    world.rotates().await;
    assert_eq!(world.aws.asked_instances(), ["arn:aws:rds:us-east-1:123456789012:db:127", "127", "localhost"]);
    assert_eq!(world.aws.calls().len(), 16);
}

#[tokio::test]
async fn a_host_that_is_no_replica_gets_no_administrator() {
    let Some(world) = World::start("localhost").await else { return };
    world.refuses("Invalid", &["is not the host of this secret", "fourstep:endpoint"]).await;
    assert!(!world.server.log().contains("boss"), "the administrator never came");
}

#[tokio::test]
async fn a_missing_right_to_ask_rds_is_forbidden_and_named() {
    let Some(world) = World::start("127.0.0.1").await else { return };
    world.aws.refuse_instances(Refusal {
        status: 403,
        ..Refusal::new(
            "AccessDenied",
            "User: arn:aws:sts::123456789012:assumed-role/rotation/function is not authorized",
        )
    });
    world.refuses("Forbidden", &["the administrator's secret", "Allow rds:DescribeDBInstances on arn:aws:rds:"]).await;
    assert_eq!(world.aws.asked_instances().len(), 1, "a refusal is not tried again");
}

#[tokio::test]
async fn an_rds_that_cannot_be_reached_is_unavailable_within_five_seconds_and_names_what_a_vpc_needs() {
    let Some(mut world) = World::start("127.0.0.1").await else { return };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.sandbox = world.sandbox.variable("AWS_ENDPOINT_URL_RDS", format!("http://{nobody}"));
    let started = Instant::now();
    let parts = ["Amazon RDS cannot be reached", "com.amazonaws.<region>.rds", "NAT gateway", "different hosts"];
    world.refuses("Unavailable", &parts).await;
    assert!(started.elapsed() < Duration::from_secs(10), "two steps: {:?}", started.elapsed());
}

#[tokio::test]
async fn rds_is_not_asked_where_the_secrets_tell_all() {
    let Some(mut world) = World::start("localhost").await else { return };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.sandbox = world.sandbox.variable("AWS_ENDPOINT_URL_RDS", format!("http://{nobody}"));
    let port = world.server.port().to_string();
    let admin = json!({
        "engine": "postgres", "host": "LocalHost.", "port": port, "username": "boss", "password": ADMIN_PASSWORD,
    });
    world.change_admin(|secret| secret.versions[0].value = Some(SecretValue::text(admin.to_string())));
    world.rotates().await;
    assert_eq!(world.aws.calls().len(), 16);
}

#[tokio::test]
async fn an_administrators_secret_of_another_account_works_where_that_account_lets_it() {
    for allowed in [true, false] {
        let Some(world) = World::start("127.0.0.1").await else { return };
        let (ours, theirs) = world.change_admin(|secret| {
            let ours = secret.arn.clone();
            secret.arn = ours.replace("123456789012", "999999999999");
            (ours, secret.arn.clone())
        });
        assert_ne!(ours, theirs);
        world.aws.secrets().with(|model| {
            let version = &mut model.secret_mut(NAME).unwrap().versions[0];
            let value = version.text().unwrap().expose().replace(&ours, &theirs);
            version.value = Some(SecretValue::text(value));
        });
        if allowed {
            world.rotates().await;
            continue;
        }
        let arn = theirs.clone();
        let is_theirs = move |call: &fourstep_testkit::aws::Call| call.secret_id.as_deref() == Some(arn.as_str());
        let refusal = Refusal::access_denied(Operation::DescribeSecret);
        world.aws.fault(Fault::refuse(At::When(Box::new(is_theirs)), refusal));
        let fix = format!("Allow secretsmanager:DescribeSecret on {theirs} to the function's role");
        world.refuses("Forbidden", &[&fix, "the policies of the secret"]).await;
    }
}

#[tokio::test]
async fn a_deleted_administrators_secret_and_the_secret_itself_are_no_administrator() {
    let Some(world) = World::start("127.0.0.1").await else { return };
    world.aws.secrets().with(|model| model.delete_secret(ADMIN, None)).unwrap();
    let parts = ["is scheduled for deletion", "Restore it with RestoreSecret, or name another one", "`masterarn`"];
    world.refuses("Invalid", &parts).await;
    // The secret's own ARN, its name, and its ARN without the suffix.
    let arn = world.aws.secrets().with(|model| model.secret(NAME).unwrap().arn.clone());
    for own in [arn.as_str(), NAME, &arn[..arn.len() - 7]] {
        let Some(world) = World::start("127.0.0.1").await else { return };
        let arn = world.aws.secrets().with(|model| model.secret(NAME).unwrap().arn.clone());
        let own = if own.starts_with("arn:") { &arn[..own.len()] } else { own };
        world.aws.secrets().with(|model| {
            let version = &mut model.secret_mut(NAME).unwrap().versions[0];
            let mut value: Value = serde_json::from_str(version.text().unwrap().expose()).unwrap();
            value["masterarn"] = own.into();
            version.value = Some(SecretValue::text(value.to_string()));
        });
        world.refuses("Invalid", &["names itself", "`masterarn`"]).await;
    }
}
