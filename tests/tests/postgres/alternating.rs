use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_testkit::proxy::{Fault, When};
use serde_json::{Value, json};

use crate::rights::revoke;
use crate::world::{
    FIRST, World, assert_error, consume, let_administer, opens, proxy, secret, secret_at, server_with_admin,
};

fn name(secret: &Value) -> &str {
    secret["username"].as_str().unwrap()
}

#[tokio::test]
async fn d9_two_accounts_take_turns_and_the_previous_one_works_until_the_next_set() {
    let Some((server, mut world)) = server_with_admin().await else { return };
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
        names.push(name(&world.current()).to_owned());
        consume(&server, &world.current(), "INSERT INTO data.t VALUES (1); SELECT * FROM data.t").await.unwrap();
    }
    assert_eq!(names, ["app_clone", "app", "app_clone", "app"]);
    assert_eq!(
        server
            .rows("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname LIKE 'app%' ORDER BY rolname")
            .await,
        ["", "Fourstep: clone of \"app\""]
    );
}

#[tokio::test]
async fn at_finish_the_previous_account_is_refused_at_once_and_comes_back_in_its_turn() {
    let Some((server, mut world)) = server_with_admin().await else { return };
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
        server.rows("SELECT rolname::text FROM pg_roles WHERE rolcanlogin AND rolname LIKE 'app%'").await.len(),
        2
    );
}

#[tokio::test]
async fn d10_tables_made_by_the_clone_stay_usable() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    world.rotate().await.unwrap();
    assert_eq!(name(&world.current()), "app_clone");
    consume(&server, &world.current(), "CREATE TABLE data.made (i int); INSERT INTO data.t VALUES (1)").await.unwrap();
    assert_eq!(server.rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'made'").await, ["app"]);
    world.rotate().await.unwrap();
    assert_eq!(name(&world.current()), "app");
    consume(&server, &world.current(), "DROP TABLE data.made").await.unwrap();
}

#[tokio::test]
async fn d2_a_grant_to_the_base_holds_for_the_clone_and_a_revoke_too() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    world.rotate().await.unwrap();
    server.execute("CREATE TABLE public.other (i int); GRANT SELECT ON other TO app").await;
    consume(&server, &world.current(), "SELECT * FROM public.other").await.unwrap();
    server.execute("REVOKE SELECT ON other FROM app").await;
    consume(&server, &world.current(), "SELECT * FROM public.other").await.unwrap_err();
}

#[tokio::test]
async fn a_clone_that_is_right_already_gets_only_its_password() {
    let Some((server, mut world)) = server_with_admin().await else { return };
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
    let Some((server, mut world)) = server_with_admin().await else { return };
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    server.execute("ALTER ROLE app_clone NOLOGIN NOINHERIT").await;
    server.execute("ALTER ROLE app_clone RESET role").await;
    revoke(&server).await;
    world.rotate().await.unwrap();
    consume(&server, &world.current(), "INSERT INTO data.t VALUES (1)").await.unwrap();
}

#[tokio::test]
async fn d6_a_role_that_has_the_clones_name_is_left_alone_unless_it_may_be_adopted() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    server
        .execute("CREATE ROLE app_clone LOGIN PASSWORD 'of-somebody-else'; COMMENT ON ROLE app_clone IS 'of team two'")
        .await;
    let_administer(&server, "app_clone").await;
    let roles = server.roles().await;
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(&error, ErrorKind::Conflict, &["role `app_clone`", "never used it", "fourstep:adopt=true"]);
    assert_eq!(server.roles().await, roles);
    assert!(opens(&server, &secret(&server, "app_clone", "of-somebody-else")).await);
    world.tag("fourstep:adopt", "true");
    world.run(&token).await.unwrap();
    assert!(opens(&server, &world.current()).await);
    assert_eq!(
        server.rows("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'app_clone'").await,
        ["of team two\nFourstep: clone of \"app\""]
    );
}

