use std::collections::BTreeSet;

use fourstep::{Result, Sensitive};
use fourstep_server::Operation;
use serde_json::{Map, Value};

use crate::account::Entry;
use crate::identifier::{Account, literal};
use crate::rights::grants::{ALL, Grants, Object, Rights};
use crate::session::Session;
use crate::version::Product;

/// A statement that makes the clone more equal to its base.
pub(super) struct Statement {
    operation: Operation,
    text: Sensitive,
    /// It takes from the clone what somebody gave it.
    revokes: bool,
}

impl Statement {
    pub(super) async fn run(&self, session: &mut Session) -> Result<()> {
        if self.revokes {
            tracing::warn!(statement = self.text.expose(), "the clone has more than its base, and it is taken away");
        }
        session.write(&self.text, &self.operation).await
    }

    /// Returns what it is for.
    pub(super) fn what(&self) -> &str {
        &self.operation.what
    }
}

/// Writes statements as an administrator.
///
/// What it may not do is found out by doing it. Rules written down here would be those of one version and of no managed
/// service.
pub(super) struct Writer {
    by: Account,
    product: Product,
}

impl Writer {
    pub(super) fn new(by: &Account, product: Product) -> Self {
        Self { by: by.clone(), product }
    }

    /// Creates an account that nobody can log in to, complete but for its rights.
    pub(super) fn create(
        &self,
        account: &Account,
        base: &Entry,
        verifier: &Sensitive,
        attributes: &Map<String, Value>,
    ) -> Statement {
        let by = &self.by;
        let limits = limits(&base.limits, |(_, value)| !value.trim_matches(['0', '.']).is_empty());
        let options = [std::slice::from_ref(&base.requirement), &limits[..], &base.options[..]].concat().join(" ");
        let lock = lock(base.locked);
        let plugin = literal(base.takes().map_or("", |plugin| plugin.name()));
        let (identified, marked) = match self.product {
            Product::MySql => (
                format!("IDENTIFIED WITH {plugin} AS {}", verifier.expose()),
                format!(" ATTRIBUTE {}", literal(&Value::from(attributes.clone()).to_string())),
            ),
            Product::MariaDb => {
                (format!("IDENTIFIED VIA {plugin} USING {}", literal(verifier.expose())), String::new())
            }
        };
        Statement {
            operation: Operation::new(format!("create account {account}"))
                .allowed_by(format!("GRANT CREATE USER ON *.* TO {by}")),
            text: Sensitive::new(format!("CREATE USER {account} {identified} {options} {lock}{marked}")),
            revokes: false,
        }
    }

    /// Gives the clone the requirements, limits and rules of its base.
    pub(super) fn alter(&self, base: &Entry, clone: &Entry) -> Option<Statement> {
        let mut options = Vec::new();
        if base.requirement != clone.requirement {
            options.push(base.requirement.clone());
        }
        options.extend(limits(&base.limits, |limit| !clone.limits.contains(limit)));
        options.extend(base.options.iter().filter(|option| !clone.options.contains(option)).cloned());
        if base.locked != clone.locked {
            options.push(lock(base.locked).to_owned());
        }
        if options.is_empty() {
            return None;
        }
        let (account, options) = (&clone.account, options.join(" "));
        Some(self.of_account(format!("give {account} {options}"), format!("ALTER USER {account} {options}")))
    }

    /// Gives the clone the attributes of its base, and our mark. The server merges what it is given into what is there.
    pub(super) fn attributes(
        &self,
        account: &Account,
        wanted: &Map<String, Value>,
        found: &Map<String, Value>,
    ) -> Option<Statement> {
        let mut patch = Map::new();
        for (key, value) in wanted {
            match found.get(key) {
                Some(same) if same == value => {}
                // Merged, it would keep what the base's has no more: the next round sets it anew.
                Some(Value::Object(_)) if value.is_object() => drop(patch.insert(key.clone(), Value::Null)),
                _ => drop(patch.insert(key.clone(), value.clone())),
            }
        }
        let gone = found.keys().filter(|key| !wanted.contains_key(*key));
        patch.extend(gone.map(|key| (key.clone(), Value::Null)));
        if patch.is_empty() {
            return None;
        }
        let text = format!("ALTER USER {account} ATTRIBUTE {}", literal(&Value::from(patch).to_string()));
        Some(self.of_account(format!("change the attributes of {account}"), text))
    }

    pub(super) fn default_roles(&self, account: &Account, wanted: &[String], found: &[String]) -> Option<Statement> {
        if wanted == found {
            return None;
        }
        let roles = if wanted.is_empty() { "NONE".to_owned() } else { wanted.join(", ") };
        let text = match self.product {
            Product::MySql => format!("ALTER USER {account} DEFAULT ROLE {roles}"),
            Product::MariaDb => format!("SET DEFAULT ROLE {roles} FOR {account}"),
        };
        Some(self.of_account(format!("set the default roles of {account}"), text))
    }

    /// Drops an entry of the clone for a host that the base no longer has.
    pub(super) fn drop(&self, account: &Account) -> Statement {
        let statement = self.of_account(format!("drop {account}"), format!("DROP USER {account}"));
        Statement { revokes: true, ..statement }
    }

    /// Grants rights that the clone lacks, then revokes those that it has beyond its base.
    pub(super) fn grants(&self, account: &Account, base: &Grants, clone: &Grants) -> Vec<Statement> {
        let none = Rights::default();
        let mut statements = Vec::new();
        for (object, wanted) in base {
            let found = clone.get(object);
            if found != Some(wanted) {
                statements.extend(self.change(account, object, wanted, found.unwrap_or(&none), found.is_some()));
            }
        }
        for (object, found) in clone.iter().filter(|(object, _)| !base.contains_key(object)) {
            statements.extend(self.revoke(account, object, found));
        }
        statements
    }

