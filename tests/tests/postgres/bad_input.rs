//! What bad input gets: a clear error that names it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::postgres::Postgres;
use sqlx::{Connection, Executor};

use crate::world::{
    FIRST, answering_with, answering_without_end, assert_error, assert_said, has_grantors, opens, secret, secret_at,
    shared, shared_with_admin, world_of,
};

#[tokio::test]
async fn a_user_that_was_dropped_or_has_expired_is_rejected() {
    let Some(server) = shared().await else { return };
    let said = |role: &str| {
        format!(
            "setSecret: PostgreSQL at SERVER refused the password of `{role}` (SQLSTATE 28P01): the password is wrong, the role does not exist, or its VALID UNTIL has passed. Of the versions that were tried, none opened the target: AWSCURRENT (VERSION), AWSPENDING (VERSION). Store the credential that the target accepts in the secret as AWSCURRENT, or reset it there, then start the rotation again."
        )
    };
    let mut world = world_of(&secret(&server, "absent", FIRST));
    assert_said(&server, &world.failing_set().await, ErrorKind::Rejected, &said("absent"));
    server.execute("ALTER ROLE <app> VALID UNTIL '2020-01-01'").await;
    let mut world = world_of(&secret(&server, "app", FIRST));
    assert_said(&server, &world.failing_set().await, ErrorKind::Rejected, &said("app"));
}

#[tokio::test]
async fn an_account_that_may_not_log_in_is_forbidden_and_no_other_version_is_tried() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    server.execute("ALTER ROLE <app> NOLOGIN").await;
    let said = "setSecret: PostgreSQL at SERVER does not let role `app` log in (SQLSTATE 28000): it is NOLOGIN, or it does not exist and the server asks for no password. This step changed nothing at the target, and did not learn which version opens it. Run: ALTER ROLE \"app\" LOGIN.";
    assert_said(&server, &world.failing_set().await, ErrorKind::Forbidden, said);
    assert_eq!(server.log().matches("is not permitted to log in").count(), 1);
    server.execute("ALTER ROLE <app> LOGIN; REVOKE CONNECT ON DATABASE <main> FROM public").await;
    let mut world = world_of(&secret(&server, "app", FIRST));
    let said = "setSecret: role `app` may not connect to database `main` of PostgreSQL at SERVER (SQLSTATE 42501). This step changed nothing at the target, and did not learn which version opens it. Run: GRANT CONNECT ON DATABASE \"main\" TO \"app\".";
    assert_said(&server, &world.failing_set().await, ErrorKind::Forbidden, said);
}

#[tokio::test]
async fn a_server_without_a_connection_left_is_unavailable_until_it_has_one() {
    let Some(server) = shared().await else { return };
    server.execute("ALTER ROLE <app> CONNECTION LIMIT 1").await;
    let client = server.connect(&server.name("app"), FIRST, server.database()).await.unwrap();
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.limit = Duration::from_secs(3);
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let error = world.step(Step::Set, &token).await.unwrap_err();
    let said = "setSecret: PostgreSQL at SERVER has no connection left, for this role, this database or at all (SQLSTATE 53300): could not log in. This step changed nothing at the target, and did not learn which version opens it. Close idle connections, or raise CONNECTION LIMIT or max_connections.";
    assert_said(&server, &error, ErrorKind::Unavailable, said);
    client.close().await.unwrap();
    world.limit = Duration::from_secs(30);
    world.run(&token).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_absent_is_named_with_its_field() {
    let Some(server) = shared().await else { return };
    let mut secret = secret(&server, "app", FIRST);
    secret["dbname"] = "nowhere".into();
    let mut world = world_of(&secret);
    let said = "setSecret: PostgreSQL at SERVER has no database `nowhere` (SQLSTATE 3D000). This step changed nothing at the target, and did not learn which version opens it. Correct `dbname` in the secret's JSON; without it, the database is `postgres`.";
    assert_said(&server, &world.failing_set().await, ErrorKind::Invalid, said);
}

/// Lets everybody in as a server of this version does, and then has nothing more to say.
async fn of_version(version: &str) -> u16 {
    let parameter = format!("server_version\0{version}\0");
    let length = u32::try_from(parameter.len() + 4).unwrap();
    answering_with(
        [b"R\0\0\0\x08\0\0\0\0S".as_slice(), &length.to_be_bytes(), parameter.as_bytes(), b"Z\0\0\0\x05I"].concat(),
    )
    .await
}

#[tokio::test]
async fn a_server_of_a_version_that_is_too_old_is_told_with_the_least_one() {
    for (version, told) in [("9.6.24", "9.6"), ("8.0.2", "8.0")] {
        let port = of_version(version).await;
        let mut world = world_of(&secret_at("127.0.0.1", port, "app", FIRST));
        world.limit = Duration::from_secs(2);
        let error = world.failing_set().await;
        let said = format!(
            "setSecret: PostgreSQL at 127.0.0.1:{port} is of version {told}. This step changed nothing at the target, and did not learn which version opens it. Upgrade the server: this function needs version 10 or later."
        );
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Invalid, said));
    }
}

