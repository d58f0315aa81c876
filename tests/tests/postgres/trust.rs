//! What somebody gains who may write, tag and rotate a secret of their own: that secret's own credential, and nothing else.

use fourstep::ErrorKind;
use fourstep::operator::Action;

use crate::world::{FIRST, World, assert_error, let_administer, name, opens, pair_of, secret, shared_with_admin};

/// Runs a rotation, which has to fail at one of its steps, and returns the error.
async fn refused(world: &mut World) -> fourstep::Error {
    world.rotate().await.expect_err("who writes a secret gains nothing by it")
}

/// The value that the attacker stores: the victim's account, and a password that nobody has.
const JUNK: &str = "junk";

#[tokio::test]
async fn the_victims_own_secret_does_not_set_the_victims_password() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let roles = server.roles().await;
    // The function reads every secret that it rotates. No administrator's is listed.
    let mut world = pair_of(&secret(&server, "app", JUNK), &secret(&server, "app", FIRST));
    world.variable("ADMIN_SECRETS", "");
    world.tag("fourstep:strategy", "single-user");
    assert_error(&server, &refused(&mut world).await, ErrorKind::Rejected, &["refused", "`app`"]);
    let current = world.secret.id("AWSCURRENT").unwrap();
    world.tag("fourstep:reset-lost", &current);
    world.abandon_pending();
    let error = refused(&mut world).await;
    assert_error(&server, &error, ErrorKind::Invalid, &["the tag fourstep:reset-lost", "fourstep reset"]);
    assert_eq!(server.roles().await, roles);
    assert!(opens(&server, &secret(&server, "app", FIRST)).await, "the victim's credential is as it was");
}

#[tokio::test]
async fn a_listed_administrator_takes_no_account_by_its_name_in_a_secret() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let roles = server.roles().await;
    for strategy in ["single-user", "alternating-users", "auto"] {
        let mut world = pair_of(&secret(&server, "app", JUNK), &secret(&server, "boss", "admin-password"));
        world.tag("fourstep:strategy", strategy);
        let error = refused(&mut world).await;
        assert_error(&server, &error, ErrorKind::Rejected, &["refused", "`app`", "let an operator"]);
        let current = world.secret.id("AWSCURRENT").unwrap();
        world.tag("fourstep:reset-lost", &current);
        world.abandon_pending();
        assert_error(&server, &refused(&mut world).await, ErrorKind::Invalid, &["fourstep:reset-lost"]);
    }
    assert_eq!(server.roles().await, roles, "neither the account's password nor a clone with its rights");
}

