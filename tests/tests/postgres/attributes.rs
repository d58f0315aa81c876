//! What the base is and how its sessions begin, and the clone too: read from the catalogs, and by logging in.

use fourstep::{ErrorKind, Step};
use fourstep_testkit::postgres::Postgres;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::secrecy::capture;
use crate::world::{World, assert_error, has_grantors, opens, server_with_admin};

/// Gives a role's attributes, but not whether it inherits: the clone has to.
pub(crate) async fn attributes(server: &Postgres, role: &str) -> Vec<String> {
    let query = format!(
        "SELECT rolsuper::text, rolcreatedb::text, rolcreaterole::text, rolcanlogin::text, rolreplication::text,
                rolbypassrls::text, rolconnlimit::text, coalesce(rolvaliduntil, 'infinity')::text
           FROM pg_roles WHERE rolname = '{role}'"
    );
    server.rows(&query).await
}

/// Gives a role's settings in all databases, except the role as which it acts.
pub(crate) async fn settings(server: &Postgres, role: &str) -> Vec<String> {
    let query = format!(
        "SELECT datname::text, entry FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase,
                unnest(setconfig) entry
          WHERE setrole = '{role}'::regrole AND NOT entry LIKE 'role=%' ORDER BY 1, 2"
    );
    server.rows(&query).await
}

/// Logs in as a consumer, and asks for one text.
async fn ask(server: &Postgres, secret: &Value, database: &str, query: &str) -> String {
    let text = |field: &str| secret[field].as_str().unwrap();
    let mut client = server.connect(text("username"), text("password"), database).await.unwrap();
    let row = sqlx::raw_sql(AssertSqlSafe(query.to_owned())).fetch_one(&mut client).await.unwrap();
    client.close().await.unwrap();
    row.get(0)
}

/// A server with a second database.
async fn world() -> Option<(Postgres, World)> {
    let (server, world) = server_with_admin().await?;
    server.execute("CREATE DATABASE \"the other\"").await;
    Some((server, world))
}

/// Rotates until the clone is current.
async fn rotate_to_clone(world: &mut World) {
    world.rotate().await.unwrap();
    if world.current()["username"] == "app" {
        world.rotate().await.unwrap();
    }
    assert_eq!(world.current()["username"], "app_clone");
}

async fn assert_equal(server: &Postgres) {
    assert_eq!(attributes(server, "app_clone").await, attributes(server, "app").await);
    assert_eq!(settings(server, "app_clone").await, settings(server, "app").await);
}

