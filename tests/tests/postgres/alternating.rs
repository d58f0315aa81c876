use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_testkit::proxy::{Fault, When};

use crate::rights::revoke;
use crate::world::{FIRST, assert_error, consume, name, opens, pair_of, proxy, secret, secret_by, shared_with_admin};

#[tokio::test]
async fn d9_two_accounts_take_turns_and_the_previous_one_works_until_the_next_set() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    let mut names = Vec::new();
    for _ in 0..4 {
        let before = world.current();
        let token = world.start();
        for step in Step::ALL {
            world.step(step, &token).await.unwrap();
            assert!(opens(&server, &world.current()).await, "AWSCURRENT works at every moment: {step}");
            assert!(opens(&server, &before).await, "so does what was current: {step}");
        }
        assert_eq!(world.previous(), before);
        names.push(name(&server, &world.current()));
        consume(&server, &world.current(), "INSERT INTO data.t VALUES (1); SELECT * FROM data.t").await.unwrap();
    }
    assert_eq!(names, ["app_clone", "app", "app_clone", "app"]);
    assert_eq!(
        server
            .rows(
                "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname LIKE '<app>%' ORDER BY rolname"
            )
            .await,
        ["", "Fourstep: clone of \"app\""]
    );
}

/// Nothing in the secret tells of the second account any more: its mark at the server does.
#[tokio::test]
async fn an_edit_by_hand_that_leaves_one_account_in_the_secret_does_not_end_the_turns() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    for turn in ["app", "app_clone"] {
        world.rotate().await.unwrap();
        let mut edited = pair_of(&world.current(), &secret(&server, "boss", "admin-password"));
        edited.tag("fourstep:strategy", "auto");
        let mut value = edited.current();
        value["note"] = "of a person".into();
        edited.put(&value);
        edited.rotate().await.unwrap();
        assert_eq!(name(&server, &edited.current()), turn);
        assert!(opens(&server, &edited.current()).await);
        assert!(opens(&server, &edited.previous()).await);
        world = edited;
        world.tag("fourstep:strategy", "alternating-users");
        world.rotate().await.unwrap();
    }
}

#[tokio::test]
async fn at_finish_the_previous_account_is_refused_at_once_and_comes_back_in_its_turn() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.tag("fourstep:retire", "at-finish");
    for _ in 0..3 {
        let before = world.current();
        let token = world.start();
        world.run(&token).await.unwrap();
        assert!(opens(&server, &world.current()).await);
        assert!(!opens(&server, &before).await, "retired");
        let roles = server.roles().await;
        world.step(Step::Finish, &token).await.unwrap();
        assert_eq!(server.roles().await, roles, "run again, it writes nothing");
    }
    assert_eq!(
        server.rows("SELECT rolname::text FROM pg_roles WHERE rolcanlogin AND rolname LIKE '<app>%'").await.len(),
        2
    );
}

#[tokio::test]
async fn d10_tables_made_by_the_clone_stay_usable() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate().await.unwrap();
    assert_eq!(name(&server, &world.current()), "app_clone");
    consume(&server, &world.current(), "CREATE TABLE data.made (i int); INSERT INTO data.t VALUES (1)").await.unwrap();
    assert_eq!(server.rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'made'").await, ["app"]);
    world.rotate().await.unwrap();
    assert_eq!(name(&server, &world.current()), "app");
    consume(&server, &world.current(), "DROP TABLE data.made").await.unwrap();
}

#[tokio::test]
async fn d2_a_grant_to_the_base_holds_for_the_clone_and_a_revoke_too() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate().await.unwrap();
    server.execute("CREATE TABLE public.other (i int); GRANT SELECT ON other TO <app>").await;
    consume(&server, &world.current(), "SELECT * FROM public.other").await.unwrap();
    server.execute("REVOKE SELECT ON other FROM <app>").await;
    consume(&server, &world.current(), "SELECT * FROM public.other").await.unwrap_err();
}

#[tokio::test]
async fn a_clone_that_is_right_already_gets_only_its_password() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    let before = server.log().len();
    world.rotate().await.unwrap();
    let log = server.log().split_off(before);
    let statements: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("statement: ").map(|(_, statement)| statement))
        .filter(|statement| ["ALTER", "CREATE", "GRANT", "COMMENT"].iter().any(|word| statement.starts_with(word)))
        .collect();
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert!(statements[0].contains("ALTER ROLE \"app_clone\" PASSWORD"), "{statements:?}");
}

#[tokio::test]
async fn a_clone_that_lost_its_rights_gets_them_again() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    server.execute("ALTER ROLE <app_clone> NOLOGIN NOINHERIT").await;
    server.execute("ALTER ROLE <app_clone> RESET role").await;
    revoke(&server).await;
    // As no member of its base it may be anybody's: an operator says that it is not.
    let error = world.failing_set().await;
    assert_error(&server, &error, ErrorKind::Conflict, &["role `app_clone`", "fourstep adopt app --account app"]);
    world.adopt(server.name("app")).await.unwrap();
    let token = world.secret.id("AWSPENDING").unwrap();
    world.run(&token).await.unwrap();
    consume(&server, &world.current(), "INSERT INTO data.t VALUES (1)").await.unwrap();
}

#[tokio::test]
async fn d1_a_clone_that_failed_half_way_is_undone_and_not_promoted_by_a_retry() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let proxy = proxy(&server).await;
    let at_proxy = |username, password| secret_by(&proxy, &server, username, password);
    let mut world = pair_of(&at_proxy("app", FIRST), &at_proxy("boss", "admin-password"));
    let roles = server.roles().await;
    for part in ["COMMENT ON", "GRANT", "SET \"role\"", "PASSWORD", "COMMIT"] {
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.limit = Duration::from_secs(2);
        // More often than the step tries again.
        for _ in 0..8 {
            proxy.on(move |message| message.says(part), When::Before, Fault::Drop);
        }
        let error = world.step(Step::Set, &token).await.unwrap_err();
        assert_error(&server, &error, ErrorKind::Unavailable, &["AWSCURRENT", "opened the target"]);
        assert_eq!(server.roles().await, roles, "{part}");
        proxy.reset();
        world.abandon(&token);
    }
    world.limit = Duration::from_secs(30);
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn d14_a_current_password_that_was_changed_by_hand_falls_back_to_the_previous_account() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate().await.unwrap();
    server.execute("ALTER ROLE <app_clone> PASSWORD 'by-hand'").await;
    world.rotate().await.unwrap();
    assert_eq!(name(&server, &world.current()), "app");
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_base_that_was_dropped_is_named() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate().await.unwrap();
    server.execute("DROP OWNED BY <app>; DROP ROLE <app>").await;
    let error = world.failing_set().await;
    assert_error(&server, &error, ErrorKind::Conflict, &["no version of the secret opens the server as `app`"]);
}
