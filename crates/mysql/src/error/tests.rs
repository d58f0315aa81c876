use fourstep::{ErrorKind, Server};

use super::*;

const FOREIGN: &str = "near 'a-password'";

/// Explains what a code means to somebody who logs in, or has sent a statement, in plaintext.
fn told(code: u16, text: &str, login: bool) -> Error {
    let destination =
        Destination { server: Server::new("MySQL", "db", 3306), account: "app".into(), database: None, tls: false };
    let operation = Operation { login, ..Operation::new("change the password of `app`@`%`").allowed_by("GRANT it") };
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
                1040, 1053, 1129, 1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1290, 1836, 1927, 2003, 2013,
                3032, 3168, 9001, 9501,
            ],
        ),
    ];
    let in_a_statement: [(ErrorKind, &[u16]); 4] = [
        (Forbidden, &[1044, 1045, 1133, 1142, 1143, 1227, 1370, 1396, 1410, 1698, 1820, 1836, 1959, 3162, 3523]),
        (Invalid, &[1146, 1242, 1819, 3638, 4501]),
        (
            Unavailable,
            &[
                1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1290, 1317, 1927, 1969, 2003, 2013, 3024,
                3032, 3168, 9001, 9501,
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
    for (option, kind, part) in [
        ("--read-only", ErrorKind::Forbidden, "set it to the writer's"),
        ("--super-read-only", ErrorKind::Forbidden, "set it to the writer's"),
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
        assert!(text.contains("may not change the password of `app`@`%`") && text.contains("Run: GRANT it"), "{text}");
    }
}
