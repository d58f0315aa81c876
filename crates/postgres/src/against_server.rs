//! What is written for the server, compared with what the server itself makes of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fourstep::Sensitive;
use fourstep_test_servers::postgres::Postgres;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sqlx::{AssertSqlSafe, Column, Connection, Row};

use crate::clones::setting::{quote_parameter, quote_value};
use crate::identifier::{literal, quote};
use crate::verifier::{ITERATIONS, md5, scram};

/// Texts of up to 63 bytes, with more of what is special in SQL than chance would give.
fn texts() -> impl Iterator<Item = String> {
    let part = proptest::prop_oneof![
        "[\"'\\\\;$ -]{1,4}",
        "[a-zA-Z0-9_]{1,6}",
        "[^\0]{1,3}",
        proptest::strategy::Just("--".to_owned()),
        proptest::strategy::Just("/*".to_owned()),
        proptest::strategy::Just("\\'".to_owned()),
        proptest::strategy::Just("$$".to_owned()),
    ];
    let texts = proptest::collection::vec(part, 1..12).prop_map(|parts| parts.concat());
    let mut runner = TestRunner::deterministic();
    std::iter::from_fn(move || Some(texts.new_tree(&mut runner).expect("nothing is filtered").current()))
        .filter(|text| text.len() <= 63)
}

#[tokio::test]
async fn the_server_reads_names_and_values_as_they_were() {
    let Some(server) = Postgres::shared().await else { return };
    server.execute("CREATE ROLE <app> LOGIN PASSWORD 'app'").await;
    let mut client = server.connect(&server.name("app"), "app", server.database()).await.unwrap();
    for (number, text) in texts().take(400).enumerate() {
        let conforming = if number % 2 == 0 { "on" } else { "off" };
        let query = format!(
            "SET standard_conforming_strings = {conforming}; SELECT {} AS {}, quote_ident({})",
            literal(&text),
            quote(&text),
            literal(&text)
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(&mut client).await;
        let row = rows.unwrap_or_else(|error| panic!("{text:?}: {error}")).remove(0);
        assert_eq!(row.get::<String, _>(0), text);
        assert_eq!(row.columns()[0].name(), text);
        // The server leaves out the quotes where a name needs none.
        let theirs = row.get::<String, _>(1);
        assert!(theirs == quote(&text) || theirs == text, "{theirs}");
    }
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_setting_that_is_copied_is_stored_as_the_same_value() {
    let Some(server) = Postgres::shared().await else { return };
    server.execute("CREATE ROLE <app>; CREATE ROLE <app_clone>").await;
    let settings = |role: &str| {
        format!("SELECT entry FROM pg_db_role_setting, unnest(setconfig) entry WHERE setrole = '<{role}>'::regrole")
    };
    let mut texts = texts();
    for number in 0..100 {
        let list: Vec<String> = texts.by_ref().take(number % 4 + 1).map(|text| literal(&text)).collect();
        let change = format!(
            "ALTER ROLE <app> SET search_path = {}; ALTER ROLE <app> SET application_name = {};
             ALTER ROLE <app> SET DateStyle = 'SQL, MDY'; ALTER ROLE <app> SET myapp.\"user\" = {}",
            list.join(", "),
            literal(&texts.next().unwrap()),
            literal(&texts.next().unwrap())
        );
        server.execute(&change).await;
        let found = server.rows(&settings("app")).await;
        assert_eq!(found.len(), 4);
        for setting in &found {
            let (name, value) = setting.split_once('=').unwrap();
            let (parameter, value) = (quote_parameter(name), quote_value(name, value));
            server.execute(&format!("ALTER ROLE <app_clone> SET {parameter} TO {value}")).await;
        }
        assert_eq!(server.rows(&settings("app_clone")).await, found);
    }
}

#[tokio::test]
async fn a_verifier_is_the_one_that_the_server_makes_of_the_password_and_salt() {
    let Some(server) = Postgres::shared().await else { return };
    server.execute("CREATE ROLE <app> LOGIN").await;
    let passwords = ["plain", "a\u{A0}b", "I\u{AD}X", "\u{2168}ª", "pass😀", "\u{AD}", "\u{627}1", "a\tb", "größe"];
    for password in passwords.map(str::to_owned).into_iter().chain(texts().take(20)) {
        server.execute(&format!("ALTER ROLE <app> PASSWORD {}", literal(&password))).await;
        let theirs = server.rows("SELECT rolpassword FROM pg_authid WHERE rolname = '<app>'").await.remove(0);
        let salt = theirs.split(['$', ':']).nth(2).unwrap();
        let salt = STANDARD.decode(salt).unwrap().try_into().unwrap();
        assert_eq!(scram(&Sensitive::new(&password), &salt, ITERATIONS).expose(), theirs, "{password:?}");
    }
}

#[tokio::test]
async fn an_md5_verifier_is_the_one_that_the_server_makes_of_the_password() {
    let Some(server) = Postgres::shared().await else { return };
    server.execute("CREATE ROLE <app> LOGIN").await;
    for password in ["plain", "größe", "a\tb"].map(str::to_owned).into_iter().chain(texts().take(20)) {
        let change = format!("SET password_encryption = md5; ALTER ROLE <app> PASSWORD {}", literal(&password));
        server.execute(&change).await;
        let theirs = server.rows("SELECT rolpassword FROM pg_authid WHERE rolname = '<app>'").await.remove(0);
        assert_eq!(md5(&Sensitive::new(&password), &server.name("app")).expose(), theirs, "{password:?}");
    }
}

#[tokio::test]
async fn the_server_stores_a_verifier_as_it_is_and_lets_its_password_in() {
    let Some(server) = Postgres::shared().await else { return };
    let app = server.name("app");
    let password = Sensitive::new("it's \"a\" pass\\word; --");
    let verifier = scram(&password, &[7; 16], ITERATIONS);
    server.execute(&format!("CREATE ROLE <app> LOGIN PASSWORD {}", literal(verifier.expose()))).await;
    assert_eq!(server.rows("SELECT rolpassword FROM pg_authid WHERE rolname = '<app>'").await, [verifier.expose()]);
    server.connect(&app, password.expose(), server.database()).await.unwrap().close().await.unwrap();
    server.connect(&app, "another", server.database()).await.unwrap_err();
}
