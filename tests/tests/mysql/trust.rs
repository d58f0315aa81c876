//! What somebody gains who may write, tag and rotate a secret of their own: that secret's own credential, and nothing else.

use fourstep::ErrorKind;
use fourstep_test_servers::mysql::Flavour;
use serde_json::Value;

use crate::world::{FIRST, World, admin, assert_error, consume, is_code, opens, pair_of, secret, server_with_admin};

const JUNK: &str = "junk-Pa55";

async fn refused(world: &mut World) -> fourstep::Error {
    world.rotate().await.expect_err("who writes a secret gains nothing by it")
}

/// Stores two values, one after the other: the names in older versions are the writer's choice, too.
fn write(world: &World, older: (&str, &str), current: (&str, &str)) {
    for (username, password) in [older, current] {
        let mut value: Value = world.current();
        value["username"] = username.into();
        value["password"] = password.into();
        world.put(&value);
    }
}

#[tokio::test]
async fn no_account_is_taken_by_its_name_in_a_secret() {
    for flavour in Flavour::ALL {
        let Some((server, _)) = server_with_admin(flavour).await else { continue };
        let accounts = server.accounts().await;
        let victim = secret(&server, &server.name("app"), FIRST);
        for (administrator, listed) in [(&victim, false), (&admin(&server), true)] {
            for strategy in ["auto", "single-user", "alternating-users"] {
                let mut world = pair_of(&secret(&server, &server.name("app"), JUNK), administrator);
                if !listed {
                    world.variable("ADMIN_SECRETS", "");
                }
                world.tag("fourstep:strategy", strategy);
                assert_error(&refused(&mut world).await, ErrorKind::Rejected, &["refused"]);
                world.tag("fourstep:reset-lost", &world.secret.id("AWSCURRENT").unwrap());
                world.abandon_pending();
                assert_error(&refused(&mut world).await, ErrorKind::Invalid, &["fourstep:reset-lost"]);
            }
        }
        assert_eq!(server.accounts().await, accounts, "{flavour}");
        assert!(opens(&server, &victim).await, "{flavour}: the victim's credential is as it was");
    }
}

#[tokio::test]
async fn names_in_older_versions_make_no_account_ones_own() {
    for flavour in Flavour::ALL {
        let Some((server, _)) = server_with_admin(flavour).await else { continue };
        let other =
            "CREATE USER <app_clone>@'%' IDENTIFIED BY 'of-somebody-else'; GRANT SELECT ON <main>.* TO <app_clone>@'%'";
        server.execute(other).await;
        let accounts = server.accounts().await;
        let [base, clone] = ["app", "app_clone"].map(|name| server.name(name));
        for grants in ["mirror", "leave"] {
            // The base is the attacker's own, and then the account that is named like its clone.
            for (own, other) in [((&*base, FIRST), (&*clone, JUNK)), ((&*clone, "of-somebody-else"), (&*base, JUNK))] {
                let mut world = pair_of(&secret(&server, own.0, own.1), &admin(&server));
                world.tag("fourstep:grants", grants);
                write(&world, other, own);
                let error = refused(&mut world).await;
                assert_error(&error, ErrorKind::Conflict, &["Nothing was changed"]);
                assert_eq!(server.accounts().await, accounts, "{flavour}, {grants}, {own:?}");
            }
        }
        assert!(opens(&server, &secret(&server, &clone, "of-somebody-else")).await, "{flavour}");
    }
}

/// MariaDB has no place for a mark: who retired the other account is who knows it again.
#[tokio::test]
async fn an_account_that_was_retired_at_finish_is_known_by_the_next_rotation() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.tag("fourstep:retire", "at-finish");
        for turn in 0..4 {
            let before = world.current();
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}, turn {turn}: {error}"));
            assert!(opens(&server, &world.current()).await, "{flavour}, turn {turn}");
            assert!(!opens(&server, &before).await, "{flavour}, turn {turn}");
        }
    }
}

