//! What the base is and how its sessions begin, and the clone too: read from the catalogs, and by logging in.

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::postgres::Postgres;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::world::{World, assert_error, has_grantors, opens, other, two_databases};

/// Returns a role's attributes, but not whether it inherits: the clone has to.
pub(crate) async fn attributes(server: &Postgres, role: &str) -> Vec<String> {
    let query = format!(
        "SELECT rolsuper::text, rolcreatedb::text, rolcreaterole::text, rolcanlogin::text, rolreplication::text,
                rolbypassrls::text, rolconnlimit::text, coalesce(rolvaliduntil, 'infinity')::text
           FROM pg_roles WHERE rolname = '<{role}>'"
    );
    server.rows(&query).await
}

/// Returns a role's settings in all databases, except the role as which it acts.
pub(crate) async fn settings(server: &Postgres, role: &str) -> Vec<String> {
    let query = format!(
        "SELECT datname::text, entry FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase,
                unnest(setconfig) entry
          WHERE setrole = '<{role}>'::regrole AND NOT entry LIKE 'role=%' ORDER BY 1, 2"
    );
    server.rows(&query).await
}

/// Logs in as a consumer, and asks for one text, with plain names.
pub(crate) async fn ask(server: &Postgres, secret: &Value, database: &str, query: &str) -> String {
    let text = |field: &str| secret[field].as_str().unwrap();
    let mut client = server.connect(text("username"), text("password"), database).await.unwrap();
    let row = sqlx::raw_sql(AssertSqlSafe(query.to_owned())).fetch_one(&mut client).await.unwrap();
    client.close().await.unwrap();
    server.plain(row.get(0))
}

async fn assert_equal(server: &Postgres) {
    assert_eq!(attributes(server, "app_clone").await, attributes(server, "app").await);
    assert_eq!(settings(server, "app_clone").await, settings(server, "app").await);
}

