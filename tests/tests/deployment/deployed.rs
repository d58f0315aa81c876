//! The zips and the template, deployed on an emulation of CloudFormation and Lambda, rotate real things. The functions'
//! variables come from the template, but for where AWS is, and that this machine is a place for HTTP requests.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::sync::Arc;

use fourstep::AWSCURRENT;
use fourstep::memory::{CreateSecret, SecretValue};
use fourstep_test_servers::key_service::{FIRST_KEY, KeyService};
use fourstep_test_servers::ministack::Ministack;
use fourstep_test_servers::mysql::{self, Flavour, MySql};
use fourstep_test_servers::postgres::{Certificate, Options, Postgres};
use fourstep_test_servers::sshd::{Host, USER};
use fourstep_test_servers::ssm::{Node, SystemsManager, TAG};
use fourstep_testkit::aws::{Aws, Operation, Outcome};
use fourstep_testkit::{HttpApi, JsonApi};
use serde_json::{Value, json};

use crate::packages::{HERE, dist, zip_name};
use crate::template::{functions, template, without_document};

const PROVIDER: &str = r#"
service = "Keys"
kind = "minted"
base_url = "URL"
secret = { value = "key", id = "key_id" }
auth = { bearer = "{{ key }}" }
create = { method = "POST", path = "/keys", json = { name = "{{ name }}" }, answer = { value = "/key", id = "/id" } }
list = { method = "GET", path = "/keys", answer = { keys = "/keys", id = "/id", name = "/name" } }
revoke = { method = "DELETE", path = "/keys/{{ id }}" }
test = { method = "GET", path = "/me" }
"#;

/// A stack, and the Secrets Manager whose secrets its functions rotate.
struct World {
    aws: Aws,
    cloud: Arc<Ministack>,
    outputs: BTreeMap<String, String>,
}

impl World {
    /// Deploys what is in `dist/` with some parameters. `None`: there is nothing, or no emulation.
    async fn deploy(parameters: &[(&str, &str)]) -> Option<Self> {
        Self::deploy_beside(&SystemsManager::start().await.unwrap(), parameters).await
    }

    async fn deploy_beside(ssm: &SystemsManager, parameters: &[(&str, &str)]) -> Option<Self> {
        let dist = dist()?;
        let aws = Aws::start().await.unwrap();
        let variables = [
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", OsStr::new(aws.url())),
            ("AWS_ENDPOINT_URL_SSM", OsStr::new(ssm.url())),
            ("AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API", OsStr::new(ssm.url())),
            ("API_LOOPBACK", OsStr::new("on")),
            ("LOCAL_ADDRESSES", OsStr::new("127.*, ::1")),
        ];
        let cloud = Ministack::start(&variables).await.unwrap()?;
        let mut text = without_document(&fs::read_to_string(dist.join(format!("template-{HERE}.yaml"))).unwrap());
        for function in functions(&template()) {
            let zip = zip_name(&function.binary);
            let address = cloud.upload(&zip, &fs::read(dist.join(&zip)).unwrap()).await.unwrap();
            text = text.replace(&format!("CodeUri: {zip}"), &format!("CodeUri: {address}"));
        }
        let address = cloud.upload("template.yaml", text.as_bytes()).await.unwrap();
        let parameters = [&[("SecretTag", "app")], parameters].concat();
        let outputs = cloud.create_stack("fourstep", &address, &parameters).await.unwrap().unwrap();
        Some(Self { aws, cloud: Arc::new(cloud), outputs })
    }

