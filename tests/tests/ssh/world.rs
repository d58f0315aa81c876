use std::sync::Arc;
use std::time::Duration;

use fourstep::{AWSCURRENT, AWSPREVIOUS, Step};
use fourstep_test_servers::sshd::Host;
use fourstep_test_servers::ssm::{Node, SystemsManager};
use fourstep_testkit::aws::{Aws, FunctionError};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secret::RotatedSecret;
use serde_json::{Value, json};

/// Secrets Manager, Systems Manager with hosts, and the function.
pub(crate) struct World {
    pub(crate) aws: Aws,
    pub(crate) ssm: SystemsManager,
    pub(crate) nodes: Vec<Arc<Node>>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) secret: RotatedSecret,
}

pub(crate) const SECRET: &str = "app/ssh";

/// A secret as AWS's own function begins with it.
pub(crate) fn empty() -> Value {
    json!({ "PublicKey": "", "PrivateKey": "", "note": "of the owner" })
}

impl World {
    /// Starts hosts and all the rest, with some variables of the function beside the usual ones. `None`: sshd is not
    /// installed.
    pub(crate) async fn start(hosts: usize, secret: &Value, variables: &[(&str, &str)]) -> Option<Self> {
        let hosts: Option<Vec<_>> = (0..hosts).map(|_| Host::start().map(Arc::new)).collect();
        Some(Self::with_hosts(hosts?, secret, variables).await)
    }

    pub(crate) async fn with_hosts(hosts: Vec<Arc<Host>>, secret: &Value, variables: &[(&str, &str)]) -> Self {
        let aws = Aws::start().await.unwrap();
        let ssm = SystemsManager::start().await.unwrap();
        let sandbox = Sandbox::new(function::binary("rotate-ssh").unwrap()).unwrap();
        let mut sandbox = ssm
            .found_by(sandbox)
            .variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url())
            .timeout(Duration::from_secs(60));
        for (name, value) in variables {
            sandbox = match *name {
                "TIMEOUT" => sandbox.timeout(Duration::from_secs(value.parse().unwrap())),
                name => sandbox.variable(name, value),
            };
        }
        let nodes = hosts.into_iter().enumerate();
        let nodes = nodes.map(|(number, host)| ssm.add(Node::new(&format!("i-{number:04}"), host))).collect();
        let secret = RotatedSecret::create(aws.secrets(), SECRET, secret);
        Self { aws, ssm, nodes, sandbox: Arc::new(sandbox), secret }
    }

    /// Adds a host to the fleet.
    pub(crate) fn add_host(&mut self, id: &str) {
        let host = Arc::new(Host::start().unwrap());
        self.nodes.push(self.ssm.add(Node::new(id, host)));
    }

    pub(crate) fn host(&self, number: usize) -> &Host {
        self.nodes[number].host()
    }

    pub(crate) async fn step(&self, step: Step, token: &str) -> Result<(), FunctionError> {
        self.sandbox.step(step, SECRET, token).await
    }

    /// Runs the four steps up to the first that fails.
    pub(crate) async fn run(&self, token: &str) -> Result<(), FunctionError> {
        self.sandbox.rotate(SECRET, token).await
    }

    pub(crate) async fn rotate(&mut self) -> Result<(), FunctionError> {
        let token = self.secret.begin();
        self.run(&token).await
    }

    /// Runs the steps up to one that has to fail, and returns its error.
    pub(crate) async fn failing(&self, last: Step, token: &str) -> FunctionError {
        for step in Step::ALL {
            let result = self.step(step, token).await;
            if step == last {
                return result.unwrap_err();
            }
            result.unwrap();
        }
        unreachable!("every step is in the list")
    }

    /// Returns whether a version's key opens a host.
    pub(crate) fn opens(&self, number: usize, version: &Value) -> bool {
        let key = version["PrivateKey"].as_str().unwrap();
        !key.is_empty() && self.host(number).opens(key)
    }

    /// Returns the keys in a host's file that are no comments, as they are written.
    pub(crate) fn lines(&self, number: usize) -> Vec<String> {
        let text = String::from_utf8(self.host(number).authorized_keys()).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// Checks that AWSCURRENT opens every host, AWSPREVIOUS as promised, and that no other key of ours is anywhere.
    pub(crate) fn check_hosts(&self, token: &str) {
        assert_eq!(self.secret.id(AWSCURRENT).as_deref(), Some(token), "the rotation's version is current");
        let expected: Vec<Value> =
            [Some(self.secret.current()), self.secret.labelled(AWSPREVIOUS)].into_iter().flatten().collect();
        let keys = expected.iter().map(|version| version["PublicKey"].as_str().unwrap()).filter(|key| !key.is_empty());
        let mut keys: Vec<_> = keys.map(|key| key.split(' ').nth(1).unwrap().to_owned()).collect();
        keys.sort();
        for number in 0..self.nodes.len() {
            assert!(self.opens(number, &self.secret.current()), "{}", self.host(number).log());
            let mut found: Vec<_> =
                self.lines(number).iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
            found.sort();
            assert_eq!(found, keys, "host {number}");
        }
    }
}

/// Checks an error's kind and that its text has all the parts.
#[track_caller]
pub(crate) fn assert_error(error: &FunctionError, kind: &str, parts: &[&str]) {
    assert_eq!(error.error_type, kind, "{}", error.message);
    for part in parts {
        assert!(error.message.contains(part), "{part:?} is not in: {}", error.message);
    }
}
