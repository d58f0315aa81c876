//! A real JupyterHub, rotated by the function's binary and the ready-made file: no Rust is special to it.

use std::path::Path;

use fourstep::{AWSCURRENT, AWSPREVIOUS, Filter, MemoryStore, Sensitive, Step};
use fourstep_servers::jupyterhub::{JupyterHub, USER};
use fourstep_testkit::aws::{Aws, FunctionError, rotation_token};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::json;

use crate::account::Account;

struct World {
    hub: JupyterHub,
    aws: Aws,
    sandbox: Sandbox,
    account: Account,
}

impl World {
    async fn start() -> Option<Self> {
        let hub = JupyterHub::start().await.unwrap()?;
        let aws = Aws::start().await.unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/api-key");
        let sandbox = Sandbox::new(function::binary("rotate-api-key").unwrap()).unwrap();
        let sandbox = sandbox
            .variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url())
            .variable("LAMBDA_TASK_ROOT", root)
            .variable("API_PROVIDER", "gitlab,jupyterhub")
            .variable("API_LOOPBACK", "on")
            .variable("JUPYTERHUB_URL", hub.url());
        let (id, token) = hub.make_token("by hand").await.unwrap();
        let value = json!({"token": token, "token_id": id, "user": USER, "hub": "for consumers"});
        let account = Account::make("app", &value, None, aws.secrets());
        aws.secrets().with(|model| {
            let tag = ("fourstep:provider".to_owned(), "jupyterhub".to_owned());
            model.tag_resource("app", [tag]).unwrap();
        });
        Some(Self { hub, aws, sandbox, account })
    }

    async fn attempt(&self) -> Result<(), FunctionError> {
        attempt(&self.sandbox, &self.account, self.aws.secrets()).await
    }

    fn field(&self, label: &str, field: &str) -> String {
        let (_, value) = self.account.labelled(label, self.aws.secrets()).unwrap();
        value[field].as_str().unwrap().to_owned()
    }
}

/// Runs the steps, as Secrets Manager does, up to the first that fails.
pub(crate) async fn attempt(sandbox: &Sandbox, account: &Account, store: &MemoryStore) -> Result<(), FunctionError> {
    for step in Step::ALL {
        let event = json!({
            "Step": step.name(),
            "SecretId": account.arn(store),
            "ClientRequestToken": account.token,
            "RotationToken": rotation_token(&account.token),
        });
        sandbox.invoke(event).await.result?;
    }
    Ok(())
}

#[tokio::test]
async fn a_token_of_a_real_jupyterhub_is_rotated_by_its_file_alone() {
    let Some(mut world) = World::start().await else { return };
    let filter = Filter::new();
    filter.learn(&Sensitive::new(world.field(AWSCURRENT, "token")));
    for _ in 0..3 {
        world.account.begin_rotation(world.aws.secrets());
        world.attempt().await.unwrap();
        world.account.check_promoted(world.aws.secrets());
        filter.learn(&Sensitive::new(world.field(AWSCURRENT, "token")));
        let mut expected = vec![world.field(AWSCURRENT, "token_id"), world.field(AWSPREVIOUS, "token_id")];
        expected.sort();
        assert_eq!(world.hub.token_ids().await.unwrap(), expected, "no other token is left");
        assert_eq!(world.field(AWSCURRENT, "hub"), "for consumers");
    }
    let output = world.sandbox.output().unwrap();
    assert!(output.contains("step done") && filter.apply(&output) == output, "no token is in the function's output");
}

#[tokio::test]
async fn a_token_that_somebody_deleted_at_a_real_jupyterhub_is_an_error_that_says_so() {
    let Some(mut world) = World::start().await else { return };
    world.aws.secrets().with(|model| {
        let value = json!({"token": "0123456789abcdef0123456789abcdef", "token_id": "a9", "user": USER}).to_string();
        model.put_secret_value(fourstep::memory::PutSecretValue::current("app", value)).unwrap();
    });
    // The version by hand is one more, and its credential never lived.
    let before = world.hub.token_ids().await.unwrap();
    world.aws.secrets().with(|model| {
        let secret = model.secret_mut("app").unwrap();
        secret.versions.retain(|version| version.labels.iter().any(|label| label == AWSCURRENT));
    });
    world.account.begin_rotation(world.aws.secrets());
    let error = world.attempt().await.unwrap_err();
    assert_eq!(error.error_type, "Rejected", "{error}");
    assert!(error.message.contains("JupyterHub at 127.0.0.1 (request `test`) refused the key (403)"), "{error}");
    assert_eq!(world.hub.token_ids().await.unwrap(), before);
}
