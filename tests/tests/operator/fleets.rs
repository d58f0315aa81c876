use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use fourstep::memory::{CreateSecret, PutSecretValue, RotateSecret, SecretValue, UpdateSecretVersionStage};
use fourstep::{AWSCURRENT, Step};
use fourstep_testkit::aws::{Action, Aws, FunctionError, Moment, Operation, Refusal};
use serde_json::{Value, json};

use crate::world::{FUNCTION, command_at, finish};

/// The account's quota on RotateSecret and CancelRotateSecret together, in a second.
const QUOTA: f64 = 50.0;

/// So many secrets are rotated, unless the variable says otherwise: 10000 takes four minutes.
fn size() -> usize {
    std::env::var("FOURSTEP_FLEET").ok().and_then(|size| size.parse().ok()).unwrap_or(300)
}

/// A Secrets Manager with many secrets, whose function only moves labels, and which enforces the quota.
struct Account {
    aws: Aws,
    quota: Arc<Mutex<Quota>>,
    /// How many secrets of a group are rotated at the same time, and were at the most.
    groups: Arc<Mutex<BTreeMap<String, (usize, usize)>>>,
}

/// A bucket of tokens, which fills with the quota.
struct Quota {
    tokens: f64,
    at: Instant,
    accepted: Vec<Instant>,
}

