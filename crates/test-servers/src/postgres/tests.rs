use super::*;

#[tokio::test]
async fn a_server_lets_clients_in_by_password_logs_what_they_say_and_ends() {
    let Some(server) = Postgres::start().await else { return };
    server.execute("CREATE ROLE app LOGIN PASSWORD 'right'").await;
    let mut client = server.connect("app", "right", "postgres").await.unwrap();
    sqlx::raw_sql("SELECT 'said by app'").execute(&mut client).await.unwrap();
    client.close().await.unwrap();
    server.connect("app", "wrong", "postgres").await.unwrap_err();
    let log = server.log();
    assert!(log.contains("said by app") && !log.contains("right"), "{log}");
    assert_eq!(server.logins(), Logins { accepted: 1, refused: 1 });
    let (port, directory) = (server.port(), server.directory.clone());
    drop(server);
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    assert!(!directory.exists());
}

#[tokio::test]
async fn a_place_on_a_server_has_roles_a_log_and_a_database_of_its_own() {
    let Some(server) = Postgres::shared().await else { return };
    let Some(other) = Postgres::shared().await else { return };
    for place in [&server, &other] {
        place.execute("CREATE ROLE <app> LOGIN PASSWORD 'right'; CREATE TABLE t (i int)").await;
    }
    assert_eq!(server.rows("SELECT current_database()::text").await, ["main"]);
    assert_eq!(server.roles().await.len(), 1);
    let mut client = server.connect(&server.name("app"), "right", server.database()).await.unwrap();
    sqlx::raw_sql("SELECT 'said by app'").execute(&mut client).await.unwrap();
    client.close().await.unwrap();
    server.connect(&server.name("app"), "wrong", server.database()).await.unwrap_err();
    let log = server.log();
    assert!(log.contains("app@main consumer LOG:  statement: SELECT 'said by app'"), "{log}");
    assert_eq!(server.logins(), Logins { accepted: 1, refused: 1 });
    assert_eq!(other.logins(), Logins::default(), "{}", other.log());
    assert!(server.whole_log().contains("SELECT 'said by app'"));
}