    /// Rotates a secret by a function of the stack, and returns the new value.
    async fn rotate(&self, name: &str, value: &Value, output: &str) -> Value {
        self.aws.secrets().with(|model| {
            let value = Some(SecretValue::text(value.to_string()));
            model.create_secret(CreateSecret { name, value, ..CreateSecret::default() }).unwrap();
        });
        let function = self.outputs[output].clone();
        let (cloud, invoked) = (Arc::clone(&self.cloud), function.clone());
        self.aws.on_rotate(move |event: Value| {
            let (cloud, function) = (Arc::clone(&cloud), invoked.clone());
            async move { cloud.invoke(&function, &event).await.unwrap() }
        });
        let request = json!({ "SecretId": name, "RotationLambdaARN": function });
        HttpApi::new(self.aws.url()).call(Operation::RotateSecret, &request).await.unwrap();
        let end = self.aws.rotation_end(name).await.unwrap();
        assert_eq!(end.outcome, Outcome::Succeeded, "{name}");
        self.aws.secrets().with(|model| {
            let current = model.secret(name).unwrap().labelled(AWSCURRENT).unwrap();
            assert_eq!(current.id, end.token);
            serde_json::from_str(current.text().unwrap().expose()).unwrap()
        })
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_rotates_a_password_of_postgresql() {
    let options = Options { certificate: Some(Certificate::Right), ..Options::default() };
    let Some(server) = Postgres::start_with(options).await else { return };
    server.execute("CREATE ROLE app LOGIN PASSWORD 'first-Passw0rd~1'").await;
    let authority = server.authority();
    let parameters =
        [("RotatePostgres", "true"), ("TlsCaBundle", authority.to_str().unwrap()), ("PasswordLength", "40")];
    let Some(world) = World::deploy(&parameters).await else { return };
    let account = json!({
        "engine": "postgres", "host": server.host(), "port": server.port(), "username": "app", "password": "first-Passw0rd~1",
        "dbname": "postgres",
    });
    let rotated = world.rotate("app/postgres", &account, "PostgresFunctionArn").await;
    assert_eq!(text(&rotated, "password").len(), 40, "as the parameter says");
    server.connect("app", text(&rotated, "password"), "postgres").await.unwrap();
    server.connect("app", "first-Passw0rd~1", "postgres").await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_rotates_a_password_of_mysql() {
    let options = mysql::Options { certificate: Some(Certificate::Right), ..mysql::Options::default() };
    let Some(server) = MySql::start_with(Flavour::MySql, options).await else { return };
    server.execute("CREATE USER 'app'@'%' IDENTIFIED BY 'first-Passw0rd~1'").await;
    let authority = server.authority();
    let parameters = [("RotateMysql", "true"), ("TlsCaBundle", authority.to_str().unwrap())];
    let Some(world) = World::deploy(&parameters).await else { return };
    let account = json!({
        "engine": "mysql", "host": server.host(), "port": server.port(), "username": "app", "password": "first-Passw0rd~1",
    });
    let rotated = world.rotate("app/mysql", &account, "MysqlFunctionArn").await;
    server.connect("app", text(&rotated, "password"), None).await.unwrap();
    server.connect("app", "first-Passw0rd~1", None).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_rotates_a_key_of_an_http_service() {
    let service = KeyService::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    fs::write(&file, PROVIDER.replace("URL", service.url())).unwrap();
    let parameters = [("RotateApiKey", "true"), ("ApiProviderFiles", file.to_str().unwrap())];
    let Some(world) = World::deploy(&parameters).await else { return };
    let rotated = world.rotate("app/key", &json!({"key": FIRST_KEY, "key_id": "key-0"}), "ApiKeyFunctionArn").await;
    assert_ne!(text(&rotated, "key"), FIRST_KEY);
    assert!(service.state().accepts(text(&rotated, "key")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_rotates_the_key_of_a_fleet() {
    let hosts: Option<Vec<_>> = (0..3).map(|_| Host::start().map(Arc::new)).collect();
    let Some(hosts) = hosts else { return };
    let ssm = SystemsManager::start().await.unwrap();
    for (number, host) in hosts.iter().enumerate() {
        ssm.add(Node::new(&format!("i-{number:04}"), Arc::clone(host)));
    }
    let parameters = [
        ("RotateSsh", "true"),
        ("SshUser", USER),
        ("HostsTagName", TAG.0),
        ("HostsTagValue", TAG.1),
        ("MinHosts", "3"),
    ];
    let Some(world) = World::deploy_beside(&ssm, &parameters).await else { return };
    let rotated = world.rotate("app/ssh", &json!({"PublicKey": "", "PrivateKey": ""}), "SshFunctionArn").await;
    for host in hosts {
        assert!(host.opens(text(&rotated, "PrivateKey")), "{}", host.address());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_template_can_be_deployed() {
    let parameters = [
        ("RotatePostgres", "true"),
        ("RotateMysql", "true"),
        ("RotateApiKey", "true"),
        ("ApiProviders", "gitlab"),
        ("RotateSsh", "true"),
        ("HostsTagName", "RotateSSHKeys"),
        ("HostsTagValue", "True"),
        ("AllowedHostsTags", "team=blue,team=green + stage=test"),
        ("ReconcileSecretArn", "arn:aws:secretsmanager:us-east-1:000000000000:secret:ssh-AbCdEf"),
        ("AdminSecretArns", "arn:aws:secretsmanager:us-east-1:000000000000:secret:admin-AbCdEf"),
        ("RdsLookups", "true"),
        ("KmsKeyArns", "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"),
        ("AlarmEmail", "a@example.com"),
        ("RotatesEvery", "1d"),
        ("FailureEvents", "true"),
        ("Dashboard", "true"),
        ("Tracing", "true"),
    ];
    let Some(world) = World::deploy(&parameters).await else { return };
    let made = world.cloud.resource_types("fourstep").await.unwrap();
    let count = |kind: &str| made.iter().filter(|one| *one == kind).count();
    assert_eq!((count("AWS::Lambda::Function"), count("AWS::IAM::Role"), count("AWS::IAM::Policy")), (4, 4, 6));
    assert_eq!((count("AWS::CloudWatch::Alarm"), count("AWS::Events::Rule")), (16, 2));
    for output in ["PostgresFunctionArn", "MysqlFunctionArn", "ApiKeyFunctionArn", "SshFunctionArn", "TopicArn"] {
        assert!(world.outputs.contains_key(output), "{:?}", world.outputs);
    }
}
