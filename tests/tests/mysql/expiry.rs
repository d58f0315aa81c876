//! Passwords that expire: at once, or after an interval that the clone has from its base.

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::{Flavour, MySql, Options};

use crate::world::{
    FIRST, assert_error, consume, make_admin, name, opens, prepare, server, server_with_admin, text, world,
};

#[tokio::test]
async fn an_expired_password_is_forbidden_with_what_to_run_and_nothing_is_changed() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        server.execute("ALTER USER <app>@'%' PASSWORD EXPIRE").await;
        let accounts = server.accounts().await;
        let mut world = world(&server, "single-user");
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        let error = world.step(Step::Set, &token).await.unwrap_err();
        let run = "IDENTIFIED BY '<password>' PASSWORD EXPIRE NEVER; with the secret's password";
        assert_error(&error, ErrorKind::Forbidden, &["its password has expired", run]);
        assert_eq!(server.accounts().await, accounts, "{flavour}");
        // The password that expired stays so, whatever is said of later ones.
        server.execute("ALTER USER <app>@'%' PASSWORD EXPIRE NEVER").await;
        assert_eq!(world.step(Step::Set, &token).await.unwrap_err().kind(), ErrorKind::Forbidden);
        server.execute(&format!("ALTER USER <app>@'%' IDENTIFIED BY {} PASSWORD EXPIRE NEVER", text(FIRST))).await;
        world.run(&token).await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        assert!(opens(&server, &world.current()).await);
    }
}

/// By this setting the server says so at the login, or to the first statement after it.
#[tokio::test]
async fn a_server_that_lets_an_expired_password_in_or_keeps_it_out_is_told_alike() {
    for flavour in Flavour::ALL {
        for (setting, code) in
            [("--disconnect-on-expired-password=ON", "1862"), ("--disconnect-on-expired-password=OFF", "1820")]
        {
            let options = Options { settings: vec![setting], ..Options::default() };
            let Some(server) = MySql::start_with(flavour, options).await else { continue };
            prepare(&server).await;
            server.execute("ALTER USER app@'%' PASSWORD EXPIRE").await;
            let error = world(&server, "single-user").failing_set().await;
            assert_error(&error, ErrorKind::Forbidden, &[&format!("(error {code}): its password has expired")]);
        }
    }
}

/// Returns what `SHOW CREATE USER` says of the expiry.
async fn expiry(server: &MySql, account: &str) -> String {
    let made = server.rows(&format!("SHOW CREATE USER <{account}>@'%'")).await.remove(0);
    let (_, from) = made.split_once(" PASSWORD EXPIRE").unwrap_or(("", ""));
    ["INTERVAL 90 DAY", "NEVER"].into_iter().find(|expiry| from.contains(expiry)).unwrap_or("DEFAULT").to_owned()
}

#[tokio::test]
async fn a_clone_has_the_expiry_of_its_base_and_follows_it() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        for wanted in ["INTERVAL 90 DAY", "NEVER", "DEFAULT"] {
            server.execute(&format!("ALTER USER <app>@'%' PASSWORD EXPIRE {wanted}")).await;
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {wanted}: {error}"));
            assert_eq!(name(&server, &world.current()), "app_clone");
            for account in ["app", "app_clone"] {
                assert_eq!(expiry(&server, account).await, wanted, "{flavour}: {account}");
            }
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {wanted}: {error}"));
            assert_eq!(expiry(&server, "app").await, wanted, "{flavour}: the base keeps what its owner gave it");
        }
    }
}

#[tokio::test]
async fn an_account_whose_password_expired_works_again_in_its_turn() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        world.rotate().await.unwrap();
        for account in ["app", "app_clone"] {
            server.execute(&format!("ALTER USER <{account}>@'%' PASSWORD EXPIRE")).await;
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {account}: {error}"));
            assert_eq!(name(&server, &world.current()), account);
            consume(&server, &world.current(), "INSERT INTO t VALUES (1, 2)").await.unwrap();
        }
    }
}

/// An interval that is over, which the tests' clock cannot reach: the day of the last change is set back.
#[tokio::test]
async fn a_password_whose_interval_is_over_is_forbidden_and_a_rotation_in_time_begins_it_anew() {
    let Some(server) = MySql::start(Flavour::MySql).await else { return };
    prepare(&server).await;
    make_admin(&server).await;
    server.execute("ALTER USER app@'%' PASSWORD EXPIRE INTERVAL 90 DAY").await;
    let past = "UPDATE mysql.user SET password_last_changed = NOW() - INTERVAL 89 DAY WHERE User = 'app'";
    server.execute(&format!("{past}; FLUSH PRIVILEGES")).await;
    let mut world = world(&server, "single-user");
    world.rotate().await.unwrap();
    let age = "SELECT TIMESTAMPDIFF(DAY, password_last_changed, NOW()) FROM mysql.user WHERE User = 'app'";
    assert_eq!(server.rows(age).await, ["0"]);
    server.execute(&format!("{}; FLUSH PRIVILEGES", past.replace("89", "91"))).await;
    assert_error(&world.failing_set().await, ErrorKind::Forbidden, &["its password has expired"]);
}
