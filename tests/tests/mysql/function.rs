//! The binary of the function, in a Lambda of one's own.

use std::collections::BTreeMap;

use fourstep::memory::{CreateSecret, RotateSecret, SecretValue};
use fourstep::{AWSCURRENT, AWSPENDING, Sensitive, Step};
use fourstep_test_servers::mysql::{Certificate, Flavour, MySql, Options};
use fourstep_testkit::aws::{Aws, DbInstance, FunctionError};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use serde_json::{Value, json};

use crate::world::{OF_ADMIN, app, make_admin, opens, prepare};

/// The binary, at its most talkative, and its secrets.
pub(crate) struct Function {
    aws: Aws,
    sandbox: Sandbox,
    errors: String,
}

const ADMIN: &str = "boss";

impl Function {
    /// Creates a Lambda for it, that trusts the server's authority.
    pub(crate) async fn start(server: &MySql) -> Self {
        let aws = Aws::start().await.unwrap();
        let sandbox = Sandbox::new(function::binary("rotate-mysql").unwrap()).unwrap();
        let sandbox = sandbox.variable("AWS_ENDPOINT_URL", aws.url()).variable("AWS_LAMBDA_LOG_LEVEL", "TRACE");
        let mut sandbox = sandbox.variable("ADMIN_SECRETS", format!("arn:*:secret:{ADMIN}-*"));
        if server.authority().exists() {
            sandbox = sandbox.variable("TLS_CA_BUNDLE", server.authority());
        }
        Self { aws, sandbox, errors: String::new() }
    }

    /// Creates the administrator's secret, and returns its ARN.
    pub(crate) fn make_admin(&self, value: &Value) -> String {
        let value = Some(SecretValue::text(value.to_string()));
        let secret = CreateSecret { name: ADMIN, value, ..CreateSecret::default() };
        self.aws.secrets().with(|model| model.create_secret(secret).unwrap().arn.clone())
    }

    /// Creates a secret that keeps no older credential alive.
    pub(crate) fn make_secret(&self, name: &str, strategy: &str, value: &Value) {
        let tags = [("fourstep:strategy", strategy), ("fourstep:retire", "at-finish")];
        let tags: BTreeMap<_, _> = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let value = Some(SecretValue::text(value.to_string()));
        let secret = CreateSecret { name, token: None, value, tags };
        self.aws.secrets().with(|model| {
            model.create_secret(secret).unwrap();
        });
    }

    /// Begins a rotation, or goes on with the one that is under way, up to the first step that fails.
    pub(crate) async fn rotate(&mut self, name: &str) -> Result<(), FunctionError> {
        let token = self.aws.secrets().with(|model| {
            let secret = model.secret(name).unwrap();
            let token = format!("{:0>36}", secret.versions.len());
            let pending = secret.labelled(AWSPENDING);
            if let Some(version) = pending.filter(|version| !version.labels.iter().any(|label| label == AWSCURRENT)) {
                return version.id.clone();
            }
            let request =
                RotateSecret { token: Some(&token), lambda_arn: Some(FUNCTION_ARN), ..RotateSecret::now(name) };
            model.rotate_secret(request).answer.unwrap();
            token
        });
        for step in Step::ALL {
            let event = json!({ "Step": step.name(), "SecretId": name, "ClientRequestToken": token });
            if let Err(error) = self.sandbox.invoke(event).await.result {
                self.errors += &format!("{error} {error:?}\n");
                return Err(error);
            }
        }
        Ok(())
    }

    /// Returns all that it wrote to its standard output and standard error.
    pub(crate) fn output(&self) -> String {
        self.sandbox.output().unwrap()
    }

    /// Returns all errors that it answered with.
    pub(crate) fn errors(&self) -> &str {
        &self.errors
    }

    /// Returns the value of AWSCURRENT.
    pub(crate) fn current(&self, name: &str) -> Value {
        self.aws.secrets().with(|model| {
            let version = model.secret(name).unwrap().labelled(AWSCURRENT).unwrap();
            serde_json::from_str(version.text().unwrap().expose()).unwrap()
        })
    }

    /// Returns all passwords that ever were in a version of a secret.
    pub(crate) fn passwords(&self) -> Vec<Sensitive> {
        self.aws.secrets().with(|model| {
            let versions = model.secrets().flat_map(|secret| &secret.versions);
            let values = versions.map(|version| serde_json::from_str::<Value>(version.text().unwrap().expose()));
            values.map(|value| Sensitive::new(value.unwrap()["password"].as_str().unwrap())).collect()
        })
    }
}

#[tokio::test]
async fn an_administrator_whose_server_only_amazon_rds_knows_rotates_two_accounts() {
    for flavour in Flavour::ALL {
        let options = Options { certificate: Some(Certificate::Right), ..Options::default() };
        let Some(server) = MySql::start_with(flavour, options).await else { continue };
        prepare(&server).await;
        make_admin(&server).await;
        let mut function = Function::start(&server).await;
        // As Amazon RDS makes it: the account alone, and a tag that nobody else can set.
        let arn = function.make_admin(&json!({ "username": "boss", "password": OF_ADMIN }));
        let instance = function.aws.add_instance(DbInstance {
            identifier: "database-1".to_owned(),
            engine: if flavour == Flavour::MySql { "mysql" } else { "mariadb" }.to_owned(),
            host: "localhost".to_owned(),
            port: server.port(),
            replica_of: None,
        });
        let tag = "aws:rds:primaryDBInstanceArn".to_owned();
        function.aws.secrets().with(|model| model.secret_mut(ADMIN).unwrap().tags.insert(tag, instance.clone()));
        let mut value = app(&server);
        (value["host"], value["ssl"], value["masterarn"]) = ("localhost".into(), true.into(), arn.into());
        function.make_secret("app", "alternating-users", &value);
        for username in ["app_clone", "app"] {
            function.rotate("app").await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
            assert_eq!(function.current("app")["username"], username);
            assert!(opens(&server, &function.current("app")).await);
        }
        let asked = function.aws.asked_instances();
        assert!(!asked.is_empty() && asked.iter().all(|name| *name == instance), "{asked:?}");
    }
}
