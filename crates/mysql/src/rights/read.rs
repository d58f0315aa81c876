use std::collections::BTreeSet;
use std::fmt::Write as _;

use fourstep::{Error, Result};
use fourstep_server::Operation;

use crate::account::Entry;
use crate::identifier::Account;
use crate::rights::grants::{Grants, Object, Rights};
use crate::rights::parse;
use crate::session::{Session, text};

/// Reads what some accounts may do, with one message.
pub(crate) async fn of_entries(session: &mut Session, entries: &[Entry]) -> Result<Vec<Grants>> {
    let query = entries.iter().fold(String::new(), |mut query, entry| {
        write!(query, "SHOW GRANTS FOR {}; ", entry.account).expect("a text can be written to");
        query
    });
    let by = session.account();
    let operation =
        Operation::new("read the rights of accounts").allowed_by(format!("GRANT SELECT ON mysql.* TO {by}"));
    let mut found: Vec<Grants> = entries.iter().map(in_tables).collect();
    for row in session.run(query.trim_end_matches("; "), &operation).await? {
        let row = text(&row, 0);
        let Some((account, grants)) = parsed(&row, session)? else { continue };
        let Some(at) = entries.iter().position(|entry| entry.account == account) else { continue };
        add(&mut found[at], grants);
    }
    Ok(found)
}

/// Reads what the session's own account may do. `roles` are those whose rights count as its own, as SQL.
pub(crate) async fn own(session: &mut Session, roles: Option<&str>) -> Result<Grants> {
    let using = roles.map(|roles| format!(" USING {roles}")).unwrap_or_default();
    let operation = Operation::new("read the account's own rights");
    let mut found = Grants::new();
    for row in session.run(&format!("SHOW GRANTS FOR CURRENT_USER(){using}"), &operation).await? {
        if let Some((_, grants)) = parsed(&text(&row, 0), session)? {
            add(&mut found, grants);
        }
    }
    Ok(found)
}

fn parsed(row: &str, session: &Session) -> Result<Option<(Account, Grants)>> {
    parse::row(row).map_err(|row| {
        // Not the whole row: it may hold a hash.
        let begins: String = row.chars().take_while(|c| c.is_ascii_alphabetic() || *c == ' ').take(40).collect();
        Error::other(format!("{} has a grant of an unknown form, which begins `{begins}`", session.destination()))
    })
}

fn add(all: &mut Grants, some: Grants) {
    for (object, rights) in some {
        let found = all.entry(object).or_default();
        found.privileges.extend(rights.privileges);
        found.grantable |= rights.grantable;
    }
}

/// Returns what the tables of accounts say more readably than `SHOW GRANTS`.
fn in_tables(entry: &Entry) -> Grants {
    let rights = |grantable| Rights { privileges: BTreeSet::new(), grantable };
    let proxies = entry.proxies.iter().map(|(account, grantable)| (Object::Proxy(account.clone()), rights(*grantable)));
    let everything = entry.grants_all.then(|| (Object::Everything, rights(true)));
    proxies.chain(everything).collect()
}
