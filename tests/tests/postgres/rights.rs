//! What the two accounts may do: neither more nor less than the other.

use fourstep::{ErrorKind, Step};
use fourstep_testkit::captured::capture;
use fourstep_testkit::postgres::Postgres;
use serde_json::json;

use crate::world::{World, assert_error, consume, has_grantors, opens, secret, server_with_admin, two_databases};

/// Takes the clone's membership in its base away.
pub(crate) async fn revoke(server: &Postgres) {
    let by = if has_grantors(server).await { " GRANTED BY boss" } else { "" };
    server.execute(&format!("REVOKE app FROM app_clone{by}")).await;
}

/// Lets the clone go on acting as its base, but have nothing of it once it sets that role aside.
async fn take_inheritance(server: &Postgres) {
    server
        .execute(match has_grantors(server).await {
            true => "GRANT app TO app_clone WITH INHERIT FALSE GRANTED BY boss",
            false => "ALTER ROLE app_clone NOINHERIT",
        })
        .await;
}

#[tokio::test]
async fn what_the_clone_is_a_member_of_beside_its_base_is_revoked() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    server.execute("CREATE ROLE team; CREATE ROLE \"it's\"").await;
    // As the administrator: since 16, only who granted a membership may revoke it.
    let by = if has_grantors(&server).await {
        server.execute("GRANT team, \"it's\" TO boss WITH ADMIN OPTION").await;
        " GRANTED BY boss"
    } else {
        ""
    };
    server.execute(&format!("GRANT team, \"it's\" TO app_clone WITH ADMIN OPTION{by}")).await;
    world.rotate_to_clone().await;
    let roles = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'app_clone'::regrole";
    assert_eq!(server.rows(roles).await, ["app"]);
    assert_eq!(server.rows("SELECT rolname::text FROM pg_roles WHERE rolname IN ('team', 'it''s')").await.len(), 2);
}

#[tokio::test]
async fn what_was_granted_to_the_clone_by_name_is_named_in_the_log() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    let objects = "CREATE TABLE shown (); GRANT SELECT ON shown TO app_clone";
    server.execute(objects).await;
    server.execute_in("the other", objects).await;
    server.execute("CREATE ROLE team; ALTER ROLE boss SUPERUSER; GRANT team TO app_clone").await;
    consume(&server, &world.current(), "SELECT FROM shown").await.expect_err("as the base, the clone does not have it");
    let (log, guard) = capture();
    world.rotate_to_clone().await;
    drop(guard);
    let log = log.text();
    let warnings: Vec<&str> =
        log.lines().filter(|line| line.contains(" WARN ") && line.contains("app_clone")).collect();
    let has = |parts: &[&str]| warnings.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["REVOKE", "team"]), "{warnings:#?}");
    let granted = "rights were granted to the clone and not to its base";
    assert!(has(&[granted, "1 in database \"postgres\" (table public.shown)", "DROP OWNED BY"]), "{warnings:#?}");
    assert!(has(&[granted, "1 in database \"the other\" run="]), "{warnings:#?}");
}

#[tokio::test]
async fn d10_a_clone_that_owns_objects_is_forbidden_until_they_are_the_bases() {
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    // As a session of the clone does that sets its role aside.
    let lonely = "CREATE TABLE lonely (); ALTER TABLE lonely OWNER TO app_clone";
    let databases = ["postgres", "the other"];
    for database in databases {
        server.execute_in(database, lonely).await;
    }
    // The base is pending, and could not use them.
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Forbidden,
        &[
            "the account `app` of PostgreSQL at 127.0.0.1:",
            " may do less than its clone `app_clone`, which is current; it lacks: ownership (1 in all): table public.lonely; ownership: 1 in database \"the other\". ",
            "Run, in each database that is named: REASSIGN OWNED BY \"app_clone\" TO \"app\"; and grant \"app\" what else is named; or, if you give both accounts their rights yourself, set the tag fourstep:grants=leave",
        ],
    );
    assert_eq!(world.current()["username"], "app_clone", "nothing is promoted");
    for database in databases {
        server.execute_in(database, "REASSIGN OWNED BY \"app_clone\" TO \"app\"").await;
    }
    world.run(&token).await.unwrap();
    consume(&server, &world.current(), "DROP TABLE lonely").await.unwrap();
    // The clone is pending, and would act as the base, which cannot use them.
    server.execute(lonely).await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(
        &error,
        ErrorKind::Forbidden,
        &[
            "the role `app_clone` of PostgreSQL at 127.0.0.1:",
            " owns objects, which its base `app` may not use: 1 in database \"postgres\" (table public.lonely). ",
            "Nothing was changed. Run, in each of these databases: REASSIGN OWNED BY \"app_clone\" TO \"app\"",
        ],
    );
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn what_a_session_or_a_role_has_for_itself_is_no_object_that_another_lacks() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    world.rotate_to_clone().await;
    let text = |field: &str| world.current()[field].as_str().unwrap().to_owned();
    let mut client = server.connect(&text("username"), &text("password"), "postgres").await.unwrap();
    let own = "SET ROLE NONE; CREATE TEMP TABLE mine (); ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app";
    sqlx::raw_sql(own).execute(&mut client).await.unwrap();
    assert_eq!(server.rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'mine'").await, ["app_clone"]);
    world.rotate_to_clone().await;
}

