//! A user name that has entries for several hosts: those that a version of the secret opens are the secret's, and no other.

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::{Flavour, MySql};
use fourstep_testkit::captured::capture;

use crate::world::{FIRST, assert_error, opens, server_with_admin, text};

/// Gives another team an entry of the name `app`, with a right that the secret's own does not have.
async fn entry_of_others(server: &MySql) {
    let entry =
        "CREATE USER <app>@'10.9.%' IDENTIFIED BY 'of-another-team'; GRANT DELETE ON <main>.* TO <app>@'10.9.%'";
    server.execute(entry).await;
}

async fn entry(server: &MySql, account: &str) -> Vec<String> {
    server.rows(&format!("SHOW CREATE USER {account}; SHOW GRANTS FOR {account}")).await
}

async fn hosts(server: &MySql, name: &str) -> Vec<String> {
    server.rows(&format!("SELECT Host FROM mysql.user WHERE User = '<{name}>' ORDER BY Host")).await
}

/// Returns whether a secret opens the entry for a host. The server prefers it to that for all hosts once it is one for ours.
async fn opens_at(server: &MySql, value: &serde_json::Value, host: &str) -> bool {
    let name = value["username"].as_str().unwrap();
    server.execute(&format!("RENAME USER `{name}`@'{host}' TO `{name}`@'127.0.0.%'")).await;
    let answer = opens(server, value).await;
    server.execute(&format!("RENAME USER `{name}`@'127.0.0.%' TO `{name}`@'{host}'")).await;
    answer
}

#[tokio::test]
async fn an_entry_that_no_version_opens_is_left_alone_and_nobody_gets_its_rights() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        entry_of_others(&server).await;
        let before = entry(&server, "<app>@'10.9.%'").await;
        for turn in 0..3 {
            let (log, guard) = capture();
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}, turn {turn}: {error}"));
            drop(guard);
            let told = server.plain(&log.text()).matches("no version of the secret opens `app`@`10.9.%`").count();
            assert_eq!(told, 1, "{flavour}, turn {turn}");
            assert_eq!(entry(&server, "<app>@'10.9.%'").await, before, "{flavour}, turn {turn}");
            assert_eq!(hosts(&server, "app_clone").await, ["%"], "{flavour}, turn {turn}");
            assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
        }
    }
}

/// What a rotation before this rule gave the secret, goes again.
#[tokio::test]
async fn a_clone_of_an_entry_of_others_is_dropped() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.rotate().await.unwrap();
        entry_of_others(&server).await;
        let password = text(world.current()["password"].as_str().unwrap());
        server.execute(&format!("CREATE USER <app_clone>@'10.9.%' IDENTIFIED BY {password}; GRANT DELETE ON <main>.* TO <app_clone>@'10.9.%'")).await;
        world.rotate().await.unwrap();
        world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        assert_eq!(hosts(&server, "app_clone").await, ["%"], "{flavour}");
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn a_clone_of_another_secret_for_other_hosts_is_left_alone() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        entry_of_others(&server).await;
        let (made, marked) =
            ("CREATE USER <app_clone>@'10.9.%' IDENTIFIED BY 'of-another-team-too'", server.name("app"));
        server.execute(made).await;
        if flavour == Flavour::MySql {
            let mark = format!("{{\"fourstep\": {{\"clone_of\": \"{marked}\"}}}}");
            server.execute(&format!("ALTER USER <app_clone>@'10.9.%' ATTRIBUTE '{mark}'")).await;
        }
        let before = entry(&server, "<app_clone>@'10.9.%'").await;
        for turn in 0..3 {
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}, turn {turn}: {error}"));
            assert_eq!(entry(&server, "<app_clone>@'10.9.%'").await, before, "{flavour}, turn {turn}");
            assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
        }
    }
}

#[tokio::test]
async fn all_entries_that_a_version_opens_rotate() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        let first = text(FIRST);
        server.execute(&format!("CREATE USER <app>@'10.1.%' IDENTIFIED BY {first}")).await;
        let mut all = vec!["10.1.%"];
        if flavour == Flavour::MySql {
            server
                .execute(&format!(
                    "CREATE USER <app>@'10.2.%' IDENTIFIED WITH sha256_password BY {first};
                     CREATE USER <app>@'10.3.%' IDENTIFIED BY {first};
                     ALTER USER <app>@'10.3.%' IDENTIFIED BY 'its-primary-one' RETAIN CURRENT PASSWORD"
                ))
                .await;
            all.extend(["10.2.%", "10.3.%"]);
        }
        for turn in 0..4 {
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}, turn {turn}: {error}"));
            assert!(opens(&server, &world.current()).await);
            for host in &all {
                assert!(opens_at(&server, &world.current(), host).await, "{flavour}, turn {turn}, {host}");
                assert!(opens_at(&server, &world.previous(), host).await, "{flavour}, turn {turn}, {host}");
            }
        }
    }
}

