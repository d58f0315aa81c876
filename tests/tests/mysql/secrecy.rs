//! No password, old or new, is in what the servers log, in what we log, in an error, or in what the function itself writes.

use fourstep::{Sensitive, Step};
use fourstep_test_servers::mysql::{Flavour, MySql};
use fourstep_testkit::captured::capture;
use fourstep_testkit::secrecy::assert_clean;

use crate::function::Function;
use crate::world::{FIRST, World, admin, app, make_admin, pair_of, prepare, secret, text, world_of};

/// A server of its own, for it is made read only.
async fn server(flavour: Flavour) -> Option<MySql> {
    let server = MySql::start(flavour).await?;
    prepare(&server).await;
    make_admin(&server).await;
    if flavour == Flavour::MySql {
        server.execute("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO app@'%'").await;
    }
    Some(server)
}

/// The strategies of one account that a server has.
fn of_one_account(flavour: Flavour) -> &'static [&'static str] {
    if flavour == Flavour::MySql { &["single-user", "dual-password"] } else { &["single-user"] }
}

/// Searches the server's logs, which have the statements, and other texts.
fn search(server: &MySql, secrets: &[Sensitive], texts: &[(&str, &str)]) {
    let (general, errors) = (server.whole_general_log(), server.whole_error_log());
    let flavour = server.flavour();
    let set = if flavour == Flavour::MySql { "IDENTIFIED BY <secret>" } else { "SET PASSWORD" };
    assert!(general.contains(set), "the statements were logged: {general}");
    assert!(secrets.len() >= 10, "old and new ones");
    let logs = [("general log", general.as_str()), ("error log", errors.as_str())];
    let mut searched = 0;
    for (what, text) in logs.iter().chain(texts) {
        assert_clean(&format!("{flavour}: {what}"), text, secrets);
        searched += text.len();
    }
    println!("{flavour}: {} secrets, in none of {searched} bytes", secrets.len());
}

/// Rotates by every strategy, well and with errors, and returns the errors' texts and all secrets.
async fn rotate_in_every_way(server: &MySql, mut world: World) -> (String, Vec<Sensitive>) {
    for _ in 0..3 {
        world.rotate().await.unwrap();
    }
    // The base is current again for the rotations of one account.
    world.rotate().await.unwrap();
    let mut secrets = world.passwords();
    let mut errors = String::new();
    let mut current = world.current();
    // Of another store: its administrator is not known there.
    current.as_object_mut().unwrap().remove("masterarn");
    for strategy in of_one_account(server.flavour()) {
        let mut single = world_of(&current);
        single.tag("fourstep:strategy", strategy);
        single.tag("fourstep:retire", "at-finish");
        for _ in 0..2 {
            single.rotate().await.unwrap();
        }
        current = single.current();
        // The statement itself is refused.
        server.execute("SET GLOBAL read_only = ON").await;
        let token = single.start();
        single.step(Step::Create, &token).await.unwrap();
        match single.step(Step::Set, &token).await {
            Ok(_) => panic!("the server is read only"),
            Err(error) => errors += &format!("{error} {error:?} {error:#?}\n"),
        }
        server.execute("SET GLOBAL read_only = OFF").await;
        secrets.extend(single.passwords());
    }
    let mut lost = pair_of(&secret(server, "app", "a-wrong-password"), &admin(server));
    let error = lost.failing_set().await;
    errors += &format!("{error} {error:?}\n");
    secrets.extend(lost.passwords());
    (errors, secrets)
}

#[tokio::test]
async fn no_password_is_in_the_servers_logs_in_ours_or_in_an_error() {
    for flavour in Flavour::ALL {
        let (captured, _guard) = capture();
        let Some(server) = server(flavour).await else { continue };
        let world = pair_of(&app(&server), &admin(&server));
        let (errors, secrets) = rotate_in_every_way(&server, world).await;
        let ours = captured.text();
        assert!(ours.contains("the connection is not encrypted"), "{ours}");
        assert!(errors.contains("is read only"), "{errors}");
        search(&server, &secrets, &[("our log", &ours), ("errors", &errors)]);
    }
}

#[tokio::test]
async fn no_password_is_in_what_the_function_writes_to_its_output_at_its_most_talkative() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let mut function = Function::start(&server).await;
        let arn = function.make_admin(&admin(&server));
        for strategy in of_one_account(flavour).iter().chain(&["alternating-users"]) {
            server.execute(&format!("ALTER USER app@'%' IDENTIFIED BY {}", text(FIRST))).await;
            let mut value = app(&server);
            value["masterarn"] = arn.as_str().into();
            function.make_secret(strategy, strategy, &value);
            for _ in 0..2 {
                function.rotate(strategy).await.unwrap();
            }
            // The statement itself is refused.
            server.execute("SET GLOBAL read_only = ON").await;
            assert_eq!(function.rotate(strategy).await.unwrap_err().error_type, "Unavailable");
            server.execute("SET GLOBAL read_only = OFF").await;
            function.rotate(strategy).await.unwrap();
            // And so is each password.
            server.execute("ALTER USER app@'%' IDENTIFIED BY 'by-hand'").await;
            if *strategy == "alternating-users" {
                server.execute("ALTER USER app_clone@'%' IDENTIFIED BY 'by-hand'").await;
            } else if *strategy == "dual-password" {
                server.execute("ALTER USER app@'%' DISCARD OLD PASSWORD").await;
            }
            assert_eq!(function.rotate(strategy).await.unwrap_err().error_type, "Rejected", "{strategy}");
        }
        let (output, errors) = (function.output(), function.errors());
        for said in ["step done", "is read only", "refused the password"] {
            assert!(output.contains(said), "{said}: {output}");
        }
        // What our own filter takes out is not in it in the first place.
        assert!(!output.contains("[redacted]") && !errors.contains("[redacted]"), "{output}");
        search(&server, &function.passwords(), &[("the function's output", &output), ("its answers", errors)]);
    }
}
