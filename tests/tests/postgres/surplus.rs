//! What the clone has beyond its base: taken away, or named.

use fourstep::{ErrorKind, Step};
use fourstep_testkit::captured::capture;
use sqlx::AssertSqlSafe;

use crate::world::{assert_error, assert_said, consume, has_grantors, name, other, shared_with_admin, two_databases};

#[tokio::test]
async fn what_the_clone_is_a_member_of_beside_its_base_is_revoked() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    server.execute("CREATE ROLE <team>; CREATE ROLE \"<it> it's\"").await;
    // As the administrator: since 16, only who granted a membership may revoke it.
    let by = if has_grantors(&server).await {
        server.execute("GRANT <team>, \"<it> it's\" TO <boss> WITH ADMIN OPTION").await;
        " GRANTED BY <boss>"
    } else {
        ""
    };
    server.execute(&format!("GRANT <team>, \"<it> it's\" TO <app_clone> WITH ADMIN OPTION{by}")).await;
    world.rotate_to_clone().await;
    let roles = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = '<app_clone>'::regrole";
    assert_eq!(server.rows(roles).await, ["app"]);
    assert_eq!(
        server.rows("SELECT rolname::text FROM pg_roles WHERE rolname IN ('<team>', '<it> it''s')").await.len(),
        2
    );
}

#[tokio::test]
async fn an_option_to_give_the_base_to_others_is_taken_from_the_clone() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    let by = if has_grantors(&server).await { " GRANTED BY <boss>" } else { "" };
    server.execute(&format!("GRANT <app> TO <app_clone> WITH ADMIN OPTION{by}")).await;
    world.rotate_to_clone().await;
    let options = "SELECT admin_option::text FROM pg_auth_members WHERE member = '<app_clone>'::regrole";
    assert_eq!(server.rows(options).await, ["false"]);
}

#[tokio::test]
async fn a_membership_that_the_administrator_may_not_revoke_is_named() {
    let Some((server, mut world)) = two_databases().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    world.rotate_to_clone().await;
    world.rotate().await.unwrap();
    server.execute("CREATE ROLE <team>; GRANT <team> TO <app_clone>").await;
    let error = world.failing_set().await;
    assert_error(
        &server,
        &error,
        ErrorKind::Forbidden,
        &["revoke \"team\" from role \"app_clone\"", "REVOKE \"team\" FROM \"app_clone\" GRANTED BY \"postgres\""],
    );
}

#[tokio::test]
async fn what_was_granted_to_the_clone_by_name_is_named_in_the_log() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    let objects = "CREATE TABLE shown (); GRANT SELECT ON shown TO <app_clone>";
    server.execute(objects).await;
    server.execute_in(&other(&server), objects).await;
    server.execute("CREATE ROLE <team>; ALTER ROLE <boss> SUPERUSER; GRANT <team> TO <app_clone>").await;
    consume(&server, &world.current(), "SELECT FROM shown").await.expect_err("as the base, the clone does not have it");
    let (log, guard) = capture();
    world.rotate_to_clone().await;
    drop(guard);
    let log = server.plain(&log.text());
    let warnings: Vec<&str> =
        log.lines().filter(|line| line.contains(" WARN ") && line.contains("app_clone")).collect();
    let has = |parts: &[&str]| warnings.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["REVOKE", "team"]), "{warnings:#?}");
    let granted = "rights were granted to the clone and not to its base";
    assert!(has(&[granted, "1 in database \"main\" (table public.shown)", "DROP OWNED BY"]), "{warnings:#?}");
    assert!(has(&[granted, "1 in database \"the_other one\" run="]), "{warnings:#?}");
}

#[tokio::test]
async fn d10_a_clone_that_owns_objects_is_forbidden_until_they_are_the_bases() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    // As a session of the clone does that sets its role aside.
    let lonely = "CREATE TABLE lonely (); ALTER TABLE lonely OWNER TO <app_clone>";
    let databases = [server.database().to_owned(), other(&server)];
    for database in &databases {
        server.execute_in(database, lonely).await;
    }
    // The base is pending, and could not use them.
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &server,
        &error,
        ErrorKind::Forbidden,
        &[
            "the account `app` of PostgreSQL at 127.0.0.1:",
            " may do less than its clone `app_clone`, which is current; it lacks: ownership (1 in all): table public.lonely; ownership: 1 in database \"the_other one\". ",
            "Run, in each database that is named: REASSIGN OWNED BY \"app_clone\" TO \"app\"; and grant \"app\" what else is named; or, if you give both accounts their rights yourself, set the tag fourstep:grants=leave",
        ],
    );
    assert_eq!(name(&server, &world.current()), "app_clone", "nothing is promoted");
    for database in &databases {
        server.execute_in(database, "REASSIGN OWNED BY \"<app_clone>\" TO \"<app>\"").await;
    }
    world.run(&token).await.unwrap();
    consume(&server, &world.current(), "DROP TABLE lonely").await.unwrap();
    // The clone is pending, and would act as the base, which cannot use them.
    server.execute(lonely).await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    let said = "setSecret: the role `app_clone` of PostgreSQL at SERVER owns objects, which its base `app` may not use: 1 in database \"main\" (table public.lonely). AWSCURRENT (VERSION) opened the target in this step. Nothing was changed. Run, in each of these databases: REASSIGN OWNED BY \"app_clone\" TO \"app\".";
    assert_said(&server, &error, ErrorKind::Forbidden, said);
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn what_a_session_or_a_role_has_for_itself_is_no_object_that_another_lacks() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate_to_clone().await;
    let text = |field: &str| world.current()[field].as_str().unwrap().to_owned();
    let mut client = server.connect(&text("username"), &text("password"), server.database()).await.unwrap();
    let own = "SET ROLE NONE; CREATE TEMP TABLE mine (); ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ";
    sqlx::raw_sql(AssertSqlSafe(own.to_owned() + &server.name("app"))).execute(&mut client).await.unwrap();
    assert_eq!(server.rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'mine'").await, ["app_clone"]);
    world.rotate_to_clone().await;
}
