use fourstep::memory::SecretValue;
use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::{Flavour, MySql};

use crate::world::{
    FIRST, admin, assert_error, consume, name, opens, pair_of, secret, server_with_admin, text, world_of,
};

#[tokio::test]
async fn two_accounts_take_turns_and_the_previous_one_works_until_the_next_set() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        let mut names = Vec::new();
        for _ in 0..4 {
            let before = world.current();
            let token = world.start();
            for step in Step::ALL {
                world.step(step, &token).await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
                assert!(opens(&server, &world.current()).await, "AWSCURRENT works at every moment: {step}");
                assert!(opens(&server, &before).await, "so does what was current: {step}");
            }
            assert_eq!(world.previous(), before);
            names.push(name(&server, &world.current()));
            consume(&server, &world.current(), "INSERT INTO t VALUES (1, 2); SELECT * FROM t").await.unwrap();
        }
        assert_eq!(names, ["app_clone", "app", "app_clone", "app"]);
        if flavour == Flavour::MySql {
            let marks = "SELECT User_attributes->>'$.metadata.fourstep.clone_of' FROM mysql.user
                          WHERE User = '<app_clone>' OR User = '<app>' ORDER BY User";
            assert_eq!(server.rows(marks).await, ["", "app"]);
        }
    }
}

/// Nothing in the secret tells of the second account any more: on MySQL its mark does; on MariaDB, which has no place for one, the
/// owner's tag.
#[tokio::test]
async fn an_edit_by_hand_that_leaves_one_account_in_the_secret_does_not_end_the_turns() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        for (mine, turn) in [("app_clone", "app"), ("app", "app_clone")] {
            while name(&server, &world.current()) != mine {
                world.rotate().await.unwrap();
            }
            let mut edited = pair_of(&world.current(), &admin(&server));
            edited.tag("fourstep:strategy", "auto");
            let mut value = edited.current();
            value["note"] = "of a person".into();
            edited.put(&value);
            if flavour == Flavour::MySql {
                edited.rotate().await.unwrap();
                assert_eq!(name(&server, &edited.current()), turn);
                assert!(opens(&server, &edited.current()).await && opens(&server, &edited.previous()).await);
                edited.tag("fourstep:strategy", "alternating-users");
                world = edited;
                continue;
            }
            let accounts = server.accounts().await;
            let token = edited.start();
            let error = edited.step(Step::Create, &token).await.unwrap_err();
            let only = format!("if `{}` is its only one", server.name(mine));
            assert_error(
                &error,
                ErrorKind::Conflict,
                &[
                    "alternating-users, and let the function's owner add",
                    "ADOPTED_CLONES",
                    &only,
                    "Nothing was changed",
                ],
            );
            assert_eq!(server.accounts().await, accounts);
        }
    }
}

#[tokio::test]
async fn at_finish_the_previous_account_is_refused_at_once_and_comes_back_in_its_turn() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.tag("fourstep:retire", "at-finish");
        for _ in 0..3 {
            let before = world.current();
            let token = world.start();
            world.run(&token).await.unwrap();
            assert!(opens(&server, &world.current()).await);
            assert!(!opens(&server, &before).await, "retired");
            let accounts = server.accounts().await;
            world.step(Step::Finish, &token).await.unwrap();
            assert_eq!(server.accounts().await, accounts, "run again, it writes nothing");
        }
    }
}

