//! A real JupyterHub, rotated by the function's binary and the ready-made file: no Rust is special to it.

use std::path::Path;

use fourstep::{AWSCURRENT, AWSPREVIOUS, Filter, Sensitive};
use fourstep_test_servers::jupyterhub::{JupyterHub, USER};
use fourstep_testkit::aws::{Aws, FunctionError};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secret::RotatedSecret;
use serde_json::json;

struct World {
    hub: JupyterHub,
    /// Ends when it is dropped.
    _aws: Aws,
    sandbox: Sandbox,
    secret: RotatedSecret,
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
            .variable("API_PROVIDER_SECRETS", "gitlab=team-a/*,jupyterhub=app")
            .variable("API_LOOPBACK", "on")
            .variable("JUPYTERHUB_URL", hub.url());
        let (id, token) = hub.make_token("by hand").await.unwrap();
        let value = json!({"token": token, "token_id": id, "user": USER, "hub": "for consumers"});
        let secret = RotatedSecret::create(aws.secrets(), "app", &value);
        secret.tag("fourstep:provider", "jupyterhub");
        Some(Self { hub, _aws: aws, sandbox, secret })
    }

    async fn attempt(&self) -> Result<(), FunctionError> {
        self.sandbox.rotate(&self.secret.arn(), &self.secret.token).await
    }

    fn field(&self, label: &str, field: &str) -> String {
        self.secret.labelled(label).unwrap()[field].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_token_of_a_real_jupyterhub_is_rotated_by_its_file_alone() {
    let Some(mut world) = World::start().await else { return };
    let filter = Filter::new();
    filter.learn(&Sensitive::new(world.field(AWSCURRENT, "token")));
    for _ in 0..3 {
        world.secret.begin();
        world.attempt().await.unwrap();
        world.secret.check_promoted();
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
    world.secret.put(&json!({"token": "0123456789abcdef0123456789abcdef", "token_id": "a9", "user": USER}));
    // The version by hand is one more, and its credential never lived.
    let before = world.hub.token_ids().await.unwrap();
    world.secret.look(|secret| {
        secret.versions.retain(|version| version.labels.iter().any(|label| label == AWSCURRENT));
    });
    world.secret.begin();
    let error = world.attempt().await.unwrap_err();
    assert_eq!(error.error_type, "Rejected", "{error}");
    assert!(error.message.contains("JupyterHub at 127.0.0.1 (request `test`) refused the key (403)"), "{error}");
    assert_eq!(world.hub.token_ids().await.unwrap(), before);
}
