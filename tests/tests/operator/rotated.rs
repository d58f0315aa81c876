//! A secret that the binary of a function rotates, with the command before it: `fourstep` calls Lambda, and Lambda the
//! binary.

use std::io::Write as _;
use std::sync::Arc;

use fourstep::{AWSPENDING, Step};
use fourstep_test_servers::key_service::{FIRST_KEY, KeyService, PROVIDER};
use fourstep_testkit::aws::{Aws, FunctionError, FunctionFacts};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use fourstep_testkit::secret::RotatedSecret;
use fourstep_testkit::settings::LOCAL_ADDRESSES;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::world::{Ran, command_at, finish};

pub(crate) const SECRET: &str = "app/db";

pub(crate) struct Rotated {
    pub(crate) aws: Aws,
    pub(crate) sandbox: Arc<Sandbox>,
    secret: RotatedSecret,
}

impl Rotated {
    /// Creates the secret, names its function, and rotates it once.
    pub(crate) async fn start(function: &str, variables: &[(&str, &str)], value: &Value) -> Self {
        let aws = Aws::start().await.unwrap();
        let secret = RotatedSecret::create(aws.secrets(), SECRET, value);
        let sandbox = Sandbox::new(function::binary(function).unwrap()).unwrap();
        let mut sandbox = sandbox.variable("AWS_ENDPOINT_URL", aws.url());
        for (name, value) in variables {
            sandbox = sandbox.variable(name, value);
        }
        let rotated = Self { aws, sandbox: Arc::new(sandbox), secret };
        rotated.invoke_for_real();
        rotated.run(&["configure", SECRET, "--function", FUNCTION_ARN, "--every", "30d"]).succeeded();
        rotated.aws.rotation_end(SECRET).await.unwrap();
        rotated.rotate();
        rotated
    }

    pub(crate) fn rotate(&self) {
        self.run(&["start", SECRET, "--wait"]).succeeded();
    }

    fn invoke_for_real(&self) {
        let sandbox = Arc::clone(&self.sandbox);
        self.aws.on_rotate(move |event| {
            let sandbox = Arc::clone(&sandbox);
            async move { sandbox.invoke(event).await.result }
        });
    }

    /// Begins a rotation whose function dies before a step.
    pub(crate) async fn die_before(&self, step: Step) {
        let sandbox = Arc::clone(&self.sandbox);
        self.aws.on_rotate(move |event| {
            let sandbox = Arc::clone(&sandbox);
            async move {
                if event["Step"] == step.name() {
                    let message = "Task timed out".to_owned();
                    return Err(FunctionError { error_type: "Sandbox.Timedout".to_owned(), message });
                }
                sandbox.invoke(event).await.result
            }
        });
        self.run(&["start", SECRET]).succeeded();
        self.aws.rotation_end(SECRET).await.unwrap();
        self.invoke_for_real();
    }

    /// Lets nobody invoke the function any more, but leaves its variables readable.
    pub(crate) fn break_function(&self, variables: &[(&str, &str)]) {
        self.aws.on_rotate(|_| async {
            let message = "The function cannot be invoked".to_owned();
            Err(FunctionError { error_type: "Runtime.ExitError".to_owned(), message })
        });
        let variables = [LOCAL_ADDRESSES].iter().chain(variables);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.aws.set_function(FunctionFacts { variables, ..FunctionFacts::default() });
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(command_at(self.aws.url(), arguments))
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--yes", "--output", "json"]].concat()).succeeded();
        serde_json::from_str(&ran.out).unwrap()
    }

    pub(crate) fn id(&self, label: &str) -> Option<String> {
        self.secret.id(label)
    }

    /// Returns what a version holds.
    pub(crate) fn value(&self, version: &str) -> Value {
        self.secret
            .look(|secret| serde_json::from_str(secret.version(version).unwrap().text().unwrap().expose()).unwrap())
    }

    pub(crate) fn current(&self) -> Value {
        self.secret.current()
    }

    pub(crate) fn remove_pending(&self) {
        self.secret.abandon(&self.id(AWSPENDING).unwrap());
    }
}

/// A key that a service minted, rotated once by the function.
pub(crate) struct Minted {
    pub(crate) service: KeyService,
    pub(crate) rotated: Rotated,
    file: NamedTempFile,
}

impl Minted {
    pub(crate) async fn start() -> Self {
        let service = KeyService::start().await.unwrap();
        let mut file = NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(PROVIDER.as_bytes()).unwrap();
        let value = json!({ "key": FIRST_KEY, "key_id": "key-0" });
        let rotated = Rotated::start("rotate-api-key", &variables(&file, &service), &value).await;
        Self { service, rotated, file }
    }

    /// Returns the function's variables.
    pub(crate) fn variables(&self) -> [(&str, &str); 4] {
        variables(&self.file, &self.service)
    }
}

fn variables<'a>(file: &'a NamedTempFile, service: &'a KeyService) -> [(&'static str, &'a str); 4] {
    [
        ("API_PROVIDER_FILE", file.path().to_str().unwrap()),
        ("API_LOOPBACK", "on"),
        ("KEYS_URL", service.url()),
        ("RETIRE", "at-finish"),
    ]
}
