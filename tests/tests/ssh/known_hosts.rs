//! What consumers find in KnownHosts, and what of it counts.

use std::fs;
use std::process::Command;
use std::time::Instant;

use fourstep::Step;
use fourstep_test_servers::sshd::{Host, Options};
use fourstep_test_servers::ssm::{Node, SystemsManager};
use serde_json::json;
use tempfile::TempDir;

use crate::world::{World, assert_error, empty};

impl World {
    fn known_hosts(&self) -> Vec<String> {
        let (current, users) = (self.secret.current(), "# The key is for the users app");
        let lines: Vec<_> = current["KnownHosts"].as_str().unwrap().lines().collect();
        assert_eq!(lines.iter().filter(|line| **line == users).count(), 1, "{lines:?}");
        lines.into_iter().filter(|line| *line != users).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_host_is_pinned_by_one_key_at_its_address_and_by_the_name_that_people_use() {
    let Some(mut world) = World::start(3, &empty(), &[("HOST_NAMES", "Name")]).await else { return };
    world.nodes[0].name_is("Web-1.example");
    world.nodes[1].name_is("shared.example");
    world.nodes[2].name_is("shared.example");
    world.rotate().await.unwrap();
    let lines = world.known_hosts();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(" ssh-ed25519 ")), "{lines:?}");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("known_hosts");
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let finds = |name: &str| {
        let found = Command::new("ssh-keygen").args(["-F", name, "-f"]).arg(&file).output().unwrap();
        String::from_utf8(found.stdout).unwrap().lines().filter(|line| !line.starts_with('#')).count()
    };
    let (address, port) = (world.host(0).address(), world.host(0).port());
    assert_eq!(finds(&format!("[web-1.example]:{port}")), 1);
    assert_eq!(finds(&format!("[{address}]:{port}")), 1);
    assert_eq!(finds(&format!("[shared.example]:{}", world.host(1).port())), 0, "each would be taken for the other");

    // By default, it is the name of the VPC's own DNS.
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    assert!(world.known_hosts()[0].contains(&format!(",[i-0000.compute.internal]:{} ", world.host(0).port())));
}

#[tokio::test]
async fn nothing_that_an_agent_or_a_tag_says_is_more_than_a_place() {
    for said in ["*", "@cert-authority *", "10.0.0.1,*", "10.0.0.1\n* ssh-ed25519 AAAA", "!10.0.0.1", "|1|a|b"] {
        let Some(mut world) = World::start(1, &empty(), &[("HOST_NAMES", "Name")]).await else { return };
        world.nodes[0].report_address(said);
        world.nodes[0].name_is(&said.replace('\n', " "));
        world.rotate().await.unwrap();
        let place = format!("[{}]:{} ssh-ed25519 ", world.host(0).address(), world.host(0).port());
        let lines = world.known_hosts();
        assert!(lines.len() == 1 && lines[0].starts_with(&place), "{said}: {lines:?}");
    }
}

/// Makes an authority, and lets a host show a certificate of it.
fn certify(host: &Host, folder: &TempDir, authority: &str, principals: &str) -> String {
    let ca = folder.path().join(authority);
    if !ca.exists() {
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&ca).status().unwrap();
        assert!(made.success());
    }
    let key = host.root("cat /etc/ssh/ssh_host_ed25519_key.pub", b"").stdout;
    let file = folder.path().join("host.pub");
    fs::write(&file, key).unwrap();
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-h", "-I", "host", "-n", principals, "-V", "-1m:+1d", "-s"]).arg(&ca).arg(&file);
    assert!(sign.status().unwrap().success());
    let certificate = fs::read(folder.path().join("host-cert.pub")).unwrap();
    assert!(host.root("cat >/etc/ssh/ssh_host_ed25519_key-cert.pub", &certificate).status.success());
    host.stop();
    host.resume();
    let public = fs::read_to_string(ca.with_extension("pub")).unwrap();
    public.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_the_owner_names_counts_for_a_host_that_was_installed_anew() {
    let options =
        Options { config: vec!["HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub"], ..Options::default() };
    let Some(host) = Host::start_with(&options) else { return };
    let folder = TempDir::new().unwrap();
    let address = host.address().to_string();
    let authority = certify(&host, &folder, "authority", &address);
    let value =
        json!({ "PublicKey": "", "PrivateKey": "", "KnownHosts": format!("@cert-authority 127.* {authority}\n") });
    let mut world = World::with_hosts(vec![std::sync::Arc::new(host)], &value, &[]).await;
    world.rotate().await.unwrap();
    assert!(world.known_hosts()[0].starts_with("@cert-authority 127.* "), "the owner's line stays");

    world.host(0).change_host_key();
    certify(world.host(0), &folder, "authority", &address);
    world.rotate().await.unwrap();

    // Of another host, or by another authority, it counts for nothing.
    world.host(0).change_host_key();
    for (authority, principals) in [("authority", "10.0.0.1"), ("stranger", &*address)] {
        certify(world.host(0), &folder, authority, principals);
        let token = world.secret.begin();
        let error = world.failing(Step::Test, &token).await;
        assert_error(&error, "Invalid", &["i-0000: its host key changed"]);
        world.secret.abandon(&token);
    }
}

