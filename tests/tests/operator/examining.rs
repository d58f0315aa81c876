use fourstep_testkit::aws::{FunctionFacts, KmsKey, Refusal, Trail};
use serde_json::{Value, json};

use crate::world::{SECRET, World};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn finding<'a>(examination: &'a Value, what: &str) -> &'a Value {
    let findings = examination["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("no {what} in {examination}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_where_it_is() {
    let world = World::configured().await;
    world.aws.set_kms_key(KmsKey { arn: KEY.to_owned(), state: "Enabled".to_owned() });
    let examination = world.json(&["doctor", SECRET]);
    for finding in examination["findings"].as_array().unwrap() {
        assert_eq!(finding["health"], "good", "{finding}");
    }
    assert!(examination["findings"].as_array().unwrap().len() >= 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_secret_from_being_rotated_is_named_with_the_fix() {
    let world = World::configured().await;
    let open = json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "secretsmanager.amazonaws.com"}}]});
    let python =
        FunctionFacts { runtime: "python3.12".to_owned(), timeout: 5, policy: Some(open), ..FunctionFacts::default() };
    world.aws.set_function(python);
    world.aws.secrets().with(|model| {
        let tags = [("fourstep:stratgy".to_owned(), "single-user".to_owned())];
        model.tag_resource(SECRET, tags).unwrap();
        model.secret_mut(SECRET).unwrap().replicas.insert("eu-west-2".to_owned(), "Failed".to_owned());
    });
    world.aws.refuse("lambda:InvokeFunction", Refusal::new("AccessDeniedException", "not authorized"));
    world.aws.refuse("cloudtrail:LookupEvents", Refusal::new("AccessDeniedException", "not authorized"));
    let ran = world.fourstep(&["doctor", SECRET, "--output", "json"]).refused(1, &["2 findings keep app/db"]);
    let examination: Value = serde_json::from_str(&ran.out).unwrap();
    for (what, health, part) in [
        ("tags", "bad", "fourstep:stratgy"),
        ("replicas", "bad", "eu-west-2 (Failed)"),
        ("function", "doubtful", "time-out 5 s"),
        ("permission of Secrets Manager", "doubtful", "any account"),
        ("your permission to invoke it", "doubtful", "lambda:InvokeFunction"),
        ("events of failures", "unknown", "cloudtrail:LookupEvents"),
    ] {
        let finding = finding(&examination, what);
        assert_eq!(finding["health"], health, "{finding}");
        assert!(finding["found"].as_str().unwrap().contains(part), "{finding}");
        assert!(finding["next"].is_string(), "{finding}");
    }
    world.aws.set_function(FunctionFacts { policy: None, ..FunctionFacts::default() });
    let ran = world.fourstep(&["doctor", SECRET, "--output", "json"]);
    let examination: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(finding(&examination, "permission of Secrets Manager")["health"], "bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_an_account_needs_are_named_and_no_value_is_shown() {
    let world = World::configured().await;
    world.create("db", r#"{"engine":"postgres","username":"app","password":"hunter22"}"#);
    let ran = world.fourstep(&["doctor", "db", "--output", "json"]);
    let examination: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(finding(&examination, "the secret's JSON")["found"].as_str().unwrap().contains("lacks host"), "{ran:?}");
    assert_eq!(finding(&examination, "function")["health"], "bad");
    assert!(!ran.out.contains("hunter22") && !ran.error.contains("hunter22"));
}

#[tokio::test(flavor = "multi_thread")]
async fn role_key_and_trail_are_looked_at() {
    let world = World::configured().await;
    let examine = || -> Value {
        let ran = world.fourstep(&["doctor", SECRET, "--output", "json"]);
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
    };
    let assert_found = |examination: &Value, expected: &[(&str, &str, &str)]| {
        for (what, health, part) in expected {
            let finding = finding(examination, what);
            assert_eq!(finding["health"], *health, "{finding}");
            assert!(finding["found"].as_str().unwrap().contains(part) && finding["next"].is_string(), "{finding}");
        }
    };
    world.aws.forbid_to_roles("secretsmanager:PutSecretValue");
    world.aws.forbid_to_roles("kms:GenerateDataKey");
    world.aws.set_kms_key(KmsKey { arn: KEY.to_owned(), state: "Enabled".to_owned() });
    world.aws.set_trails(vec![Trail { name: "management".to_owned(), logs: false }]);
    assert_found(
        &examine(),
        &[
            ("the function's role", "bad", "may not use secretsmanager:PutSecretValue."),
            ("KMS key", "doubtful", "kms:GenerateDataKey"),
            ("trail for alarms", "doubtful", "No trail logs"),
        ],
    );
    world.aws.set_kms_key(KmsKey { arn: KEY.to_owned(), state: "Disabled".to_owned() });
    world.aws.set_trails(Vec::new());
    assert_found(
        &examine(),
        &[("KMS key", "bad", "its state is Disabled"), ("trail for alarms", "doubtful", "No trail logs")],
    );
    for permission in ["iam:SimulatePrincipalPolicy", "kms:DescribeKey", "cloudtrail:DescribeTrails"] {
        world.aws.refuse(permission, Refusal::new("AccessDeniedException", "not authorized"));
    }
    assert_found(
        &examine(),
        &[
            ("the function's role", "unknown", "iam:SimulatePrincipalPolicy"),
            ("KMS key", "unknown", "kms:DescribeKey"),
            ("trail for alarms", "unknown", "cloudtrail:DescribeTrails"),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifetime_of_keys_that_the_schedule_exceeds_is_a_finding() {
    let world = World::configured().await;
    let with = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        world.aws.set_function(FunctionFacts { variables, ..FunctionFacts::default() });
    };
    let rotate_every = |days| {
        world.aws.secrets().with(|model| {
            let rotation = model.secret_mut(SECRET).unwrap().rotation.as_mut().unwrap();
            rotation.rules.automatically_after_days = Some(days);
        });
    };
    let examine = |more: &[&str]| -> Option<Value> {
        let ran = world.fourstep(&[&["doctor", SECRET, "--output", "json"], more].concat());
        let examination: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        let findings = examination["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["what"] == "lifetime of keys").cloned()
    };
    let assert_found = |finding: Option<Value>, health: &str, part: &str| {
        let finding = finding.expect("there is one");
        assert_eq!(finding["health"], health, "{finding}");
        assert!(finding["found"].as_str().unwrap().contains(part), "{finding}");
        assert!(health == "good" || finding["next"].is_string(), "{finding}");
    };
    assert_eq!(examine(&[]), None, "the function rotates no keys");
    with(&[("API_PROVIDER", "gitlab")]);
    rotate_every(30);
    assert_found(examine(&[]), "good", "as the provider file of `gitlab` says");
    rotate_every(180);
    assert_found(examine(&[]), "bad", "the schedule may let");
    // Its keys end on a day, and so when that day begins: the function is as strict.
    rotate_every(88);
    let finding = examine(&[]);
    assert!(
        finding.as_ref().unwrap()["next"].as_str().unwrap().contains(&format!("fourstep configure {SECRET} --every"))
    );
    assert_found(finding, "bad", "the schedule may let");
    rotate_every(30);
    let tag = |value: &str| {
        let tags = [("fourstep:lifetime".to_owned(), value.to_owned())];
        world.aws.secrets().with(|model| model.tag_resource(SECRET, tags)).unwrap();
    };
    tag("20d");
    assert_found(examine(&[]), "bad", "as the tag `fourstep:lifetime` says");
    tag("300d");
    assert_found(examine(&[]), "bad", "asks for more than the provider file's `lifetime`");
    tag("60d");
    with(&[("API_PROVIDER_FILE", "own/acme.toml")]);
    assert_found(examine(&[]), "unknown", "in the function's zip or a layer");
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("acme.toml");
    let gitlab = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/api-key/providers/gitlab.toml");
    std::fs::copy(gitlab, &own).unwrap();
    assert_found(examine(&["--provider", own.to_str().unwrap()]), "good", "as the tag `fourstep:lifetime` says");
}
