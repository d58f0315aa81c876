use fourstep::Step;
use fourstep_test_servers::ssm::Behaviour;
use serde_json::json;

use crate::world::{World, assert_error, empty};

#[tokio::test]
async fn users_and_hosts_are_validated_before_anything_is_sent() {
    let variables = [("ALLOWED_SSH_USERS", "nobody-there")];
    let Some(mut world) = World::start(1, &empty(), &variables).await else { return };
    for (tag, bad, kind, part) in [
        ("fourstep:ssh-user", "x; rm -rf /", "Invalid", "`fourstep:ssh-user`"),
        ("fourstep:ssh-user", "nobody-there", "Invalid", "there is no user `nobody-there`"),
        ("fourstep:hosts", "web.internal", "Invalid", "is no id of an instance"),
        ("fourstep:hosts", "i-9999", "Invalid", "`i-9999`, which is none of the hosts with the tag"),
    ] {
        let token = world.secret.begin();
        world.secret.tag(tag, bad);
        let error = world.failing(Step::Create, &token).await;
        assert_error(&error, kind, &[part]);
        world.secret.abandon(&token);
        world.aws.secrets().with(|model| model.untag_resource(crate::world::SECRET, [tag])).unwrap();
    }
    assert_eq!(world.lines(0), [] as [&str; 0]);
}

#[tokio::test]
async fn a_host_that_the_owner_names_and_nobody_has_is_unreachable() {
    let Some(mut world) = World::start(1, &empty(), &[("SSH_HOSTS", "i-0000 i-9999")]).await else { return };
    let error = world.rotate().await.unwrap_err();
    assert_error(&error, "Unavailable", &["i-9999 (Systems Manager does not hear of its agent)"]);
}

#[tokio::test]
async fn a_value_that_is_no_key_is_named_and_left() {
    let secret =
        json!({ "PublicKey": "ssh-ed25519 AAAA", "PrivateKey": "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter22\n" });
    let Some(mut world) = World::start(1, &secret, &[]).await else { return };
    let token = world.secret.begin();
    let error = world.failing(Step::Create, &token).await;
    assert_error(&error, "Invalid", &["field `PrivateKey` of the secret is not a private key", "empty"]);
    assert!(!world.sandbox.output().unwrap().contains("hunter22"));
}

#[tokio::test]
async fn errors_of_systems_manager_say_what_to_do() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    for (operation, status, name, kind, part) in [
        ("SendCommand", 400, "AccessDeniedException", "Forbidden", "ssm:SendCommand"),
        ("DescribeInstanceInformation", 400, "AccessDeniedException", "Forbidden", "ssm:DescribeInstanceInformation"),
        ("SendCommand", 400, "ThrottlingException", "Unavailable", "throttles SendCommand"),
        ("SendCommand", 500, "InternalServerError", "Unavailable", "failed to answer SendCommand"),
    ] {
        let token = world.secret.begin();
        world.ssm.refuse(operation, Some((status, name)));
        let error = world.failing(Step::Create, &token).await;
        assert_error(&error, kind, &[part]);
        world.ssm.refuse(operation, None);
        world.run(&token).await.unwrap();
        // The next one has to read host keys again.
        let mut value = world.secret.current();
        value["KnownHosts"] = "".into();
        world.secret.put(&value);
    }
}

#[tokio::test]
async fn a_host_that_gives_no_answer_is_named_when_the_time_is_over() {
    let Some(mut world) = World::start(2, &empty(), &[("TIMEOUT", "12")]).await else { return };
    world.rotate().await.unwrap();
    world.nodes[1].behave(Behaviour::Deaf);
    let token = world.secret.begin();
    let error = world.failing(Step::Set, &token).await;
    assert_error(
        &error,
        "Unavailable",
        &["1 of 2 hosts gave no answer", "i-0001 (its agent gave no answer in time)", "MAX_UNREACHABLE"],
    );
    assert!(world.opens(0, &world.secret.current()) && world.opens(1, &world.secret.current()));
    world.nodes[1].behave(Behaviour::Well);
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
}

#[tokio::test]
async fn an_answer_that_was_cut_before_its_closing_line_is_none() {
    let Some(mut world) = World::start(2, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    // All of the result itself, and not what else the host says: its own keys are among that.
    world.nodes[1].behave(Behaviour::Cut("fourstep 1 changed\n".len()));
    world.host(1).change_host_key();
    let token = world.secret.begin();
    let error = world.failing(Step::Set, &token).await;
    assert_error(&error, "Unavailable", &["i-0001: the script gave no result that can be read to its end"]);
    world.nodes[1].behave(Behaviour::Well);
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(&error, "Invalid", &["i-0001: its host key changed"]);
}

#[tokio::test]
async fn commands_that_arrive_twice_or_late_harm_nothing() {
    let Some(mut world) = World::start(2, &empty(), &[]).await else { return };
    world.nodes[0].behave(Behaviour::Twice);
    world.rotate().await.unwrap();
    let token = world.secret.begin();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    let late = world.nodes[1].last_script().unwrap();
    world.step(Step::Test, &token).await.unwrap();
    world.step(Step::Finish, &token).await.unwrap();
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    // The command of a whole rotation before arrives now.
    let said = String::from_utf8(world.host(1).root(&late, b"").stdout).unwrap();
    assert!(said.starts_with("fourstep 1 failed") || said.starts_with("fourstep 1 stale "), "{said}");
    world.check_hosts(&token);

    world.nodes[1].behave(Behaviour::Failing);
    let token = world.secret.begin();
    let error = world.failing(Step::Set, &token).await;
    assert_error(
        &error,
        "Unavailable",
        &["i-0001: the script gave no result that can be read to its end, and ended with 1"],
    );
}

#[tokio::test]
async fn a_host_that_refuses_the_key_fails_the_test_by_name() {
    let Some(mut world) = World::start(2, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    let token = world.secret.begin();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    world.host(1).root("chmod 777 ~app", b"");
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(&error, "Rejected", &["1 of 2 hosts do not accept the key: i-0001"]);
    world.host(1).root("chmod 750 ~app", b"");
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
}
