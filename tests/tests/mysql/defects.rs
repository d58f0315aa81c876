//! What AWS's own functions get wrong on these servers, each by the number under which it was found.

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::Flavour;

use crate::world::{
    FIRST, admin, assert_error, consume, name, opens, pair_of, secret, server, server_with_admin, text, world,
};

#[tokio::test]
async fn d1_a_clone_whose_grants_failed_half_way_is_completed_by_the_retry_and_never_promoted_before() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        // The administrator may not pass this on.
        let right = "SHUTDOWN";
        server.execute(&format!("GRANT {right} ON *.* TO <app>@'%'")).await;
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        for _ in 0..2 {
            let error = world.step(Step::Set, &token).await.unwrap_err();
            assert_error(&error, ErrorKind::Forbidden, &[right, "WITH GRANT OPTION"]);
            assert!(!opens(&server, &world.pending()).await, "nobody can log in to what is half made");
            world.step(Step::Test, &token).await.unwrap_err();
            world.step(Step::Finish, &token).await.unwrap_err();
            assert_eq!(name(&server, &world.current()), "app");
        }
        server.execute(&format!("GRANT {right} ON *.* TO <boss>@'%' WITH GRANT OPTION")).await;
        world.run(&token).await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        let grants = server.rows("SHOW GRANTS FOR <app_clone>@'%'").await;
        assert!(grants.iter().any(|grant| grant.contains(right)), "{flavour}: {grants:?}");
        consume(&server, &world.current(), "INSERT INTO t VALUES (1, 2)").await.unwrap();
    }
}

#[tokio::test]
async fn d2_a_revoke_from_the_base_is_not_undone() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.rotate().await.unwrap();
        world.rotate().await.unwrap();
        server.execute("REVOKE INSERT ON <main>.* FROM <app>@'%'").await;
        for _ in 0..3 {
            world.rotate().await.unwrap();
            consume(&server, &world.current(), "SELECT * FROM t").await.unwrap();
            consume(&server, &world.current(), "INSERT INTO t VALUES (1, 2)").await.unwrap_err();
        }
        assert_eq!(name(&server, &world.current()), "app_clone");
    }
}

#[tokio::test]
async fn d3_options_of_grants_and_limits_are_copied() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        server
            .execute(
                "GRANT DELETE ON <main>.t TO <app>@'%' WITH GRANT OPTION; CREATE ROLE <reader>;
                 GRANT <reader> TO <app>@'%' WITH ADMIN OPTION; ALTER USER <app>@'%' WITH MAX_USER_CONNECTIONS 7",
            )
            .await;
        server
            .execute(if flavour == Flavour::MySql { "DO 0" } else { "GRANT <reader> TO <boss>@'%' WITH ADMIN OPTION" })
            .await;
        world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        let grants = server.rows("SHOW GRANTS FOR <app_clone>@'%'").await.join("\n");
        assert!(grants.contains("GRANT DELETE ON `main`.`t` TO `app_clone`@`%` WITH GRANT OPTION"), "{grants}");
        assert!(grants.contains("TO `app_clone`@`%` WITH ADMIN OPTION"), "{grants}");
        let made = server.rows("SHOW CREATE USER <app_clone>@'%'").await.join("\n");
        assert!(made.contains("MAX_USER_CONNECTIONS 7"), "{made}");
    }
}

#[tokio::test]
async fn d4_a_default_role_is_copied_and_no_error_repeats_a_password() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        server.execute("CREATE ROLE <reader>; GRANT <reader> TO <app>@'%'").await;
        match flavour {
            Flavour::MySql => server.execute("ALTER USER <app>@'%' DEFAULT ROLE <reader>").await,
            Flavour::MariaDb => {
                server
                    .execute("GRANT <reader> TO <boss>@'%' WITH ADMIN OPTION; SET DEFAULT ROLE <reader> FOR <app>@'%'")
                    .await;
            }
        }
        world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        let role = "SELECT CURRENT_ROLE()";
        let current = world.current();
        let mut client = server
            .connect(current["username"].as_str().unwrap(), current["password"].as_str().unwrap(), None)
            .await
            .unwrap();
        let row = sqlx::raw_sql(role).fetch_one(&mut client).await.unwrap();
        let role: String = sqlx::Row::try_get_unchecked(&row, 0).unwrap();
        assert!(role.contains(&server.name("reader")), "{flavour}: {role}");
    }
}

