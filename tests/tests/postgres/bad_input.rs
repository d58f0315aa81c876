//! What bad input gets: a clear error that names it.

use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_testkit::postgres::Postgres;
use serde_json::json;
use sqlx::{Connection, Executor};

use crate::world::{FIRST, World, assert_error, has_grantors, opens, secret, server, server_with_admin};

#[tokio::test]
async fn a_user_that_was_dropped_or_has_expired_is_rejected() {
    let Some(server) = server().await else { return };
    let mut world = World::new(&secret(&server, "absent", FIRST));
    assert_error(&world.failing_set().await, ErrorKind::Rejected, &["the role does not exist"]);
    server.execute("ALTER ROLE app VALID UNTIL '2020-01-01'").await;
    let mut world = World::new(&secret(&server, "app", FIRST));
    assert_error(&world.failing_set().await, ErrorKind::Rejected, &["its VALID UNTIL has passed"]);
}

#[tokio::test]
async fn an_account_that_may_not_log_in_is_forbidden_and_no_other_version_is_tried() {
    let Some(server) = server().await else { return };
    let mut world = World::new(&secret(&server, "app", FIRST));
    server.execute("ALTER ROLE app NOLOGIN").await;
    assert_error(&world.failing_set().await, ErrorKind::Forbidden, &["NOLOGIN", "ALTER ROLE \"app\" LOGIN"]);
    server.execute("ALTER ROLE app LOGIN; REVOKE CONNECT ON DATABASE postgres FROM public").await;
    let mut world = World::new(&secret(&server, "app", FIRST));
    assert_error(
        &world.failing_set().await,
        ErrorKind::Forbidden,
        &["GRANT CONNECT ON DATABASE \"postgres\" TO \"app\""],
    );
}

#[tokio::test]
async fn a_full_server_is_unavailable() {
    let Some(server) = server().await else { return };
    server.execute("ALTER ROLE app CONNECTION LIMIT 1").await;
    let client = server.connect("app", FIRST, "postgres").await.unwrap();
    let mut world = World::new(&secret(&server, "app", FIRST));
    world.limit = Duration::from_secs(12);
    assert_error(&world.failing_set().await, ErrorKind::Unavailable, &["53300", "CONNECTION LIMIT"]);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_absent_is_named_with_its_field() {
    let Some(server) = server().await else { return };
    let mut secret = secret(&server, "app", FIRST);
    secret["dbname"] = "nowhere".into();
    let mut world = World::new(&secret);
    assert_error(&world.failing_set().await, ErrorKind::Invalid, &["no database `nowhere`", "`dbname`"]);
}

/// Takes the place of `masterarn` in the secret, and gives the error of setSecret.
async fn set_with_masterarn(world: &mut World, arn: &str) -> fourstep::Error {
    let mut secret = world.current();
    secret["masterarn"] = json!(arn);
    world.put(&secret);
    world.failing_set().await
}

#[tokio::test]
async fn a_masterarn_that_names_no_usable_secret_is_refused_by_name() {
    let Some((server, world)) = server_with_admin().await else { return };
    let roles = server.roles().await;
    let arn = world.current()["masterarn"].as_str().unwrap().to_owned();
    let own = world.store.with(|model| model.secret("app").unwrap().arn.clone());
    for name in [own.as_str(), "app"] {
        let error = set_with_masterarn(&mut world.copy(), name).await;
        let parts = [
            &format!("setSecret: the secret names itself ({name}) where it has to name another one. "),
            " Name the other secret, as the administrator's in `masterarn`.",
        ];
        assert_error(&error, ErrorKind::Invalid, &parts);
    }
    let elsewhere = arn.replace(":secret:admin", ":secret:nowhere");
    let error = set_with_masterarn(&mut world.copy(), &elsewhere).await;
    assert_error(&error, ErrorKind::Invalid, &["nowhere"]);
    world.store.with(|model| model.delete_secret("admin", None)).unwrap();
    let error = set_with_masterarn(&mut world.copy(), &arn).await;
    assert_error(&error, ErrorKind::Invalid, &["deletion", "secret:admin"]);
    assert_eq!(server.roles().await, roles);
}

/// Only the administrator's user name and password are used, so a loop of secrets that name each other is none of calls.
#[tokio::test]
async fn the_masterarn_of_an_administrators_own_secret_is_not_followed() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    let own = world.store.with(|model| model.secret("app").unwrap().arn.clone());
    let mut admin = secret(&server, "boss", "admin-password");
    admin["masterarn"] = json!(own);
    world.put_admin(&admin);
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn an_administrator_that_lacks_a_right_gets_the_statement_to_run() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    let place = format!("PostgreSQL at {}:{}", server.host(), server.port());
    server.execute("ALTER ROLE boss NOCREATEROLE").await;
    let error = world.failing_set().await;
    let parts = [
        &format!("setSecret: role `boss` of {place} may not create role \"app_clone\" (SQLSTATE 42501). AWSCURRENT "),
        " Run: ALTER ROLE \"boss\" CREATEROLE.",
    ];
    assert_error(&error, ErrorKind::Forbidden, &parts);
    server.execute("ALTER ROLE boss CREATEROLE").await;
    if has_grantors(&server).await {
        server.execute("REVOKE ADMIN OPTION FOR app FROM boss").await;
        world.abandon_pending();
        let error = world.failing_set().await;
        let parts = [
            &format!("setSecret: role `boss` of {place} may not grant role \"app\" (SQLSTATE 42501). AWSCURRENT "),
            " Run: GRANT \"app\" TO \"boss\" WITH ADMIN OPTION.",
        ];
        assert_error(&error, ErrorKind::Forbidden, &parts);
        server.execute("GRANT \"app\" TO \"boss\" WITH ADMIN OPTION").await;
        world.abandon_pending();
    } else {
        world.abandon_pending();
    }
    world.rotate().await.unwrap();
}

