use fourstep::operator::Action;
use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::{Flavour, MySql};
use fourstep_testkit::captured::capture;

use crate::world::{World, assert_error, opens, server, server_with_admin, world};

const GRANT: &str = "GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO <app>@'%'";

async fn dual_server() -> Option<(MySql, World)> {
    let server = server(Flavour::MySql).await?;
    server.execute(GRANT).await;
    let world = world(&server, "dual-password");
    Some((server, world))
}

#[tokio::test]
async fn the_old_password_works_until_the_next_set() {
    let Some((server, mut world)) = dual_server().await else { return };
    let mut oldest = None;
    for _ in 0..3 {
        let before = world.current();
        let token = world.start();
        for step in Step::ALL {
            world.step(step, &token).await.unwrap();
            assert!(opens(&server, &world.current()).await, "AWSCURRENT works at every moment: {step}");
            assert!(opens(&server, &before).await, "so does what was current: {step}");
        }
        assert_eq!(world.previous(), before);
        if let Some(oldest) = oldest.replace(before) {
            assert!(!opens(&server, &oldest).await, "a third password does not work");
        }
    }
}

#[tokio::test]
async fn at_finish_the_old_password_is_refused_at_once() {
    let Some((server, mut world)) = dual_server().await else { return };
    world.tag("fourstep:retire", "at-finish");
    for _ in 0..2 {
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

#[tokio::test]
async fn set_that_is_run_again_and_attempts_that_are_given_up_leave_current_working() {
    let Some((server, mut world)) = dual_server().await else { return };
    for _ in 0..2 {
        for _ in 0..5 {
            let token = world.start();
            world.step(Step::Create, &token).await.unwrap();
            for _ in 0..2 {
                world.step(Step::Set, &token).await.unwrap();
                assert!(opens(&server, &world.current()).await);
                assert!(opens(&server, &world.pending()).await);
            }
            world.abandon(&token);
            assert!(opens(&server, &world.current()).await);
        }
        world.rotate().await.unwrap();
        assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
    }
}

#[tokio::test]
async fn a_password_that_was_changed_by_hand_is_left_to_the_version_that_works() {
    let Some((server, mut world)) = dual_server().await else { return };
    world.rotate().await.unwrap();
    let worked = world.previous();
    // The primary password is nobody's now, and the previous one is still the secondary one.
    server.execute("ALTER USER <app>@'%' IDENTIFIED BY 'by-hand'").await;
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
    assert!(opens(&server, &worked).await);
}

#[tokio::test]
async fn without_the_right_it_is_refused_aloud_and_replaced_by_itself_with_the_grant_in_the_log() {
    let Some(server) = server(Flavour::MySql).await else { return };
    let app = server.name("app");
    let grant = format!("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO `{app}`@`%`");
    let mut aloud = world(&server, "dual-password");
    let accounts = server.accounts().await;
    let token = aloud.start();
    let error = match aloud.step(Step::Create, &token).await {
        Ok(_) => aloud.step(Step::Set, &token).await.unwrap_err(),
        Err(error) => error,
    };
    assert_error(&error, ErrorKind::Forbidden, &[&grant, "fourstep:strategy=single-user"]);
    assert_eq!(server.accounts().await, accounts);

    let (captured, _guard) = capture();
    let mut auto = world(&server, "auto");
    let before = auto.current();
    auto.rotate().await.unwrap();
    assert!(!opens(&server, &before).await, "single-user");
    assert!(captured.text().contains(&grant), "{}", captured.text());
    server.execute(GRANT).await;
    let before = auto.current();
    auto.rotate().await.unwrap();
    assert!(opens(&server, &before).await && opens(&server, &auto.current()).await, "dual-password");
}

#[tokio::test]
async fn a_right_by_a_role_that_is_in_force_is_enough() {
    let Some(server) = server(Flavour::MySql).await else { return };
    server
        .execute(
            "CREATE ROLE <keeper>; GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO <keeper>; GRANT <keeper> TO <app>@'%';
             ALTER USER <app>@'%' DEFAULT ROLE <keeper>",
        )
        .await;
    let mut world = world(&server, "dual-password");
    let before = world.current();
    world.rotate().await.unwrap();
    assert!(opens(&server, &before).await && opens(&server, &world.current()).await);
}

#[tokio::test]
async fn mariadb_keeps_one_password_and_says_so() {
    let Some(server) = server(Flavour::MariaDb).await else { return };
    let mut aloud = world(&server, "dual-password");
    let token = aloud.start();
    let error = match aloud.step(Step::Create, &token).await {
        Ok(_) => aloud.step(Step::Set, &token).await.unwrap_err(),
        Err(error) => error,
    };
    assert_error(&error, ErrorKind::Invalid, &["MariaDB 10.11", "keeps one password for an account"]);
    let mut auto = world(&server, "auto");
    auto.rotate().await.unwrap();
    assert!(opens(&server, &auto.current()).await && !opens(&server, &auto.previous()).await);
}

/// What another strategy left: its word for the old password would be false.
#[tokio::test]
async fn retire_does_not_say_that_a_second_password_is_refused_which_opens() {
    let Some((server, mut world)) = dual_server().await else { return };
    world.rotate().await.unwrap();
    let old = world.previous();
    world.tag("fourstep:strategy", "single-user");
    let error = world.operate(Action::Retire).await.unwrap_err();
    assert_error(&error, ErrorKind::Conflict, &["still accepts what AWSPREVIOUS holds"]);
    assert!(opens(&server, &old).await);
    world.tag("fourstep:strategy", "dual-password");
    world.operate(Action::Retire).await.unwrap();
    assert!(!opens(&server, &old).await && opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_new_password_by_an_administrator_leaves_no_second_one() {
    let Some((server, mut world)) = server_with_admin(Flavour::MySql).await else { return };
    server.execute(GRANT).await;
    world.tag("fourstep:strategy", "dual-password");
    let first = world.current();
    world.rotate().await.unwrap();
    assert!(opens(&server, &first).await, "it is the second one now");
    world.tag("fourstep:strategy", "alternating-users");
    for _ in 0..2 {
        world.rotate().await.unwrap();
    }
    assert!(!opens(&server, &first).await, "no version with a label holds it");
    assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
}