#[tokio::test]
async fn the_clone_has_the_attributes_of_its_base_and_loses_what_that_loses() {
    let Some((server, mut world)) = world().await else { return };
    server
        .execute("ALTER ROLE app CREATEDB CREATEROLE CONNECTION LIMIT 7 VALID UNTIL '2099-12-31 23:59:59.123456+01'")
        .await;
    rotate_to_clone(&mut world).await;
    assert_equal(&server).await;
    assert_eq!(attributes(&server, "app_clone").await.len(), 1);
    assert!(opens(&server, &world.current()).await);
    server.execute("ALTER ROLE app NOCREATEDB NOCREATEROLE CONNECTION LIMIT -1 VALID UNTIL 'infinity'").await;
    rotate_to_clone(&mut world).await;
    assert_equal(&server).await;
    assert!(opens(&server, &world.current()).await);
    // What only the clone was given goes as well.
    server
        .execute("ALTER ROLE app_clone CREATEDB CREATEROLE NOINHERIT CONNECTION LIMIT 0 VALID UNTIL '2001-01-01'")
        .await;
    rotate_to_clone(&mut world).await;
    assert_equal(&server).await;
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_superuser_copies_every_attribute_but_its_own() {
    let Some((server, mut world)) = world().await else { return };
    server.execute("ALTER ROLE boss SUPERUSER; ALTER ROLE app REPLICATION BYPASSRLS").await;
    rotate_to_clone(&mut world).await;
    assert_equal(&server).await;
    server.execute("ALTER ROLE app NOREPLICATION NOBYPASSRLS").await;
    rotate_to_clone(&mut world).await;
    assert_equal(&server).await;
    assert!(attributes(&server, "app_clone").await[0].starts_with("false"), "no superuser");
}

#[tokio::test]
async fn sessions_of_the_clone_begin_as_those_of_its_base_in_each_database() {
    let Some((server, mut world)) = world().await else { return };
    server
        .execute(
            r#"ALTER ROLE app SET search_path = "$user", data, "it's ""x"", y", '';
               ALTER ROLE app SET DateStyle = 'SQL, DMY';
               ALTER ROLE app SET work_mem = '5MB';
               ALTER ROLE app SET application_name = 'it''s \ "app", x';
               ALTER ROLE app IN DATABASE "the other" SET search_path = public, data;
               ALTER ROLE app IN DATABASE "the other" SET TimeZone = 'Europe/Berlin'"#,
        )
        .await;
    rotate_to_clone(&mut world).await;
    assert_equal(&server).await;
    assert_eq!(settings(&server, "app_clone").await.len(), 6);
    let (clone, base) = (world.current(), world.previous());
    for database in ["postgres", "the other"] {
        for parameter in ["search_path", "DateStyle", "work_mem", "TimeZone"] {
            let show = format!("SHOW {parameter}");
            let of_clone = ask(&server, &clone, database, &show).await;
            assert_eq!(of_clone, ask(&server, &base, database, &show).await, "{parameter} in {database}");
        }
        assert_eq!(ask(&server, &clone, database, "SELECT current_user::text").await, "app");
    }
    assert_eq!(ask(&server, &clone, "the other", "SHOW search_path").await, "public, data");

    server
        .execute(
            r#"ALTER ROLE app RESET ALL; ALTER ROLE app IN DATABASE "the other" RESET TimeZone;
               ALTER ROLE app_clone SET lock_timeout = '1s';
               ALTER ROLE app_clone IN DATABASE "the other" SET role = 'none'"#,
        )
        .await;
    rotate_to_clone(&mut world).await;
    assert_equal(&server).await;
    assert_eq!(settings(&server, "app_clone").await, ["the other | search_path=public, data"]);
    assert_eq!(ask(&server, &world.current(), "the other", "SELECT current_user::text").await, "app");
}

#[tokio::test]
async fn what_the_administrator_may_not_set_is_forbidden_with_the_right_and_nothing_is_written() {
    for (of_base, right) in [
        ("REPLICATION", "ALTER ROLE \"boss\" REPLICATION"),
        ("BYPASSRLS", "ALTER ROLE \"boss\" BYPASSRLS"),
        ("SET log_statement = 'all'", "GRANT SET ON PARAMETER \"log_statement\" TO \"boss\""),
        ("SET myapp.\"user\" = 'keep-this-to-yourself'", "GRANT SET ON PARAMETER \"myapp\".\"user\" TO \"boss\""),
    ] {
        let Some((server, mut world)) = world().await else { return };
        let attribute = right.starts_with("ALTER ROLE");
        let right = match attribute && !has_grantors(&server).await {
            true => "ALTER ROLE \"boss\" SUPERUSER",
            false => right,
        };
        server.execute(&format!("ALTER ROLE app {of_base}")).await;
        let roles = server.roles().await;
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        let error = world.step(Step::Set, &token).await.unwrap_err();
        assert_error(&error, ErrorKind::Forbidden, &["role `boss`", "may not", "\"app_clone\"", right]);
        assert!(!error.to_string().contains("keep-this"), "{error}");
        assert_eq!(server.roles().await, roles, "{of_base}");
        // It is this right that is missing, and no other.
        server.execute(right).await;
        world.run(&token).await.unwrap();
        assert_equal(&server).await;
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn a_clone_that_the_administrator_did_not_make_is_forbidden_with_the_statement_that_gives_it() {
    let Some((server, mut world)) = world().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    rotate_to_clone(&mut world).await;
    world.rotate().await.unwrap();
    server.execute("ALTER ROLE app CONNECTION LIMIT 3; REVOKE app_clone FROM boss CASCADE").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Forbidden, &["GRANT \"app_clone\" TO \"boss\" WITH ADMIN OPTION"]);
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn a_base_that_the_administrator_did_not_make_is_forbidden_with_the_statement_that_gives_it() {
    let Some((server, mut world)) = world().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    server.execute("REVOKE app FROM boss").await;
    let roles = server.roles().await;
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(&error, ErrorKind::Forbidden, &["GRANT \"app\" TO \"boss\" WITH ADMIN OPTION"]);
    assert_eq!(server.roles().await, roles);
    server.execute("GRANT app TO boss WITH ADMIN OPTION").await;
    world.run(&token).await.unwrap();
}

#[tokio::test]
async fn what_the_clone_is_a_member_of_beside_its_base_is_revoked() {
    let Some((server, mut world)) = world().await else { return };
    rotate_to_clone(&mut world).await;
    server.execute("CREATE ROLE team; CREATE ROLE \"it's\"").await;
    // As the administrator: since 16, only who granted a membership may revoke it.
    let by = if has_grantors(&server).await {
        server.execute("GRANT team, \"it's\" TO boss WITH ADMIN OPTION").await;
        " GRANTED BY boss"
    } else {
        ""
    };
    server.execute(&format!("GRANT team, \"it's\" TO app_clone WITH ADMIN OPTION{by}")).await;
    rotate_to_clone(&mut world).await;
    let roles = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'app_clone'::regrole";
    assert_eq!(server.rows(roles).await, ["app"]);
    assert_eq!(server.rows("SELECT rolname::text FROM pg_roles WHERE rolname IN ('team', 'it''s')").await.len(), 2);
}

#[tokio::test]
async fn what_was_given_to_the_clone_itself_is_named_in_the_log() {
    let Some((server, mut world)) = world().await else { return };
    rotate_to_clone(&mut world).await;
    let objects = "CREATE TABLE lonely (); ALTER TABLE lonely OWNER TO app_clone;
                   CREATE TABLE shown (); GRANT SELECT ON shown TO app_clone";
    server.execute(objects).await;
    server.execute_in("the other", objects).await;
    server.execute("CREATE ROLE team; ALTER ROLE boss SUPERUSER; GRANT team TO app_clone").await;
    let (log, guard) = capture();
    rotate_to_clone(&mut world).await;
    drop(guard);
    let log = log.text();
    let warnings: Vec<&str> =
        log.lines().filter(|line| line.contains(" WARN ") && line.contains("app_clone")).collect();
    let has = |parts: &[&str]| warnings.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["REVOKE", "team"]), "{warnings:#?}");
    assert!(has(&["owns objects", "postgres", "table public.lonely", "REASSIGN OWNED BY"]), "{warnings:#?}");
    assert!(has(&["owns objects", "the other", "number=\"1\""]), "{warnings:#?}");
    assert!(has(&["rights were granted", "postgres", "table public.shown", "DROP OWNED BY"]), "{warnings:#?}");
    assert!(has(&["rights were granted", "the other"]), "{warnings:#?}");
    assert_eq!(server.rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'lonely'").await, ["app_clone"]);
}

#[tokio::test]
async fn a_membership_that_the_administrator_may_not_revoke_is_named() {
    let Some((server, mut world)) = world().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    rotate_to_clone(&mut world).await;
    world.rotate().await.unwrap();
    server.execute("CREATE ROLE team; GRANT team TO app_clone").await;
    let error = world.failing_set().await;
    assert_error(
        &error,
        ErrorKind::Forbidden,
        &["revoke \"team\" from role \"app_clone\"", "REVOKE \"team\" FROM \"app_clone\" GRANTED BY \"postgres\""],
    );
}

#[tokio::test]
async fn an_option_to_give_the_base_to_others_is_taken_from_the_clone() {
    let Some((server, mut world)) = world().await else { return };
    rotate_to_clone(&mut world).await;
    let by = if has_grantors(&server).await { " GRANTED BY boss" } else { "" };
    server.execute(&format!("GRANT app TO app_clone WITH ADMIN OPTION{by}")).await;
    rotate_to_clone(&mut world).await;
    let options = "SELECT admin_option::text FROM pg_auth_members WHERE member = 'app_clone'::regrole";
    assert_eq!(server.rows(options).await, ["false"]);
}

#[tokio::test]
async fn an_account_that_has_expired_is_forbidden_with_the_date() {
    let Some((server, mut world)) = world().await else { return };
    rotate_to_clone(&mut world).await;
    // The base is pending.
    server.execute("ALTER ROLE app VALID UNTIL '2020-02-03 04:05:06+00'").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    let parts = ["role `app`", "VALID UNTIL 2020-02-03 04:05:06+00", "ALTER ROLE \"app\" VALID UNTIL 'infinity'"];
    assert_error(&error, ErrorKind::Forbidden, &parts);
    assert_eq!(server.roles().await, roles);
    server.execute("ALTER ROLE app VALID UNTIL 'infinity'").await;
    let token = abandon_and_start(&mut world);
    world.run(&token).await.unwrap();
    // The clone is pending, and the base has expired: the previous version is what still logs in.
    server.execute("ALTER ROLE app VALID UNTIL '2020-02-03 04:05:06+00'").await;
    let roles = server.roles().await;
    assert_error(&world.failing_set().await, ErrorKind::Forbidden, &parts);
    assert_eq!(server.roles().await, roles);
    // Only passwords are set here, and so it is the clone's own date that counts.
    server
        .execute("ALTER ROLE app VALID UNTIL 'infinity'; ALTER ROLE app_clone VALID UNTIL '2021-01-01 00:00:00+00'")
        .await;
    world.tag("fourstep:grants", "leave");
    let token = abandon_and_start(&mut world);
    world.step(Step::Create, &token).await.unwrap();
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(&error, ErrorKind::Forbidden, &["role `app_clone`", "VALID UNTIL 2021-01-01 00:00:00+00"]);
}

#[tokio::test]
async fn an_account_that_may_not_log_in_is_forbidden_when_its_password_is_set() {
    let Some((server, mut world)) = world().await else { return };
    rotate_to_clone(&mut world).await;
    server.execute("ALTER ROLE app NOLOGIN").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Forbidden, &["role `app`", "NOLOGIN", "ALTER ROLE \"app\" LOGIN"]);
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn a_clone_that_does_not_act_as_its_base_is_forbidden_with_both_ways_out() {
    let Some((server, mut world)) = world().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("ALTER ROLE app_clone RESET role").await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Forbidden,
        &[
            "account `app_clone`",
            "its base `app`",
            "begin as `app_clone`",
            "ALTER ROLE \"app_clone\" SET role = 'app'",
            "fourstep:grants=leave",
        ],
    );
    assert_eq!(world.current()["username"], "app", "nothing is promoted");
    server.execute("ALTER ROLE app_clone SET role = 'app'").await;
    world.step(Step::Test, &token).await.unwrap();
}

/// Begins a rotation anew in place of the one that failed.
fn abandon_and_start(world: &mut World) -> String {
    world.abandon_pending();
    world.start()
}
