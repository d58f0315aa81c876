//! The owner changes the base at random between rotations: the clone equals it, and the base keeps what it has.

use fourstep_test_servers::mysql::{Flavour, MySql, Options};
use sqlx::{AssertSqlSafe, Connection};

use crate::world::{FIRST, World, admin, app, make_admin, opens, pair_of, prepare, server_with_admin, text};

const ROTATIONS: usize = 10;
/// Before each that makes the clone equal. A base that lost a right since then is not promoted.
const CHANGES: usize = 16;

/// What an owner does to the base on either server.
const ON_BOTH: &[&str] = &[
    "GRANT SELECT, SHOW DATABASES ON *.* TO $base",
    "REVOKE SELECT ON *.* FROM $base",
    "GRANT RELOAD ON *.* TO $base WITH GRANT OPTION",
    "REVOKE GRANT OPTION ON *.* FROM $base",
    "REVOKE RELOAD ON *.* FROM $base",
    "GRANT SELECT, UPDATE ON <main>.* TO $base",
    "REVOKE UPDATE ON <main>.* FROM $base",
    "GRANT ALL ON <main>.* TO $base",
    "REVOKE ALL ON <main>.* FROM $base",
    "GRANT EVENT ON `<main>\\_%`.* TO $base WITH GRANT OPTION",
    "REVOKE GRANT OPTION ON `<main>\\_%`.* FROM $base",
    "REVOKE EVENT ON `<main>\\_%`.* FROM $base",
    "GRANT DELETE, TRIGGER ON <main>.t TO $base WITH GRANT OPTION",
    "REVOKE GRANT OPTION ON <main>.t FROM $base",
    "REVOKE DELETE ON <main>.t FROM $base",
    "GRANT SELECT (i), INSERT (i, j), UPDATE (j) ON <main>.t TO $base",
    "REVOKE INSERT (i) ON <main>.t FROM $base",
    "REVOKE UPDATE (j) ON <main>.t FROM $base",
    "GRANT ALL ON <main>.t TO $base",
    "REVOKE ALL ON <main>.t FROM $base",
    "GRANT EXECUTE ON PROCEDURE <main>.p TO $base WITH GRANT OPTION",
    "GRANT EXECUTE, ALTER ROUTINE ON FUNCTION <main>.f TO $base",
    "REVOKE EXECUTE ON PROCEDURE <main>.p FROM $base",
    "REVOKE ALTER ROUTINE ON FUNCTION <main>.f FROM $base",
    "GRANT <reader> TO $base",
    "GRANT <reader> TO $base WITH ADMIN OPTION",
    "REVOKE <reader> FROM $base",
    "GRANT <writer> TO $base",
    "REVOKE <writer> FROM $base",
    "GRANT PROXY ON <other>@'%' TO $base WITH GRANT OPTION",
    "GRANT PROXY ON <other>@'%' TO $base",
    "REVOKE PROXY ON <other>@'%' FROM $base",
    "ALTER USER $base REQUIRE NONE",
    "ALTER USER $base WITH MAX_USER_CONNECTIONS 40 MAX_QUERIES_PER_HOUR 100000",
    "ALTER USER $base WITH MAX_CONNECTIONS_PER_HOUR 90000 MAX_UPDATES_PER_HOUR 80000",
    "ALTER USER $base WITH MAX_USER_CONNECTIONS 0 MAX_QUERIES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0",
    "ALTER USER $base PASSWORD EXPIRE INTERVAL 90 DAY",
    "ALTER USER $base PASSWORD EXPIRE NEVER",
    "ALTER USER $base PASSWORD EXPIRE DEFAULT",
];

const ON_MYSQL: &[&str] = &[
    "CREATE ROLE <late>",
    "GRANT <late> TO $base",
    "GRANT XA_RECOVER_ADMIN, APPLICATION_PASSWORD_ADMIN ON *.* TO $base",
    "GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO $base WITH GRANT OPTION",
    "REVOKE XA_RECOVER_ADMIN ON *.* FROM $base",
    "REVOKE APPLICATION_PASSWORD_ADMIN ON *.* FROM $base",
    "REVOKE SELECT ON mysql.* FROM $base",
    "GRANT SELECT ON mysql.* TO $base",
    "ALTER USER $base DEFAULT ROLE ALL",
    "ALTER USER $base DEFAULT ROLE NONE",
    "ALTER USER $base PASSWORD HISTORY 3 PASSWORD REUSE INTERVAL 4 DAY",
    "ALTER USER $base PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT",
    "ALTER USER $base PASSWORD REQUIRE CURRENT OPTIONAL",
    "ALTER USER $base PASSWORD REQUIRE CURRENT DEFAULT",
    "ALTER USER $base FAILED_LOGIN_ATTEMPTS 5 PASSWORD_LOCK_TIME UNBOUNDED",
    "ALTER USER $base FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0",
    "ALTER USER $base COMMENT 'of team ''one'''",
    "ALTER USER $base ATTRIBUTE '{\"team\": {\"name\": \"one\", \"since\": 2}}'",
    "ALTER USER $base ATTRIBUTE '{\"team\": {\"since\": null}}'",
    "ALTER USER $base ATTRIBUTE '{\"team\": null, \"comment\": null}'",
];

