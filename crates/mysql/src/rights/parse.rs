use std::iter::Peekable;

use crate::identifier::{Account, quote};
use crate::rights::grants::{Grants, Object, Rights};
use crate::rights::lexer::{Lexer, Token};

/// Reads a row of `SHOW GRANTS`: whose it is, and what it gives. `None`: what it says, a table of accounts says better.
///
/// | row | gives |
/// | --- | --- |
/// | `GRANT privileges ON object TO account …` | rights, and WITH GRANT OPTION where it follows at once |
/// | `GRANT role, … TO account` | roles, and WITH ADMIN OPTION |
/// | `REVOKE privileges ON database.* FROM account` | a partial revoke of MySQL |
/// | `GRANT PROXY …`, `SET DEFAULT ROLE …` | nothing here |
///
/// MariaDB's row of the rights on everything goes on with the hash and with what REQUIRE demands, which it does not
/// quote: nothing after the account is read there.
///
/// # Errors
///
/// The row itself, where it has another form.
pub(super) fn row(text: &str) -> Result<Option<(Account, Grants)>, &str> {
    parse(text).ok_or(text)
}

fn parse(text: &str) -> Option<Option<(Account, Grants)>> {
    let mut tokens = Lexer::new(text).peekable();
    let verb = word(&mut tokens)?;
    match (verb.as_str(), tokens.peek()?) {
        ("SET", _) => Some(None),
        ("GRANT", Token::Word(first)) if first == "PROXY" => Some(None),
        ("GRANT", Token::Quoted(_)) => roles(&mut tokens).map(Some),
        ("GRANT", _) => rights(&mut tokens, "TO").map(Some),
        ("REVOKE", _) => {
            let (account, grants) = rights(&mut tokens, "FROM")?;
            let except = |(object, rights)| match object {
                Object::Database(name) => Some((Object::Except(name), rights)),
                _ => None,
            };
            Some(Some((account, grants.into_iter().map(except).collect::<Option<_>>()?)))
        }
        _ => None,
    }
}

type Tokens<'a> = Peekable<Lexer<'a>>;

fn roles(tokens: &mut Tokens<'_>) -> Option<(Account, Grants)> {
    let mut roles = Vec::new();
    loop {
        let role = account(tokens)?;
        // A role of MariaDB has no host.
        roles.push(if role.host.is_empty() { quote(&role.name) } else { role.to_string() });
        match tokens.next()? {
            Token::Symbol(',') => {}
            Token::Word(to) if to == "TO" => break,
            _ => return None,
        }
    }
    let account = account(tokens)?;
    let grantable = follows(tokens, "ADMIN");
    let of = |role| (Object::Role(role), Rights { grantable, ..Rights::default() });
    Some((account, roles.into_iter().map(of).collect()))
}

fn rights(tokens: &mut Tokens<'_>, before_account: &str) -> Option<(Account, Grants)> {
    let mut privileges = Vec::new();
    loop {
        let name = privilege(tokens)?;
        if matches!(tokens.peek()?, Token::Symbol('(')) {
            for column in columns(tokens)? {
                privileges.push((name.clone(), Some(column)));
            }
        } else {
            privileges.push((name, None));
        }
        match tokens.next()? {
            Token::Symbol(',') => {}
            Token::Word(on) if on == "ON" => break,
            _ => return None,
        }
    }
    let object = object(tokens)?;
    if word(tokens)? != before_account {
        return None;
    }
    let account = account(tokens)?;
    let grantable = follows(tokens, "GRANT");
    privileges.retain(|(name, _)| name != "USAGE");
    let mut grants = Grants::new();
    let is_dynamic = |name: &str| object == Object::Everything && name.contains('_');
    for (name, column) in privileges {
        let object = if is_dynamic(&name) { Object::Dynamic(name.clone()) } else { object.clone() };
        let rights = grants.entry(object).or_insert_with(|| Rights { grantable, ..Rights::default() });
        rights.privileges.insert((name, column));
    }
    if grants.is_empty() && grantable {
        grants.insert(object, Rights { grantable, ..Rights::default() });
    }
    Some((account, grants))
}

/// Reads the words of a privilege, as `CREATE TEMPORARY TABLES`.
fn privilege(tokens: &mut Tokens<'_>) -> Option<String> {
    let mut name = word(tokens)?;
    while let Some(Token::Word(next)) = tokens.peek() {
        if next == "ON" {
            break;
        }
        name = format!("{name} {next}");
        tokens.next();
    }
    Some(name)
}

fn columns(tokens: &mut Tokens<'_>) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    tokens.next();
    loop {
        columns.push(name(tokens)?);
        match tokens.next()? {
            Token::Symbol(',') => {}
            Token::Symbol(')') => return Some(columns),
            _ => return None,
        }
    }
}

fn object(tokens: &mut Tokens<'_>) -> Option<Object> {
    let mut kind = Vec::new();
    while let Some(Token::Word(_)) = tokens.peek() {
        kind.push(word(tokens)?);
    }
    let database = part(tokens)?;
    if tokens.next()? != Token::Symbol('.') {
        return None;
    }
    Some(match (kind.is_empty(), database, part(tokens)?) {
        (true, None, None) => Object::Everything,
        (true, Some(database), None) => Object::Database(database),
        (true, Some(database), Some(name)) => Object::Table(database, name),
        (false, Some(database), Some(name)) => Object::Routine(kind.join(" "), database, name),
        _ => return None,
    })
}

