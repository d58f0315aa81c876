//! Servers that write nothing: replicas, and those that are being moved. After a failover it passes.

use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::{Flavour, MySql};

use crate::world::{FIRST, admin, app, assert_error, make_admin, opens, pair_of, prepare, text, world};

/// A setting of the whole server, so it is the test's own.
async fn own_server(flavour: Flavour) -> Option<MySql> {
    let server = MySql::start(flavour).await?;
    prepare(&server).await;
    make_admin(&server).await;
    Some(server)
}

#[tokio::test]
async fn a_server_that_is_read_only_is_unavailable_and_no_administrator_is_called() {
    for flavour in Flavour::ALL {
        let Some(server) = own_server(flavour).await else { continue };
        let names: &[&str] = if flavour == Flavour::MySql { &["read_only", "super_read_only"] } else { &["read_only"] };
        for name in names {
            server.execute(&format!("SET GLOBAL {name} = ON")).await;
            let mut world = pair_of(&app(&server), &admin(&server));
            world.tag("fourstep:strategy", "single-user");
            world.limit = Duration::from_secs(2);
            let error = world.failing_set().await;
            assert_error(&error, ErrorKind::Unavailable, &["is read only", "set it to the writer's"]);
            assert!(opens(&server, &world.current()).await);
            assert!(!server.general_log().contains("boss@"), "{flavour}: {}", server.general_log());
            server.execute("SET GLOBAL read_only = OFF").await;
        }
    }
}

#[tokio::test]
async fn a_server_that_is_read_only_for_a_moment_is_waited_for() {
    for flavour in Flavour::ALL {
        let Some(server) = own_server(flavour).await else { continue };
        let mut world = world(&server, "single-user");
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        server.execute("SET GLOBAL read_only = ON").await;
        let tried = || ["ALTER USER", "SET PASSWORD"].iter().any(|words| server.general_log().contains(words));
        let promoted = async {
            while !tried() {
                tokio::task::yield_now().await;
            }
            server.execute("SET GLOBAL read_only = OFF").await;
        };
        let (set, ()) = tokio::join!(world.step(Step::Set, &token), promoted);
        set.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        world.run(&token).await.unwrap();
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn a_server_that_became_read_only_after_set_is_not_promoted_to() {
    for flavour in Flavour::ALL {
        let Some(server) = own_server(flavour).await else { continue };
        let strategies: &[&str] = if flavour == Flavour::MySql {
            &["single-user", "auto", "dual-password"]
        } else {
            &["single-user", "auto"]
        };
        for strategy in strategies {
            if *strategy == "dual-password" {
                server.execute("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO app@'%'").await;
            }
            let mut world = world(&server, strategy);
            let token = world.start();
            world.step(Step::Create, &token).await.unwrap();
            world.step(Step::Set, &token).await.unwrap();
            server.execute("SET GLOBAL read_only = ON").await;
            world.limit = Duration::from_secs(2);
            let error = world.step(Step::Test, &token).await.unwrap_err();
            assert_error(&error, ErrorKind::Unavailable, &["is read only", "set it to the writer's"]);
            server.execute("SET GLOBAL read_only = OFF").await;
            world.limit = Duration::from_secs(30);
            world.run(&token).await.unwrap_or_else(|error| panic!("{flavour}, {strategy}: {error}"));
            assert!(opens(&server, &world.current()).await);
            server
                .execute(&format!("ALTER USER app@'%' IDENTIFIED BY {}", crate::world::text(crate::world::FIRST)))
                .await;
        }
    }
}

/// The secret's host is a replica on purpose, and the administrator's secret names the primary.
#[tokio::test]
async fn a_pair_whose_host_is_read_only_for_both_is_promoted() {
    for flavour in Flavour::ALL {
        let Some(server) = own_server(flavour).await else { continue };
        let mut world = pair_of(&app(&server), &admin(&server));
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.step(Step::Set, &token).await.unwrap();
        server.execute("SET GLOBAL read_only = ON").await;
        world.step(Step::Test, &token).await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        world.step(Step::Finish, &token).await.unwrap();
        assert!(opens(&server, &world.current()).await);
    }
}

/// What an owner sets for the sessions of all is not for ours.
#[tokio::test]
async fn what_the_server_sets_for_all_sessions_stops_no_rotation() {
    for flavour in Flavour::ALL {
        let Some(server) = own_server(flavour).await else { continue };
        let read_only = if flavour == Flavour::MySql { "transaction_read_only" } else { "tx_read_only" };
        for setting in [&format!("{read_only} = 1"), "sql_quote_show_create = 0", "sql_select_limit = 1"] {
            server.execute(&format!("SET GLOBAL {setting}")).await;
        }
        for strategy in ["single-user", "alternating-users"] {
            let mut world = pair_of(&app(&server), &admin(&server));
            world.tag("fourstep:strategy", strategy);
            for _ in 0..2 {
                world.rotate().await.unwrap_or_else(|error| panic!("{flavour}, {strategy}: {error}"));
                assert!(opens(&server, &world.current()).await);
            }
            server
                .execute(&format!(
                    "SET SESSION TRANSACTION READ WRITE; ALTER USER <app>@'%' IDENTIFIED BY {}",
                    text(FIRST)
                ))
                .await;
        }
    }
}