const ON_MARIADB: &[&str] = &[
    "GRANT CONNECTION ADMIN, BINLOG MONITOR ON *.* TO $base",
    "REVOKE CONNECTION ADMIN ON *.* FROM $base",
    "GRANT DELETE HISTORY ON <main>.* TO $base",
    "SET DEFAULT ROLE <reader> FOR $base",
    "SET DEFAULT ROLE NONE FOR $base",
    "ALTER USER $base WITH MAX_STATEMENT_TIME 33.5",
    "ALTER USER $base WITH MAX_STATEMENT_TIME 0",
];

/// What no consumer of these tests could meet: looked at on an entry of another host.
const REQUIREMENTS: &[&str] = &[
    "ALTER USER $base REQUIRE SSL",
    "ALTER USER $base REQUIRE X509",
    "ALTER USER $base REQUIRE SUBJECT '/CN=it''s \\\\ me' AND ISSUER '/CN=\"it\"'",
    "ALTER USER $base REQUIRE CIPHER 'ECDHE-RSA-AES128-GCM-SHA256' AND ISSUER '/CN=i'",
    "ALTER USER $base ACCOUNT LOCK",
    "ALTER USER $base ACCOUNT UNLOCK",
];

/// Describes what an account is and may do, without its name, its password and our mark.
async fn account(server: &MySql, user: &str, host: &str) -> Vec<String> {
    let plain = |row: &String| {
        let mut row = row.replace(&format!("`{user}`@"), "`*`@").replace(&format!("'{user}'@"), "'*'@");
        if let Some(from) = row.find(" IDENTIFIED ") {
            let rest = row.split_off(from);
            // MariaDB's hash has 41 characters; MySQL's is followed by REQUIRE at the latest.
            let end = match rest.strip_prefix(" IDENTIFIED BY PASSWORD '") {
                Some(hash) => rest.len() - hash.len() + 42,
                None => [" DEFAULT ROLE ", " REQUIRE "].iter().filter_map(|word| rest.find(word)).min().unwrap(),
            };
            row.push_str(&rest[end..]);
        }
        // Whether a limit of 0 is shown depends on whether it was ever named.
        for limit in ["QUERIES_PER_HOUR", "UPDATES_PER_HOUR", "CONNECTIONS_PER_HOUR", "USER_CONNECTIONS"] {
            row = row.replace(&format!(" MAX_{limit} 0 "), " ").replace(&format!(" WITH MAX_{limit} 0 "), " ");
        }
        let row = row.replace(" WITH PASSWORD ", " PASSWORD ");
        match row.split_once(" ATTRIBUTE ") {
            Some((row, _)) => row.to_owned(),
            None => row,
        }
    };
    // Both servers go on to show some options as they were, until they read their tables again: PASSWORD EXPIRE of MySQL,
    // the option of PROXY of MariaDB.
    server.execute("FLUSH PRIVILEGES").await;
    let rows = server.rows(&format!("SHOW GRANTS FOR <{user}>@'{host}'; SHOW CREATE USER <{user}>@'{host}'")).await;
    let mut rows: Vec<String> = rows.iter().map(plain).collect();
    if server.flavour() == Flavour::MySql {
        rows.extend(
            server
                .rows(&format!(
                    "SELECT COALESCE(JSON_REMOVE(ATTRIBUTE, '$.fourstep'), '{{}}') FROM information_schema.USER_ATTRIBUTES
                      WHERE CONCAT(USER, '@', HOST) = '<{user}>@{host}'"
                ))
                .await,
        );
    }
    rows.sort();
    rows
}

/// Numbers that are the same in every run: <https://prng.di.unimi.it/splitmix64.c>.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

