//! The administrator that a secret names by `masterarn`: what is wrong with it is said, and nothing is written.

use fourstep::{Error, ErrorKind, Step};
use serde_json::{Value, json};

use crate::world::{FIRST, World, assert_error, assert_said, has_grantors, opens, secret, shared_with_admin, world_of};

/// Stores another `masterarn` in the secret, and returns the error of setSecret.
async fn set_with_masterarn(mut world: World, arn: &str) -> Error {
    let mut secret = world.current();
    secret["masterarn"] = json!(arn);
    world.put(&secret);
    world.failing_set().await
}

#[tokio::test]
async fn a_masterarn_that_names_no_secret_to_use_is_refused_by_name() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    let roles = server.roles().await;
    let arn = world.current()["masterarn"].as_str().unwrap().to_owned();
    let own = world.secret.arn();
    // An owner who lists too much.
    world.variable("ADMIN_SECRETS", "*");
    for name in [own.as_str(), "app"] {
        let said = format!(
            "setSecret: the secret names itself ({name}) where it has to name another one. AWSCURRENT (VERSION) opened the target in this step. Name the other secret, as the administrator's in `masterarn`."
        );
        assert_said(&server, &set_with_masterarn(world.copy(), name).await, ErrorKind::Invalid, &said);
    }
    let elsewhere = arn.replace(":secret:admin", ":secret:nowhere");
    let error = set_with_masterarn(world.copy(), &elsewhere).await;
    assert_error(&server, &error, ErrorKind::Invalid, &[&elsewhere, "AWSCURRENT (version ", "opened the target"]);
    world.secret.store.with(|model| model.delete_secret("admin", None)).unwrap();
    let said = format!(
        "setSecret: secret {arn} is scheduled for deletion. AWSCURRENT (VERSION) opened the target in this step. Restore it with RestoreSecret, or name another one, as the administrator's in `masterarn`."
    );
    assert_said(&server, &set_with_masterarn(world, &arn).await, ErrorKind::Invalid, &said);
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn a_masterarn_of_another_account_is_refused_with_the_right_that_it_lacks() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    server.execute("CREATE ROLE <reports> LOGIN PASSWORD 'reports-password'").await;
    let roles = server.roles().await;
    // One that administers nothing.
    let said = "setSecret: role `<administrator>` of PostgreSQL at SERVER may not create role \"app_clone\" (SQLSTATE 42501). AWSCURRENT (VERSION) opened the target in this step. Run: ALTER ROLE \"<administrator>\" CREATEROLE.";
    let mut other = world.copy();
    other.put_admin(&secret(&server, "reports", "reports-password"));
    assert_said(&server, &other.failing_set().await, ErrorKind::Forbidden, said);
    // One that the function's own role may not read, as that of another AWS account.
    let arn = world.current()["masterarn"].as_str().unwrap().to_owned();
    world.deny(&arn);
    let parts = ["may not read", "AWSCURRENT (version ", "opened the target"];
    assert_error(&server, &world.failing_set().await, ErrorKind::Forbidden, &parts);
    assert_eq!(server.roles().await, roles);
}

/// Only the administrator's user name and password are used, so a loop of secrets that name each other is none of calls.
#[tokio::test]
async fn the_masterarn_of_an_administrators_own_secret_is_not_followed() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    let own = world.secret.arn();
    let mut admin = secret(&server, "boss", "admin-password");
    admin["masterarn"] = json!(own);
    world.put_admin(&admin);
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn an_administrators_secret_that_does_not_fit_is_named_and_nothing_is_written() {
    let Some((server, world)) = shared_with_admin().await else { return };
    let roles = server.roles().await;
    let arn = world.current()["masterarn"].as_str().unwrap().to_owned();
    let right = secret(&server, "boss", "admin-password");
    let with = |field: &str, value: Value| {
        let mut admin = right.clone();
        admin[field] = value;
        admin
    };
    for (admin, kind, happened, next) in [
        (
            with("password", "wrong".into()),
            ErrorKind::Forbidden,
            format!("the server refused the administrator of secret {arn}"),
            "Correct that secret, or rotate it first",
        ),
        (
            with("host", "other.example.com".into()),
            ErrorKind::Invalid,
            format!(
                "field `host` of the administrator's secret {arn} is not the host of this secret, nor does Amazon RDS know this secret's host as a replica or another end point of it"
            ),
            "Correct `masterarn`, or `host` in one of the two secrets; the administrator's has to be the primary. Where both names lead to one server in another way, as by a CNAME or a proxy, name the server itself in the tag fourstep:endpoint",
        ),
        (
            with("engine", "mysql".into()),
            ErrorKind::Invalid,
            format!(
                "the administrator's secret {arn}: its field `engine` names another kind of server than this function rotates"
            ),
            "Correct `masterarn`: it has to name the secret of an administrator of the same server",
        ),
        (
            json!({"username": "boss"}),
            ErrorKind::Invalid,
            format!("secret {arn}: version $ID of the secret has no field `password`"),
            "Add `password` to the secret's JSON",
        ),
    ] {
        let mut world = world.copy();
        world.put_admin(&admin);
        let id =
            world.secret.store.with(|model| model.secret("admin").unwrap().labelled("AWSCURRENT").unwrap().id.clone());
        let happened = happened.replace("$ID", &id);
        let said = format!("setSecret: {happened}. AWSCURRENT (VERSION) opened the target in this step. {next}.");
        assert_said(&server, &world.failing_set().await, kind, &said);
    }
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn an_administrator_that_lacks_a_right_gets_the_statement_to_run() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    let said = |what: &str, run: &str| {
        format!(
            "setSecret: role `<administrator>` of PostgreSQL at SERVER may not {what} (SQLSTATE 42501). AWSCURRENT (VERSION) opened the target in this step. Run: {run}."
        )
    };
    let roles = server.roles().await;
    server.execute("ALTER ROLE <boss> NOCREATEROLE").await;
    let may_not_create = said("create role \"app_clone\"", "ALTER ROLE \"<administrator>\" CREATEROLE");
    assert_said(&server, &world.failing_set().await, ErrorKind::Forbidden, &may_not_create);
    server.execute("ALTER ROLE <boss> CREATEROLE").await;
    assert_eq!(server.roles().await, roles);
    if has_grantors(&server).await {
        server.execute("REVOKE ADMIN OPTION FOR <app> FROM <boss>").await;
        world.abandon_pending();
        let may_not_grant = said("grant role \"app\"", "GRANT \"app\" TO \"<administrator>\" WITH ADMIN OPTION");
        assert_said(&server, &world.failing_set().await, ErrorKind::Forbidden, &may_not_grant);
        server.execute("GRANT \"<app>\" TO \"<boss>\" WITH ADMIN OPTION").await;
    }
    world.abandon_pending();
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_secret_without_masterarn_is_refused_before_anything_is_stored() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.tag("fourstep:strategy", "alternating-users");
    let token = world.start();
    let error = world.step(Step::Create, &token).await.unwrap_err();
    let said = "createSecret: the secret has no field `masterarn`, which alternating-users needs. This step changed nothing at the target, and did not learn which version opens it. Add `masterarn` to the secret's JSON: the ARN of the secret of an administrator of the same server; or set the tag fourstep:strategy=single-user.";
    assert_said(&server, &error, ErrorKind::Invalid, said);
    assert!(world.labelled("AWSPENDING").is_none());
}
