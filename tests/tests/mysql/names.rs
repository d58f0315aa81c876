use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::{Flavour, MySql};
use serde_json::Value;

use crate::world::{FIRST, OF_ADMIN, assert_error, make_admin, opens, pair_of, secret, text, world_of};

const NAMES: [&str; 12] = [
    "with space",
    "semi;colon",
    "quote\"double",
    "quote'single",
    "back`quote",
    "back\\slash",
    "`; DROP USER boss; --",
    "größe-名前-Ж",
    "Upper",
    "select",
    "a TO b",
    "per%cent_@home",
];

fn quoted(name: &str) -> String {
    format!("`{}`@'%'", name.replace('`', "``"))
}

/// Rotates an account alone, then with a clone.
async fn rotates(server: &MySql, name: &str) {
    server
        .execute(&format!(
            "CREATE USER {0} IDENTIFIED BY {1}; GRANT SELECT ON main.* TO {0}",
            quoted(name),
            text(FIRST)
        ))
        .await;
    let mut alone = world_of(&secret(server, name, FIRST));
    alone.rotate().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(opens(server, &alone.current()).await, "{name}");
    let mut pair = pair_of(&alone.current(), &secret(server, "boss", OF_ADMIN));
    for suffix in ["_clone", "", "_clone"] {
        pair.rotate().await.unwrap_or_else(|error| panic!("{name}{suffix}: {error}"));
        assert_eq!(pair.current()["username"], Value::from(format!("{name}{suffix}")));
        assert!(opens(server, &pair.current()).await, "{name}{suffix}");
    }
}

#[tokio::test]
async fn accounts_of_any_name_rotate_alone_and_with_a_clone() {
    for flavour in Flavour::ALL {
        let Some(server) = MySql::start(flavour).await else { continue };
        make_admin(&server).await;
        for name in NAMES {
            rotates(&server, name).await;
        }
        assert!(opens(&server, &secret(&server, "boss", OF_ADMIN)).await);
    }
}

#[tokio::test]
async fn a_server_in_another_mode_of_sql_rotates_any_name_with_a_clone() {
    for flavour in Flavour::ALL {
        let Some(server) = MySql::start(flavour).await else { continue };
        make_admin(&server).await;
        for name in NAMES {
            server.execute(&format!("CREATE USER {} IDENTIFIED BY {}", quoted(name), text(FIRST))).await;
        }
        server.execute("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'").await;
        for name in NAMES {
            let mut secret = secret(&server, name, FIRST);
            secret.as_object_mut().unwrap().remove("dbname");
            let mut pair = pair_of(&secret, &crate::world::secret(&server, "boss", OF_ADMIN));
            for _ in 0..2 {
                pair.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {name}: {error}"));
                assert!(opens(&server, &pair.current()).await, "{flavour}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused_before_anything_is_stored() {
    for (flavour, longest, says) in [
        (Flavour::MySql, 26, "has 33 characters, and MySQL allows at most 32"),
        (Flavour::MariaDb, 74, "has 81 characters, and MariaDB allows at most 80"),
    ] {
        let Some(server) = MySql::start(flavour).await else { continue };
        make_admin(&server).await;
        let name = "é".repeat(longest);
        server.execute(&format!("CREATE USER {} IDENTIFIED BY {}", quoted(&name), text(FIRST))).await;
        let admin = secret(&server, "boss", OF_ADMIN);
        let mut secret = secret(&server, &name, FIRST);
        secret.as_object_mut().unwrap().remove("dbname");
        let mut pair = pair_of(&secret, &admin);
        pair.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        assert!(opens(&server, &pair.current()).await);

        secret["username"] = ("é".repeat(longest) + "x").into();
        let mut pair = pair_of(&secret, &admin);
        let token = pair.start();
        assert_error(&pair.step(Step::Create, &token).await.unwrap_err(), ErrorKind::Invalid, &[says, "_clone"]);
        assert!(pair.labelled("AWSPENDING").is_none());

        secret["username"] = name.into();
        let mut pair = pair_of(&secret, &admin);
        pair.variable("USERNAME_CHARACTER_LIMIT", "16");
        let token = pair.start();
        let error = pair.step(Step::Create, &token).await.unwrap_err();
        assert_error(&error, ErrorKind::Invalid, &["the variable `USERNAME_CHARACTER_LIMIT` allows at most 16"]);
    }
}