#[tokio::test]
async fn each_entry_of_the_base_has_its_clone_and_one_that_goes_takes_its_clone_along() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        server
            .execute(&format!(
                "CREATE USER <app>@'10.%' IDENTIFIED BY {}; GRANT DELETE ON <main>.* TO <app>@'10.%'",
                text(FIRST)
            ))
            .await;
        world.rotate().await.unwrap();
        let hosts =
            || async { server.rows("SELECT Host FROM mysql.user WHERE User = '<app_clone>' ORDER BY Host").await };
        assert_eq!(hosts().await, ["%", "10.%"]);
        let grants = server.rows("SHOW GRANTS FOR <app_clone>@'10.%'").await;
        assert!(grants.iter().any(|grant| grant.contains("GRANT DELETE ON `main`.*")), "{grants:?}");
        assert!(!grants.iter().any(|grant| grant.contains("SELECT")), "{grants:?}");
        world.rotate().await.unwrap();
        server.execute("DROP USER <app>@'10.%'").await;
        world.rotate().await.unwrap();
        assert_eq!(hosts().await, ["%"]);
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn a_clone_that_is_right_already_gets_only_its_password() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.rotate().await.unwrap();
        world.rotate().await.unwrap();
        let before = server.general_log().len();
        world.rotate().await.unwrap();
        let log = server.general_log().split_off(before);
        let writes = ["ALTER ", "CREATE ", "GRANT ", "REVOKE ", "DROP ", "SET PASSWORD", "SET DEFAULT"];
        let statements: Vec<&str> = log
            .lines()
            .filter(|line| {
                line.contains("Query") && !line.contains("SHOW ") && writes.iter().any(|word| line.contains(word))
            })
            .collect();
        assert_eq!(statements.len(), 1, "{flavour}: {statements:?}");
    }
}

#[tokio::test]
async fn an_account_that_has_the_clones_name_is_left_alone_unless_it_is_adopted() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        server.execute("CREATE USER <app_clone>@'%' IDENTIFIED BY 'of-somebody-else'; GRANT DELETE ON <main>.* TO <app_clone>@'%'").await;
        let accounts = server.accounts().await;
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        let error = world.step(Step::Set, &token).await.unwrap_err();
        assert_error(
            &error,
            ErrorKind::Conflict,
            &["app_clone", "nothing shows that it is this secret's", way_out(flavour)],
        );
        assert_eq!(server.accounts().await, accounts);
        // Given up and begun anew, it still is another's.
        world.abandon(&token);
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.step(Step::Set, &token).await.unwrap_err();
        assert_eq!(server.accounts().await, accounts);
        // MySQL has a place for the mark of an operator's word; for MariaDB, the function's owner lists the clone.
        let adopted = world.adopt(server.name("app")).await;
        if flavour == Flavour::MySql {
            assert!(adopted.unwrap().reply.unwrap().changed);
        } else {
            assert_error(&adopted.unwrap_err(), ErrorKind::Invalid, &["has no place for a mark", "ADOPTED_CLONES"]);
            let entry = format!("{}@{}", server.name("app_clone"), server.host());
            // Another server on that host is another server.
            world.variable("ADOPTED_CLONES", format!("{entry}:1"));
            let error = world.step(Step::Set, &token).await.unwrap_err();
            assert_error(&error, ErrorKind::Conflict, &[&format!("{entry}:{}", server.port()), "ADOPTED_CLONES"]);
            // Where a tag names another way to the server, the owner lists what is connected to, and not the secret's host.
            world.variable("ENDPOINT", format!("{}:{}", server.host(), server.port()));
            let held = world.secret.clone();
            let rename = |from: &str, to: &str| {
                held.look(|secret| {
                    for version in &mut secret.versions {
                        let text = version.text().unwrap().expose().replace(from, to);
                        version.value = Some(SecretValue::text(text));
                    }
                });
            };
            rename(server.host(), "db.internal");
            world.variable("ADOPTED_CLONES", format!("{}@db.internal", server.name("app_clone")));
            let error = world.step(Step::Set, &token).await.unwrap_err();
            assert_error(&error, ErrorKind::Conflict, &[&entry, "ADOPTED_CLONES"]);
            rename("db.internal", server.host());
            world.variable("ADOPTED_CLONES", format!("{entry}:{}", server.port()));
        }
        world.run(&token).await.unwrap();
        assert!(opens(&server, &world.current()).await);
        consume(&server, &world.current(), "DELETE FROM t").await.unwrap_err();
    }
}