#[tokio::test]
async fn pins_that_do_not_fit_into_the_secret_are_in_parameter_store() {
    let variables = [("SSH_TEST", "agent"), ("TIMEOUT", "900")];
    let mut world = World::with_hosts(vec![], &empty(), &variables).await;
    simulate(&world.ssm, 0..400);
    let started = Instant::now();
    world.rotate().await.unwrap();
    println!("400 simulated hosts: {:.1} s", started.elapsed().as_secs_f64());
    let lines = world.known_hosts();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let path = line.strip_prefix("# The keys of hosts are in Parameter Store, below ").unwrap();
    let pinned = |world: &World| {
        world
            .ssm
            .stored_parameters()
            .into_values()
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .count()
    };
    assert!(world.ssm.stored_parameters().keys().all(|name| name.starts_with(&format!("{path}/"))));
    assert_eq!(pinned(&world), 400);

    let output = world.sandbox.output().unwrap();
    let warned = |output: &str| output.lines().filter(|line| line.contains("do not fit into the secret")).count();
    let line = output.lines().find(|line| line.contains("do not fit into the secret"));
    assert!(line.is_some_and(|line| line.contains("WARN") && line.contains(path)), "{output}");
    assert_eq!(warned(&output), 1);

    // One comes: a piece or two are written, and not all of them.
    simulate(&world.ssm, 400..401);
    world.ssm.forget_calls();
    world.rotate().await.unwrap();
    assert_eq!(pinned(&world), 401);
    let written = world.ssm.calls().iter().filter(|call| *call == "PutParameter").count();
    assert!((1..=3).contains(&written), "{written}");

    assert_eq!(warned(&world.sandbox.output().unwrap()), 1, "it is said when it changes, and not again");

    // A host that was installed anew is confirmed where its pin is.
    world.ssm.parameter(&format!("{path}/"), |text| {
        text.replace("AAAAC3NzaC1lZDI1NTE5AAAAIEJC", "AAAAC3NzaC1lZDI1NTE5AAAAIEND")
    });
    let token = world.secret.begin();
    let error = world.failing(Step::Set, &token).await;
    let name = world.ssm.stored_parameters().into_keys().next().unwrap();
    let parts = ["its host key changed", &format!("in the parameter {name}"), "from that parameter of Parameter Store"];
    assert_error(&error, "Invalid", &parts);
    assert!(!error.message.contains("from KnownHosts"), "{}", error.message);
    world.secret.abandon(&token);
    world.ssm.parameter(&name, |_| String::new());

    // Some go, and pieces with them.
    (0..40).for_each(|number| world.ssm.remove(&format!("i-{number:017x}")));
    let before = world.ssm.stored_parameters().len();
    world.rotate().await.unwrap();
    assert_eq!(pinned(&world), 361);
    assert!(world.ssm.stored_parameters().len() < before);

    world.ssm.refuse("GetParametersByPath", Some((400, "AccessDeniedException")));
    let error = world.rotate().await.unwrap_err();
    assert_error(&error, "Forbidden", &["ssm:GetParametersByPath", "parameter/fourstep/known-hosts/*"]);
}

pub(crate) fn simulate(ssm: &SystemsManager, numbers: std::ops::Range<u32>) {
    numbers.for_each(|number| drop(ssm.add(Node::simulated(number))));
}
