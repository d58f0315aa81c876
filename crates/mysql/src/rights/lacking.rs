use std::collections::BTreeSet;

use crate::rights::grants::{ALL, Grants, Object, Rights};

/// Describes what an account lacks of what another one may, by each object.
///
/// What it has in another way is not missing: a right on a table by the same right on the database, or on everything. Names
/// of databases that are patterns are compared as they are.
pub(super) fn lacking(wanted: &Grants, given: &Grants) -> Vec<String> {
    let granted = wanted.iter().filter_map(|(object, rights)| lacks(object, rights, given));
    granted.chain(given.iter().filter_map(|(object, rights)| loses(object, rights, wanted))).collect()
}

/// Describes what is missing of rights on an object.
fn lacks(object: &Object, wanted: &Rights, given: &Grants) -> Option<String> {
    // What another one may not is less, not more.
    if matches!(object, Object::Except(_)) {
        return None;
    }
    let missing: BTreeSet<_> =
        wanted.privileges.iter().filter(|privilege| !may(given, object, privilege)).cloned().collect();
    let absent = wanted.privileges.is_empty() && !wanted.grantable && !given.contains_key(object);
    let option = wanted.grantable && !covering(given, object).any(|rights| rights.grantable);
    if missing.is_empty() && !absent && !option {
        return None;
    }
    let option = if option { " (with the option to pass it on)" } else { "" };
    Some(match object {
        Object::Role(name) => format!("role {name}{option}"),
        Object::Proxy(account) => format!("PROXY ON {account}{option}"),
        _ => {
            let privileges = if missing.is_empty() { &wanted.privileges } else { &missing };
            format!("{} ON {}{option}", Rights::list(privileges), object.on())
        }
    })
}

/// Describes what is taken away for one database of a right on everything, and the other one has there.
fn loses(object: &Object, excepted: &Rights, wanted: &Grants) -> Option<String> {
    let Object::Except(database) = object else { return None };
    let everything = wanted.get(&Object::Everything)?;
    let excepted_too = |privilege: &Privilege| wanted.get(object).is_some_and(|rights| has(rights, privilege));
    let lost: BTreeSet<_> =
        excepted.privileges.iter().filter(|lost| has(everything, lost) && !excepted_too(lost)).cloned().collect();
    let on = Object::Database(database.clone());
    (!lost.is_empty()).then(|| format!("{} ON {}", Rights::list(&lost), on.on()))
}

/// A privilege, and the column that it is on.
type Privilege = (String, Option<String>);

/// Returns whether rights on an object, or on one that it is a part of, include a privilege.
fn may(given: &Grants, object: &Object, privilege: &Privilege) -> bool {
    if covering(given, object).any(|rights| has(rights, privilege)) {
        return true;
    }
    let may_each = |parts: &[&str]| parts.iter().all(|part| may(given, object, &((*part).to_owned(), None)));
    match object {
        _ if privilege.0 != ALL => false,
        Object::Table(..) => may_each(&OF_TABLE),
        Object::Database(_) => may_each(&OF_TABLE) && may_each(&OF_DATABASE_TOO),
        _ => false,
    }
}

fn has(rights: &Rights, (name, column): &Privilege) -> bool {
    let whole = |name: &str| rights.privileges.contains(&(name.to_owned(), None));
    whole(name) || whole(ALL) || rights.privileges.contains(&(name.clone(), column.clone()))
}

/// Returns the rights on an object and on those that it is a part of, but what is taken away for its database.
fn covering<'g>(given: &'g Grants, object: &'g Object) -> impl Iterator<Item = &'g Rights> {
    let database = match object {
        Object::Database(name) => Some(name.clone()),
        Object::Table(database, _) | Object::Routine(_, database, _) => Some(database.clone()),
        _ => None,
    };
    given
        .iter()
        .filter(move |(other, _)| match (other, &database) {
            (Object::Everything, Some(name)) => !given.contains_key(&Object::Except(name.clone())),
            (Object::Database(pattern), Some(name)) => {
                *other == object || pattern.replace("\\_", "_").replace("\\%", "%") == *name
            }
            _ => *other == object,
        })
        .map(|(_, rights)| rights)
}

/// What all privileges on a table are, where a server names each of those on everything.
const OF_TABLE: [&str; 12] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "CREATE VIEW",
    "SHOW VIEW",
    "TRIGGER",
];