#[tokio::test]
async fn a_secret_that_the_owner_does_not_list_is_no_administrator() {
    let Some((server, _)) = shared_with_admin().await else { return };
    server.execute("CREATE ROLE <eve> LOGIN PASSWORD 'of-eve'").await;
    let roles = server.roles().await;
    for listed in ["", "arn:aws:secretsmanager:us-east-1:123456789012:secret:other-*"] {
        let mut world = pair_of(&secret(&server, "eve", "of-eve"), &secret(&server, "boss", "admin-password"));
        world.variable("ADMIN_SECRETS", listed);
        let arn = world.current()["masterarn"].as_str().unwrap().to_owned();
        let error = refused(&mut world).await;
        let parts = ["does not list", "the variable ADMIN_SECRETS", &format!("AdminSecretArns): {arn}.")];
        assert_error(&server, &error, ErrorKind::Forbidden, &parts);
        let text = error.to_string();
        assert!(!text.contains("boss") && !text.contains("admin-password"), "{text}");
    }
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn names_in_older_versions_make_no_account_ones_own() {
    let Some((server, _)) = shared_with_admin().await else { return };
    server.execute("CREATE ROLE <app_clone> LOGIN PASSWORD 'of-somebody-else'").await;
    let_administer(&server, "<app_clone>").await;
    let roles = server.roles().await;
    for grants in ["mirror", "leave"] {
        // The base is the attacker's own; the account that is named like its clone is another's.
        let own = secret(&server, "app", FIRST);
        let mut world = pair_of(&own, &secret(&server, "boss", "admin-password"));
        let own = world.current();
        let mut claimed = own.clone();
        claimed["username"] = server.name("app_clone").into();
        claimed["password"] = JUNK.into();
        world.tag("fourstep:grants", grants);
        world.put(&claimed);
        world.put(&own);
        let error = refused(&mut world).await;
        assert_error(&server, &error, ErrorKind::Conflict, &["`app_clone`", "fourstep adopt app --account app"]);
        // And the other way round: the account that is named like a clone is the attacker's, and the base another's.
        let mut world =
            pair_of(&secret(&server, "app_clone", "of-somebody-else"), &secret(&server, "boss", "admin-password"));
        let own = world.current();
        let mut claimed = own.clone();
        claimed["username"] = server.name("app").into();
        claimed["password"] = JUNK.into();
        world.tag("fourstep:grants", grants);
        world.put(&claimed);
        world.put(&own);
        let error = refused(&mut world).await;
        assert_error(
            &server,
            &error,
            ErrorKind::Conflict,
            &["opens the server as `app`", "fourstep adopt app --account app"],
        );
        world.tag("fourstep:adopt", "true");
        world.abandon_pending();
        assert_error(&server, &refused(&mut world).await, ErrorKind::Invalid, &["fourstep:adopt"]);
    }
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn an_administrator_touches_neither_its_own_account_nor_one_that_the_owner_excludes() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let roles = server.roles().await;
    // Who has the administrator's password could rotate it as such, and not by its own hand as administrator.
    let boss = secret(&server, "boss", "admin-password");
    let mut own = pair_of(&boss, &boss);
    assert_error(&server, &refused(&mut own).await, ErrorKind::Forbidden, &["`boss`", "the administrator's own"]);
    for (accounts, excluded) in [("other*", true), ("*,!app*", true), ("!nobody", false), ("app*", false)] {
        let mut world = pair_of(&secret(&server, "app", FIRST), &boss);
        // Names on this server begin with what is the test's.
        let accounts: Vec<_> = accounts
            .split(',')
            .map(|entry| match entry {
                "*" => entry.to_owned(),
                entry => match entry.strip_prefix('!') {
                    Some(entry) => format!("!{}", server.name(entry)),
                    None => server.name(entry),
                },
            })
            .collect();
        world.variable("ADMIN_ACCOUNTS", accounts.join(","));
        if excluded {
            assert_error(&server, &refused(&mut world).await, ErrorKind::Forbidden, &["`app`", "ADMIN_ACCOUNTS"]);
            assert_eq!(server.roles().await, roles);
        } else {
            world.rotate().await.unwrap();
            assert_eq!(name(&server, &world.current()), "app_clone");
            server.execute("DROP ROLE <app_clone>").await;
        }
    }
}

#[tokio::test]
async fn a_credential_that_was_retired_for_a_leak_comes_back_only_by_its_id() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate().await.unwrap();
    let (leaked, value) = (world.secret.id("AWSPREVIOUS").unwrap(), world.previous());
    assert!(opens(&server, &value).await);
    world.operate(Action::Retire).await.unwrap();
    assert!(!opens(&server, &value).await);
    let current = world.current();
    let roll_back = |version: Option<&str>, leaked_anyway| {
        world.operate(Action::Rollback { version: version.map(str::to_owned), leaked_anyway })
    };
    for version in [None, Some(leaked.as_str())] {
        let error = roll_back(version, false).await.unwrap_err();
        let parts = [&format!("the credential of version {leaked} was retired"), "--leaked-anyway"];
        assert_error(&server, &error, ErrorKind::Conflict, &parts.map(|part| part as &str));
    }
    // It is so once another rotation moved its labels on, too.
    assert_eq!(world.current(), current);
    assert!(!opens(&server, &value).await);
    // A backup of the server is restored: what works again is what leaked.
    let password = value["password"].as_str().unwrap();
    server
        .execute(&format!("ALTER ROLE <app> PASSWORD '{password}'; ALTER ROLE <app_clone> PASSWORD 'restored'"))
        .await;
    let recover = |version: Option<&str>, leaked_anyway| {
        let version = version.map(str::to_owned);
        world.operate(Action::Recover { attempts: 5, skip: vec![], version, leaked_anyway })
    };
    let advice = world.operate(Action::Diagnose).await.unwrap().reply.unwrap();
    assert!(advice.message.contains("others may know its credential"), "{advice:?}");
    assert!(advice.next.unwrap().contains(&format!("fourstep recover app --version {leaked} --leaked-anyway")));
    let error = recover(None, false).await.unwrap_err();
    assert_error(&server, &error, ErrorKind::Conflict, &[&leaked, "recover", "--leaked-anyway"]);
    recover(Some(&leaked), true).await.unwrap();
    assert_eq!(world.current(), value);
    assert!(opens(&server, &value).await);
}

