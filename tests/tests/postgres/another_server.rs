//! A host whose name leads to another server after setSecret, as a CNAME does that somebody changes.

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::proxy::Proxy;

use crate::world::{
    FIRST, World, assert_said, name, opens, pair_of, proxy, secret_by, shared, shared_with_admin, world_of,
};

/// Creates another server that has the same accounts with the same passwords, and no more.
async fn another(server: &Postgres) -> Option<Postgres> {
    let another = Postgres::start().await?;
    let [app, boss] = ["app", "boss"].map(|role| server.name(role));
    another
        .execute(&format!(
            "CREATE ROLE {app} LOGIN PASSWORD '{FIRST}'; CREATE ROLE {boss} LOGIN CREATEROLE PASSWORD 'admin-password'"
        ))
        .await;
    if another.version() >= 16 {
        another.execute(&format!("GRANT {app} TO {boss} WITH ADMIN OPTION")).await;
    }
    another.execute(&format!("CREATE DATABASE {}", server.database())).await;
    Some(another)
}

/// Rotates up to testSecret, at which the name leads to the other server: its answer says so, and nothing is promoted.
async fn is_noticed(server: &Postgres, another: &Postgres, proxy: &Proxy, world: &mut World, pending: &str) -> String {
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    let before = world.current();
    proxy.lead_to(another.port());
    let error = world.step(Step::Test, &token).await.unwrap_err();
    let said = format!(
        "testSecret: PostgreSQL at 127.0.0.1:{} refused the password of `{pending}` (SQLSTATE 28P01): the password is wrong, the role does not exist, or its VALID UNTIL has passed. Of the versions that were tried, none opened the target: AWSPENDING (VERSION). setSecret had installed it: since then it was changed at the target, or the target's name leads to another one. Secrets Manager starts again from createSecret, which installs it anew.",
        proxy.port()
    );
    assert_said(server, &error, ErrorKind::Rejected, &said);
    assert_eq!(world.current(), before, "nothing is promoted");
    token
}

#[tokio::test]
async fn an_account_that_was_set_at_one_server_is_refused_by_another_until_it_is_set_there() {
    let Some(server) = shared().await else { return };
    let Some(another) = another(&server).await else { return };
    let proxy = proxy(&server).await;
    let mut world = world_of(&secret_by(&proxy, &server, "app", FIRST));
    let token = is_noticed(&server, &another, &proxy, &mut world, "app").await;
    assert!(opens(&another, &world.current()).await, "the other server is as it was");
    // As Secrets Manager does by itself.
    world.run(&token).await.unwrap();
    assert!(opens(&another, &world.current()).await);
    assert!(!opens(&another, &world.previous()).await);
    assert!(opens(&server, &world.current()).await, "had the name led back, nothing would be lost");
}

#[tokio::test]
async fn a_clone_that_was_made_at_one_server_is_refused_by_another_until_it_is_made_there() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let Some(another) = another(&server).await else { return };
    let proxy = proxy(&server).await;
    let by_proxy = |name: &str, password: &str| secret_by(&proxy, &server, name, password);
    let mut world = pair_of(&by_proxy("app", FIRST), &by_proxy("boss", "admin-password"));
    let token = is_noticed(&server, &another, &proxy, &mut world, "app_clone").await;
    assert!(opens(&another, &world.current()).await, "consumers are served");
    world.run(&token).await.unwrap();
    assert_eq!(name(&server, &world.current()), "app_clone");
    assert!(opens(&another, &world.current()).await && opens(&another, &world.previous()).await);
}
