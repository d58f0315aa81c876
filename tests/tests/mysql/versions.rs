//! Servers that are too old. Each is a MariaDB that says so of itself.

use fourstep::ErrorKind;
use fourstep_test_servers::mysql::{Flavour, MySql, Options};

use crate::world::{admin, app, assert_error, make_admin, opens, pair_of, prepare, world};

async fn server_that_says(version: &'static str) -> Option<MySql> {
    let server = MySql::start_with(Flavour::MariaDb, Options { settings: vec![version], ..Options::default() }).await?;
    prepare(&server).await;
    make_admin(&server).await;
    Some(server)
}

#[tokio::test]
async fn a_server_that_is_too_old_is_told_with_the_least_version() {
    for (version, found, least) in [
        ("--version=5.7.44-log", "is MySQL 5.7.44", "MySQL 8.0 or later (Aurora MySQL 3)"),
        ("--version=10.3.39-MariaDB-log", "is MariaDB 10.3.39", "MariaDB 10.4 or later"),
    ] {
        let Some(server) = server_that_says(version).await else { return };
        let accounts = server.accounts().await;
        let mut world = world(&server, "single-user");
        assert_error(&world.failing_set().await, ErrorKind::Invalid, &[found, least]);
        assert_eq!(server.accounts().await, accounts);
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn a_mysql_whose_accounts_have_no_attributes_is_told_where_an_administrator_acts() {
    let Some(server) = server_that_says("--version=8.0.20").await else { return };
    let mut pair = pair_of(&app(&server), &admin(&server));
    assert_error(&pair.failing_set().await, ErrorKind::Invalid, &["is MySQL 8.0.20", "MySQL 8.0.21 or later"]);
}
