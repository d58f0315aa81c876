use fourstep::{ErrorKind, Step};
use serde_json::Value;

use crate::world::{
    FIRST, assert_error, let_administer, opens, pair_of, secret, server_with_admin, shared, shared_with_admin, world_of,
};

const NAMES: [&str; 10] = [
    "with space",
    "semi;colon",
    "quote\"double",
    "quote'single",
    "back\\slash",
    "\"; DROP ROLE boss; --",
    "größe-名前-Ж",
    "Upper",
    "select",
    "equals=sign %s $1",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[tokio::test]
async fn accounts_of_any_name_rotate_alone_and_with_a_clone() {
    let Some((server, alternating)) = server_with_admin().await else { return };
    let masterarn = alternating.current()["masterarn"].clone();
    let longest = "é".repeat(28) + "x";
    for name in NAMES.iter().copied().chain([longest.as_str()]) {
        let role = quoted(name);
        server.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{FIRST}'")).await;
        let_administer(&server, &role).await;
        let mut secret = secret(&server, name, FIRST);
        let mut world = world_of(&secret);
        world.rotate().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(opens(&server, &world.current()).await, "{name}");
        secret["password"] = world.current()["password"].clone();
        secret["masterarn"] = masterarn.clone();
        let mut world = pair_of(&secret, &crate::world::secret(&server, "boss", "admin-password"));
        for suffix in ["_clone", "", "_clone"] {
            world.rotate().await.unwrap_or_else(|error| panic!("{name}{suffix}: {error}"));
            assert_eq!(world.current()["username"], Value::from(format!("{name}{suffix}")));
            assert!(opens(&server, &world.current()).await, "{name}{suffix}");
        }
    }
    assert!(opens(&server, &crate::world::secret(&server, "boss", "admin-password")).await);
}

#[tokio::test]
async fn a_name_of_63_bytes_rotates_and_its_clone_is_refused_before_anything_is_stored() {
    let Some((server, world)) = shared_with_admin().await else { return };
    // With the ten bytes that set this test's names apart.
    let longest = "é".repeat(26) + "x";
    assert_eq!(server.name(&longest).len(), 63);
    server.execute(&format!("CREATE ROLE \"{}\" LOGIN PASSWORD '{FIRST}'", server.name(&longest))).await;
    let mut alone = world_of(&secret(&server, &longest, FIRST));
    alone.rotate().await.unwrap();
    assert!(opens(&server, &alone.current()).await);

    // 58 bytes and `_clone` are 64: one more than there is room for, though they are fewer characters.
    let base = "é".repeat(24);
    let mut secret = secret(&server, &base, FIRST);
    secret["masterarn"] = world.current()["masterarn"].clone();
    let mut pair = pair_of(&secret, &crate::world::secret(&server, "boss", "admin-password"));
    let token = pair.start();
    let error = pair.step(Step::Create, &token).await.unwrap_err();
    assert_error(&server, &error, ErrorKind::Invalid, &["has 64 bytes, and PostgreSQL allows at most 63", "_clone"]);
    assert!(pair.labelled("AWSPENDING").is_none());
}

#[tokio::test]
async fn what_the_driver_cannot_log_in_with_is_said() {
    let Some(server) = shared().await else { return };
    server.execute("CREATE ROLE \"<a>a,b\" LOGIN PASSWORD 'first-password'; ALTER ROLE <app> PASSWORD 'emoji😀'").await;
    let mut world = world_of(&secret(&server, "aa,b", FIRST));
    assert_error(&server, &world.failing_set().await, ErrorKind::Invalid, &["`aa,b` has a comma"]);
    server.execute("CREATE ROLE \"<a>a😀\" LOGIN PASSWORD 'first-password'").await;
    let mut world = world_of(&secret(&server, "aa😀", FIRST));
    assert_error(
        &server,
        &world.failing_set().await,
        ErrorKind::Invalid,
        &["the user name of account `aa😀`", "SASLprep"],
    );
    let mut world = world_of(&secret(&server, "app", "emoji😀"));
    let error = world.failing_set().await;
    assert_error(&server, &error, ErrorKind::Invalid, &["the password of account `app`", "SASLprep"]);
    assert!(!error.to_string().contains('😀'), "{error}");
}
