//! Accounts of Amazon RDS that log in by a token of IAM: the members of `rds_iam`.

use fourstep::ErrorKind;
use fourstep_test_servers::postgres::{Options, Postgres};

use crate::world::{FIRST, assert_error, make_app, secret, server_with_admin, world_of};

/// Amazon RDS has such a line in its pg_hba.conf.
#[tokio::test]
async fn a_member_of_rds_iam_is_told_that_no_password_lets_it_in() {
    let options = Options { hba: vec!["host all +rds_iam 127.0.0.1/32 pam"], ..Options::default() };
    let Some(server) = Postgres::start_with(options).await else { return };
    make_app(&server).await;
    server.execute("CREATE ROLE rds_iam; GRANT rds_iam TO app").await;
    let mut world = world_of(&secret(&server, "app", FIRST));
    let parts = [
        " asks `app` for something else than a password that it stores (SQLSTATE 28000), as Amazon RDS asks members of `rds_iam` for a token of IAM. ",
        " Run: REVOKE rds_iam FROM \"app\"; on another server, ",
    ];
    assert_error(&server, &world.failing_set().await, ErrorKind::Forbidden, &parts);
    server.execute("REVOKE rds_iam FROM app").await;
    world.abandon_pending();
    world.rotate().await.unwrap();
}

#[tokio::test]
async fn no_password_is_set_for_a_member_of_rds_iam() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    server.execute("CREATE ROLE rds_iam; CREATE ROLE team; GRANT rds_iam TO team; GRANT team TO app_clone").await;
    world.tag("fourstep:grants", "leave");
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    // Only Amazon RDS, which has this role, takes it so.
    server.execute("CREATE ROLE rdsadmin").await;
    let roles = server.roles().await;
    let parts = [
        "the role `app_clone` of ",
        " is a member of `rds_iam`, and so Amazon RDS lets it in by a token of IAM alone, and by no password. ",
        " Nothing was changed. Run: REVOKE rds_iam FROM \"app_clone\"; or from the role that it has it from.",
    ];
    assert_error(&server, &world.failing_set().await, ErrorKind::Forbidden, &parts);
    assert_eq!(server.roles().await, roles);
}
