use sqlx::mysql::MySqlSslMode;

use super::*;

/// Returns the server's number of an error.
fn number(error: &sqlx::Error) -> u16 {
    let database = error.as_database_error().unwrap_or_else(|| panic!("{error:?}"));
    database.downcast_ref::<sqlx::mysql::MySqlDatabaseError>().number()
}

#[tokio::test]
async fn a_server_lets_clients_in_by_password_logs_what_they_say_and_ends() {
    for flavour in Flavour::ALL {
        let Some(server) = MySql::start(flavour).await else { return };
        assert_eq!(server.rows("SELECT @@version LIKE '%MariaDB%', @@port").await.len(), 1);
        server.execute("CREATE USER app@'%' IDENTIFIED BY 'right'; GRANT ALL ON main.* TO app@'%'").await;
        let mut client = server.connect("app", "right", Some("main")).await.unwrap();
        sqlx::raw_sql("SELECT 'said by app'").execute(&mut client).await.unwrap();
        client.close().await.unwrap();
        let refused = server.connect("app", "wrong", None).await.unwrap_err();
        assert_eq!(number(&refused), 1045);
        let log = server.general_log();
        assert!(log.contains("said by app") && !log.contains("right"), "{log}");
        assert!(server.error_log().contains("Access denied for user 'app'"), "{}", server.whole_error_log());
        let (port, directory) = (server.port(), server.directory.clone());
        drop(server);
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        assert!(!directory.exists(), "{flavour}");
    }
}

#[tokio::test]
async fn a_place_on_a_server_has_accounts_logs_and_a_database_of_its_own() {
    for flavour in Flavour::ALL {
        let Some(server) = MySql::shared(flavour).await else { return };
        server.execute("CREATE USER '<app>'@'%' IDENTIFIED BY 'right'; GRANT SELECT ON <main>.* TO '<app>'@'%'").await;
        assert_eq!(server.rows("SELECT User FROM mysql.user WHERE User = '<app>'").await, ["app"]);
        let accounts = server.accounts().await;
        assert!(accounts.iter().any(|line| line.contains("GRANT SELECT ON `main`.*")), "{accounts:?}");
        assert!(accounts.iter().all(|line| !line.contains("root")), "{accounts:?}");
        let client = server.connect(&server.name("app"), "right", Some(server.database())).await.unwrap();
        client.close().await.unwrap();
        let mut root = server.root().connect().await.unwrap();
        sqlx::raw_sql("SELECT 'said by root'").execute(&mut root).await.unwrap();
        root.close().await.unwrap();
        let log = server.general_log();
        assert!(log.contains("app@localhost on main") && !log.contains("said by root"), "{log}");
        assert!(server.whole_general_log().contains("said by root"));
        server.connect(&server.name("app"), "wrong", None).await.unwrap_err();
        assert!(server.error_log().contains("Access denied for user 'app'"), "{}", server.whole_error_log());
    }
}

#[tokio::test]
async fn a_server_with_a_certificate_proves_by_its_authority_who_it_is() {
    for flavour in Flavour::ALL {
        for certificate in
            [Certificate::Right, Certificate::OtherName, Certificate::OtherAuthority, Certificate::Expired]
        {
            let options = Options { certificate: Some(certificate), ..Options::default() };
            let Some(server) = MySql::start_with(flavour, options).await else { return };
            server.execute("CREATE USER app@'%' IDENTIFIED BY 'right' REQUIRE SSL").await;
            let verified = server.client("app", "right").ssl_mode(MySqlSslMode::VerifyIdentity);
            let client = verified.ssl_ca(server.authority()).connect().await;
            assert_eq!(
                client.is_ok(),
                certificate == Certificate::Right,
                "{flavour}: {certificate:?}: {:?}",
                client.err()
            );
            // The account is let in by TLS alone.
            assert_eq!(number(&server.connect("app", "right", None).await.unwrap_err()), 1045, "{flavour}");
        }
        let Some(server) = MySql::start(flavour).await else { return };
        server.execute("CREATE USER app@'%' IDENTIFIED BY 'right'").await;
        let encrypted = server.client("app", "right").ssl_mode(MySqlSslMode::Required);
        assert!(matches!(encrypted.connect().await, Err(sqlx::Error::Tls(_))), "{flavour} speaks no TLS");
    }
}
