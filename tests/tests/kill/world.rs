use std::collections::BTreeSet;
use std::sync::Arc;

use fourstep::Sensitive;
use fourstep_testkit::aws::{Aws, Operation, rotation_token};
use fourstep_testkit::function;
use fourstep_testkit::proxy::Proxy;
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secrecy::assert_clean;
use fourstep_testkit::secret::RotatedSecret;
use serde_json::{Value, json};

use crate::point::Messages;
use crate::server::{Kind, Server};
use crate::strategy::Strategy;

/// Secrets Manager, a server behind a proxy, and the function.
pub(crate) struct World {
    strategy: Strategy,
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) aws: Aws,
    pub(crate) sandbox: Arc<Sandbox>,
    masterarn: Option<String>,
    accounts: usize,
    /// The accounts that there may be.
    pub(crate) names: BTreeSet<String>,
}

const ADMIN: &str = "boss";
const ADMIN_PASSWORD: &str = "admin-Pa\"ss/w0rd~1";

impl World {
    /// Starts all of it. `None`: the server is not installed.
    pub(crate) async fn start(kind: Kind, strategy: Strategy) -> Option<Self> {
        let server = Server::start(kind).await?;
        let proxy = server.proxy().await;
        let aws = Aws::start().await.unwrap();
        let sandbox = Sandbox::new(function::binary(server.function()).unwrap()).unwrap();
        let sandbox = sandbox.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url());
        let sandbox = Arc::new(sandbox.variable("ADMIN_SECRETS", format!("arn:*:secret:{ADMIN}-*")));
        let (masterarn, accounts, names) = (None, 0, BTreeSet::new());
        let mut world = Self { strategy, server, proxy, aws, sandbox, masterarn, accounts, names };
        if world.alternates() {
            world.make_admin().await;
        }
        Some(world)
    }

    async fn make_admin(&mut self) {
        self.server.make_admin(ADMIN, ADMIN_PASSWORD).await;
        self.names.insert(ADMIN.to_owned());
        let value = self.value(ADMIN, ADMIN_PASSWORD);
        self.masterarn = Some(RotatedSecret::create(self.aws.secrets(), ADMIN, &value).arn());
    }

    /// Creates an account, and returns its secret, which begins with its name.
    pub(crate) async fn make_account(&mut self) -> RotatedSecret {
        self.accounts += 1;
        let name = format!("app{:03}", self.accounts);
        let password = format!("first-Pa\"ss/w0rd~{name}");
        self.server.make_account(&name, &password, self.strategy, ADMIN).await;
        if self.alternates() {
            self.names.insert(format!("{name}_clone"));
        }
        let mut value = self.value(&name, &password);
        if let Some(masterarn) = &self.masterarn {
            value["masterarn"] = masterarn.as_str().into();
        }
        self.names.insert(name.clone());
        let secret = RotatedSecret::create(self.aws.secrets(), &name, &value);
        secret.tag("fourstep:strategy", self.strategy.name());
        secret
    }

    pub(crate) fn alternates(&self) -> bool {
        self.strategy == Strategy::AlternatingUsers
    }

    /// Old and new work at once.
    pub(crate) fn overlaps(&self) -> bool {
        self.strategy != Strategy::SingleUser
    }

    fn value(&self, username: &str, password: &str) -> Value {
        json!({
            "engine": self.server.engine(), "host": self.proxy.host(), "port": self.proxy.port(),
            "dbname": self.server.database(),
            "username": username, "password": password, "ssl": false,
        })
    }

    /// Counts messages from 1 again.
    pub(crate) fn count_anew(&self) {
        self.aws.forget_calls();
        self.proxy.reset();
    }

    pub(crate) fn messages(&self) -> Messages {
        let database = self.proxy.counts();
        assert_eq!(database.refused, 0, "no login is refused");
        Messages { calls: self.aws.calls().len(), connections: database.connections, frontend: database.frontend }
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.aws.calls().iter().map(|call| call.operation).collect()
    }

    /// Checks that no password that ever was is in what the function wrote, nor in the server's log.
    pub(crate) fn check_secrecy(&self) {
        let passwords: Vec<Sensitive> = self.aws.secrets().with(|model| {
            let versions = model.secrets().flat_map(|secret| &secret.versions);
            // One that was killed before it had a value stays empty.
            let texts = versions.filter_map(|version| version.text());
            let values = texts.map(|text| serde_json::from_str::<Value>(text.expose()));
            values.map(|value| Sensitive::new(value.unwrap()["password"].as_str().unwrap())).collect()
        });
        assert!(passwords.len() >= 2 * self.accounts, "old and new ones");
        let secrets = [passwords, vec![Sensitive::new(rotation_token(""))]].concat();
        let (output, (log, changed)) = (self.sandbox.output().unwrap(), self.server.log());
        assert!(output.contains("step done") && log.contains(changed), "both are talkative");
        assert_clean("the function's output", &output, &secrets);
        assert!(!output.contains("[redacted]"), "what our own filter takes out is not in it in the first place");
        assert_clean("the server's log", &log, &secrets);
    }

    pub(crate) async fn opens(&self, secret: &Value) -> bool {
        self.server.log_in(secret).await.is_some()
    }
}