/// Returns what the error names where an account is not known to be this secret's.
fn way_out(flavour: Flavour) -> &'static str {
    if flavour == Flavour::MySql { "--account" } else { "ADOPTED_CLONES" }
}

/// Whoever may write a secret chooses the names in its versions: the mark at the server says whose clone an account is.
#[tokio::test]
async fn two_accounts_that_only_their_names_make_a_pair_are_left_alone() {
    for flavour in Flavour::ALL {
        namesakes_are_left_alone(flavour).await;
    }
}

async fn namesakes_are_left_alone(flavour: Flavour) {
    let Some((server, _)) = server_with_admin(flavour).await else { return };
    server
        .execute(
            "CREATE USER <svc>@'%' IDENTIFIED BY 'of-somebody-else'; CREATE USER <svc_clone>@'%' IDENTIFIED BY 'own-password';
             GRANT SELECT ON <main>.* TO <svc_clone>@'%'",
        )
        .await;
    let accounts = server.accounts().await;
    let theirs = secret(&server, &server.name("svc"), "a-wrong-password");
    let mut world = pair_of(&theirs, &crate::world::admin(&server));
    let mut own = secret(&server, &server.name("svc_clone"), "own-password");
    own["masterarn"] = world.current()["masterarn"].clone();
    world.put(&own);
    let error = world.failing_set().await;
    let parts = ["nothing there says that `", "is the clone of `", way_out(flavour)];
    assert_error(&error, ErrorKind::Conflict, &parts);
    assert_eq!(server.accounts().await, accounts);
}

#[tokio::test]
async fn attempts_that_are_given_up_leave_a_clone_that_the_next_one_knows() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        for turn in 0..2 {
            for _ in 0..4 {
                let token = world.start();
                world.step(Step::Create, &token).await.unwrap();
                world.step(Step::Set, &token).await.unwrap_or_else(|error| panic!("{flavour}, turn {turn}: {error}"));
                assert!(opens(&server, &world.current()).await);
                world.abandon(&token);
                assert!(opens(&server, &world.current()).await);
            }
            world.rotate().await.unwrap();
            assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
        }
    }
}

#[tokio::test]
async fn an_administrator_without_the_right_is_forbidden_with_the_statement_that_gives_it() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        // A right to write the tables of accounts would do as well.
        server.execute("REVOKE CREATE USER, INSERT, UPDATE, DELETE ON *.* FROM <boss>@'%'").await;
        let accounts = server.accounts().await;
        let error = world.failing_set().await;
        assert_error(
            &error,
            ErrorKind::Forbidden,
            &["may not create account", "GRANT CREATE USER ON *.* TO `<administrator>`@`%`"],
        );
        assert_eq!(server.accounts().await, accounts);
    }
}

#[tokio::test]
async fn a_base_that_is_locked_dropped_or_only_a_role_is_named() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.rotate().await.unwrap();
        world.rotate().await.unwrap();
        world.rotate().await.unwrap();
        assert_eq!(name(&server, &world.current()), "app_clone");
        server.execute("ALTER USER <app>@'%' ACCOUNT LOCK").await;
        assert_error(&world.failing_set().await, ErrorKind::Forbidden, &["is locked, or is a role", "ACCOUNT UNLOCK"]);
        server.execute("DROP USER <app>@'%'; CREATE ROLE <app>").await;
        let token = world.secret.id("AWSPENDING").unwrap();
        let error = world.step(Step::Set, &token).await.unwrap_err();
        let (kind, part) = match flavour {
            Flavour::MySql => (ErrorKind::Forbidden, "is locked, or is a role"),
            // Nothing is left there that could show whose it is.
            Flavour::MariaDb => (ErrorKind::Conflict, "no version of the secret opens the server as"),
        };
        assert_error(&error, kind, &[part]);
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn an_administrators_secret_with_a_wrong_password_is_named() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.put_admin(&secret(&server, &server.name("boss"), "wrong"));
        let error = world.failing_set().await;
        assert_error(&error, ErrorKind::Forbidden, &["refused the administrator of secret"]);
    }
}