/// A pair as AWS's function leaves it: a clone without our mark that is a member of the base, and nothing else.
async fn as_of_aws() -> Option<(Postgres, World)> {
    let (server, world) = two_databases().await?;
    server.execute("CREATE ROLE app_clone LOGIN PASSWORD 'clone-password'; GRANT app TO app_clone").await;
    let base = world.current();
    let mut clone = secret(&server, "app_clone", "clone-password");
    clone["masterarn"] = base["masterarn"].clone();
    world.put(&clone);
    assert_eq!(world.previous(), base);
    Some((server, world))
}

#[tokio::test]
async fn d16_what_a_clone_of_aws_was_given_by_name_and_the_base_lacks_is_forbidden() {
    let Some((server, mut world)) = as_of_aws().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("CREATE TABLE t (c int); CREATE FOREIGN DATA WRAPPER w").await;
    for (given, lacking) in [
        ("GRANT SELECT ON t TO app_clone", "SELECT (1 in all): table public.t"),
        (
            "GRANT INSERT ON t TO app, app_clone WITH GRANT OPTION; REVOKE GRANT OPTION FOR INSERT ON t FROM app",
            "INSERT WITH GRANT OPTION (1 in all): table public.t",
        ),
        ("GRANT UPDATE (c) ON t TO app_clone", "UPDATE (1 in all): column c of table public.t"),
        ("CREATE SEQUENCE s; GRANT USAGE ON SEQUENCE s TO app_clone", "USAGE (1 in all): sequence public.s"),
        ("CREATE SCHEMA closed; GRANT USAGE ON SCHEMA closed TO app_clone", "USAGE (1 in all): schema closed"),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f() FROM public;
             GRANT EXECUTE ON FUNCTION f() TO app_clone",
            "EXECUTE (1 in all): function public.f()",
        ),
        ("GRANT CREATE ON DATABASE postgres TO app_clone", "CREATE (1 in all): database postgres"),
        (
            "CREATE TYPE mood AS ENUM ('good'); REVOKE ALL ON TYPE mood FROM public; GRANT USAGE ON TYPE mood TO app_clone",
            "USAGE (1 in all): type public.mood",
        ),
        (
            "REVOKE USAGE ON LANGUAGE plpgsql FROM public; GRANT USAGE ON LANGUAGE plpgsql TO app_clone",
            "USAGE (1 in all): language plpgsql",
        ),
        ("GRANT USAGE ON FOREIGN DATA WRAPPER w TO app_clone", "USAGE (1 in all): foreign-data wrapper w"),
        (
            "CREATE SERVER far FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN SERVER far TO app_clone",
            "USAGE (1 in all): server far",
        ),
        ("GRANT CREATE ON TABLESPACE pg_default TO app_clone", "CREATE (1 in all): tablespace pg_default"),
        ("CREATE ROLE team; GRANT team TO app_clone", "membership (1 in all): role team"),
    ] {
        server.execute(given).await;
        let error = world.step(Step::Test, &token).await.unwrap_err();
        assert_error(
            &error,
            ErrorKind::Forbidden,
            &[&format!(" may do less than its clone `app_clone`, which is current; it lacks: {lacking}. ")],
        );
        server.execute("DROP OWNED BY app_clone").await;
    }
    server.execute("GRANT team TO app").await;
    world.run(&token).await.unwrap();
}

#[tokio::test]
async fn a_clone_that_has_less_than_its_base_is_forbidden_with_what_it_lacks() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("CREATE TABLE a (); CREATE TABLE b (); GRANT SELECT ON a, b TO app").await;
    take_inheritance(&server).await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Forbidden,
        &[
            " may do less than its base `app`; it lacks: SELECT (2 in all): table public.a, table public.b; ownership (2 in all): ",
            "ALTER ROLE \"app_clone\" INHERIT; GRANT \"app\" TO \"app_clone\"",
            "fourstep:grants=leave",
        ],
    );
    assert_eq!(world.current()["username"], "app", "nothing is promoted");
}