#[tokio::test]
async fn d11_the_clone_has_the_attributes_of_its_base_and_loses_what_that_loses() {
    let Some((server, mut world)) = two_databases().await else { return };
    server
        .execute("ALTER ROLE <app> CREATEDB CREATEROLE CONNECTION LIMIT 7 VALID UNTIL '2099-12-31 23:59:59.123456+01'")
        .await;
    world.rotate_to_clone().await;
    assert_equal(&server).await;
    assert_eq!(attributes(&server, "app_clone").await.len(), 1);
    assert!(opens(&server, &world.current()).await);
    server.execute("ALTER ROLE <app> NOCREATEDB NOCREATEROLE CONNECTION LIMIT -1 VALID UNTIL 'infinity'").await;
    world.rotate_to_clone().await;
    assert_equal(&server).await;
    assert!(opens(&server, &world.current()).await);
    // What only the clone was given goes as well.
    server
        .execute("ALTER ROLE <app_clone> CREATEDB CREATEROLE NOINHERIT CONNECTION LIMIT 0 VALID UNTIL '2001-01-01'")
        .await;
    world.rotate_to_clone().await;
    assert_equal(&server).await;
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_superuser_copies_every_attribute_but_its_own() {
    let Some((server, mut world)) = two_databases().await else { return };
    server.execute("ALTER ROLE <boss> SUPERUSER; ALTER ROLE <app> REPLICATION BYPASSRLS").await;
    world.rotate_to_clone().await;
    assert_equal(&server).await;
    server.execute("ALTER ROLE <app> NOREPLICATION NOBYPASSRLS").await;
    world.rotate_to_clone().await;
    assert_equal(&server).await;
    assert!(attributes(&server, "app_clone").await[0].starts_with("false"), "no superuser");
}

#[tokio::test]
async fn d11_sessions_of_the_clone_begin_as_those_of_its_base_in_each_database() {
    let Some((server, mut world)) = two_databases().await else { return };
    server
        .execute(
            r#"ALTER ROLE <app> SET search_path = "$user", data, "it's ""x"", y", '';
               ALTER ROLE <app> SET DateStyle = 'SQL, DMY';
               ALTER ROLE <app> SET work_mem = '5MB';
               ALTER ROLE <app> SET application_name = 'it''s \ "<app>", x';
               ALTER ROLE <app> IN DATABASE "<the_other> one" SET search_path = public, data;
               ALTER ROLE <app> IN DATABASE "<the_other> one" SET TimeZone = 'Europe/Berlin'"#,
        )
        .await;
    world.rotate_to_clone().await;
    assert_equal(&server).await;
    assert_eq!(settings(&server, "app_clone").await.len(), 6);
    let (clone, base) = (world.current(), world.previous());
    let databases = [server.database().to_owned(), other(&server)];
    for database in &databases {
        for parameter in ["search_path", "DateStyle", "work_mem", "TimeZone"] {
            let show = format!("SHOW {parameter}");
            let of_clone = ask(&server, &clone, database, &show).await;
            assert_eq!(of_clone, ask(&server, &base, database, &show).await, "{parameter} in {database}");
        }
        assert_eq!(ask(&server, &clone, database, "SELECT current_user::text").await, "app");
    }
    assert_eq!(ask(&server, &clone, &databases[1], "SHOW search_path").await, "public, data");

    server
        .execute(
            r#"ALTER ROLE <app> RESET ALL; ALTER ROLE <app> IN DATABASE "<the_other> one" RESET TimeZone;
               ALTER ROLE <app_clone> SET lock_timeout = '1s';
               ALTER ROLE <app_clone> IN DATABASE "<the_other> one" SET role = 'none'"#,
        )
        .await;
    world.rotate_to_clone().await;
    assert_equal(&server).await;
    assert_eq!(settings(&server, "app_clone").await, ["the_other one | search_path=public, data"]);
    assert_eq!(ask(&server, &world.current(), &databases[1], "SELECT current_user::text").await, "app");
}

#[tokio::test]
async fn what_the_administrator_may_not_set_is_forbidden_with_the_right_and_nothing_is_written() {
    for (of_base, right) in [
        ("REPLICATION", "ALTER ROLE \"boss\" REPLICATION"),
        ("BYPASSRLS", "ALTER ROLE \"boss\" BYPASSRLS"),
        ("SET log_statement = 'all'", "GRANT SET ON PARAMETER \"log_statement\" TO \"boss\""),
        ("SET myapp.\"user\" = 'keep-this-to-yourself'", "GRANT SET ON PARAMETER \"myapp\".\"user\" TO \"boss\""),
    ] {
        let Some((server, mut world)) = two_databases().await else { return };
        let attribute = right.starts_with("ALTER ROLE");
        let right = match attribute && !has_grantors(&server).await {
            true => "ALTER ROLE \"boss\" SUPERUSER",
            false => right,
        };
        server.execute(&format!("ALTER ROLE <app> {of_base}")).await;
        let roles = server.roles().await;
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        let error = world.step(Step::Set, &token).await.unwrap_err();
        assert_error(
            &server,
            &error,
            ErrorKind::Forbidden,
            &["role `<administrator>`", "may not", "\"app_clone\"", &right.replace("boss", "<administrator>")],
        );
        assert!(!error.to_string().contains("keep-this"), "{error}");
        assert_eq!(server.roles().await, roles, "{of_base}");
        // It is this right that is missing, and no other.
        server.execute(&right.replace("\"boss\"", "<boss>")).await;
        world.run(&token).await.unwrap();
        assert_equal(&server).await;
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn a_clone_that_the_administrator_did_not_make_is_forbidden_with_the_statement_that_gives_it() {
    let Some((server, mut world)) = two_databases().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    world.rotate_to_clone().await;
    world.rotate().await.unwrap();
    server.execute("ALTER ROLE <app> CONNECTION LIMIT 3; REVOKE <app_clone> FROM <boss> CASCADE").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(
        &server,
        &error,
        ErrorKind::Forbidden,
        &["GRANT \"app_clone\" TO \"<administrator>\" WITH ADMIN OPTION"],
    );
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn a_base_that_the_administrator_did_not_make_is_forbidden_with_the_statement_that_gives_it() {
    let Some((server, mut world)) = two_databases().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    server.execute("REVOKE <app> FROM <boss>").await;
    let roles = server.roles().await;
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(&server, &error, ErrorKind::Forbidden, &["GRANT \"app\" TO \"<administrator>\" WITH ADMIN OPTION"]);
    assert_eq!(server.roles().await, roles);
    server.execute("GRANT <app> TO <boss> WITH ADMIN OPTION").await;
    world.run(&token).await.unwrap();
}

#[tokio::test]
async fn d12_an_account_that_has_expired_is_forbidden_with_the_date() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    // The base is pending.
    server.execute("ALTER ROLE <app> VALID UNTIL '2020-02-03 04:05:06+00'").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    let parts = ["role `app`", "VALID UNTIL 2020-02-03 04:05:06+00", "ALTER ROLE \"app\" VALID UNTIL 'infinity'"];
    assert_error(&server, &error, ErrorKind::Forbidden, &parts);
    assert_eq!(server.roles().await, roles);
    server.execute("ALTER ROLE <app> VALID UNTIL 'infinity'").await;
    let token = abandon_and_start(&mut world);
    world.run(&token).await.unwrap();
    // The clone is pending, and the base has expired: the previous version is what still logs in.
    server.execute("ALTER ROLE <app> VALID UNTIL '2020-02-03 04:05:06+00'").await;
    let roles = server.roles().await;
    assert_error(&server, &world.failing_set().await, ErrorKind::Forbidden, &parts);
    assert_eq!(server.roles().await, roles);
    // Only passwords are set here, and so it is the clone's own date that counts.
    server
        .execute("ALTER ROLE <app> VALID UNTIL 'infinity'; ALTER ROLE <app_clone> VALID UNTIL '2021-01-01 00:00:00+00'")
        .await;
    world.tag("fourstep:grants", "leave");
    let token = abandon_and_start(&mut world);
    world.step(Step::Create, &token).await.unwrap();
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(&server, &error, ErrorKind::Forbidden, &["role `app_clone`", "VALID UNTIL 2021-01-01 00:00:00+00"]);
}

#[tokio::test]
async fn an_account_that_may_not_log_in_is_forbidden_when_its_password_is_set() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    server.execute("ALTER ROLE <app> NOLOGIN").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(&server, &error, ErrorKind::Forbidden, &["role `app`", "NOLOGIN", "ALTER ROLE \"app\" LOGIN"]);
    assert_eq!(server.roles().await, roles);
}

/// Begins a rotation anew in place of the one that failed.
fn abandon_and_start(world: &mut World) -> String {
    world.abandon_pending();
    world.start()
}
