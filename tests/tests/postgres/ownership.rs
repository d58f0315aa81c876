//! Whose the accounts are: none is touched of which nothing but its name says that it is this secret's.

use fourstep::operator::Action;
use fourstep::{ErrorKind, Step};

use crate::world::{
    FIRST, World, assert_error, assert_said, let_administer, name, of_aws, opens, pair_of, secret, shared_with_admin,
};

#[tokio::test]
async fn d6_a_role_that_has_the_clones_name_is_left_alone_unless_an_operator_adopts_it() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    server
        .execute(
            "CREATE ROLE <app_clone> LOGIN PASSWORD 'of-somebody-else'; COMMENT ON ROLE <app_clone> IS 'of team two'",
        )
        .await;
    let_administer(&server, "<app_clone>").await;
    let roles = server.roles().await;
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let error = world.step(Step::Set, &token).await.unwrap_err();
    assert_error(
        &server,
        &error,
        ErrorKind::Conflict,
        &["role `app_clone`", "nothing shows that it is this secret's", "fourstep adopt app --account app"],
    );
    let error = world.operate(Action::Adopt { account: None, version: None }).await.unwrap_err();
    assert_error(&server, &error, ErrorKind::Invalid, &["`app` and `app_clone`", "fourstep adopt app --account app"]);
    assert_eq!(server.roles().await, roles);
    assert!(opens(&server, &secret(&server, "app_clone", "of-somebody-else")).await);
    assert!(world.adopt(server.name("app")).await.unwrap().reply.unwrap().changed);
    assert!(!world.adopt(server.name("app")).await.unwrap().reply.unwrap().changed);
    world.run(&token).await.unwrap();
    assert!(opens(&server, &world.current()).await);
    assert_eq!(
        server.rows("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = '<app_clone>'").await,
        ["of team two\nFourstep: clone of \"app\""]
    );
}

#[tokio::test]
async fn a_superuser_is_never_copied_nor_a_clone_that_is_one_adopted() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    server.execute("ALTER ROLE <app> SUPERUSER").await;
    let roles = server.roles().await;
    let error = world.failing_set().await;
    assert_error(&server, &error, ErrorKind::Invalid, &["`app`", "is a superuser", "fourstep:strategy=single-user"]);
    assert_eq!(server.roles().await, roles);
    let Some((server, mut world)) = shared_with_admin().await else { return };
    server.execute("CREATE ROLE <app_clone> SUPERUSER").await;
    let roles = server.roles().await;
    world.variable("ADOPTED_CLONES", format!("{}@{}", server.name("app_clone"), server.host()));
    assert_error(&server, &world.failing_set().await, ErrorKind::Conflict, &["role `app_clone`", "is a superuser"]);
    let error = world.adopt(server.name("app")).await.unwrap_err();
    assert_error(&server, &error, ErrorKind::Conflict, &["role `app_clone`", "is a superuser"]);
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn d7_a_base_whose_name_ends_like_a_clones_is_a_base() {
    let Some((server, world)) = shared_with_admin().await else { return };
    server.execute("CREATE ROLE <svc_clone> LOGIN PASSWORD 'first-password'; CREATE ROLE <svc> LOGIN").await;
    let_administer(&server, "<svc_clone>").await;
    let mut secret = secret(&server, "svc_clone", FIRST);
    secret["masterarn"] = world.current()["masterarn"].clone();
    let mut world = world;
    world.put(&secret);
    // AWSPREVIOUS is of another pair, and says nothing.
    world.rotate().await.unwrap();
    assert_eq!(name(&server, &world.current()), "svc_clone_clone");
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_clone_that_lost_its_previous_version_is_known_by_its_mark() {
    let Some((server, mut world)) = shared_with_admin().await else { return };
    world.rotate().await.unwrap();
    assert_eq!(name(&server, &world.current()), "app_clone");
    // A human edits the secret: both labelled versions are the clone's now.
    world.put(&world.current());
    world.rotate().await.unwrap();
    assert_eq!(name(&server, &world.current()), "app");
}

/// Whoever may write a secret chooses the names in its versions: here somebody who has an account whose name happens to
/// end in `_clone`, and wants that of its namesake.
#[tokio::test]
async fn an_account_named_like_a_clone_does_not_get_that_of_its_namesake() {
    let Some((server, _)) = shared_with_admin().await else { return };
    server.execute("CREATE ROLE <app_clone> LOGIN PASSWORD 'clone-password'").await;
    let_administer(&server, "<app_clone>").await;
    let own = secret(&server, "app_clone", "clone-password");
    let world = pair_of(&own, &secret(&server, "boss", "admin-password"));
    let mut namesake = world.current();
    namesake["username"] = server.name("app").into();
    namesake["password"] = "a-guess".into();
    let said = "setSecret: no version of the secret opens the server as `app`, and nothing there says that `app_clone` is the clone of `app`. VERSION opened the target in this step. Nothing was changed. If both are accounts of this secret, let an operator say so: fourstep adopt app --account app --version CURRENT; if not, set the tag fourstep:strategy=single-user, remove AWSPENDING from the pending version, then start the rotation again.";
    let roles = server.roles().await;
    // The other account is next, and would get a password that is stored in this secret.
    let mut next = world.copy();
    next.put(&namesake);
    next.put(&world.current());
    let error = next.failing_set().await;
    let said_of = |world: &World, label: &str| {
        let current = world.secret.id("AWSCURRENT").unwrap();
        said.replace("VERSION", &format!("{label} (VERSION)")).replace("CURRENT;", &format!("{current};"))
    };
    assert_said(&server, &error, ErrorKind::Conflict, &said_of(&next, "AWSCURRENT"));
    // The own account is next, and would get all rights of the other one.
    let mut own = world.copy();
    own.put(&namesake);
    let error = own.failing_set().await;
    assert_said(&server, &error, ErrorKind::Conflict, &said_of(&own, "AWSPREVIOUS"));
    assert_eq!(server.roles().await, roles);
    assert!(opens(&server, &secret(&server, "app", FIRST)).await);
    // With an operator's word both are one secret's.
    for mut world in [next, own] {
        world.adopt(server.name("app")).await.unwrap();
        world.abandon_pending();
        world.rotate().await.unwrap();
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn a_pair_of_aws_is_known_by_the_password_of_its_base_at_each_attempt() {
    let Some((server, mut world)) = of_aws().await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    // AWSPREVIOUS is refused from here on; the pending version opens, and after that only one without a label.
    world.step(Step::Set, &token).await.unwrap();
    world.abandon(&token);
    world.rotate().await.unwrap();
    assert_eq!(name(&server, &world.current()), "app");
    assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await, "the clone of AWS is one of ours now");
}
