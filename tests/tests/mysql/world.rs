use fourstep::accounts::Strategies;
use fourstep_mysql::Mysql;
use fourstep_test_servers::mysql::{Flavour, MySql};
use serde_json::{Value, json};
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{AssertSqlSafe, Connection};

pub(crate) use fourstep_testkit::world::assert_error;

pub(crate) type World = fourstep_testkit::world::World<Strategies<Mysql>>;

pub(crate) const FIRST: &str = "first-Pa55\"word'\\~";
pub(crate) const OF_ADMIN: &str = "admin-Pa55\"word'\\~";

/// What Amazon RDS lets its master user do: everything but SUPER and what belongs to it.
const RIGHTS_OF_ADMIN: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER,
    SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW,
    SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER";

/// Quotes a text for a statement of a test.
pub(crate) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A secret of an account, in plaintext, by its name on this server.
pub(crate) fn secret(server: &MySql, username: &str, password: &str) -> Value {
    let engine = if server.flavour() == Flavour::MySql { "mysql" } else { "mariadb" };
    json!({
        "engine": engine, "host": server.host(), "port": server.port(), "username": username, "password": password,
        "dbname": server.database(), "ssl": false
    })
}

/// The secret of the account `app`.
pub(crate) fn app(server: &MySql) -> Value {
    secret(server, &server.name("app"), FIRST)
}

/// Creates a world with a secret of an account.
pub(crate) fn world_of(secret: &Value) -> World {
    World::new(strategies(), secret)
}

/// Creates a world with a secret that two accounts take turns in, and the administrator's secret.
pub(crate) fn pair_of(secret: &Value, admin: &Value) -> World {
    World::alternating(strategies(), secret, admin)
}

fn strategies() -> Strategies<Mysql> {
    Strategies::from(Mysql::new())
}

/// A world with that secret, rotated by this strategy.
pub(crate) fn world(server: &MySql, strategy: &str) -> World {
    let world = world_of(&app(server));
    world.tag("fourstep:strategy", strategy);
    world
}

/// A place on a server with an account `app` that may read and write the table `t`.
pub(crate) async fn server(flavour: Flavour) -> Option<MySql> {
    let server = MySql::shared(flavour).await?;
    prepare(&server).await;
    Some(server)
}

pub(crate) async fn prepare(server: &MySql) {
    let first = text(FIRST);
    server
        .execute(&format!(
            "CREATE TABLE t (i int, j int);
             CREATE USER <app>@'%' IDENTIFIED BY {first};
             GRANT SELECT, INSERT ON <main>.* TO <app>@'%'"
        ))
        .await;
}

/// The same with an administrator as Amazon RDS makes it.
pub(crate) async fn server_with_admin(flavour: Flavour) -> Option<(MySql, World)> {
    let server = server(flavour).await?;
    make_admin(&server).await;
    let world = pair_of(&app(&server), &admin(&server));
    Some((server, world))
}

pub(crate) fn admin(server: &MySql) -> Value {
    secret(server, &server.name("boss"), OF_ADMIN)
}

pub(crate) async fn make_admin(server: &MySql) {
    let password = text(OF_ADMIN);
    server
        .execute(&format!(
            "CREATE USER <boss>@'%' IDENTIFIED BY {password};
             GRANT {RIGHTS_OF_ADMIN} ON *.* TO <boss>@'%' WITH GRANT OPTION"
        ))
        .await;
    if server.flavour() == Flavour::MySql {
        server.execute("GRANT APPLICATION_PASSWORD_ADMIN, ROLE_ADMIN ON *.* TO <boss>@'%' WITH GRANT OPTION").await;
    }
}

/// Logs in as a consumer with a secret's value, and runs statements.
pub(crate) async fn consume(server: &MySql, secret: &Value, statements: &str) -> sqlx::Result<()> {
    let text = |field: &str| secret[field].as_str().unwrap();
    let mut client = server.connect(text("username"), text("password"), secret["dbname"].as_str()).await?;
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut client).await?;
    client.close().await
}

/// Returns whether an answer of the server has this code.
pub(crate) fn is_code<T>(answer: &sqlx::Result<T>, code: u16) -> bool {
    let Err(sqlx::Error::Database(answer)) = answer else { return false };
    answer.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|answer| answer.number() == code)
}

pub(crate) async fn opens(server: &MySql, secret: &Value) -> bool {
    let answer = consume(server, secret, "SELECT 1").await;
    if is_code(&answer, 1045) {
        return false;
    }
    answer.unwrap();
    true
}

/// Returns the plain name of the account in a secret.
pub(crate) fn name(server: &MySql, secret: &Value) -> String {
    server.plain(secret["username"].as_str().unwrap())
}
