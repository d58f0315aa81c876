use fourstep::{Filter, Sensitive, Step};
use fourstep_testkit::mysql::{Flavour, MySql};

pub(crate) use fourstep_testkit::captured::capture;

use crate::world::{FIRST, World, admin, app, secret};

/// Checks that a text holds none of the secrets in any form.
fn assert_clean(what: &str, text: &str, secrets: &[Sensitive]) {
    let filter = Filter::new();
    secrets.iter().for_each(|secret| filter.learn(secret));
    assert!(secrets.len() > 1 && filter.apply(FIRST) == "[redacted]", "the check itself works");
    for (line, clean) in text.lines().zip(filter.apply(text).lines()) {
        assert_eq!(line, clean, "{what}");
    }
}

/// Rotates by every strategy, well and with errors, and gives the errors' texts and all secrets.
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
    let strategies: &[&str] =
        if server.flavour() == Flavour::MySql { &["single-user", "dual-password"] } else { &["single-user"] };
    if server.flavour() == Flavour::MySql {
        server.execute("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO <app>@'%'").await;
    }
    for strategy in strategies {
        let mut single = World::new(&current);
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
    let mut lost = World::alternating(&secret(server, &server.name("app"), "a-wrong-password"), &admin(server));
    let error = lost.failing_set().await;
    errors += &format!("{error} {error:?}\n");
    secrets.extend(lost.passwords());
    (errors, secrets)
}

#[tokio::test]
async fn no_password_is_in_the_servers_logs_in_ours_or_in_an_error() {
    for flavour in Flavour::ALL {
        let (captured, _guard) = capture();
        // A server of its own: it is made read only.
        let Some(server) = MySql::start(flavour).await else { continue };
        crate::world::prepare(&server).await;
        crate::world::make_admin(&server).await;
        let world = World::alternating(&app(&server), &admin(&server));
        let (errors, secrets) = rotate_in_every_way(&server, world).await;
        assert!(secrets.len() >= 10, "old and new ones");
        let (general, error, ours) = (server.whole_general_log(), server.whole_error_log(), captured.text());
        let set = if flavour == Flavour::MySql { "IDENTIFIED BY <secret>" } else { "SET PASSWORD" };
        assert!(general.contains(set), "the statements were logged: {general}");
        assert!(ours.contains("the connection is not encrypted"), "{ours}");
        assert!(errors.contains("is read only"), "{errors}");
        for (what, text) in [("general log", &general), ("error log", &error), ("our log", &ours), ("errors", &errors)]
        {
            assert_clean(&format!("{flavour}: {what}"), text, &secrets);
        }
        println!(
            "{flavour}: {} secrets, in none of {} bytes of logs",
            secrets.len(),
            general.len() + error.len() + ours.len()
        );
    }
}