/// Reads a name, or `*`.
fn part(tokens: &mut Tokens<'_>) -> Option<Option<String>> {
    match tokens.next()? {
        Token::Quoted(name) => Some(Some(name)),
        Token::Symbol('*') => Some(None),
        _ => None,
    }
}

/// Reads an account or a role: a name, and a host unless it is a role of MariaDB.
fn account(tokens: &mut Tokens<'_>) -> Option<Account> {
    let name = name(tokens)?;
    if tokens.next_if_eq(&Token::Symbol('@')).is_none() {
        return Some(Account::new(&name, ""));
    }
    Some(Account::new(&name, &self::name(tokens)?))
}

fn name(tokens: &mut Tokens<'_>) -> Option<String> {
    match tokens.next()? {
        Token::Quoted(name) => Some(name),
        _ => None,
    }
}

fn word(tokens: &mut Tokens<'_>) -> Option<String> {
    match tokens.next()? {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

/// Returns whether `WITH … OPTION` comes next.
fn follows(tokens: &mut Tokens<'_>, option: &str) -> bool {
    word(tokens).as_deref() == Some("WITH") && word(tokens).as_deref() == Some(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes what was read back as text, to compare.
    fn read(text: &str) -> String {
        let Some((account, grants)) = row(text).unwrap() else { return "nothing".to_owned() };
        let one = |(object, rights): (&Object, &Rights)| {
            let option = if rights.grantable { " +" } else { "" };
            format!("{object:?} {}{option}", Rights::list(&rights.privileges))
        };
        format!("{account}: {}", grants.iter().map(one).collect::<Vec<_>>().join("; "))
    }

    /// Rows that MySQL 9.7 and MariaDB 10.11 gave.
    #[test]
    fn every_form_of_a_row_is_read() {
        for (row, expected) in [
            ("GRANT USAGE ON *.* TO `app`@`%`", "`app`@`%`: "),
            (
                "GRANT SELECT, CREATE TEMPORARY TABLES ON *.* TO `app`@`%` WITH GRANT OPTION",
                "`app`@`%`: Everything CREATE TEMPORARY TABLES, SELECT +",
            ),
            (
                "GRANT ROLE_ADMIN,SYSTEM_USER ON *.* TO `app`@`%`",
                "`app`@`%`: Dynamic(\"ROLE_ADMIN\") ROLE_ADMIN; Dynamic(\"SYSTEM_USER\") SYSTEM_USER",
            ),
            ("GRANT ALL PRIVILEGES ON `db\\_1`.* TO `app`@`%`", "`app`@`%`: Database(\"db\\\\_1\") ALL PRIVILEGES"),
            (
                "GRANT SELECT (`a`, `b)`), INSERT (`b`), UPDATE ON `d TO e`.`t``x` TO `app`@`10.%`",
                "`app`@`10.%`: Table(\"d TO e\", \"t`x\") UPDATE, INSERT (`b`), SELECT (`a`, `b)`)",
            ),
            (
                "GRANT EXECUTE ON PROCEDURE `d`.`p` TO `app`@`%` WITH GRANT OPTION",
                "`app`@`%`: Routine(\"PROCEDURE\", \"d\", \"p\") EXECUTE +",
            ),
            (
                "GRANT EXECUTE ON PACKAGE BODY `d`.`p` TO `app`@`%`",
                "`app`@`%`: Routine(\"PACKAGE BODY\", \"d\", \"p\") EXECUTE",
            ),
            ("GRANT USAGE ON `d`.* TO `app`@`%` WITH GRANT OPTION", "`app`@`%`: Database(\"d\") USAGE +"),
            ("REVOKE INSERT ON `mysql`.* FROM `app`@`%`", "`app`@`%`: Except(\"mysql\") INSERT"),
            (
                "GRANT `r 3`@`h.%`,`r1`@`%` TO `app`@`%` WITH ADMIN OPTION",
                "`app`@`%`: Role(\"`r 3`@`h.%`\") USAGE +; Role(\"`r1`@`%`\") USAGE +",
            ),
            ("GRANT `r1` TO `app`@`%`", "`app`@`%`: Role(\"`r1`\") USAGE"),
            ("SET DEFAULT ROLE `r1` FOR `app`@`%`", "nothing"),
            ("GRANT PROXY ON 'app2'@'%' TO 'app'@'%' WITH GRANT OPTION", "nothing"),
            (
                "GRANT SELECT, BINLOG MONITOR ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*24' REQUIRE ISSUER '/CN=i' SUBJECT '/CN=a'b\\c' WITH GRANT OPTION",
                "`app`@`%`: Everything BINLOG MONITOR, SELECT",
            ),
        ] {
            assert_eq!(read(row), expected, "{row}");
        }
    }

    #[test]
    fn a_row_of_another_form_is_given_back() {
        for text in [
            "",
            "GRANT",
            "GRANT SELECT ON *.* TO",
            "GRANT SELECT `a` TO `b`",
            "REVOKE ALL ON *.* FROM `a`@`b`",
            "DENY SELECT ON *.* TO `a`@`b`",
        ] {
            assert_eq!(row(text).unwrap_err(), text);
        }
    }
}
