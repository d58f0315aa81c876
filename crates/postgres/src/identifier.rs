use fourstep::{Error, Result};

/// The longest name of a role, in bytes: `NAMEDATALEN - 1`. A longer one is cut off by the server, silently.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const LONGEST: usize = 63;

/// Quotes a name for SQL, so that it is that name whatever it holds. It must hold no NUL, which no role's name can.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Reads back what [`quote`] wrote. `None` if it did not write this.
pub(crate) fn unquote(quoted: &str) -> Option<String> {
    let inside = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let name = inside.replace("\"\"", "\"");
    (quote(&name) == quoted).then_some(name)
}

/// Quotes a text for SQL as a value.
///
/// A backslash means itself or not, depending on `standard_conforming_strings`; the escaping form does not.
pub(crate) fn literal(text: &str) -> String {
    let text = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", text.replace('\\', "\\\\")) } else { format!("'{text}'") }
}

/// Checks that a role can have this name.
///
/// # Errors
///
/// `Invalid`, with the limit and the length.
pub(crate) fn check(name: &str) -> Result<()> {
    let length = name.len();
    if length > LONGEST {
        return Err(Error::invalid(format!(
            "the account name `{name}` has {length} bytes, and PostgreSQL allows at most {LONGEST}"
        ))
        .next("Use a shorter name; alternating-users adds `_clone`, 6 bytes, to the base account's"));
    }
    if name.is_empty() || name.contains('\0') {
        return Err(Error::invalid("the account name is empty or holds a NUL character")
            .next("Correct `username` in the secret's JSON"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quote_in_a_name_ends_no_name() {
        assert_eq!(quote(r#"a"; DROP ROLE b; --"#), r#""a""; DROP ROLE b; --""#);
        assert_eq!(literal(r"a'; \ '"), r"E'a''; \\ '''");
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn only_what_was_quoted_is_unquoted() {
        for text in ["", "\"", "app", "\"a\"b\"", "\"a\"\"\"b\"", "'app'"] {
            assert_eq!(unquote(text), None, "{text}");
        }
        assert_eq!(unquote("\"\"").as_deref(), Some(""));
    }

    #[test]
    fn length_is_counted_in_bytes() {
        check(&"é".repeat(31)).unwrap();
        let error = check(&"é".repeat(32)).unwrap_err().to_string();
        assert!(error.contains("has 64 bytes, and PostgreSQL allows at most 63"), "{error}");
        check("").unwrap_err();
    }

    proptest! {
        #[test]
        fn every_name_survives_quoting(name in "[^\0]{0,40}") {
            let quoted = quote(&name);
            prop_assert_eq!(unquote(&quoted), Some(name));
            let inside = &quoted[1..quoted.len() - 1];
            prop_assert!(inside.split("\"\"").all(|part| !part.contains('"')));
        }
    }
}