#[tokio::test]
async fn a_base_with_a_plugin_that_takes_no_hash_is_refused_by_its_name() {
    let Some(server) = MySql::start_with(
        Flavour::MariaDb,
        fourstep_test_servers::mysql::Options {
            settings: vec!["--plugin-load-add=auth_ed25519"],
            ..Default::default()
        },
    )
    .await
    else {
        return;
    };
    crate::world::prepare(&server).await;
    crate::world::make_admin(&server).await;
    let mut world = pair_of(&crate::world::app(&server), &crate::world::admin(&server));
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    server.execute("ALTER USER app@'%' IDENTIFIED VIA ed25519 USING PASSWORD('of the owner')").await;
    let accounts = server.accounts().await;
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Invalid, &["`client_ed25519`", "mysql_native_password"]);
    assert_eq!(server.accounts().await, accounts);
    // And at a login by itself.
    let mut alone = world_of(&secret(&server, "app", "of the owner"));
    let error = alone.failing_set().await;
    assert_error(&error, ErrorKind::Invalid, &["`client_ed25519`", "cannot log in"]);
    assert_eq!(server.accounts().await, accounts);
}

/// MariaDB changes the password of one plugin, and what the other one has would open the account for ever.
#[tokio::test]
async fn an_account_of_mariadb_with_two_passwords_is_refused_by_its_plugins() {
    let settings = vec!["--plugin-load-add=auth_ed25519"];
    let options = fourstep_test_servers::mysql::Options { settings, ..Default::default() };
    let Some(server) = MySql::start_with(Flavour::MariaDb, options).await else { return };
    crate::world::prepare(&server).await;
    crate::world::make_admin(&server).await;
    let first = FIRST.replace('\\', r"\\").replace('\'', "''");
    let by = |second: &str| {
        format!("ALTER USER app@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('{first}') OR {second}")
    };
    let mut base = world_of(&crate::world::app(&server));
    let mut pair = pair_of(&crate::world::app(&server), &crate::world::admin(&server));
    pair.rotate().await.unwrap();
    server.execute(&by("ed25519 USING PASSWORD('of the owner')")).await;
    let accounts = server.accounts().await;
    // By itself, and by an administrator, since it is the base's turn.
    for world in [&mut base, &mut pair] {
        let error = world.failing_set().await;
        assert_error(&error, ErrorKind::Invalid, &["mysql_native_password or ed25519", "would work on", "ALTER USER"]);
    }
    assert_eq!(server.accounts().await, accounts);
    // By the socket nobody logs in with a password.
    server.execute(&by("unix_socket")).await;
    let mut world = world_of(&crate::world::app(&server));
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_hash_has_the_form_in_which_the_server_stores_passwords() {
    let Some(server) = MySql::start(Flavour::MySql).await else { return };
    crate::world::prepare(&server).await;
    crate::world::make_admin(&server).await;
    let mut world = pair_of(&crate::world::app(&server), &crate::world::admin(&server));
    for (format, rounds, begins) in [("PBKDF2_SHA512", 12_000, "$B$00C$"), ("CRYPT5", 5_000, "$A$005$")] {
        server
            .execute(&format!(
                "SET GLOBAL caching_sha2_password_storage_format = '{format}';
                 SET GLOBAL caching_sha2_password_digest_rounds = {rounds}"
            ))
            .await;
        world.rotate().await.unwrap();
        assert!(opens(&server, &world.current()).await, "{format}");
        let account = name(&server, &world.current());
        let stored =
            server.rows(&format!("SELECT authentication_string FROM mysql.user WHERE User = '{account}'")).await;
        assert!(stored[0].starts_with(begins), "{format}");
    }
}