#[tokio::test]
async fn d5_an_account_of_another_host_than_any_has_a_clone_for_that_host() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        // The server knows the tests' address by one of these.
        server.execute("RENAME USER <app>@'%' TO <app>@'127.0.0.%'").await;
        server
            .execute(&format!(
                "CREATE USER <app>@'localhost' IDENTIFIED BY {}; GRANT SELECT, INSERT ON <main>.* TO <app>@'localhost'",
                text(FIRST)
            ))
            .await;
        for _ in 0..2 {
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
            consume(&server, &world.current(), "INSERT INTO t VALUES (1, 2)").await.unwrap();
        }
        let hosts = server.rows("SELECT Host FROM mysql.user WHERE User = '<app_clone>' ORDER BY Host").await;
        assert_eq!(hosts, ["127.0.0.%", "localhost"]);
    }
}

#[tokio::test]
async fn d6_an_account_of_the_clones_name_is_not_hijacked_and_its_rights_reach_nobody() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        server.execute("CREATE USER <app_clone>@'%' IDENTIFIED BY 'of-somebody-else'; GRANT SELECT ON mysql.* TO <app_clone>@'%'").await;
        assert_error(&world.failing_set().await, ErrorKind::Conflict, &["nothing shows that it is this secret's"]);
        let mut theirs = secret(&server, &server.name("app_clone"), "of-somebody-else");
        theirs["dbname"] = "mysql".into();
        assert!(opens(&server, &theirs).await);
        let grants = server.rows("SHOW GRANTS FOR <app>@'%'").await.join("\n");
        assert!(!grants.contains("`mysql`"), "{grants}");
    }
}

#[tokio::test]
async fn d7_a_base_whose_name_ends_like_a_clones_is_a_base() {
    for flavour in Flavour::ALL {
        let Some((server, _)) = server_with_admin(flavour).await else { continue };
        server
            .execute(&format!(
                "CREATE USER <svc_clone>@'%' IDENTIFIED BY {0}; CREATE USER <svc>@'%' IDENTIFIED BY {0};
                 GRANT SELECT ON <main>.* TO <svc_clone>@'%'",
                text(FIRST)
            ))
            .await;
        let svc = server.rows("SHOW CREATE USER <svc>@'%'").await;
        let mut world = pair_of(&secret(&server, &server.name("svc_clone"), FIRST), &admin(&server));
        world.rotate().await.unwrap();
        assert_eq!(name(&server, &world.current()), "svc_clone_clone");
        assert!(opens(&server, &world.current()).await);
        assert_eq!(server.rows("SHOW CREATE USER <svc>@'%'").await, svc, "another's account");
    }
}

#[tokio::test]
async fn d13_no_statement_depends_on_how_a_version_begins() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let version = server.rows("SELECT VERSION()").await.remove(0);
        assert!(!version.starts_with('8'), "{version}");
        let mut world = world(&server, "single-user");
        world.rotate().await.unwrap_or_else(|error| panic!("{version}: {error}"));
        assert!(opens(&server, &world.current()).await);
        assert!(!server.general_log().contains("PASSWORD("), "the function is gone since MySQL 8");
    }
}

#[tokio::test]
async fn d14_a_current_password_that_was_changed_by_hand_falls_back_to_the_previous_account() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.rotate().await.unwrap();
        server.execute("ALTER USER <app_clone>@'%' IDENTIFIED BY 'by-hand'").await;
        world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        assert_eq!(name(&server, &world.current()), "app");
        assert!(opens(&server, &world.current()).await);
    }
}
