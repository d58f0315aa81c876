//! What stands in the way of a rotation is named, with what to do, and nothing is touched.

use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::{Flavour, MySql, Options};

use crate::world::{
    FIRST, admin, app, assert_error, make_admin, opens, pair_of, prepare, server, text, world, world_of,
};

/// Runs setSecret with the account as a statement makes it, and checks the error and that nothing changed.
async fn refused(flavour: Flavour, statement: &str, kind: ErrorKind, parts: &[&str]) {
    let Some(server) = server(flavour).await else { return };
    server.execute(statement).await;
    let accounts = server.accounts().await;
    let mut world = world(&server, "single-user");
    world.limit = Duration::from_secs(2);
    let error = world.failing_set().await;
    assert_error(&error, kind, parts);
    assert_eq!(server.accounts().await, accounts, "{flavour}: {statement}");
}

#[tokio::test]
async fn a_locked_account_is_forbidden_with_what_to_run() {
    for flavour in Flavour::ALL {
        let locked = ["the account is locked", "ACCOUNT UNLOCK"];
        refused(flavour, "ALTER USER <app>@'%' ACCOUNT LOCK", ErrorKind::Forbidden, &locked).await;
    }
}

#[tokio::test]
async fn a_user_that_is_only_a_role_is_rejected_and_the_message_says_why() {
    for flavour in Flavour::ALL {
        let only_a_role = "DROP USER <app>@'%'; CREATE ROLE <app>";
        refused(flavour, only_a_role, ErrorKind::Rejected, &["does not exist for this host or is only a role"]).await;
    }
}

#[tokio::test]
async fn an_account_without_a_right_in_the_database_or_with_one_that_is_absent_is_told() {
    for flavour in Flavour::ALL {
        let parts = ["(error 1044)", "it has no right in database", "correct `dbname`"];
        refused(flavour, "REVOKE ALL PRIVILEGES ON <main>.* FROM <app>@'%'", ErrorKind::Forbidden, &parts).await;
        let Some(server) = server(flavour).await else { continue };
        server.execute("GRANT SELECT ON *.* TO <app>@'%'").await;
        let mut secret = app(&server);
        secret["dbname"] = "nowhere".into();
        let error = world_of(&secret).failing_set().await;
        assert_error(&error, ErrorKind::Invalid, &["no database `nowhere` (error 1049)", "`dbname`"]);
    }
}

#[tokio::test]
async fn a_limit_of_connections_that_is_reached_is_unavailable() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        server.execute("ALTER USER <app>@'%' WITH MAX_USER_CONNECTIONS 1").await;
        let client = server.connect(&server.name("app"), FIRST, None).await.unwrap();
        let mut world = world(&server, "single-user");
        world.limit = Duration::from_secs(2);
        let error = world.failing_set().await;
        assert_error(
            &error,
            ErrorKind::Unavailable,
            &["allows this account no more connections", "MAX_USER_CONNECTIONS"],
        );
        drop(client);
    }
}

#[tokio::test]
async fn an_account_that_demands_tls_is_rejected_in_plaintext_and_the_message_says_why() {
    for flavour in Flavour::ALL {
        refused(flavour, "ALTER USER <app>@'%' REQUIRE SSL", ErrorKind::Rejected, &["it demands TLS"]).await;
    }
}

#[tokio::test]
async fn an_anonymous_account_that_takes_the_place_of_the_account_is_named() {
    for flavour in Flavour::ALL {
        let Some(server) = MySql::start(flavour).await else { continue };
        prepare(&server).await;
        // The more special host wins over the name.
        let password = text(FIRST);
        server
            .execute(&format!(
                "CREATE USER ''@'127.0.0.1' IDENTIFIED BY {password}; CREATE USER ''@'localhost' IDENTIFIED BY {password};
                 GRANT SELECT ON main.* TO ''@'127.0.0.1'; GRANT SELECT ON main.* TO ''@'localhost'"
            ))
            .await;
        let error = world(&server, "single-user").failing_set().await;
        assert_error(&error, ErrorKind::Invalid, &["an anonymous account takes its place here", "Drop ``@"]);
        assert!(opens(&server, &app(&server)).await, "its password is as it was");
    }
}