/// The secret and the variables of AWS's own function for two users, and nothing of ours but what the error asks for.
#[tokio::test]
async fn what_awss_function_rotates_is_rotated_with_one_variable_more() {
    let Some((server, _)) = shared_with_admin().await else { return };
    // <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html>
    let of_aws = serde_json::json!({
        "engine": "postgres", "host": server.host(), "username": server.name("app"), "password": FIRST,
        "dbname": server.database(), "port": server.port(), "ssl": false,
    });
    let mut world = pair_of(&of_aws, &secret(&server, "boss", "admin-password"));
    world.secret.store.with(|model| model.secret_mut("app").unwrap().tags.clear());
    for (name, value) in [
        ("STRATEGY", "alternating-users"),
        ("ADMIN_SECRETS", ""),
        ("EXCLUDE_CHARACTERS", ":/@\"'\\"),
        ("PASSWORD_LENGTH", "32"),
        ("EXCLUDE_NUMBERS", "false"),
        ("REQUIRE_EACH_INCLUDED_TYPE", "true"),
    ] {
        world.variable(name, value);
    }
    let error = refused(&mut world).await.to_string();
    let (_, entry) = error.split_once("AdminSecretArns): ").unwrap_or_else(|| panic!("{error}"));
    world.variable("ADMIN_SECRETS", entry.trim_end_matches('.'));
    let token = world.secret.id("AWSPENDING").unwrap();
    world.run(&token).await.unwrap();
    for expected in ["app_clone", "app"] {
        assert_eq!(name(&server, &world.current()), expected);
        assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
        if expected == "app_clone" {
            world.rotate().await.unwrap();
        }
    }
}

/// Since PostgreSQL 16 whoever may make roles may comment on those that are theirs, and has no right over others.
#[tokio::test]
async fn a_mark_on_a_role_that_is_no_member_of_its_base_says_nothing() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let base = server.name("app");
    server
        .execute(&format!(
            "CREATE ROLE <app_clone> LOGIN PASSWORD 'of-eve'; COMMENT ON ROLE <app_clone> IS 'Fourstep: clone of \"{base}\"'"
        ))
        .await;
    let_administer(&server, "<app_clone>").await;
    let roles = server.roles().await;
    let mut world = pair_of(&secret(&server, "app_clone", "of-eve"), &secret(&server, "boss", "admin-password"));
    let own = world.current();
    let mut namesake = own.clone();
    namesake["username"] = base.into();
    namesake["password"] = JUNK.into();
    world.put(&namesake);
    world.put(&own);
    assert_error(&server, &refused(&mut world).await, ErrorKind::Conflict, &["opens the server as `app`"]);
    assert_eq!(server.roles().await, roles);
    assert!(opens(&server, &secret(&server, "app", FIRST)).await);
}