/// A secret's writer may name a server of their own, to fill the function's memory.
#[tokio::test]
async fn a_server_that_answers_without_end_is_given_up_before_memory_is_full() {
    let greeting = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0018.0\0Z\0\0\0\x05I".to_vec();
    // A row of one column with 64 KiB of text.
    let column = [b"c\0".as_slice(), &[0; 6], &25_u32.to_be_bytes(), &[0xff, 0xff], &[0xff; 4], &[0, 0]].concat();
    let length = |more: usize| u32::try_from(more).unwrap().to_be_bytes();
    let described = [b"T".as_slice(), &length(4 + 2 + column.len()), &[0, 1], &column].concat();
    let row = [b"D".as_slice(), &length(4 + 2 + 4 + 65_536), &[0, 1], &length(65_536), &[b'x'; 65_536]].concat();
    let (port, sent) = answering_without_end(greeting, described, row).await;
    let mut world = world_of(&secret_at("127.0.0.1", port, "app", FIRST));
    let error = world.failing_set().await;
    let said = format!(
        "PostgreSQL at 127.0.0.1:{port} answered the request to begin the session with more than 64 MiB of rows"
    );
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains(&said), "{error}");
    let mebibytes = sent.load(Ordering::Relaxed) >> 20;
    assert!((64..80).contains(&mebibytes), "{mebibytes} MiB were taken");
}

/// Before version 16, a role that replicates is a superuser's matter.
#[tokio::test]
async fn a_role_that_replicates_and_may_not_change_its_own_password_is_told_why() {
    let Some(server) = shared().await else { return };
    server.execute("ALTER ROLE <app> REPLICATION").await;
    let mut world = world_of(&secret(&server, "app", FIRST));
    if has_grantors(&server).await {
        return world.rotate().await.unwrap();
    }
    let parts = [
        " may not change the password of role \"app\" (SQLSTATE 42501). ",
        " Run: ALTER ROLE \"app\" NOREPLICATION; or name a superuser's secret in `masterarn`: before version 16, only a superuser changes the password of a role that has REPLICATION.",
    ];
    assert_error(&server, &world.failing_set().await, ErrorKind::Forbidden, &parts);
}

/// Waits until a session of ours is held up by another one, and returns its process.
async fn held_up(server: &Postgres) -> String {
    loop {
        let waiting = "SELECT pid::text FROM pg_stat_activity
                        WHERE application_name = 'fourstep' AND datname = current_database()
                          AND cardinality(pg_blocking_pids(pid)) > 0";
        if let Some(pid) = server.rows(waiting).await.pop() {
            return pid;
        }
    }
}

#[tokio::test]
async fn a_statement_that_is_held_up_or_cancelled_is_tried_again() {
    let Some(server) = shared().await else { return };
    server.execute("CREATE ROLE <other> SUPERUSER LOGIN PASSWORD 'other-password'").await;
    let mut other = server.connect(&server.name("other"), "other-password", server.database()).await.unwrap();
    let mut world = world_of(&secret(&server, "app", FIRST));
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    // Somebody changes the same role, and takes his time.
    other
        .execute(sqlx::AssertSqlSafe(format!("BEGIN; ALTER ROLE {} CONNECTION LIMIT 9", server.name("app"))))
        .await
        .unwrap();
    world.limit = Duration::from_secs(8);
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(
        &server,
        &error,
        ErrorKind::Unavailable,
        &["AWSCURRENT (version ", ") opened the target in this step, before it began to write there."],
    );
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
    let said = "setSecret: PostgreSQL at SERVER was held up by a lock or by its load (SQLSTATE 57014): could not change the password of role \"app\". AWSCURRENT (VERSION) opened the target in this step, before it began to write there. Secrets Manager tries again by itself. If this goes on, look in pg_stat_activity for a session that changed the role and has not committed.";
    assert_said(&server, &error, ErrorKind::Unavailable, said);
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
    let Some((server, mut world)) = shared_with_admin().await else { return };
    server.execute("ALTER ROLE <app> SET work_mem = '5MB'").await;
    server.execute("UPDATE pg_db_role_setting SET setconfig = '{long_gone=1}' WHERE setrole = '<app>'::regrole").await;
    let parts = [
        " does not know a name in the request (SQLSTATE 42704): could not change the setting \"long_gone\" of role \"app_clone\". ",
        " If it is a parameter, reset it at the base account: no session of that can have it either.",
    ];
    assert_error(&server, &world.failing_set().await, ErrorKind::Invalid, &parts);
}

/// Since version 16, who was given a membership with the option to pass it on is the one who grants it.
#[tokio::test]
async fn a_membership_that_the_clone_passed_on_is_named() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    world.rotate_to_clone().await;
    world.rotate().await.unwrap();
    server.execute("CREATE ROLE <team>; CREATE ROLE <friend>; GRANT <team> TO <boss> WITH ADMIN OPTION").await;
    server.execute("GRANT <team> TO <app_clone> WITH ADMIN OPTION GRANTED BY <boss>").await;
    server.execute("GRANT <team> TO <friend> GRANTED BY <app_clone>").await;
    let parts = [
        " (SQLSTATE 2BP01): could not revoke \"team\" from role \"app_clone\". ",
        " Nothing was changed. Revoke it from them, or run the REVOKE with CASCADE.",
    ];
    assert_error(&server, &world.failing_set().await, ErrorKind::Conflict, &parts);
}
