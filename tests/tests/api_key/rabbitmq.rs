//! A real RabbitMQ, rotated by the function's binary and the ready-made file.

use std::path::Path;

use fourstep::{Filter, Sensitive};
use fourstep_test_servers::rabbitmq::{ADMINISTRATOR, RabbitMq};
use fourstep_testkit::aws::Aws;
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secret::RotatedSecret;
use serde_json::{Value, json};

/// A user of the management interface, one of queues alone, and the administrator itself.
#[tokio::test]
async fn users_of_a_real_rabbitmq_get_new_passwords_and_keep_their_tags() {
    let Some(server) = RabbitMq::start().await.unwrap() else { return };
    let aws = Aws::start().await.unwrap();
    let sandbox = Sandbox::new(function::binary("rotate-api-key").unwrap()).unwrap();
    let sandbox = sandbox
        .variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url())
        .variable("LAMBDA_TASK_ROOT", Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/api-key"))
        .variable("API_PROVIDER", "rabbitmq")
        .variable("API_LOOPBACK", "on")
        .variable("ADMIN_SECRETS", "admin")
        .variable("RABBITMQ_URL", server.url());
    let boss = json!({"username": ADMINISTRATOR.0, "password": ADMINISTRATOR.1});
    RotatedSecret::create(aws.secrets(), "admin", &boss);
    let filter = Filter::new();
    for (name, tags) in
        [("watcher", &["monitoring", "policymaker"][..]), ("app/1 ü", &[]), (ADMINISTRATOR.0, &["administrator"])]
    {
        let first = if name == ADMINISTRATOR.0 { ADMINISTRATOR.1 } else { "first-password-1" };
        let in_path = name.replace('/', "%2F").replace(' ', "%20").replace('ü', "%C3%BC");
        let mut value = json!({"username": name, "password": first});
        if name != ADMINISTRATOR.0 {
            server.make_user(&in_path, first, tags).await.unwrap();
            value["masterarn"] = "admin".into();
        }
        filter.learn(&Sensitive::new(first));
        let mut secret = RotatedSecret::create(aws.secrets(), &format!("secret-of-{}", tags.len()), &value);
        for _ in 0..2 {
            let token = secret.begin();
            sandbox.rotate(&secret.arn(), &token).await.unwrap();
            secret.check_promoted();
            let password = |value: Value| value["password"].as_str().unwrap().to_owned();
            let (current, previous) = (password(secret.current()), password(secret.previous()));
            filter.learn(&Sensitive::new(current.as_str()));
            // A user without a tag may not use this interface, which the server says only after a right password.
            let (status, answer) = server.who_am_i(name, &current).await.unwrap();
            let expected = if tags.is_empty() { (401, &json!("Not management user")) } else { (200, &json!(null)) };
            assert_eq!((status, &answer["reason"]), expected, "{name}");
            let (status, answer) = server.who_am_i(name, &previous).await.unwrap();
            assert_eq!((status, &answer["reason"]), (401, &json!("Login failed")), "{name}");
            if name != ADMINISTRATOR.0 {
                assert_eq!(server.user(&in_path).await.unwrap()["tags"], json!(tags), "{name} keeps its tags");
            }
        }
    }
    let output = sandbox.output().unwrap();
    assert!(output.contains("step done") && filter.apply(&output) == output, "no password is in the function's output");
}