/// The server compares names without the blanks at their end.
#[tokio::test]
async fn a_blank_at_the_end_of_a_name_gets_around_no_limit() {
    for flavour in Flavour::ALL {
        let Some((server, _)) = server_with_admin(flavour).await else { continue };
        let accounts = server.accounts().await;
        let name = format!("{} ", server.name("app"));
        let mut world = pair_of(&secret(&server, &name, JUNK), &admin(&server));
        world.tag("fourstep:strategy", "single-user");
        world.variable("ADMIN_ACCOUNTS", format!("!{}", server.name("app")));
        assert_error(&refused(&mut world).await, ErrorKind::Rejected, &["refused"]);
        let error = world.reset(name).await.unwrap_err();
        assert_error(&error, ErrorKind::Invalid, &["has no account"]);
        assert_eq!(server.accounts().await, accounts, "{flavour}");
        assert!(opens(&server, &secret(&server, &server.name("app"), FIRST)).await, "{flavour}");
    }
}

/// Who may make accounts can write our mark on them. An account with SYSTEM_USER is beyond its reach, and stays so.
#[tokio::test]
async fn a_forged_mark_gives_no_account_that_its_forger_could_not_change_anyway() {
    let Some((server, _)) = server_with_admin(Flavour::MySql).await else { return };
    server
        .execute(
            "GRANT SYSTEM_USER ON *.* TO <boss>@'%' WITH GRANT OPTION; CREATE ROLE <system>;
             GRANT SYSTEM_USER ON *.* TO <system>; CREATE USER <mallory>@'%' IDENTIFIED BY 'of-mallory';
             GRANT CREATE USER ON *.* TO <mallory>@'%'; CREATE USER <dba>@'%' IDENTIFIED BY 'of-dba';
             GRANT SYSTEM_USER ON *.* TO <dba>@'%'; CREATE USER <by_role>@'%' IDENTIFIED BY 'x';
             GRANT <system> TO <by_role>@'%'; ALTER USER <by_role>@'%' DEFAULT ROLE <system>",
        )
        .await;
    let mallory = |statement: &str| {
        let statement = ["dba_clone", "dba", "by_role"]
            .iter()
            .fold(statement.to_owned(), |text, name| text.replace(&format!("<{name}>"), &server.name(name)));
        let value = without_database(secret(&server, &server.name("mallory"), "of-mallory"));
        let server = &server;
        async move { consume(server, &value, &statement).await }
    };
    // What the server itself says of who may change whom.
    assert!(is_code(&mallory("ALTER USER <dba>@'%' IDENTIFIED BY 'taken'").await, 1227));
    mallory("ALTER USER <by_role>@'%' IDENTIFIED BY 'taken'").await.unwrap();
    let mark = format!("{{\"fourstep\": {{\"clone_of\": \"{}\"}}}}", server.name("dba"));
    mallory(&format!("CREATE USER <dba_clone>@'%' IDENTIFIED BY 'own' ATTRIBUTE '{mark}'")).await.unwrap();

    let accounts = server.accounts().await;
    let own = without_database(secret(&server, &server.name("dba_clone"), "own"));
    let mut world = pair_of(&own, &admin(&server));
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Conflict, &["nothing there says that", "fourstep adopt"]);
    let error = world.adopt(server.name("dba")).await.unwrap_err();
    assert_error(&error, ErrorKind::Forbidden, &["has SYSTEM_USER", "GRANT SYSTEM_USER ON *.* TO"]);
    assert_eq!(server.accounts().await, accounts);
}

#[tokio::test]
async fn the_mark_of_a_clone_with_system_user_counts_as_that_of_others() {
    let Some((server, mut world)) = server_with_admin(Flavour::MySql).await else { return };
    server
        .execute("GRANT SYSTEM_USER ON *.* TO <boss>@'%' WITH GRANT OPTION; GRANT SYSTEM_USER ON *.* TO <app>@'%'")
        .await;
    world.rotate().await.unwrap();
    // The base is known by the mark of its clone alone.
    server.execute("ALTER USER <app>@'%' IDENTIFIED BY 'by-hand'").await;
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

fn without_database(mut secret: Value) -> Value {
    secret.as_object_mut().unwrap().remove("dbname");
    secret
}
