//! What the function does for an operator: the command, the binary of the function, and a real PostgreSQL.

use std::ops::Deref;

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Step};
use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::aws::{At, Fault, Operation};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use serde_json::json;

use crate::rotated::{Rotated, SECRET};

const FIRST: &str = "first-Passw0rd~1";

pub(crate) struct Database {
    server: Postgres,
    rotated: Rotated,
}

impl Database {
    /// Starts a place on a server, and rotates its account once by the function. `None`: PostgreSQL is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let server = Postgres::shared().await?;
        server.execute(&format!("CREATE ROLE <app> LOGIN PASSWORD '{FIRST}'")).await;
        let value = json!({
            "engine": "postgres", "host": server.host(), "port": server.port(), "dbname": server.database(),
            "username": server.name("app"), "password": FIRST, "ssl": false,
        });
        let rotated = Rotated::start("rotate-postgres", &[], &value).await;
        Some(Self { server, rotated })
    }

    fn password(&self, version: &str) -> String {
        self.value(version)["password"].as_str().unwrap().to_owned()
    }

    /// Returns whether consumers can log in with AWSCURRENT.
    pub(crate) async fn current_opens(&self) -> bool {
        self.opens(&self.password(&self.id(AWSCURRENT).unwrap())).await
    }

    async fn opens(&self, password: &str) -> bool {
        self.server.connect(&self.server.name("app"), password, self.server.database()).await.is_ok()
    }
}

impl Deref for Database {
    type Target = Rotated;