/// Before version 16, a role that replicates is a superuser's matter.
#[tokio::test]
async fn a_role_that_replicates_and_may_not_change_its_own_password_is_told_why() {
    let Some(server) = server().await else { return };
    server.execute("ALTER ROLE app REPLICATION").await;
    let mut world = World::new(&secret(&server, "app", FIRST));
    if has_grantors(&server).await {
        return world.rotate().await.unwrap();
    }
    let parts = [
        " may not change the password of role \"app\" (SQLSTATE 42501). ",
        " Run: ALTER ROLE \"app\" NOREPLICATION; or name a superuser's secret in `masterarn`: before version 16, only a superuser changes the password of a role that has REPLICATION.",
    ];
    assert_error(&world.failing_set().await, ErrorKind::Forbidden, &parts);
}

/// Waits until a session of ours is held up by another one, and gives its process.
async fn held_up(server: &Postgres) -> String {
    loop {
        let waiting = "SELECT pid::text FROM pg_stat_activity
                        WHERE application_name = 'fourstep' AND cardinality(pg_blocking_pids(pid)) > 0";
        if let Some(pid) = server.rows(waiting).await.pop() {
            return pid;
        }
    }
}

#[tokio::test]
async fn a_statement_that_is_held_up_or_cancelled_is_tried_again() {
    let Some(server) = server().await else { return };
    server.execute("CREATE ROLE other SUPERUSER LOGIN PASSWORD 'other-password'").await;
    let mut other = server.connect("other", "other-password", "postgres").await.unwrap();
    let mut world = World::new(&secret(&server, "app", FIRST));
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    // Somebody changes the same role, and takes his time.
    other.execute("BEGIN; ALTER ROLE app CONNECTION LIMIT 9").await.unwrap();
    world.limit = Duration::from_secs(8);
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(&error, ErrorKind::Unavailable, &["AWSCURRENT (version ", ") opened the target in this step."]);
    assert!(server.log().contains("canceling statement due to lock timeout"), "nothing waits for ever");
    // A statement that took too long is cancelled with the same code.
    world.limit = Duration::from_secs(2);
    let cancel = async {
        loop {
            let pid = held_up(&server).await;
            server.execute(&format!("SELECT pg_cancel_backend({pid})")).await;
        }
    };
    let error = tokio::select! {
        error = world.step(Step::Set, &token) => error.unwrap_err(),
        () = cancel => unreachable!("it goes on"),
    };
    assert_error(
        &error,
        ErrorKind::Unavailable,
        &[" was held up by a lock or by its load (SQLSTATE 57014): could not change the password of role \"app\". "],
    );
    world.limit = Duration::from_secs(30);
    let (set, ()) = tokio::join!(world.step(Step::Set, &token), async {
        held_up(&server).await;
        other.execute("ROLLBACK").await.unwrap();
    });
    set.unwrap();
    world.run(&token).await.unwrap();
    assert!(opens(&server, &world.current()).await);
    other.close().await.unwrap();
}

/// A parameter that the server does not know any more, as after an upgrade.
#[tokio::test]
async fn a_parameter_that_the_server_does_not_know_is_not_called_a_role() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    server.execute("ALTER ROLE app SET work_mem = '5MB'").await;
    server.execute("UPDATE pg_db_role_setting SET setconfig = '{long_gone=1}' WHERE setrole = 'app'::regrole").await;
    let parts = [
        " does not know a name in the request (SQLSTATE 42704): could not change the setting \"long_gone\" of role \"app_clone\". ",
        " If it is a parameter, reset it at the base account: no session of that can have it either.",
    ];
    assert_error(&world.failing_set().await, ErrorKind::Invalid, &parts);
}

/// Since version 16, who was given a membership with the option to pass it on is the one who grants it.
#[tokio::test]
async fn a_membership_that_the_clone_passed_on_is_named() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    world.rotate_to_clone().await;
    world.rotate().await.unwrap();
    server.execute("CREATE ROLE team; CREATE ROLE friend; GRANT team TO boss WITH ADMIN OPTION").await;
    server.execute("GRANT team TO app_clone WITH ADMIN OPTION GRANTED BY boss").await;
    server.execute("GRANT team TO friend GRANTED BY app_clone").await;
    let parts = [
        " (SQLSTATE 2BP01): could not revoke \"team\" from role \"app_clone\". ",
        " Nothing was changed. Revoke it from them, or run the REVOKE with CASCADE.",
    ];
    assert_error(&world.failing_set().await, ErrorKind::Conflict, &parts);
}