#[tokio::test]
async fn the_engine_of_the_other_product_works() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        for engine in ["mysql", "mariadb", "aurora", "aurora-mysql"] {
            let mut secret = app(&server);
            secret["engine"] = engine.into();
            server.execute(&format!("ALTER USER <app>@'%' IDENTIFIED BY {}", text(FIRST))).await;
            let mut world = world_of(&secret);
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour} as {engine}: {error}"));
            assert!(opens(&server, &world.current()).await);
        }
        let mut secret = app(&server);
        secret["engine"] = "postgres".into();
        let mut world = world_of(&secret);
        let token = world.start();
        let error = world.step(Step::Create, &token).await.unwrap_err();
        assert_error(&error, ErrorKind::Invalid, &["field `engine` of the secret is `postgres`", "mysql, aurora"]);
    }
}

#[tokio::test]
async fn a_password_policy_is_named_with_the_setting_that_fits_it() {
    let Some(server) = MySql::start(Flavour::MySql).await else { return };
    prepare(&server).await;
    make_admin(&server).await;
    server.execute("INSTALL COMPONENT 'file://component_validate_password'").await;
    server.execute("SET GLOBAL validate_password.length = 40").await;
    let accounts = server.accounts().await;
    let alone = world_of(&app(&server));
    let pair = pair_of(&app(&server), &admin(&server));
    // The server itself refuses a password, and we the one of which it only gets a hash.
    for (mut world, parts) in [
        (alone, ["does not satisfy the password policy", "(error 1819)", "PASSWORD_LENGTH"]),
        (pair, ["`validate_password.length`", "it has 32, and 40 are demanded", "PASSWORD_LENGTH"]),
    ] {
        let error = world.failing_set().await;
        assert_error(&error, ErrorKind::Invalid, &parts);
        assert!(opens(&server, &world.current()).await);
        world.abandon_pending();
        world.variable("PASSWORD_LENGTH", "44");
        world.rotate().await.unwrap();
        assert!(opens(&server, &world.current()).await);
        server.execute(&format!("SET GLOBAL validate_password.policy = LOW; SET GLOBAL validate_password.length = 8; ALTER USER app@'%' IDENTIFIED BY {}", text(FIRST))).await;
        server.execute("SET GLOBAL validate_password.length = 40").await;
    }
    assert!(server.accounts().await.len() > accounts.len(), "the clone is made by now");
}

#[tokio::test]
async fn mariadb_with_a_plugin_that_checks_passwords_says_why_it_takes_no_hash() {
    let options = Options {
        settings: vec!["--plugin-load-add=simple_password_check", "--simple-password-check-digits=1"],
        ..Options::default()
    };
    let Some(server) = MySql::start_with(Flavour::MariaDb, options).await else { return };
    prepare(&server).await;
    let error = world(&server, "single-user").failing_set().await;
    assert_error(&error, ErrorKind::Invalid, &["checks passwords by a plugin", "strict_password_validation = OFF"]);
    assert!(opens(&server, &app(&server)).await);
    server.execute("SET GLOBAL strict_password_validation = OFF").await;
    let mut world = world(&server, "single-user");
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn another_invocation_that_holds_the_lock_is_unavailable_and_nothing_is_written() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let mut world = world(&server, "single-user");
        world.rotate().await.unwrap();
        // The name of the lock is in what the server was asked for.
        let log = server.general_log();
        let lock = log.split("GET_LOCK('").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        let mut holder =
            server.connect(&server.name("app"), world.current()["password"].as_str().unwrap(), None).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SELECT GET_LOCK('{lock}', 0)"))).execute(&mut holder).await.unwrap();
        let id: u64 = sqlx::query_scalar("SELECT CONNECTION_ID()").fetch_one(&mut holder).await.unwrap();
        let accounts = server.accounts().await;
        world.limit = Duration::from_secs(2);
        let error = world.failing_set().await;
        assert_error(
            &error,
            ErrorKind::Unavailable,
            &[
                &format!("session {id} holds the lock of this secret"),
                "tries again",
                &format!("end it: KILL {id} (on Amazon RDS: CALL mysql.rds_kill({id}))"),
            ],
        );
        assert_eq!(server.accounts().await, accounts);
    }
}

#[tokio::test]
async fn a_server_that_resolves_no_names_rotates_an_account_of_an_address() {
    for flavour in Flavour::ALL {
        let options = Options { settings: vec!["--skip-name-resolve"], ..Options::default() };
        let Some(server) = MySql::start_with(flavour, options).await else { continue };
        prepare(&server).await;
        make_admin(&server).await;
        server.execute("RENAME USER app@'%' TO app@'127.0.0.1'").await;
        let mut world = pair_of(&app(&server), &admin(&server));
        for _ in 0..2 {
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
            assert!(opens(&server, &world.current()).await);
        }
    }
}