/// What all privileges on a database are beside those on its tables.
const OF_DATABASE_TOO: [&str; 6] =
    ["CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::parse;

    fn grants(rows: &[&str]) -> Grants {
        let mut all = Grants::new();
        for row in rows {
            let (_, grants) = parse::row(row).unwrap().unwrap();
            for (object, rights) in grants {
                let found = all.entry(object).or_default();
                found.privileges.extend(rights.privileges);
                found.grantable |= rights.grantable;
            }
        }
        all
    }

    fn told(wanted: &[&str], given: &[&str]) -> Vec<String> {
        lacking(&grants(wanted), &grants(given))
    }

    #[test]
    fn what_is_missing_is_named_with_its_object() {
        let given = ["GRANT SELECT ON `main`.* TO `a`@`%`", "GRANT USAGE ON *.* TO `a`@`%`"];
        for (wanted, missing) in [
            ("GRANT SELECT, DELETE ON `main`.* TO `b`@`%`", "DELETE ON `main`.*"),
            ("GRANT SELECT ON *.* TO `b`@`%`", "SELECT ON *.*"),
            ("GRANT SELECT ON `other`.* TO `b`@`%`", "SELECT ON `other`.*"),
            ("GRANT UPDATE (`i`) ON `main`.`t` TO `b`@`%`", "UPDATE (`i`) ON `main`.`t`"),
            (
                "GRANT SELECT ON `main`.* TO `b`@`%` WITH GRANT OPTION",
                "SELECT ON `main`.* (with the option to pass it on)",
            ),
            ("GRANT `reader`@`%` TO `b`@`%`", "role `reader`@`%`"),
            ("GRANT `reader`@`%` TO `b`@`%` WITH ADMIN OPTION", "role `reader`@`%` (with the option to pass it on)"),
            ("GRANT XA_RECOVER_ADMIN ON *.* TO `b`@`%`", "XA_RECOVER_ADMIN ON *.*"),
            ("GRANT EXECUTE ON PROCEDURE `main`.`p` TO `b`@`%`", "EXECUTE ON PROCEDURE `main`.`p`"),
        ] {
            assert_eq!(told(&[wanted], &given), [missing], "{wanted}");
        }
    }

    #[test]
    fn a_right_on_more_is_that_on_a_part_too() {
        for (wanted, given) in [
            ("GRANT SELECT ON `main`.* TO `b`@`%`", "GRANT SELECT ON *.* TO `a`@`%`"),
            ("GRANT SELECT (`i`) ON `main`.`t` TO `b`@`%`", "GRANT SELECT ON `main`.`t` TO `a`@`%`"),
            ("GRANT SELECT ON `my_db`.`t` TO `b`@`%`", "GRANT SELECT ON `my\\_db`.* TO `a`@`%`"),
            ("GRANT EXECUTE ON FUNCTION `main`.`f` TO `b`@`%`", "GRANT ALL PRIVILEGES ON `main`.* TO `a`@`%`"),
            (
                "GRANT INSERT ON `main`.`t` TO `b`@`%` WITH GRANT OPTION",
                "GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION",
            ),
            (
                "GRANT ALL PRIVILEGES ON `main`.`t` TO `b`@`%`",
                "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE VIEW, SHOW VIEW, TRIGGER ON *.* TO `a`@`%`",
            ),
        ] {
            assert_eq!(told(&[wanted], &[given]), Vec::<String>::new(), "{wanted}, {given}");
            assert_ne!(
                told(&[given], &[wanted]),
                Vec::<String>::new(),
                "and not the other way round: {wanted}, {given}"
            );
        }
    }

    #[test]
    fn what_is_taken_away_for_one_database_is_missing_there() {
        let everything = "GRANT SELECT ON *.* TO `b`@`%`";
        let except = "REVOKE SELECT ON `mysql`.* FROM `b`@`%`";
        assert_eq!(told(&[everything], &[everything, except]), ["SELECT ON `mysql`.*"]);
        let none = Vec::<String>::new();
        assert_eq!(told(&[everything, except], &[everything, except]), none);
        assert_eq!(told(&[everything, except], &[everything]), none);
        let table = "GRANT SELECT ON `mysql`.`user` TO `b`@`%`";
        assert_eq!(told(&[everything, except, table], &[everything, except]), ["SELECT ON `mysql`.`user`"]);
    }
}