    fn deref(&self) -> &Rotated {
        &self.rotated
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn diagnose_tells_which_version_opens_the_server() {
    let Some(database) = Database::start().await else { return };
    database.die_before(Step::Test).await;
    let diagnosis = database.json(&["diagnose", SECRET]);
    let opens = |label: &str| {
        let versions = diagnosis["Versions"].as_array().unwrap();
        versions.iter().find(|version| version["Labels"] == json!([label])).unwrap()["Opens"].clone()
    };
    assert_eq!((opens(AWSCURRENT), opens(AWSPENDING), opens(AWSPREVIOUS)), (json!(false), json!(true), json!(false)));
    assert!(diagnosis["Message"].as_str().unwrap().contains("setSecret ran, and finishSecret did not"), "{diagnosis}");
    let shown = database.run(&["diagnose", SECRET]).succeeded();
    assert!(shown.out.contains("OPENS THE TARGET") && shown.out.contains("fourstep start"), "{}", shown.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_makes_the_old_password_work_again_in_the_server_too() {
    let Some(database) = Database::start().await else { return };
    assert!(!database.opens(FIRST).await && database.current_opens().await);
    database.run(&["rollback", SECRET]).refused(2, &["--yes"]);
    let reply = database.json(&["rollback", SECRET]);
    assert_eq!(reply["Changed"], true);
    assert!(database.opens(FIRST).await && database.current_opens().await);
    assert_eq!(database.password(&database.id(AWSCURRENT).unwrap()), FIRST);
    database.run(&["start", SECRET, "--wait"]).succeeded();
    assert!(!database.opens(FIRST).await && database.current_opens().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_of_a_half_done_rotation_goes_back_to_current() {
    let Some(database) = Database::start().await else { return };
    let before = database.password(&database.id(AWSCURRENT).unwrap());
    for step in [Step::Set, Step::Test, Step::Finish] {
        database.die_before(step).await;
        database.json(&["rollback", SECRET]);
        assert!(database.current_opens().await, "before {step}");
        assert_eq!(database.password(&database.id(AWSCURRENT).unwrap()), before);
        assert_eq!(database.id(AWSPENDING), None);
    }
    database.run(&["start", SECRET, "--wait"]).succeeded();
    assert!(database.current_opens().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn recover_labels_the_version_without_a_label_that_the_server_accepts() {
    let Some(database) = Database::start().await else { return };
    database.die_before(Step::Finish).await;
    let lost = database.id(AWSPENDING).unwrap();
    // What AWS's troubleshooting page advises, and what locks everybody out.
    database.remove_pending();
    assert!(!database.current_opens().await);
    let state = database.json(&["status", SECRET])["secrets"][0]["state"].clone();
    assert_eq!(state, "abandoned");
    let reply = database.json(&["recover", SECRET]);
    assert_eq!((&reply["Changed"], database.id(AWSCURRENT)), (&json!(true), Some(lost)));
    assert!(database.current_opens().await);
    let again = database.json(&["recover", SECRET]);
    assert_eq!(again["Changed"], false);
    database.run(&["start", SECRET, "--wait"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn recover_stops_after_a_refused_login_and_names_what_it_did_not_try() {
    let Some(database) = Database::start().await else { return };
    database.die_before(Step::Set).await;
    let pending = database.id(AWSPENDING).unwrap();
    let logins = database.server.logins();
    let ran = database.run(&["recover", SECRET, "--yes"]).refused(3, &[&pending, "--attempts", "are not tried"]);
    let after = database.server.logins();
    assert_eq!(after.refused - logins.refused, 1, "{ran:?}");
    // The advice goes on where it stopped.
    let reply = database.json(&["recover", SECRET, "--skip", &pending]);
    assert!(reply["Message"].as_str().unwrap().contains("nothing to recover"), "{reply}");
    assert_eq!(database.server.logins().refused, after.refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_and_force_drop_a_value_only_when_the_server_refuses_it() {
    let Some(database) = Database::start().await else { return };
    // Installed: it is the only one that works.
    database.die_before(Step::Test).await;
    let pending = database.id(AWSPENDING);
    database.run(&["cancel", SECRET, "--yes"]).refused(3, &["may be the only one", "fourstep start"]);
    database.run(&["start", SECRET, "--force", "--yes"]).refused(3, &["is not dropped"]);
    assert_eq!((database.id(AWSPENDING), database.current_opens().await), (pending, false));
    database.json(&["rollback", SECRET]);

    // Not installed: it is of no use to anybody.
    database.die_before(Step::Set).await;
    let stale = database.id(AWSPENDING).unwrap();
    let started = database.json(&["start", SECRET, "--force", "--wait"]);
    assert_eq!((&started["dropped"], &started["ended"]["outcome"]), (&json!(stale), &json!("succeeded")));
    database.die_before(Step::Set).await;
    let cancelled = database.json(&["cancel", SECRET, "--resume"]);
    // The test of the configuration, which has an AWSPENDING of its own, is over.
    database.aws.rotation_end(SECRET).await.unwrap();
    assert_eq!((&cancelled["dropped"], database.id(AWSPENDING)), (&json!(true), None));
    assert!(database.current_opens().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compromised_password_is_replaced_and_refused() {
    let Some(database) = Database::start().await else { return };
    let compromised = database.password(&database.id(AWSCURRENT).unwrap());
    let started = database.json(&["start", SECRET, "--compromised"]);
    assert_eq!(started["retired"]["Action"], "retire");
    assert!(!database.opens(&compromised).await && database.current_opens().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_event_is_answered_only_by_the_secrets_own_function_and_where_it_may_be() {
    let Some(database) = Database::start().await else { return };
    let event = json!({ "Action": "diagnose", "SecretId": SECRET });
    database.aws.secrets().with(|model| {
        model.secret_mut(SECRET).unwrap().rotation.as_mut().unwrap().lambda_arn = Some(format!("{FUNCTION_ARN}-other"));
    });
    let error = database.sandbox.invoke(&event).await.result.unwrap_err();
    assert!(error.error_type == "Invalid" && error.message.contains("rotated by another function"), "{error}");
    database.aws.secrets().with(|model| {
        let rotation = model.secret_mut(SECRET).unwrap().rotation.as_mut().unwrap();
        rotation.lambda_arn = Some(format!("{FUNCTION_ARN}:live"));
        // It works with rotation off, too.
        rotation.enabled = false;
    });
    let reply = database.sandbox.invoke(&event).await.result.unwrap();
    assert_eq!((&reply["Secret"], &reply["Changed"]), (&json!(SECRET), &json!(false)));

    let quiet = Sandbox::new(function::binary("rotate-postgres").unwrap()).unwrap();
    let quiet = quiet.variable("AWS_ENDPOINT_URL", database.aws.url()).variable("OPERATOR_EVENTS", "off");
    let error = quiet.invoke(&event).await.result.unwrap_err();
    assert!(error.error_type == "Forbidden" && error.message.contains("OPERATOR_EVENTS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_in_what_an_operator_sees_nor_in_the_functions_log() {
    let Some(database) = Database::start().await else { return };
    database.die_before(Step::Test).await;
    let mut seen = String::new();
    for arguments in [
        &["diagnose", SECRET][..],
        &["rollback", SECRET, "--yes"],
        &["recover", SECRET, "--yes"],
        &["retire", SECRET, "--yes"],
    ] {
        let ran = database.run(arguments);
        seen += &format!("{}{}", ran.out, ran.error);
    }
    seen += &database.sandbox.output().unwrap();
    let versions = database.aws.secrets().with(|model| model.secret(SECRET).unwrap().versions.clone());
    assert!(versions.len() >= 4 && seen.contains("rollback"), "{seen}");
    for version in versions {
        assert!(!seen.contains(&database.password(&version.id)), "the password of version {}", version.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_whose_answers_are_lost_is_repeated_and_goes_on() {
    let Some(database) = Database::start().await else { return };
    for call in [Operation::PutSecretValue, Operation::UpdateSecretVersionStage] {
        let target = database.password(&database.id(AWSPREVIOUS).unwrap());
        database.aws.forget_calls();
        database.aws.fault(Fault::refuse(At::Every(call), fourstep_testkit::aws::Refusal::internal()));
        database.run(&["rollback", SECRET, "--yes"]).refused(1, &["Unavailable"]);
        database.aws.heal();
        database.json(&["rollback", SECRET]);
        assert_eq!(database.password(&database.id(AWSCURRENT).unwrap()), target, "{call}");
        assert!(database.current_opens().await, "{call}");
    }
}
