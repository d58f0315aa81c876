mod login;
mod pooler;
mod statement;

use fourstep::Error;
use fourstep_server::Operation;
use sqlx::mysql::MySqlDatabaseError;

use fourstep_server::Destination;

/// Explains what an error of the driver means.
///
/// No text of the server or the driver gets out, because it may repeat a statement: only the code and what we know.
///
/// | shape | what it is |
/// | --- | --- |
/// | `Database` | the server's own answer, by its code: of a login in `login.rs`, of a statement in `statement.rs`; or that of a proxy, in `pooler.rs` |
/// | `Io` | a failed TLS handshake, or the network: see [`Server::failed`](fourstep_server::Server::failed) |
/// | `Tls` | before the handshake: "does not support TLS", a host that can be in no certificate; of rustls, a defect of ours |
/// | `Protocol` | at login: something else than MySQL answered, or an account's plugin that the driver does not know. Later: the stream broke |
/// | anything else | a defect of ours |
pub(crate) fn classify(error: &sqlx::Error, destination: &Destination, operation: &Operation) -> Error {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<MySqlDatabaseError>() {
            Some(answer) => by_code(answer.number(), answer.message(), destination, operation),
            None => Error::other(format!("{destination} gave an answer of an unknown kind")),
        },
        sqlx::Error::Io(error) => destination.server.failed(error, operation),
        sqlx::Error::Tls(error) => {
            destination.server.tls_not_begun(&**error, "ssl_cert and ssl_key, or require_secure_transport")
        }
        sqlx::Error::Protocol(text) if operation.login => login::protocol(text, destination, operation),
        sqlx::Error::Protocol(_) => {
            Error::unavailable(format!("the connection to {destination} broke: could not {}", operation.what))
        }
        _ => Error::other(format!("the driver could not {} at {destination}", operation.what)),
    }
}

fn by_code(code: u16, text: &str, destination: &Destination, operation: &Operation) -> Error {
    pooler::by_code(code, text, destination, operation).unwrap_or_else(|| match operation.login {
        true => login::by_code(code, destination, operation),
        false => statement::by_code(code, text, destination, operation),
    })
}

/// Explains why a login failed.
pub(crate) fn explain(error: &sqlx::Error, destination: &Destination) -> Error {
    classify(error, destination, &Operation::log_in())
}

/// Reports a server that as a whole writes nothing.
pub(crate) fn read_only(destination: &Destination) -> Error {
    Error::unavailable(format!("{destination} is read only")).next(statement::USE_THE_WRITER)
}

/// Returns whether the server's answer has this code.
pub(crate) fn has_code(error: &sqlx::Error, code: u16) -> bool {
    let sqlx::Error::Database(database) = error else { return false };
    database.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|answer| answer.number() == code)
}

#[cfg(test)]
mod tests {
    use fourstep::ErrorKind;
    use fourstep_server::Server;

    use super::*;

    const FOREIGN: &str = "near 'a-password'";

    /// Explains what a code means to somebody who logs in, or has sent a statement, in plaintext.
    fn told(code: u16, text: &str, login: bool) -> Error {
        let destination =
            Destination { server: Server::new("MySQL", "db", 3306), account: "app".into(), database: None, tls: false };
        let operation =
            Operation { login, ..Operation::new("change the password of `app`@`%`").allowed_by("GRANT it") };
        let error = by_code(code, text, &destination, &operation);
        assert!(!error.to_string().contains(FOREIGN), "the server's text is foreign: {error}");
        error
    }

    #[test]
    fn the_same_code_means_different_things_at_a_login_and_in_a_statement() {
        use ErrorKind::{Forbidden, Invalid, Other, Rejected, Unavailable};
        let at_login: [(ErrorKind, &[u16]); 4] = [
            (Rejected, &[1045, 1698]),
            (Forbidden, &[3118, 3955, 4150, 4151, 1862, 1820, 1044, 1130, 1227]),
            (Invalid, &[1049, 3159, 1251, 1524, 2026, 4501]),
            (
                Unavailable,
                &[
                    1040, 1053, 1129, 1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1290, 1836, 1927, 2003,
                    2013, 3032, 3168, 9001, 9501,
                ],
            ),
        ];
        let in_a_statement: [(ErrorKind, &[u16]); 4] = [
            (Forbidden, &[1044, 1045, 1133, 1142, 1143, 1227, 1370, 1396, 1410, 1698, 1820, 1959, 3162, 3523, 4006]),
            (Invalid, &[1146, 1242, 1524, 1819, 3638, 4501]),
            (
                Unavailable,
                &[
                    1036, 1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1290, 1317, 1836, 1874, 1927,
                    1969, 2003, 2013, 3024, 3032, 3168, 9001, 9501,
                ],
            ),
            (Other, &[1372, 1699, 1827, 3878, 3891, 3892, 3893, 3894, 3895, 1064]),
        ];
        for (login, table) in [(true, at_login), (false, in_a_statement)] {
            for (kind, codes) in table {
                for &code in codes {
                    let error = told(code, FOREIGN, login);
                    assert_eq!(error.kind(), kind, "{code}, at login {login}: {error}");
                    assert!(error.to_string().contains(&code.to_string()), "{error}");
                    let says_what_to_do = [Forbidden, Invalid].contains(&kind);
                    assert!(!says_what_to_do || error.to_string().contains(". "), "{code}, at login {login}: {error}");
                }
            }
        }
    }

    #[test]
    fn one_code_for_several_options_is_told_apart_by_its_text() {
        let text =
            format!("Percona-XtraDB-Cluster prohibits use of GET_LOCK with pxc_strict_mode = ENFORCING; {FOREIGN}");
        let error = told(1105, &text, false);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("pxc_strict_mode to PERMISSIVE"), "{error}");
        assert_eq!(told(1105, FOREIGN, false).kind(), ErrorKind::Other);
        for (option, kind, part) in [
            ("--read-only", ErrorKind::Unavailable, "set it to the writer's"),
            ("--super-read-only", ErrorKind::Unavailable, "set it to the writer's"),
            ("--strict-password-validation", ErrorKind::Invalid, "strict_password_validation = OFF"),
            ("--skip-grant-tables", ErrorKind::Unavailable, "an option that forbids it"),
        ] {
            let text = format!("The server is running with the {option} option so it cannot execute this; {FOREIGN}");
            let error = told(1290, &text, false);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn a_missing_right_is_named_with_the_statement_that_gives_it() {
        for code in [1044, 1045, 1142, 1227] {
            let text = told(code, FOREIGN, false).to_string();
            assert!(
                text.contains("may not change the password of `app`@`%`") && text.contains("Run: GRANT it"),
                "{text}"
            );
        }
    }
}
