use fourstep::Step;
use fourstep_testkit::captured::capture;
use fourstep_testkit::proxy::{Fault, When};
use fourstep_testkit::secrecy::assert_clean;

use crate::world::{FIRST, assert_error, pair_of, proxy, secret, secret_by, shared, shared_with_admin, world_of};

#[tokio::test]
async fn d12_no_password_is_in_the_servers_log_in_ours_or_in_an_error() {
    let (captured, _guard) = capture();
    let Some((server, mut world)) = shared_with_admin().await else { return };
    for _ in 0..3 {
        world.rotate().await.unwrap();
    }
    let mut single = world_of(&world.current());
    single.tag("fourstep:strategy", "single-user");
    single.rotate().await.unwrap();
    single.put(&secret(&server, "app", "a-wrong-password"));
    let mut errors = String::new();
    let token = single.start();
    single.step(Step::Create, &token).await.unwrap();
    server.execute("ALTER ROLE <app_clone> NOLOGIN").await;
    let error = single.step(Step::Set, &token).await.unwrap_err();
    errors.push_str(&format!("{error} {error:?} {error:#?}"));
    let mut secrets = world.passwords();
    secrets.extend(single.passwords());
    assert!(secrets.len() >= 8, "old and new ones");
    let (log, ours) = (server.log(), captured.text());
    assert!(log.contains("PASSWORD 'SCRAM-SHA-256$4096:"), "the statement was logged, with the verifier");
    assert!(ours.contains("the connection is not encrypted"), "{ours}");
    assert_clean("the server's log", &log, &secrets);
    assert_clean("our log", &ours, &secrets);
    assert_clean("an error", &errors, &secrets);
    assert!(!ours.contains("SCRAM-SHA-256$") && !errors.contains("SCRAM-SHA-256$"));
}

#[tokio::test]
async fn d4_a_statement_that_fails_is_not_repeated_in_the_error() {
    let (captured, _guard) = capture();
    let Some(server) = shared().await else { return };
    // A role may not change its own password while it acts as another that may not either.
    server.execute("CREATE ROLE <boss> LOGIN PASSWORD 'admin-password'").await;
    let mut world = pair_of(&secret(&server, "app", FIRST), &secret(&server, "boss", "admin-password"));
    world.tag("fourstep:grants", "leave");
    server.execute("CREATE ROLE <app_clone> LOGIN").await;
    world.variable("ADOPTED_CLONES", format!("{}@{}", server.name("app_clone"), server.host()));
    let error = world.failing_set().await;
    assert_error(
        &server,
        &error,
        fourstep::ErrorKind::Forbidden,
        &["change the password of role \"app_clone\"", "ALTER ROLE \"<administrator>\" CREATEROLE"],
    );
    let text = format!("{error} {error:?} {}", captured.text());
    assert_clean("the error and our log", &text, &world.passwords());
    assert_clean("the server's log", &server.log(), &world.passwords());
    assert!(!text.contains("SCRAM-SHA-256$"), "{text}");
    assert!(server.log().contains("ERROR:"), "the server did log the statement");
}

#[tokio::test]
async fn plaintext_is_warned_of_at_each_connection() {
    let (captured, _guard) = capture();
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.rotate().await.unwrap();
    assert_eq!(captured.text().matches("the connection is not encrypted").count(), 3);
}

#[tokio::test]
async fn a_connection_that_breaks_says_nothing_secret() {
    let (captured, _guard) = capture();
    let Some(server) = shared().await else { return };
    let proxy = proxy(&server).await;
    let mut world = world_of(&secret_by(&proxy, &server, "app", FIRST));
    world.limit = std::time::Duration::from_millis(600);
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let mut errors = String::new();
    for number in 1..8 {
        proxy.reset();
        proxy.at(number, When::After, Fault::Drop);
        if let Err(error) = world.step(Step::Set, &token).await {
            errors.push_str(&format!("{error:?}\n"));
        }
    }
    assert!(errors.lines().count() >= 3, "{errors}");
    assert_clean("errors and log", &(errors + &captured.text()), &world.passwords());
}