impl Account {
    async fn start(secrets: usize) -> Self {
        let aws = Aws::start().await.unwrap();
        aws.secrets().with(|model| {
            for number in 0..secrets {
                let name = format!("fleet/{number:05}");
                let value = Some(SecretValue::text("{}"));
                let tags = BTreeMap::from([
                    ("team".to_owned(), "blue".to_owned()),
                    ("admin".to_owned(), format!("admin-{}", number % 7)),
                ]);
                model.create_secret(CreateSecret { name: &name, token: None, value, tags }).unwrap();
                let first =
                    RotateSecret { lambda_arn: Some(FUNCTION), rotate_immediately: false, ..RotateSecret::now(&name) };
                let token = model.rotate_secret(first).answer.unwrap();
                model.remove_test_version(&name, &token);
            }
        });
        let groups = Arc::new(Mutex::new(BTreeMap::<String, (usize, usize)>::new()));
        let (store, busy) = (Arc::clone(aws.secrets()), Arc::clone(&groups));
        aws.on_rotate(move |event| {
            let (store, busy) = (Arc::clone(&store), Arc::clone(&busy));
            async move {
                let arn = event["SecretId"].as_str().unwrap();
                let token = event["ClientRequestToken"].as_str().unwrap();
                let group = store.with(|model| model.secret(arn).unwrap().tags["admin"].clone());
                match event["Step"].as_str().unwrap() {
                    "createSecret" => {
                        let mut busy = busy.lock().unwrap();
                        let (now, most) = busy.entry(group).or_default();
                        *now += 1;
                        *most = (*most).max(*now);
                        store
                            .with(|model| model.put_secret_value(PutSecretValue::pending(arn, token, "{\"n\":1}")))
                            .unwrap();
                    }
                    step if step == Step::Finish.name() => {
                        store.with(|model| {
                            let current = model.secret(arn).unwrap().labelled(AWSCURRENT).unwrap().id.clone();
                            model
                                .update_secret_version_stage(UpdateSecretVersionStage::promotion(arn, token, &current))
                                .unwrap();
                        });
                        busy.lock().unwrap().get_mut(&group).unwrap().0 -= 1;
                    }
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
                Ok::<_, FunctionError>(Value::Null)
            }
        });
        let quota = Arc::new(Mutex::new(Quota { tokens: 0.0, at: Instant::now(), accepted: Vec::new() }));
        let account = Self { aws, quota, groups };
        let quota = Arc::clone(&account.quota);
        account.aws.on_call(move |call, moment| {
            let counts = matches!(call.operation, Operation::RotateSecret | Operation::CancelRotateSecret);
            if !counts || moment != Moment::Before {
                return Action::Proceed;
            }
            let mut quota = quota.lock().unwrap();
            let now = Instant::now();
            // No more than a tenth of a second is saved up.
            quota.tokens = (quota.tokens + (now - quota.at).as_secs_f64() * QUOTA).min(QUOTA / 10.0);
            quota.at = now;
            if quota.tokens < 1.0 {
                return Action::Refuse(Refusal::throttling());
            }
            quota.tokens -= 1.0;
            quota.accepted.push(now);
            Action::Proceed
        });
        account
    }

    /// Gives how many versions each secret has: one more than it was rotated.
    fn versions(&self) -> BTreeMap<usize, usize> {
        let mut counts = BTreeMap::new();
        self.aws.secrets().with(|model| {
            for secret in model.secrets() {
                *counts.entry(secret.versions.len()).or_default() += 1;
            }
        });
        counts
    }

    /// Gives the part of the permitted rate that was used, from the first start to the last.
    fn used(&self) -> f64 {
        let quota = self.quota.lock().unwrap();
        let (first, last) = (quota.accepted.first().unwrap(), quota.accepted.last().unwrap());
        #[expect(clippy::cast_precision_loss, reason = "a number of secrets")]
        let starts = (quota.accepted.len() - 1) as f64;
        starts / (*last - *first).as_secs_f64() / QUOTA
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_rotated_once_each_under_the_quota() {
    let size = size();
    let account = Account::start(size).await;
    let arguments = ["fleet", "rotate", "--tag", "team=blue", "--yes", "--output", "json"];
    let child =
        command_at(account.aws.url(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let process = child.id();
    let (mut first, mut most) = (None, 0);
    let done = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    while !done.is_finished() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Some(resident) = resident(process) {
            // Once it has listed the fleet and rotated the first of it.
            if account.quota.lock().unwrap().accepted.len() > size / 10 {
                first.get_or_insert(resident);
            }
            most = most.max(resident);
        }
    }
    let output = done.await.unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&summary["rotated"], &summary["failed"]), (&json!(size), &json!([])), "{summary}");
    assert_eq!(account.versions(), BTreeMap::from([(2, size)]), "none twice, none left out");
    eprintln!(
        "{size} secrets: {:.1} % of the permitted rate, {} refused by the quota; resident {} KiB after a tenth, {most} KiB at the most",
        account.used() * 100.0,
        summary["throttled"],
        first.unwrap_or_default()
    );
}

/// Gives the resident memory of a process in KiB.
fn resident(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_goes_on_and_rotates_none_twice() {
    let size = 150;
    let account = Account::start(size).await;
    let since = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let arguments = ["fleet", "rotate", "--tag", "team=blue", "--yes", "--output", "json", "--since", &since];
    let mut child =
        command_at(account.aws.url(), &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while account.quota.lock().unwrap().accepted.len() < size / 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = finish(command_at(account.aws.url(), &arguments));
    let summary: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let count = |name: &str| summary[name].as_u64().unwrap();
    assert!(count("done_before") > 0 && count("rotated") > 0, "{summary}");
    assert_eq!(count("done_before") + count("rotated"), size as u64);
    assert_eq!(account.versions(), BTreeMap::from([(2, size)]), "none twice, none left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_share_an_administrator_are_never_rotated_at_once_and_a_dry_run_rotates_none() {
    let account = Account::start(70).await;
    let planned = finish(command_at(account.aws.url(), &["fleet", "rotate", "--all", "--dry-run", "--output", "json"]))
        .succeeded();
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    assert_eq!((&planned["planned"], account.aws.count(Operation::RotateSecret)), (&json!(70), 0));
    let arguments = ["fleet", "rotate", "--all", "--yes", "--exclusive-by", "admin", "--output", "json"];
    let ran = finish(command_at(account.aws.url(), &arguments));
    assert_eq!(ran.code, 0, "{ran:?}");
    let groups = account.groups.lock().unwrap();
    assert_eq!(groups.len(), 7);
    assert!(groups.values().all(|(now, most)| (*now, *most) == (0, 1)), "{groups:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_named_with_what_to_do_and_the_others_are_rotated() {
    let account = Account::start(5).await;
    account.aws.secrets().with(|model| model.delete_secret("fleet/00004", None)).unwrap();
    account.aws.on_call(|call, moment| {
        let arn = call.secret_id.as_deref().unwrap_or_default();
        let is_bad = call.operation == Operation::RotateSecret && arn.contains("fleet/00002");
        if is_bad && moment == Moment::Before { Action::Refuse(Refusal::kms_denied()) } else { Action::Proceed }
    });
    let run =
        |more: &[&str]| finish(command_at(account.aws.url(), &[&["fleet", "rotate", "--all", "--yes"], more].concat()));
    let ran = run(&["--output", "json"]).refused(1, &["1 of 4 secrets were not rotated"]);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&summary["rotated"], &summary["failed"][0]["secret"]), (&json!(3), &json!("fleet/00002")));
    assert!(summary["failed"][0]["error"]["next"].as_str().unwrap().contains("kms:Decrypt"));
    let csv = run(&["--failures", "csv"]).out;
    assert!(
        csv.starts_with("secret,reason,why,next\n\"fleet/00002\",\"key-unusable\",") && csv.lines().count() == 2,
        "{csv}"
    );
    let status = finish(command_at(account.aws.url(), &["fleet", "status", "--all", "--output", "json"])).succeeded();
    let status: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(status["states"], json!({"idle": 4}));
}
