//! Codes that take some doing to get from a real server: what each means at a login, and that nothing is tried after it.

use std::time::Duration;

use fourstep::ErrorKind;
use fourstep_test_servers::mysql::{Flavour, MySql, Options};
use sqlx::Connection;

use crate::world::{FIRST, World, app, assert_error, is_code, opens, prepare, server, world};

async fn failing(server: &MySql, kind: ErrorKind, parts: &[&str]) {
    let mut world: World = world(server, "single-user");
    world.limit = Duration::from_secs(2);
    assert_error(&world.failing_set().await, kind, parts);
}

/// Logs in with a wrong password, twice.
async fn fail_to_log_in(server: &MySql) {
    for _ in 0..2 {
        let answer = server.connect(&server.name("app"), "a-wrong-password", None).await;
        assert!(is_code(&answer, 1045), "{answer:?}");
    }
}

#[tokio::test]
async fn an_account_that_failed_logins_locked_is_forbidden_and_not_rejected() {
    if let Some(server) = server(Flavour::MySql).await {
        server.execute("ALTER USER <app>@'%' FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME 1").await;
        let wrong = server.connect(&server.name("app"), "a-wrong-password", None).await;
        assert!(is_code(&wrong, 1045), "{wrong:?}");
        let wrong = server.connect(&server.name("app"), "a-wrong-password", None).await;
        assert!(is_code(&wrong, 3955), "{wrong:?}");
        failing(&server, ErrorKind::Forbidden, &["(error 3955)", "locked for a time", "ACCOUNT UNLOCK"]).await;
        server.execute("ALTER USER <app>@'%' ACCOUNT UNLOCK").await;
        assert!(opens(&server, &app(&server)).await, "what it says to run helps");
    }
    let options = Options { settings: vec!["--max-password-errors=2"], ..Options::default() };
    let Some(server) = MySql::start_with(Flavour::MariaDb, options).await else { return };
    prepare(&server).await;
    fail_to_log_in(&server).await;
    failing(&server, ErrorKind::Forbidden, &["(error 4150)", "max_password_errors", "FLUSH PRIVILEGES"]).await;
    server.execute("FLUSH PRIVILEGES").await;
    assert!(opens(&server, &app(&server)).await, "what it says to run helps");
}

#[tokio::test]
async fn a_server_without_a_connection_left_is_unavailable() {
    for flavour in Flavour::ALL {
        // The least that MariaDB takes.
        let options = Options { settings: vec!["--max-connections=10"], ..Options::default() };
        let Some(server) = MySql::start_with(flavour, options).await else { continue };
        prepare(&server).await;
        let mut clients = Vec::new();
        let full = loop {
            match server.connect("app", FIRST, None).await {
                Ok(client) => clients.push(client),
                refused => break refused,
            }
        };
        assert!(is_code(&full, 1040), "{full:?}");
        failing(&server, ErrorKind::Unavailable, &["(error 1040)", "no connection left", "max_connections"]).await;
        for client in clients {
            client.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_limit_for_all_accounts_is_told_as_that_of_one() {
    for flavour in Flavour::ALL {
        // It is for `root` too, whose last session may not be over when the next begins.
        let options = Options { settings: vec!["--max-user-connections=4"], ..Options::default() };
        let Some(server) = MySql::start_with(flavour, options).await else { continue };
        prepare(&server).await;
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(server.connect("app", FIRST, None).await.unwrap());
        }
        failing(&server, ErrorKind::Unavailable, &["(error 1203)", "MAX_USER_CONNECTIONS"]).await;
        for client in clients {
            client.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_host_from_which_no_account_logs_in_is_forbidden() {
    for flavour in Flavour::ALL {
        let options = Options { settings: vec!["--skip-name-resolve"], ..Options::default() };
        let Some(server) = MySql::start_with(flavour, options).await else { continue };
        prepare(&server).await;
        if flavour == Flavour::MariaDb {
            // It begins with one for each address of the machine.
            server.execute("DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'").await;
        }
        // It goes on to let in the hosts of accounts that were renamed, until it reads its tables again.
        server.execute("RENAME USER app@'%' TO app@'10.0.0.%'; FLUSH PRIVILEGES").await;
        failing(&server, ErrorKind::Forbidden, &["(error 1130)", "from the function's host", "CREATE USER `app`"])
            .await;
    }
}

#[tokio::test]
async fn an_account_that_needs_no_password_is_rejected_over_tcp() {
    let Some(server) = server(Flavour::MariaDb).await else { return };
    server.execute("ALTER USER <app>@'%' IDENTIFIED VIA unix_socket").await;
    failing(&server, ErrorKind::Rejected, &["(error 1698)"]).await;
}

#[tokio::test]
async fn a_server_that_is_offline_is_unavailable() {
    let Some(server) = MySql::start(Flavour::MySql).await else { return };
    prepare(&server).await;
    server.execute("SET GLOBAL offline_mode = ON").await;
    failing(&server, ErrorKind::Unavailable, &["(error 3032)", "stops, or ended the session"]).await;
    server.execute("SET GLOBAL offline_mode = OFF").await;
    let mut world = world(&server, "single-user");
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}
