use std::time::Duration;

use fourstep::operator::Action;
use fourstep::{ErrorKind, Step};
use fourstep_testkit::proxy::{Fault, When};
use tokio::sync::oneshot;

use crate::world::{
    FIRST, assert_error, consume, opens, proxy, secret, secret_by, shared, shared_with_admin, world_of,
};

#[tokio::test]
async fn an_account_rotates_three_times_and_every_current_secret_opens_the_server() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    let mut before = world.current();
    for _ in 0..3 {
        world.rotate().await.unwrap();
        let current = world.current();
        consume(&server, &current, "INSERT INTO data.t VALUES (1)").await.unwrap();
        assert_ne!(current["password"], before["password"]);
        assert_eq!(world.previous(), before);
        assert!(!opens(&server, &before).await, "the old password is refused");
        before = current;
    }
    let verifier = server.rows("SELECT rolpassword FROM pg_authid WHERE rolname = '<app>'").await;
    assert!(verifier[0].starts_with("SCRAM-SHA-256$4096:"), "{verifier:?}");
}

#[tokio::test]
async fn a_rotation_makes_three_connections_of_which_none_is_refused() {
    let Some(server) = shared().await else { return };
    let proxy = proxy(&server).await;
    let mut world = world_of(&secret_by(&proxy, &server, "app", FIRST));
    for _ in 0..2 {
        proxy.reset();
        world.rotate().await.unwrap();
        let counts = proxy.counts();
        assert_eq!((counts.connections, counts.refused), (3, 0), "{counts:?}");
        println!("one rotation: {counts:?}");
    }
}

#[tokio::test]
async fn a_finished_rotation_run_again_writes_nothing() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    let token = world.start();
    world.run(&token).await.unwrap();
    let roles = server.roles().await;
    let statements = server.log().matches("ALTER ROLE").count();
    world.run(&token).await.unwrap();
    assert_eq!(server.roles().await, roles);
    assert_eq!(server.log().matches("ALTER ROLE").count(), statements);
}

#[tokio::test]
async fn a_retry_finds_the_password_installed_and_sends_nothing() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    let roles = server.roles().await;
    // The second login is with the pending version.
    world.step(Step::Set, &token).await.unwrap();
    assert_eq!(server.roles().await, roles);
    let log = server.log();
    assert_eq!(log.matches("ALTER ROLE").count(), 1, "{log}");
}

#[tokio::test]
async fn d17_a_commit_whose_reply_is_lost_is_retried_and_ends_well() {
    let Some(server) = shared().await else { return };
    let proxy = proxy(&server).await;
    let mut world = world_of(&secret_by(&proxy, &server, "app", FIRST));
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    proxy.on(|message| message.says("COMMIT"), When::After, Fault::SwallowReplies);
    world.step(Step::Set, &token).await.unwrap();
    // The first attempt; current, which is refused now; pending.
    assert_eq!((proxy.counts().connections, proxy.counts().refused), (3, 1));
    assert!(opens(&server, &world.pending()).await);
    world.run(&token).await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_connection_that_breaks_at_any_message_of_set_leaves_one_password_that_a_version_knows() {
    let Some(server) = shared().await else { return };
    let proxy = proxy(&server).await;
    let mut world = world_of(&secret_by(&proxy, &server, "app", FIRST));
    let mut broken = 0;
    for number in 1.. {
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        for when in [When::Before, When::After] {
            proxy.reset();
            proxy.at(number, when, Fault::Drop);
            // A retry inside the step mends it.
            world.step(Step::Set, &token).await.unwrap();
            broken += usize::from(proxy.counts().connections > 1);
        }
        let over = proxy.counts().frontend < number;
        world.run(&token).await.unwrap();
        assert!(opens(&server, &world.current()).await, "message {number}");
        if over {
            break;
        }
    }
    assert!(broken >= 12, "{broken}");
}

#[tokio::test]
async fn a_wrong_current_password_falls_back_to_the_previous_one() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.put(&secret(&server, "app", "somebody-typed-this"));
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn passwords_that_are_all_wrong_are_rejected_and_change_nothing() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", "wrong-password"));
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(
        &server,
        &error,
        ErrorKind::Rejected,
        &[
            "refused the password of `app`",
            "the password is wrong, the role does not exist, or its VALID UNTIL has passed",
            "AWSCURRENT",
            "Store the credential",
        ],
    );
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn a_lock_that_another_session_holds_is_unavailable_and_nothing_is_written() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    // Another invocation, stopped inside of its lock.
    let proxy = proxy(&server).await;
    let mut other = world.copy();
    other.variable("ENDPOINT", format!("{}:{}", proxy.host(), proxy.port()));
    let (locked, is_locked) = oneshot::channel();
    proxy.on(
        |message| message.says("ALTER ROLE"),
        When::Before,
        Fault::Call(Box::new(move || locked.send(()).unwrap())),
    );
    proxy.on(|message| message.says("ALTER ROLE"), When::After, Fault::Hang);
    world.limit = Duration::from_secs(12);
    let roles = server.roles().await;
    let refused = async {
        is_locked.await.unwrap();
        world.step(Step::Set, &token).await.unwrap_err()
    };
    tokio::select! {
        error = refused => {
                        assert_error(&server, &error, ErrorKind::Unavailable, &["session ", " holds the lock of this secret", "tries again", "SELECT pg_terminate_backend("]);
        }
        _ = other.step(Step::Set, &token) => panic!("the other one hangs"),
    }
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn a_lost_password_is_reset_by_the_administrator_where_an_operator_names_the_account() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.tag("fourstep:strategy", "single-user");
    server.execute("ALTER ROLE <app> PASSWORD 'changed-by-hand'").await;
    let error = world.failing_set().await;
    assert_error(&server, &error, ErrorKind::Rejected, &["`app`", "let an operator", "fourstep reset"]);
    // Whoever asks without saying whose password it is, is told; and a guess is not enough.
    let arn = world.current()["masterarn"].as_str().unwrap().to_owned();
    for account in [None, Some("somebody".to_owned())] {
        let version = world.secret.id("AWSCURRENT");
        let error = world.operate(Action::Reset { account, version }).await.unwrap_err();
        let parts = ["the account `app`", &arn, "Nothing was changed", "fourstep reset app --account app"];
        assert_error(&server, &error, ErrorKind::Invalid, &parts);
    }
    assert!(opens(&server, &secret(&server, "app", "changed-by-hand")).await, "nothing was changed");

    // Nor is a word that was for another value.
    let stale = Action::Reset { account: Some(server.name("app")), version: world.secret.id("AWSPENDING") };
    let error = world.operate(stale).await.unwrap_err();
    assert_error(&server, &error, ErrorKind::Conflict, &["value was changed since", "Look again"]);
    let answer = world.reset(server.name("app")).await.unwrap();
    assert!(answer.reply.unwrap().message.contains("AWSCURRENT is version"));
    assert!(opens(&server, &world.current()).await);
    assert!(!opens(&server, &secret(&server, "app", "changed-by-hand")).await);
    // It is for a credential that is lost, and for no other.
    let current = world.current();
    let error = world.reset(server.name("app")).await.unwrap_err();
    assert_error(&server, &error, ErrorKind::Conflict, &["no credential is lost", "fourstep start"]);
    assert_eq!(world.current(), current);
    // No step does it.
    world.rotate().await.unwrap();
    server.execute("ALTER ROLE <app> PASSWORD 'changed-by-hand'").await;
    assert_error(&server, &world.failing_set().await, ErrorKind::Rejected, &["`app`"]);
}
