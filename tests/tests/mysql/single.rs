use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::{Flavour, MySql};

use crate::world::{
    FIRST, app, assert_error, consume, opens, pair_of, secret, server, server_with_admin, text, world, world_of,
};

#[tokio::test]
async fn an_account_rotates_three_times_and_every_current_secret_opens_the_server() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let mut world = world(&server, "single-user");
        let mut before = world.current();
        for _ in 0..3 {
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
            let current = world.current();
            consume(&server, &current, "INSERT INTO t VALUES (1, 2)").await.unwrap();
            assert_ne!(current["password"], before["password"]);
            assert_eq!(world.previous(), before);
            assert!(!opens(&server, &before).await, "the old password is refused");
            before = current;
        }
    }
}

/// Counts the connections of the account, and those that were refused, in the server's general log.
fn connections(server: &MySql) -> (usize, usize) {
    let log = server.general_log();
    let of_app: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("Connect") && line.contains("app") && !line.contains("root@"))
        .collect();
    let refused = of_app.iter().filter(|line| line.contains("Access denied")).count();
    // MariaDB logs the attempt, and then the refusal of it.
    (of_app.len() - if server.flavour() == Flavour::MariaDb { refused } else { 0 }, refused)
}

#[tokio::test]
async fn a_rotation_makes_three_connections_of_which_none_is_refused() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let mut world = world(&server, "single-user");
        for rotation in 1..=2 {
            world.rotate().await.unwrap();
            assert_eq!(connections(&server), (3 * rotation, 0), "{flavour}: {}", server.general_log());
        }
        println!("{flavour}: 3 connections for a rotation as single-user, none refused");
    }
}

#[tokio::test]
async fn a_step_that_is_run_again_changes_nothing() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let mut world = world(&server, "single-user");
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.step(Step::Set, &token).await.unwrap();
        let accounts = server.accounts().await;
        // The login is with the pending version now.
        world.step(Step::Set, &token).await.unwrap();
        assert_eq!(server.accounts().await, accounts, "{flavour}");
        world.run(&token).await.unwrap();
        world.run(&token).await.unwrap();
        assert_eq!(server.accounts().await, accounts, "{flavour}");
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn only_the_entry_that_the_server_matched_changes() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        server.execute("CREATE USER <app>@'10.%' IDENTIFIED BY 'of another host'").await;
        let other = "SHOW CREATE USER <app>@'10.%'";
        let before = server.rows(other).await;
        let mut world = world(&server, "single-user");
        world.rotate().await.unwrap();
        assert!(opens(&server, &world.current()).await);
        assert_eq!(server.rows(other).await, before, "{flavour}");
    }
}

#[tokio::test]
async fn a_wrong_current_password_falls_back_to_the_previous_one() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let mut world = world(&server, "single-user");
        world.put(&secret(&server, &server.name("app"), "somebody-typed-this"));
        world.rotate().await.unwrap();
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn passwords_that_are_all_wrong_are_rejected_and_change_nothing() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let accounts = server.accounts().await;
        for username in [server.name("app"), server.name("absent")] {
            let mut world = world_of(&secret(&server, &username, "wrong-password"));
            let parts =
                ["refused the password of", "(error 1045)", "does not exist for this host", "Store the credential"];
            assert_error(&world.failing_set().await, ErrorKind::Rejected, &parts);
            assert_eq!(server.accounts().await, accounts);
        }
    }
}

#[tokio::test]
async fn a_password_that_may_only_change_with_the_current_one_changes() {
    let Some(server) = server(Flavour::MySql).await else { return };
    server.execute("ALTER USER <app>@'%' PASSWORD REQUIRE CURRENT PASSWORD HISTORY 5").await;
    let mut world = world(&server, "single-user");
    for _ in 0..2 {
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.step(Step::Set, &token).await.unwrap();
        world.run(&token).await.unwrap();
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn the_plugin_of_an_account_stays() {
    let Some((server, _)) = server_with_admin(Flavour::MySql).await else { return };
    for plugin in ["sha256_password", "caching_sha2_password"] {
        server.execute(&format!("ALTER USER <app>@'%' IDENTIFIED WITH {plugin} BY {}", text(FIRST))).await;
        let of_app = format!("SELECT plugin FROM mysql.user WHERE User = '{}'", server.name("app"));
        let mut world = world_of(&app(&server));
        world.rotate().await.unwrap();
        assert_eq!(server.rows(&of_app).await, [plugin]);
        assert!(opens(&server, &world.current()).await, "{plugin}");
        // And where an administrator sends a hash.
        let mut pair = pair_of(&world.current(), &crate::world::admin(&server));
        for _ in 0..2 {
            pair.rotate().await.unwrap();
            assert!(opens(&server, &pair.current()).await, "{plugin}");
        }
        assert_eq!(server.rows(&of_app).await, [plugin]);
        server.execute("DROP USER <app_clone>@'%'").await;
    }
}

#[tokio::test]
async fn a_lost_password_is_reset_by_the_administrator_where_an_operator_names_the_account() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.tag("fourstep:strategy", "single-user");
        server.execute("ALTER USER <app>@'%' IDENTIFIED BY 'changed-by-hand'").await;
        let error = world.failing_set().await;
        assert_error(&error, ErrorKind::Rejected, &["fourstep reset"]);
        assert!(opens(&server, &secret(&server, &server.name("app"), "changed-by-hand")).await, "nothing was changed");

        world.reset(server.name("app")).await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        assert!(opens(&server, &world.current()).await);
        world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        assert!(opens(&server, &world.current()).await);
    }
}
