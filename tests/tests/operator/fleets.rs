//! Many secrets at once, under a quota that the emulation enforces.

mod account;
mod machine;

use std::collections::BTreeMap;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use fourstep_testkit::aws::{Action, At, Fault, Moment, Operation, Refusal};
use serde_json::{Value, json};

use self::account::{Account, QUOTA};
use self::machine::Machine;
use crate::world::{command_at, finish};

const ROTATE: [&str; 6] = ["fleet", "rotate", "--all", "--yes", "--output", "json"];

/// What a run over a fleet came to, that was killed half way and resumed.
struct Figures {
    /// Before the kill, and after it.
    used: [Used; 2],
    throttled: u64,
    /// The most resident memory of the second run, in KiB.
    peak: usize,
}

/// How much of the permitted rate was used.
#[derive(Debug)]
struct Used {
    part: f64,
    /// The part that could be used, on a machine that others use too.
    possible: f64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_uses_the_quota_and_none_is_rotated_twice_or_left_out_across_a_kill() {
    rotate_with_a_kill(1000).await.assert_used();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes four minutes: that is how long the quota makes ten thousand secrets take"]
async fn ten_thousand_secrets_need_the_memory_of_one_thousand() {
    let few = rotate_with_a_kill(1000).await;
    let many = rotate_with_a_kill(10_000).await;
    for (size, Figures { used, throttled, peak }) in [(1000, &few), (10_000, &many)] {
        let [before, after] = used.each_ref().map(|used| used.part * 100.0);
        eprintln!(
            "{size} secrets: {before:.1} % and {after:.1} % of the permitted rate before and after the kill, {throttled} \
             starts refused by the quota, {peak} KiB at the most"
        );
    }
    few.assert_used();
    many.assert_used();
    assert!(many.peak < few.peak + 8 * 1024, "{} KiB, then {} KiB", few.peak, many.peak);
}

/// Rotates a fleet; kills the run half way and resumes it.
async fn rotate_with_a_kill(size: usize) -> Figures {
    let account = Account::start(size).await;
    let since = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let run = || -> Child {
        let arguments = ["fleet", "rotate", "--tag", "team=blue", "--yes", "--output", "json", "--since", &since];
        command_at(account.aws.url(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut first = run();
    let mut machine = Machine::new(first.id(), 0);
    while account.accepted() < size / 2 {
        assert_eq!(first.try_wait().unwrap(), None, "it goes on until it is killed");
        machine.sample(account.accepted());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let before = Used::new(&account, 0, &machine);
    let resumed_at = account.begin_run();

    let second = run();
    let mut machine = Machine::new(second.id(), resumed_at);
    let ended = tokio::task::spawn_blocking(move || second.wait_with_output().unwrap());
    while !ended.is_finished() {
        machine.sample(account.accepted());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let summary = summary(&ended.await.unwrap());
    let count = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(summary["failed"], json!([]), "{summary}");
    assert!(count("done_before") > 0 && count("rotated") > 0, "{summary}");
    assert_eq!(count("done_before") + count("rotated"), size as u64, "{summary}");
    assert_eq!(account.versions(), BTreeMap::from([(2, size)]), "none twice, none left out");
    let after = Used::new(&account, resumed_at, &machine);
    Figures { used: [before, after], throttled: count("throttled"), peak: machine.peak }
}

impl Used {
    fn new(account: &Account, from: usize, machine: &Machine) -> Self {
        let (starts, time) = account.starts_since(from);
        Self { part: starts / time.as_secs_f64() / QUOTA, possible: machine.possible(time) }
    }
}

impl Figures {
    fn assert_used(&self) {
        assert!(self.used.iter().all(|used| used.part >= 0.95 * used.possible), "{:?}", self.used);
    }
}

fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_says_how_the_run_is_gone_on_with() {
    let account = Account::start(30).await;
    let command = |more: &[&str]| {
        let mut command = command_at(account.aws.url(), &[&ROTATE[..], more].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let child = command(&["--rate", "10"]);
    while account.accepted() < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{error}");
    let (_, since) = error.rsplit_once("--since ").unwrap();
    let (since, _) = since.split_once(": ").unwrap();
    let resumed = summary(&command(&["--since", since]).wait_with_output().unwrap());
    assert_eq!(resumed["failed"], json!([]), "{resumed}");
    assert_eq!(account.versions(), BTreeMap::from([(2, 30)]), "none twice, none left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_cannot_be_looked_at_are_named_beside_the_others() {
    let account = Account::start(3).await;
    account.aws.on_call(|call, moment| {
        let is_bad = call.operation == Operation::DescribeSecret && call.secret_id.as_deref() == Some("fleet/00001");
        let denied = Refusal::access_denied(Operation::DescribeSecret);
        if is_bad && moment == Moment::Before { Action::Refuse(denied) } else { Action::Proceed }
    });
    let ran = finish(command_at(account.aws.url(), &["fleet", "status", "--all", "--output", "json"]))
        .refused(1, &["1 of 3 secrets could not be looked at"]);
    let status: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&status["states"], &status["attention"][0]["name"]), (&json!({"idle": 2}), &json!("fleet/00001")));
    assert!(status["attention"][0]["next"].as_str().unwrap().contains("secretsmanager:DescribeSecret"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_behind_rotates_nothing_twice() {
    let account = Account::start(10).await;
    // As by a clock that is a minute ahead: no rotation is later than this.
    let since = humantime::format_rfc3339_millis(SystemTime::now() + Duration::from_secs(60)).to_string();
    let run = || {
        let output = command_at(account.aws.url(), &[&ROTATE[..], &["--since", &since]].concat()).output().unwrap();
        summary(&output)
    };
    assert_eq!(run()["rotated"], 10);
    account.aws.fault(Fault::stale(At::Every(Operation::ListSecrets), 10));
    let again = run();
    assert_eq!((&again["rotated"], &again["done_before"]), (&json!(0), &json!(10)), "{again}");
    assert_eq!(account.accepted(), 10, "nothing was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_failed_is_named_and_goes_on_with_its_version_in_the_next_run() {
    let account = Account::start(20).await;
    let since = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let run = || {
        let output = command_at(account.aws.url(), &[&ROTATE[..], &["--since", &since]].concat()).output().unwrap();
        summary(&output)
    };
    account.set_failing("fleet/00007", true);
    let first = run();
    let failed = &first["failed"][0];
    assert_eq!((&first["rotated"], &failed["secret"]), (&json!(19), &json!("fleet/00007")), "{first}");
    assert_eq!(failed["error"]["reason"], "rotation-failed");
    assert!(failed["error"]["message"].as_str().unwrap().contains("during setSecret step"), "{failed}");
    account.set_failing("fleet/00007", false);
    let second = run();
    assert_eq!((&second["rotated"], &second["done_before"]), (&json!(1), &json!(19)), "{second}");
    assert_eq!(account.versions(), BTreeMap::from([(2, 20)]), "it went on with the same version");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_share_an_administrator_are_never_rotated_at_once_and_a_dry_run_rotates_none() {
    let account = Account::start(28).await;
    let planned = finish(command_at(account.aws.url(), &["fleet", "rotate", "--all", "--dry-run", "--output", "json"]))
        .succeeded();
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    assert_eq!((&planned["planned"], account.aws.count(Operation::RotateSecret)), (&json!(28), 0));
    let arguments = ["fleet", "rotate", "--all", "--yes", "--exclusive-by", "admin", "--output", "json"];
    let ran = finish(command_at(account.aws.url(), &arguments));
    assert_eq!(ran.code, 0, "{ran:?}");
    let groups = account.groups();
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