#[tokio::test]
async fn an_attempt_that_changed_one_of_two_entries_is_completed_also_once_it_was_given_up() {
    for flavour in Flavour::ALL {
        for (rotations, name, given_up) in
            [(2, "app_clone", false), (2, "app_clone", true), (1, "app", false), (1, "app", true)]
        {
            let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
            server.execute(&format!("CREATE USER <app>@'10.1.%' IDENTIFIED BY {}", text(FIRST))).await;
            for _ in 0..rotations {
                world.rotate().await.unwrap();
            }
            let mut token = world.start();
            world.step(Step::Create, &token).await.unwrap();
            assert_eq!(crate::world::name(&server, &world.pending()), name);
            let pending = text(world.pending()["password"].as_str().unwrap());
            server.execute(&format!("ALTER USER <{name}>@'10.1.%' IDENTIFIED BY {pending}")).await;
            if given_up {
                world.abandon(&token);
                token = world.start();
            }
            let at = format!("{flavour}, {name}, given up {given_up}");
            world.run(&token).await.unwrap_or_else(|error| panic!("{at}: {error}"));
            assert!(opens(&server, &world.current()).await, "{at}");
            assert!(opens_at(&server, &world.current(), "10.1.%").await, "{at}");
        }
    }
}

/// Leaves an entry whose plugin takes no password, as that of somebody who logs in at the server itself.
#[tokio::test]
async fn an_entry_that_no_password_opens_does_not_stand_in_the_way() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        server.execute("CREATE USER <app>@'10.8.%' IDENTIFIED BY 'for-a-moment'").await;
        match flavour {
            // Its plugin need not be there for nobody to log in by it.
            Flavour::MySql => {
                server.execute("UPDATE mysql.user SET plugin = 'auth_socket', authentication_string = '' WHERE User = '<app>' AND Host = '10.8.%'; FLUSH PRIVILEGES").await;
            }
            Flavour::MariaDb => server.execute("ALTER USER <app>@'10.8.%' IDENTIFIED VIA unix_socket").await,
        }
        let plugin = "SELECT plugin FROM mysql.user WHERE User = '<app>' AND Host = '10.8.%'";
        let before = server.rows(plugin).await;
        for turn in 0..3 {
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}, turn {turn}: {error}"));
            assert!(opens(&server, &world.current()).await);
            assert_eq!(server.rows(plugin).await, before, "{flavour}, turn {turn}");
            assert_eq!(hosts(&server, "app_clone").await, ["%"], "{flavour}, turn {turn}");
        }
    }
}

#[tokio::test]
async fn a_reset_that_cannot_tell_which_entry_is_meant_names_them_and_changes_none() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        entry_of_others(&server).await;
        server.execute("ALTER USER <app>@'%' IDENTIFIED BY 'changed-by-hand'").await;
        world.failing_set().await;
        let accounts = server.accounts().await;
        let error = world.reset(server.name("app")).await.unwrap_err();
        let app = server.name("app");
        let parts = [
            &*format!("`{app}`@`%`, `{app}`@`10.9.%`"),
            "nothing shows which",
            &format!("ALTER USER `{app}`@`%` IDENTIFIED BY"),
        ];
        assert_error(&error, ErrorKind::Conflict, &parts);
        assert_eq!(server.accounts().await, accounts, "{flavour}");
        // The way out that it names.
        world.abandon(&world.secret.id("AWSPENDING").unwrap());
        server.execute(&format!("ALTER USER <app>@'%' IDENTIFIED BY {}", text(FIRST))).await;
        world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        assert!(opens(&server, &world.current()).await);
    }
}

/// What the server stores shows that they are one: on MariaDB, where equal passwords are stored alike.
#[tokio::test]
async fn a_reset_of_entries_that_share_one_password_on_mariadb_gives_it_to_all() {
    let Some((server, mut world)) = server_with_admin(Flavour::MariaDb).await else { return };
    let by_hand = "CREATE USER <app>@'10.1.%' IDENTIFIED BY 'by-hand'; ALTER USER <app>@'%' IDENTIFIED BY 'by-hand'";
    server.execute(by_hand).await;
    world.failing_set().await;
    world.reset(server.name("app")).await.unwrap();
    assert!(opens(&server, &world.current()).await);
    assert!(opens_at(&server, &world.current(), "10.1.%").await);
}

/// A password that somebody changed by hand on one of the two: the pair still tells, for each host.
#[tokio::test]
async fn an_entry_whose_password_was_changed_by_hand_is_known_by_its_marked_clone() {
    let Some((server, mut world)) = server_with_admin(Flavour::MySql).await else { return };
    server.execute(&format!("CREATE USER <app>@'10.1.%' IDENTIFIED BY {}", text(FIRST))).await;
    entry_of_others(&server).await;
    world.rotate().await.unwrap();
    let before = entry(&server, "<app>@'10.9.%'").await;
    for host in ["%", "10.1.%"] {
        server.execute(&format!("ALTER USER <app>@'{host}' IDENTIFIED BY 'by-hand'")).await;
    }
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await && opens_at(&server, &world.current(), "10.1.%").await);
    assert_eq!(entry(&server, "<app>@'10.9.%'").await, before);
}

/// The account may not change its own password, since it logs in with its secondary one: so its administrator does.
#[tokio::test]
async fn an_administrator_of_a_single_account_leaves_the_entries_of_others_alone() {
    let Some((server, mut world)) = server_with_admin(Flavour::MySql).await else { return };
    entry_of_others(&server).await;
    let before = entry(&server, "<app>@'10.9.%'").await;
    world.tag("fourstep:strategy", "single-user");
    server
        .execute(
            "ALTER USER <app>@'%' PASSWORD REQUIRE CURRENT;
             ALTER USER <app>@'%' IDENTIFIED BY 'its-primary-one' RETAIN CURRENT PASSWORD",
        )
        .await;
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
    assert_eq!(entry(&server, "<app>@'10.9.%'").await, before);
}