    /// Turns the rights on one object into those of the base.
    fn change(&self, account: &Account, object: &Object, wanted: &Rights, found: &Rights, any: bool) -> Vec<Statement> {
        let missing: BTreeSet<_> = wanted.privileges.difference(&found.privileges).cloned().collect();
        let extra: BTreeSet<_> = found.privileges.difference(&wanted.privileges).cloned().collect();
        if let Object::Except(_) = object {
            let on = object.on();
            let less =
                (!missing.is_empty()).then(|| format!("REVOKE {} ON {on} FROM {account}", Rights::list(&missing)));
            let more = (!extra.is_empty()).then(|| format!("GRANT {} ON {on} TO {account}", Rights::list(&extra)));
            return less.into_iter().chain(more).map(|text| self.of_rights(text, object, &wanted.privileges)).collect();
        }
        let loses_option = found.grantable && !wanted.grantable;
        let whole = matches!(object, Object::Role(_) | Object::Dynamic(_) | Object::Proxy(_));
        let all = |privileges: &BTreeSet<(String, Option<String>)>| privileges.contains(&(ALL.to_owned(), None));
        let mut statements = Vec::new();
        // What has one option only is taken and given again without it; so is what was all. MariaDB says that it gave the
        // option of PROXY later, and goes on without it.
        let proxy = matches!(object, Object::Proxy(_));
        if any && (whole && loses_option || proxy || all(&extra)) {
            statements.extend(self.revoke(account, object, found));
            statements.push(self.grant(account, object, &wanted.privileges, wanted.grantable));
            return statements;
        }
        if !missing.is_empty() || wanted.grantable && !found.grantable || whole && !any {
            let privileges = if missing.is_empty() { &wanted.privileges } else { &missing };
            statements.push(self.grant(account, object, privileges, wanted.grantable));
        }
        // With all privileges, the server counts the others no more.
        if !extra.is_empty() && !all(&missing) {
            let text = format!("REVOKE {} ON {} FROM {account}", Rights::list(&extra), object.on());
            statements.push(Statement { revokes: true, ..self.of_rights(text, object, &extra) });
        }
        if loses_option {
            let text = format!("REVOKE GRANT OPTION ON {} FROM {account}", object.on());
            statements.push(Statement { revokes: true, ..self.of_rights(text, object, &found.privileges) });
        }
        statements
    }

    fn grant(
        &self,
        account: &Account,
        object: &Object,
        privileges: &BTreeSet<(String, Option<String>)>,
        grantable: bool,
    ) -> Statement {
        let text = match object {
            Object::Role(role) => {
                format!("GRANT {role} TO {account}{}", if grantable { " WITH ADMIN OPTION" } else { "" })
            }
            _ => {
                let list = if let Object::Proxy(_) = object { "PROXY".to_owned() } else { Rights::list(privileges) };
                let option = if grantable { " WITH GRANT OPTION" } else { "" };
                format!("GRANT {list} ON {} TO {account}{option}", object.on())
            }
        };
        self.of_rights(text, object, privileges)
    }

    /// Revokes all rights on an object.
    fn revoke(&self, account: &Account, object: &Object, found: &Rights) -> Vec<Statement> {
        let list = Rights::list(&found.privileges);
        let on = object.on();
        let texts = match object {
            Object::Role(role) => vec![format!("REVOKE {role} FROM {account}")],
            Object::Proxy(_) => vec![format!("REVOKE PROXY ON {on} FROM {account}")],
            Object::Except(_) => vec![format!("GRANT {list} ON {on} TO {account}")],
            Object::Dynamic(_) => vec![format!("REVOKE {list} ON {on} FROM {account}")],
            _ => {
                let option = found.grantable.then(|| format!("REVOKE GRANT OPTION ON {on} FROM {account}"));
                let rights = (!found.privileges.is_empty()).then(|| format!("REVOKE {list} ON {on} FROM {account}"));
                rights.into_iter().chain(option).collect()
            }
        };
        let revokes = !matches!(object, Object::Except(_));
        texts.into_iter().map(|text| Statement { revokes, ..self.of_rights(text, object, &found.privileges) }).collect()
    }

    fn of_account(&self, what: String, text: String) -> Statement {
        let right = format!("GRANT CREATE USER ON *.* TO {}", self.by);
        Statement { operation: Operation::new(what).allowed_by(right), text: Sensitive::new(text), revokes: false }
    }

    fn of_rights(&self, text: String, object: &Object, privileges: &BTreeSet<(String, Option<String>)>) -> Statement {
        let by = &self.by;
        let right = match object {
            Object::Role(role) => format!("GRANT {role} TO {by} WITH ADMIN OPTION"),
            Object::Proxy(on) => format!("GRANT PROXY ON {on} TO {by} WITH GRANT OPTION"),
            _ => format!("GRANT {} ON {} TO {by} WITH GRANT OPTION", Rights::list(privileges), object.on()),
        };
        let what = text.clone();
        Statement { operation: Operation::new(what).allowed_by(right), text: Sensitive::new(text), revokes: false }
    }
}

/// Writes some of the limits.
fn limits(all: &[(&'static str, String)], wanted: impl Fn(&(&'static str, String)) -> bool) -> Vec<String> {
    let some: Vec<String> =
        all.iter().filter(|limit| wanted(limit)).map(|(name, value)| format!("{name} {value}")).collect();
    if some.is_empty() { some } else { vec![format!("WITH {}", some.join(" "))] }
}

fn lock(locked: bool) -> &'static str {
    if locked { "ACCOUNT LOCK" } else { "ACCOUNT UNLOCK" }
}
