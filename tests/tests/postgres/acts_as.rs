//! Sessions of the clone act as its base, or as the role as which that acts.

use fourstep::{ErrorKind, Step};

use crate::attributes::ask;
use crate::world::{assert_error, consume, name, other, two_databases};

#[tokio::test]
async fn a_clone_acts_as_the_role_that_its_base_acts_as() {
    let Some((server, mut world)) = two_databases().await else { return };
    server
        .execute(
            "CREATE ROLE <owner>; CREATE ROLE \"<other> owner\"; GRANT <owner>, \"<other> owner\" TO <app>;
             GRANT CREATE ON SCHEMA data TO <owner>; GRANT USAGE ON SCHEMA data TO <owner>;
             ALTER ROLE <app> SET role = <owner>; ALTER ROLE <app> IN DATABASE \"<the_other> one\" SET role = '<other> owner'",
        )
        .await;
    world.rotate_to_clone().await;
    let clone = world.current();
    consume(&server, &clone, "CREATE TABLE data.made ()").await.unwrap();
    assert_eq!(server.rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'made'").await, ["owner"]);
    assert_eq!(
        server
            .rows(
                "SELECT (setdatabase > 0)::text, unnest(setconfig) FROM pg_db_role_setting
                  WHERE setrole = '<app_clone>'::regrole ORDER BY 1"
            )
            .await,
        ["false | role=owner", "true | role=other owner"]
    );
    world.rotate_to_clone().await;
    // A role that the base may not use is not in force for it, and so not copied either.
    server.execute("REVOKE <owner> FROM <app>").await;
    world.rotate_to_clone().await;
    for (database, role) in [(server.database(), "app"), (&other(&server), "other owner")] {
        assert_eq!(ask(&server, &world.current(), database, "SELECT current_user::text").await, role, "{database}");
    }
    // Where the clone does not act so, it is said.
    server.execute("GRANT <owner> TO <app>").await;
    let token = world.start();
    world.run(&token).await.unwrap();
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("ALTER ROLE <app_clone> SET role = <app>").await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &server,
        &error,
        ErrorKind::Forbidden,
        &[
            "does not act as the role of its base `owner`, and so may not do what that may: its sessions begin as `app`",
            "GRANT \"app\" TO \"app_clone\"; ALTER ROLE \"app_clone\" SET role = 'owner'",
        ],
    );
}

#[tokio::test]
async fn a_clone_acts_as_the_role_that_a_database_sets_for_all() {
    let Some((server, mut world)) = two_databases().await else { return };
    let database = other(&server);
    let role = async |secret: &serde_json::Value| ask(&server, secret, &database, "SELECT current_user::text").await;
    server
        .execute(
            "CREATE ROLE <owner>; GRANT <owner> TO <app>;
             ALTER DATABASE \"<the_other> one\" SET role = <owner>",
        )
        .await;
    let mut secret = world.current();
    secret["dbname"] = database.as_str().into();
    world.put(&secret);
    world.rotate().await.unwrap();
    for secret in [world.current(), world.previous()] {
        assert_eq!(role(&secret).await, "owner");
        assert_eq!(ask(&server, &secret, server.database(), "SELECT current_user::text").await, "app");
    }
    // Nothing is left to be set.
    world.rotate().await.unwrap();
    let before =
        server.rows("SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = '<app_clone>'::regrole").await;
    world.rotate().await.unwrap();
    let after =
        server.rows("SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = '<app_clone>'::regrole").await;
    assert_eq!(after, before);
    // What the base itself sets counts more, in one database and in all.
    for (set, acts_as) in [
        ("ALTER ROLE <app> IN DATABASE \"<the_other> one\" SET role = <app>", "app"),
        ("ALTER ROLE <app> IN DATABASE \"<the_other> one\" RESET role; ALTER ROLE <app> SET role = <app>", "app"),
        ("ALTER ROLE <app> RESET role", "owner"),
    ] {
        server.execute(set).await;
        world.rotate().await.unwrap();
        world.rotate().await.unwrap();
        for secret in [world.current(), world.previous()] {
            assert_eq!(role(&secret).await, acts_as, "{set}");
        }
    }
    // Where the clone does not act so, it is said.
    world.rotate().await.unwrap();
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("ALTER ROLE <app_clone> IN DATABASE \"<the_other> one\" RESET role").await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &server,
        &error,
        ErrorKind::Forbidden,
        &["does not act as the role of its base `owner`", "its sessions begin as `app`"],
    );
}

#[tokio::test]
async fn a_clone_that_does_not_act_as_its_base_is_forbidden_with_both_ways_out() {
    let Some((server, mut world)) = two_databases().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("ALTER ROLE <app_clone> RESET role").await;
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(
        &server,
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
    assert_eq!(name(&server, &world.current()), "app", "nothing is promoted");
    server.execute("ALTER ROLE <app_clone> SET role = '<app>'").await;
    world.step(Step::Test, &token).await.unwrap();
}