#[tokio::test]
async fn a_superuser_is_never_copied_nor_a_clone_that_is_one_adopted() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    server.execute("ALTER ROLE app SUPERUSER").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Invalid, &["`app`", "is a superuser", "fourstep:strategy=single-user"]);
    assert_eq!(server.roles().await, roles);
    let Some((server, mut world)) = server_with_admin().await else { return };
    world.tag("fourstep:adopt", "true");
    server.execute("CREATE ROLE app_clone SUPERUSER").await;
    let roles = server.roles().await;
    assert_error(&world.failing_set().await, ErrorKind::Conflict, &["role `app_clone`", "is a superuser"]);
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn an_administrator_without_the_right_is_forbidden_with_the_statement_that_gives_it() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    server.execute("ALTER ROLE boss NOCREATEROLE").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(
        &error,
        ErrorKind::Forbidden,
        &["role `boss`", "may not create role \"app_clone\"", "ALTER ROLE \"boss\" CREATEROLE"],
    );
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn d1_a_clone_that_failed_half_way_is_undone_and_not_promoted_by_a_retry() {
    let Some((server, _)) = server_with_admin().await else { return };
    let proxy = proxy(&server).await;
    let at_proxy = |username, password| secret_at(proxy.host(), proxy.port(), username, password);
    let mut world = World::alternating(&at_proxy("app", FIRST), &at_proxy("boss", "admin-password"));
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
        assert_error(&error, ErrorKind::Unavailable, &["AWSCURRENT", "opened the target"]);
        assert_eq!(server.roles().await, roles, "{part}");
        proxy.reset();
        world.abandon(&token);
    }
    world.limit = Duration::from_secs(30);
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn an_administrators_secret_that_does_not_fit_is_named_and_nothing_is_written() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    let roles = server.roles().await;
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let right = secret(&server, "boss", "admin-password");
    let with = |field: &str, value: Value| {
        let mut admin = right.clone();
        admin[field] = value;
        admin
    };
    for (admin, kind, parts) in [
        (
            with("password", "wrong".into()),
            ErrorKind::Forbidden,
            ["the server refused the administrator", "secret:admin"],
        ),
        (with("host", "other.example.com".into()), ErrorKind::Invalid, ["is not the host of this secret", "masterarn"]),
        (with("engine", "mysql".into()), ErrorKind::Invalid, ["field `engine` of the secret is `mysql`", "postgres"]),
        (json!({"username": "boss"}), ErrorKind::Invalid, ["no field `password`", "Add `password`"]),
    ] {
        world.put_admin(&admin);
        assert_error(&world.step(Step::Set, &token).await.unwrap_err(), kind, &parts);
        assert_eq!(server.roles().await, roles);
    }
    world.put_admin(&right);
    let arn = world.current()["masterarn"].as_str().unwrap().to_owned();
    world.deny(&arn);
    assert_error(&world.step(Step::Set, &token).await.unwrap_err(), ErrorKind::Forbidden, &["may not read"]);
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn a_secret_without_masterarn_is_refused_before_anything_is_stored() {
    let Some((server, _)) = server_with_admin().await else { return };
    let mut world = World::new(&secret(&server, "app", FIRST));
    world.tag("fourstep:strategy", "alternating-users");
    let token = world.start();
    let error = world.step(Step::Create, &token).await.unwrap_err();
    assert_error(&error, ErrorKind::Invalid, &["no field `masterarn`", "fourstep:strategy=single-user"]);
    assert!(world.labelled("AWSPENDING").is_none());
}

#[tokio::test]
async fn d7_a_base_whose_name_ends_like_a_clones_is_a_base() {
    let Some((server, world)) = server_with_admin().await else { return };
    server.execute("CREATE ROLE svc_clone LOGIN PASSWORD 'first-password'; CREATE ROLE svc LOGIN").await;
    let_administer(&server, "svc_clone").await;
    let mut secret = secret(&server, "svc_clone", FIRST);
    secret["masterarn"] = world.current()["masterarn"].clone();
    let mut world = world;
    world.put(&secret);
    // AWSPREVIOUS is of another pair, and says nothing.
    world.rotate().await.unwrap();
    assert_eq!(name(&world.current()), "svc_clone_clone");
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_clone_that_lost_its_previous_version_is_known_by_its_mark() {
    let Some((_server, mut world)) = server_with_admin().await else { return };
    world.rotate().await.unwrap();
    assert_eq!(name(&world.current()), "app_clone");
    // A human edits the secret: both labelled versions are the clone's now.
    world.put(&world.current());
    world.rotate().await.unwrap();
    assert_eq!(name(&world.current()), "app");
}

#[tokio::test]
async fn d14_a_current_password_that_was_changed_by_hand_falls_back_to_the_previous_account() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    world.rotate().await.unwrap();
    server.execute("ALTER ROLE app_clone PASSWORD 'by-hand'").await;
    world.rotate().await.unwrap();
    assert_eq!(name(&world.current()), "app");
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_base_that_was_dropped_is_named() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    world.rotate().await.unwrap();
    server.execute("DROP OWNED BY app; DROP ROLE app").await;
    let error = world.failing_set().await;
    assert_error(
        &error,
        ErrorKind::Invalid,
        &["no such role", "change the password of role \"app\"", "Create the role"],
    );
}
