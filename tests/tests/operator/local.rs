//! The same repairs from the operator's machine, where the function cannot be invoked.

use std::process::Command;

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Step};
use fourstep_test_servers::sshd::{Host, USER};
use fourstep_testkit::aws::Refusal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::repairing::Database;
use crate::rotated::{Minted, Rotated, SECRET};
use crate::world::{command_at, finish};

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_rotation_is_rolled_back_without_the_function() {
    let Some(database) = Database::start().await else { return };
    database.die_before(Step::Test).await;
    assert!(!database.current_opens().await);
    database.break_function(&[("OPERATOR_EVENTS", "off")]);
    database.run(&["rollback", SECRET, "--yes"]).refused(1, &[]);
    // The wrong kind: nothing is touched.
    let pending = database.id(AWSPENDING);
    database.run(&["rollback", SECRET, "--yes", "--local", "mysql"]).refused(1, &["`engine`"]);
    assert_eq!(database.id(AWSPENDING), pending);

    let reply = database.json(&["rollback", SECRET, "--local", "postgres"]);
    assert_eq!((&reply["Changed"], &reply["Action"]), (&json!(true), &json!("rollback")));
    assert!(database.current_opens().await);
    assert_eq!(database.id(AWSPENDING), None);

    // Without the function's variables, no setting is certain.
    database.aws.refuse("lambda:GetFunction", Refusal::new("AccessDeniedException", "not authorized"));
    database.run(&["diagnose", SECRET, "--local", "postgres"]).refused(1, &["lambda:GetFunction"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_retires_nothing_for_operators_is_told_before_a_compromised_password_is_replaced() {
    let Some(database) = Database::start().await else { return };
    database.break_function(&[("OPERATOR_EVENTS", "read")]);
    let current = database.id(AWSCURRENT);
    let ran = database.run(&["start", SECRET, "--compromised", "--yes"]);
    ran.refused(1, &["OPERATOR_EVENTS", "Nothing was rotated", "fourstep start"]);
    assert_eq!((database.id(AWSCURRENT), database.id(AWSPENDING)), (current, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_service_is_tried_with_the_functions_variables() {
    let minted = Minted::start().await;
    minted.rotated.break_function(&minted.variables());
    let diagnosis = minted.rotated.json(&["diagnose", SECRET, "--local", "api-key"]);
    assert_eq!(opens(&diagnosis, AWSCURRENT), json!(true));
    assert_eq!(opens(&diagnosis, AWSPREVIOUS), json!(false));
}

/// Makes a key pair as a person does: its private half and its public one.
fn new_key() -> [String; 2] {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file).status().unwrap();
    assert!(made.success());
    [file.clone(), file.with_extension("pub")].map(|file| std::fs::read_to_string(file).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_hosts_are_tried_over_ssh() {
    let Some(host) = Host::start() else { return };
    let [private, public] = new_key();
    host.authorize(public.as_bytes());
    let place = format!("{}:{}", host.address(), host.port());
    let variables = [("SSH_TRANSPORT", "ssh"), ("SSH_HOSTS", &*place), ("USERNAME", USER)];
    let value = json!({ "PrivateKey": private, "PublicKey": public, "KnownHosts": host.known_hosts() });
    let rotated = Rotated::start("rotate-ssh", &variables, &value).await;
    rotated.break_function(&variables);
    let diagnosis = rotated.json(&["diagnose", SECRET, "--local", "ssh"]);
    assert_eq!((opens(&diagnosis, AWSCURRENT), opens(&diagnosis, AWSPREVIOUS)), (json!(true), json!(true)));
    rotated.json(&["retire", SECRET, "--local", "ssh"]);
    assert!(host.opens(rotated.current()["PrivateKey"].as_str().unwrap()) && !host.opens(&private));
}

/// Counts first, then what is to be done, then the rest; and no line of it is cut by a small terminal.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_each_host_is_a_table_with_counts_first_that_fits_a_terminal_of_80_columns() {
    let hosts: Option<Vec<_>> = (0..3).map(|_| Host::start()).collect();
    let Some(hosts) = hosts else { return };
    let [private, public] = new_key();
    hosts.iter().for_each(|host| host.authorize(public.as_bytes()));
    let places: Vec<_> = hosts.iter().map(|host| format!("{}:{}", host.address(), host.port())).collect();
    let known: String = hosts.iter().map(Host::known_hosts).collect();
    let value = json!({ "PrivateKey": private, "PublicKey": public, "KnownHosts": known });
    let all = places.join(" ");
    let variables = [("SSH_TRANSPORT", "ssh"), ("SSH_HOSTS", &*all), ("USERNAME", USER), ("MAX_UNREACHABLE", "1")];
    let rotated = Rotated::start("rotate-ssh", &variables, &value).await;
    hosts[1].root("chmod 777 ~app", b"");
    hosts[2].stop();
    let printed = |action: &str| {
        let mut command = command_at(rotated.aws.url(), &[action, SECRET, "--yes"]);
        command.env("COLUMNS", "80");
        finish(command).out
    };
    let is_of = |line: &str, words: &[&str]| line.split_whitespace().collect::<Vec<_>>().starts_with(words);
    let why = format!("the connection to port {} is refused", hosts[2].port());

    let out = printed("diagnose");
    let table: Vec<_> = out.lines().skip_while(|line| !line.trim_start().starts_with("VERSION")).collect();
    assert!(table.iter().all(|line| line.chars().count() <= 80), "{out}");
    let at = table.iter().position(|line| *line == "AWSCURRENT: 1 refused, 1 unreachable, 1 logged in");
    let rows = &table[at.unwrap_or_else(|| panic!("no counts: {out}")) + 1..];
    assert!(is_of(rows[0], &["PLACE", "OUTCOME", "WHY"]), "{out}");
    // The service's own order is by name.
    let mut bad = [(&places[1], "refused", "-"), (&places[2], "unreachable", &*why)];
    bad.sort();
    for (row, (place, outcome, why)) in rows[1..].iter().zip(bad) {
        assert!(is_of(row, &[place, outcome]) && row.ends_with(why), "{row}\n{out}");
    }
    assert!(is_of(rows[3], &[&places[0], "logged", "in", "-"]), "{out}");

    hosts[1].root("chmod 750 ~app", b"");
    let out = printed("reconcile");
    let table: Vec<_> = out.lines().skip_while(|line| !line.starts_with("1 unreachable, 2 ")).collect();
    assert!(table.len() == 5 && table.iter().all(|line| line.chars().count() <= 80), "{out}");
    assert!(is_of(table[2], &[&places[2], "unreachable"]) && table[2].ends_with(&why), "{out}");
}

/// Returns what the target said of the version with a label.
fn opens(diagnosis: &Value, label: &str) -> Value {
    let versions = diagnosis["Versions"].as_array().unwrap();
    versions.iter().find(|version| version["Labels"] == json!([label])).unwrap()["Opens"].clone()
}