#[tokio::test]
async fn a_clone_acts_as_the_role_that_its_base_acts_as() {
    let Some((server, mut world)) = two_databases().await else { return };
    server
        .execute(
            "CREATE ROLE owner; CREATE ROLE \"other owner\"; GRANT owner, \"other owner\" TO app;
             GRANT CREATE ON SCHEMA data TO owner; GRANT USAGE ON SCHEMA data TO owner;
             ALTER ROLE app SET role = owner; ALTER ROLE app IN DATABASE \"the other\" SET role = 'other owner'",
        )
        .await;
    world.rotate_to_clone().await;
    let clone = world.current();
    consume(&server, &clone, "CREATE TABLE data.made ()").await.unwrap();
    assert_eq!(server.rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'made'").await, ["owner"]);
    assert_eq!(
        server
            .rows("SELECT setdatabase > 0, unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 'app_clone'::regrole ORDER BY 1".replace("setdatabase > 0", "(setdatabase > 0)::text").as_str())
            .await,
        ["false | role=owner", "true | role=other owner"]
    );
    world.rotate_to_clone().await;
    // A role that the base may not use is not in force for it, and so not copied either.
    server.execute("REVOKE owner FROM app").await;
    world.rotate_to_clone().await;
    let mut secret = world.current();
    for (database, role) in [("postgres", "app"), ("the other", "other owner")] {
        secret["dbname"] = json!(database);
        let mut at = server.connect("app_clone", secret["password"].as_str().unwrap(), database).await.unwrap();
        let row = sqlx::raw_sql("SELECT current_user::text").fetch_one(&mut at).await.unwrap();
        assert_eq!(sqlx::Row::get::<String, _>(&row, 0), role, "{database}");
    }
    // Where the clone does not act so, it is said.
    server.execute("GRANT owner TO app").await;
    let token = world.start();
    world.run(&token).await.unwrap();
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("ALTER ROLE app_clone SET role = app").await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Forbidden,
        &[
            "does not act as the role of its base `owner`, and so may not do what that may: its sessions begin as `app`",
            "GRANT \"app\" TO \"app_clone\"; ALTER ROLE \"app_clone\" SET role = 'owner'",
        ],
    );
}

#[tokio::test]
async fn rights_are_compared_in_a_database_of_fifty_thousand_tables() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    // Half are the base's own, and half of somebody else, who gave the base all rights in them.
    let tables = |kind: &str| {
        format!(
            "DO $$ BEGIN FOR number IN 1..25000 LOOP
                 EXECUTE format('CREATE TABLE data.{kind}_%s ()', number);
                 IF number % 500 = 0 THEN COMMIT; END IF;
             END LOOP; END $$"
        )
    };
    server.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA data GRANT ALL ON TABLES TO app").await;
    server.execute(&tables("granted")).await;
    server.execute("ALTER ROLE postgres SET role = app").await;
    server.execute(&tables("owned")).await;
    server.execute("SET ROLE NONE; ALTER ROLE postgres RESET role").await;
    let owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE tablename LIKE 'owned%'";
    assert_eq!(server.rows(owners).await, ["app"]);
    for _ in 0..2 {
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.step(Step::Set, &token).await.unwrap();
        let began = std::time::Instant::now();
        world.step(Step::Test, &token).await.unwrap();
        println!("testSecret with 50,000 tables: {} ms", began.elapsed().as_millis());
        world.step(Step::Finish, &token).await.unwrap();
    }
    assert!(opens(&server, &world.current()).await);
    // All of them lack, and still the message is short.
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    take_inheritance(&server).await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(&error, ErrorKind::Forbidden, &["SELECT (25000 in all): table ", "ownership (25002 in all): "]);
    assert!(error.to_string().len() < 3000, "{error}");
}

#[tokio::test]
async fn a_membership_that_the_administrator_may_not_revoke_is_named() {
    let Some((server, mut world)) = two_databases().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    world.rotate_to_clone().await;
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
    let Some((server, mut world)) = two_databases().await else { return };
    world.rotate_to_clone().await;
    let by = if has_grantors(&server).await { " GRANTED BY boss" } else { "" };
    server.execute(&format!("GRANT app TO app_clone WITH ADMIN OPTION{by}")).await;
    world.rotate_to_clone().await;
    let options = "SELECT admin_option::text FROM pg_auth_members WHERE member = 'app_clone'::regrole";
    assert_eq!(server.rows(options).await, ["false"]);
}

#[tokio::test]
async fn a_clone_that_does_not_act_as_its_base_is_forbidden_with_both_ways_out() {
    let Some((server, mut world)) = two_databases().await else { return };
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

#[tokio::test]
async fn d16_a_clone_without_the_rights_of_its_base_is_forbidden_with_both_ways_out() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    revoke(&server).await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Forbidden,
        &["account `app_clone`", "its base `app`", "GRANT \"app\" TO \"app_clone\"", "fourstep:grants=leave"],
    );
    assert_eq!(world.current()["username"], "app", "nothing is promoted");
    world.tag("fourstep:grants", "leave");
    world.step(Step::Test, &token).await.unwrap();
}