/// Returns how often the base had a right on all databases but one.
async fn stays_equal(server: &MySql, mut world: World, seed: u64) -> usize {
    let flavour = server.flavour();
    server
        .execute(
            "CREATE USER <other>@'%'; CREATE ROLE <reader>; CREATE ROLE <writer>; GRANT SELECT ON <main>.* TO <reader>;
             CREATE PROCEDURE p() SELECT 1; CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1;
             GRANT ALL ON *.* TO <boss>@'%' WITH GRANT OPTION",
        )
        .await;
    server.execute(&format!("CREATE USER <app>@'10.%' IDENTIFIED BY {}", text(FIRST))).await;
    server
        .execute("GRANT PROXY ON ''@'' TO <boss>@'%' WITH GRANT OPTION; CREATE USER <owner>@'%' IDENTIFIED BY 'owning'")
        .await;
    server.execute("GRANT ALL ON *.* TO <owner>@'%' WITH GRANT OPTION").await;
    server.execute("GRANT PROXY ON ''@'' TO <owner>@'%' WITH GRANT OPTION").await;
    if flavour == Flavour::MariaDb {
        server
            .execute(
                "GRANT <reader> TO <owner>@'%' WITH ADMIN OPTION; GRANT <writer> TO <owner>@'%' WITH ADMIN OPTION;
                      GRANT <reader> TO <boss>@'%' WITH ADMIN OPTION; GRANT <writer> TO <boss>@'%' WITH ADMIN OPTION",
            )
            .await;
    }
    let changes: Vec<&str> =
        ON_BOTH.iter().chain(if flavour == Flavour::MySql { ON_MYSQL } else { ON_MARIADB }).copied().collect();
    let mut numbers = Numbers(seed);
    let (mut accepted, mut clone_turns, mut partly_revoked) = (0, 0, 0);
    for rotation in 0..ROTATIONS {
        let mut made = Vec::new();
        let is_clones_turn = rotation % 2 == 0;
        for _ in 0..if is_clones_turn { CHANGES } else { 0 } {
            let (change, host) = match numbers.below(4) {
                0 => (REQUIREMENTS[numbers.below(REQUIREMENTS.len())], "10.%"),
                1 => (changes[numbers.below(changes.len())], "10.%"),
                _ => (changes[numbers.below(changes.len())], "%"),
            };
            let mut statement = change.replace("$base", &format!("<app>@'{host}'"));
            for name in ["app", "main", "late", "reader", "writer", "other"] {
                statement = statement.replace(&format!("<{name}>"), &server.name(name));
            }
            // Some ask for what is not there to take, and the server says so.
            let mut owner = server.connect(&server.name("owner"), "owning", None).await.unwrap();
            if sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut owner).await.is_ok() {
                accepted += 1;
                made.push(statement);
            }
            owner.close().await.unwrap();
        }
        let at = format!("{flavour}, seed {seed}, rotation {rotation}, {made:?}");
        let base = [account(server, "app", "%").await, account(server, "app", "10.%").await];
        partly_revoked += usize::from(base[0].iter().any(|row| row.starts_with("REVOKE SELECT ON `mysql`.*")));
        // What a person gives the clone goes again.
        if is_clones_turn && rotation > 0 {
            server.execute(extra(&mut numbers)).await;
        }
        world.rotate().await.unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!([account(server, "app", "%").await, account(server, "app", "10.%").await], base, "{at}");
        if crate::world::name(server, &world.current()) == "app_clone" {
            clone_turns += 1;
            let clone = [account(server, "app_clone", "%").await, account(server, "app_clone", "10.%").await];
            for (clone, base) in clone.into_iter().zip(base) {
                let of_base: Vec<String> = base.iter().map(|row| row.replace("app_clone", "*")).collect();
                assert_eq!(clone, of_base, "{at}");
            }
        }
        assert!(opens(server, &world.current()).await && opens(server, &world.previous()).await, "{at}");
    }
    assert_eq!(clone_turns, ROTATIONS / 2);
    assert!(accepted >= ROTATIONS / 2 * CHANGES / 3, "{accepted} changes were made");
    println!(
        "{flavour}, seed {seed}: {accepted} changes to the base in {ROTATIONS} rotations, the clone equal after each"
    );
    partly_revoked
}

/// What somebody gives the clone by hand.
fn extra(numbers: &mut Numbers) -> &'static str {
    [
        "GRANT DROP ON <main>.* TO <app_clone>@'%'",
        "GRANT PROCESS ON *.* TO <app_clone>@'%'",
        "GRANT INDEX ON <main>.t TO <app_clone>@'10.%' WITH GRANT OPTION",
        "GRANT <writer> TO <app_clone>@'10.%'",
        "ALTER USER <app_clone>@'%' WITH MAX_USER_CONNECTIONS 33",
    ][numbers.below(5)]
}

#[tokio::test]
async fn the_clone_equals_its_base_after_each_rotation_on_mysql() {
    for seed in 1..=3 {
        let Some((server, world)) = server_with_admin(Flavour::MySql).await else { return };
        stays_equal(&server, world, seed).await;
    }
}

/// A setting of the whole server, by which a right on everything can be taken away for one database.
#[tokio::test]
async fn the_clone_equals_its_base_after_each_rotation_on_mysql_with_partial_revokes() {
    let options = Options { settings: vec!["--partial-revokes=ON"], ..Options::default() };
    let Some(server) = MySql::start_with(Flavour::MySql, options).await else { return };
    prepare(&server).await;
    make_admin(&server).await;
    server.execute("GRANT SELECT ON *.* TO app@'%'; REVOKE SELECT ON mysql.* FROM app@'%'").await;
    let world = pair_of(&app(&server), &admin(&server));
    let partly_revoked = stays_equal(&server, world, 7).await;
    println!("with a partial revoke in {partly_revoked} of {ROTATIONS} rotations");
    assert!((1..ROTATIONS).contains(&partly_revoked), "it is there, and goes: {partly_revoked}");
}

#[tokio::test]
async fn the_clone_equals_its_base_after_each_rotation_on_mariadb() {
    for seed in 4..=6 {
        let Some((server, world)) = server_with_admin(Flavour::MariaDb).await else { return };
        stays_equal(&server, world, seed).await;
    }
}
