//! What the two accounts may do: neither may do less than the other.

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::postgres::Postgres;

use crate::world::{assert_error, has_grantors, name, of_aws, opens, server_with_admin, shared_with_admin};

/// Revokes the clone's membership in its base.
pub(crate) async fn revoke(server: &Postgres) {
    let by = if has_grantors(server).await { " GRANTED BY <boss>" } else { "" };
    server.execute(&format!("REVOKE <app> FROM <app_clone>{by}")).await;
}

/// Lets the clone go on acting as its base, but have nothing of it once it sets that role aside.
async fn take_inheritance(server: &Postgres) {
    server
        .execute(match has_grantors(server).await {
            true => "GRANT <app> TO <app_clone> WITH INHERIT FALSE GRANTED BY <boss>",
            false => "ALTER ROLE <app_clone> NOINHERIT",
        })
        .await;
}

#[tokio::test]
async fn d16_a_clone_without_the_rights_of_its_base_is_forbidden_with_both_ways_out() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    revoke(&server).await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &server,
        &error,
        ErrorKind::Forbidden,
        &["account `app_clone`", "its base `app`", "GRANT \"app\" TO \"app_clone\"", "fourstep:grants=leave"],
    );
    assert_eq!(name(&server, &world.current()), "app", "nothing is promoted");
    world.tag("fourstep:grants", "leave");
    world.step(Step::Test, &token).await.unwrap();
}

#[tokio::test]
async fn a_clone_that_has_less_than_its_base_is_forbidden_with_what_it_lacks() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("CREATE TABLE a (); CREATE TABLE b (); GRANT SELECT ON a, b TO <app>").await;
    take_inheritance(&server).await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &server,
        &error,
        ErrorKind::Forbidden,
        &[
            " may do less than its base `app`; it lacks: SELECT (2 in all): table public.a, table public.b; ownership (2 in all): ",
            "ALTER ROLE \"app_clone\" INHERIT; GRANT \"app\" TO \"app_clone\"",
            "fourstep:grants=leave",
        ],
    );
    assert_eq!(name(&server, &world.current()), "app", "nothing is promoted");
}

#[tokio::test]
async fn d16_what_a_clone_of_aws_was_given_by_name_and_the_base_lacks_is_forbidden() {
    let Some((server, mut world)) = of_aws().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("CREATE TABLE t (c int); CREATE FOREIGN DATA WRAPPER w").await;
    for (given, lacking) in [
        ("GRANT SELECT ON t TO <app_clone>", "SELECT (1 in all): table public.t"),
        (
            "GRANT INSERT ON t TO <app>, <app_clone> WITH GRANT OPTION; REVOKE GRANT OPTION FOR INSERT ON t FROM <app>",
            "INSERT WITH GRANT OPTION (1 in all): table public.t",
        ),
        ("GRANT UPDATE (c) ON t TO <app_clone>", "UPDATE (1 in all): column c of table public.t"),
        ("CREATE SEQUENCE s; GRANT USAGE ON SEQUENCE s TO <app_clone>", "USAGE (1 in all): sequence public.s"),
        ("CREATE SCHEMA closed; GRANT USAGE ON SCHEMA closed TO <app_clone>", "USAGE (1 in all): schema closed"),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f() FROM public;
             GRANT EXECUTE ON FUNCTION f() TO <app_clone>",
            "EXECUTE (1 in all): function public.f()",
        ),
        ("GRANT CREATE ON DATABASE <main> TO <app_clone>", "CREATE (1 in all): database main"),
        (
            "CREATE TYPE mood AS ENUM ('good'); REVOKE ALL ON TYPE mood FROM public; GRANT USAGE ON TYPE mood TO <app_clone>",
            "USAGE (1 in all): type public.mood",
        ),
        (
            "REVOKE USAGE ON LANGUAGE plpgsql FROM public; GRANT USAGE ON LANGUAGE plpgsql TO <app_clone>",
            "USAGE (1 in all): language plpgsql",
        ),
        ("GRANT USAGE ON FOREIGN DATA WRAPPER w TO <app_clone>", "USAGE (1 in all): foreign-data wrapper w"),
        (
            "CREATE SERVER far FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN SERVER far TO <app_clone>",
            "USAGE (1 in all): server far",
        ),
        ("GRANT CREATE ON TABLESPACE pg_default TO <app_clone>", "CREATE (1 in all): tablespace pg_default"),
        (
            "SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO <app_clone>",
            "SELECT (1 in all): large object 4711",
        ),
        (
            "GRANT UPDATE ON LARGE OBJECT 4711 TO <app>; GRANT UPDATE ON LARGE OBJECT 4711 TO <app_clone> WITH GRANT OPTION",
            "UPDATE WITH GRANT OPTION (1 in all): large object 4711",
        ),
        ("GRANT SET ON PARAMETER log_statement TO <app_clone>", "SET (1 in all): parameter log_statement"),
        ("CREATE ROLE <team>; GRANT <team> TO <app_clone>", "membership (1 in all): role team"),
    ] {
        server.execute(given).await;
        let error = world.step(Step::Test, &token).await.unwrap_err();
        assert_error(
            &server,
            &error,
            ErrorKind::Forbidden,
            &[&format!(" may do less than its clone `app_clone`, which is current; it lacks: {lacking}. ")],
        );
        server.execute("DROP OWNED BY <app_clone>").await;
    }
    server.execute("GRANT <team> TO <app>").await;
    world.run(&token).await.unwrap();
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
    server.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA data GRANT ALL ON TABLES TO <app>").await;
    server.execute(&tables("granted")).await;
    server.execute("ALTER ROLE postgres SET role = <app>").await;
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
    assert_error(
        &server,
        &error,
        ErrorKind::Forbidden,
        &["SELECT (25000 in all): table ", "ownership (25002 in all): "],
    );
    assert!(error.to_string().len() < 3000, "{error}");
}
