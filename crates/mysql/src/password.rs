//! How a password is changed: by the account itself, beside its old one, or by an administrator.

use std::borrow::Cow;

use fourstep::{Context, Error, Operation, Passwords, Result, Sensitive};
use zeroize::Zeroizing;

use crate::account::Entry;
use crate::identifier::{Account, literal, quote};
use crate::policy::Policy;
use crate::rights::{self, Object};
use crate::session::{Product, Session, optional};
use crate::verifier::{Plugin, Salt, Storage, native};

/// "You need to specify the current password": the account has PASSWORD REQUIRE CURRENT.
const CURRENT_DEMANDED: u16 = 3892;
/// "Incorrect current password": what REPLACE names is not the primary password.
const NOT_THE_PRIMARY: u16 = 3891;

/// Changes the password of the session's own account: the entry that the server matched, and no other.
///
/// MySQL takes no hash from an account for itself. It masks the password in its logs, and the plugin stays. MariaDB takes
/// a hash, and would log a password.
pub(crate) async fn own(session: &mut Session, password: &Sensitive, cx: &Context<'_>) -> Result<()> {
    if session.product() == Product::MariaDb {
        let hash = native(password.expose().as_bytes());
        cx.learn(&hash);
        let statement = Sensitive::new(format!("SET PASSWORD = {}", literal(hash.expose())));
        return session.write(&statement, &change_of(session.account())).await;
    }
    // Nothing to change: an earlier attempt did. The server's password history would refuse it.
    if session.password() == password {
        return Ok(());
    }
    let operation = change_of(session.account());
    let by = Zeroizing::new(literal(password.expose()));
    let plain = Sensitive::new(format!("ALTER USER USER() IDENTIFIED BY {}", *by));
    if session.write_unless(CURRENT_DEMANDED, &plain, &operation).await? {
        return Ok(());
    }
    let from = Zeroizing::new(literal(session.password().expose()));
    let replace = Sensitive::new(format!("ALTER USER USER() IDENTIFIED BY {} REPLACE {}", *by, *from));
    if session.write_unless(NOT_THE_PRIMARY, &replace, &operation).await? {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "account {} of {} may change its password only with the primary one (PASSWORD REQUIRE CURRENT), and logged in with the secondary one",
        session.account(),
        session.destination()
    ))
    .next(format!("Run: ALTER USER {} PASSWORD REQUIRE CURRENT OPTIONAL", session.account())))
}

/// Changes the primary password from one to another, and may retain the one before. `false`: `from` is not the primary
/// one, and nothing changed.
pub(crate) async fn swap(session: &mut Session, from: &Sensitive, to: &Sensitive, retain: bool) -> Result<bool> {
    let (from, to) = (Zeroizing::new(literal(from.expose())), Zeroizing::new(literal(to.expose())));
    let retain = if retain { " RETAIN CURRENT PASSWORD" } else { "" };
    let statement = Sensitive::new(format!("ALTER USER USER() IDENTIFIED BY {} REPLACE {}{retain}", *to, *from));
    let operation = change_of(session.account()).allowed_by(grant_of_two(session.account()));
    session.write_unless(NOT_THE_PRIMARY, &statement, &operation).await
}

/// Makes the server refuse the secondary password.
pub(crate) async fn discard(session: &mut Session) -> Result<()> {
    let operation = Operation::new(format!("discard the old password of {}", session.account()));
    let operation = operation.allowed_by(grant_of_two(session.account()));
    session.write(&Sensitive::new("ALTER USER USER() DISCARD OLD PASSWORD"), &operation).await
}

/// Returns whether the server keeps two passwords for the session's account, and lets it say so: MySQL 8.0.14 and later
/// do, with a right that the account holds itself or by a role that is in force.
pub(crate) async fn passwords(session: &mut Session) -> Result<Passwords> {
    let version = session.version().to_owned();
    if session.product() == Product::MariaDb || !keeps_two(&version) {
        let number: String = version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        return Ok(Passwords::One { server: Cow::Owned(format!("{} {number}", session.product().name())) });
    }
    let roles = session.roles().map(str::to_owned);
    let rights = rights::read_own(session, roles.as_deref()).await?;
    let dynamic = Object::Dynamic("APPLICATION_PASSWORD_ADMIN".to_owned());
    let creates = |rights: &rights::Rights| rights.privileges.contains(&("CREATE USER".to_owned(), None));
    if rights.contains_key(&dynamic) || rights.get(&Object::Everything).is_some_and(creates) {
        return Ok(Passwords::Two);
    }
    Ok(Passwords::OneUntil { grant: grant_of_two(session.account()) })
}

/// `RETAIN CURRENT PASSWORD` came with 8.0.14.
fn keeps_two(version: &str) -> bool {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next()) >= (8, 0, 14)
}

fn grant_of_two(account: &Account) -> String {
    format!("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {account}")
}

fn change_of(account: &Account) -> Operation {
    Operation::new(format!("change the password of {account}"))
}

/// Changes the password of all entries of a user name, by an administrator, who sends a verifier. Each plugin stays.
pub(crate) async fn of_all_hosts(
    session: &mut Session,
    account: &str,
    password: &Sensitive,
    cx: &Context<'_>,
) -> Result<()> {
    let entries = Entry::read(session, &[account]).await?;
    let (destination, product) = (session.destination(), session.product());
    let Some(first) = entries.first() else {
        return Err(Error::invalid(format!("{destination} has no account `{account}`; a role of that name is none"))
            .next("Create the account, or correct `username` in the secret's JSON"));
    };
    // The server takes a password for an account that it does not let in.
    if entries.iter().all(|entry| entry.locked) {
        return Err(Error::forbidden(format!("the account `{account}` of {destination} is locked, or is a role"))
            .next(format!("Nothing was changed. Run: ALTER USER {} ACCOUNT UNLOCK", first.account)));
    }
    let right = match product {
        Product::MariaDb => {
            format!("GRANT CREATE USER ON *.* TO {0}; GRANT SELECT, UPDATE ON mysql.* TO {0}", session.account())
        }
        Product::MySql => format!(
            "GRANT CREATE USER ON *.* TO {0}; and where the account has SYSTEM_USER, GRANT SYSTEM_USER ON *.* TO {0}",
            session.account()
        ),
    };
    let operation = Operation::new(format!("change the password of {}", quote(account))).allowed_by(right);
    let variables = Variables::read(session).await?;
    variables.policy.check(password, session.destination())?;
    let mut parts = Vec::new();
    for entry in &entries {
        let (verifier, at) = (variables.verifier(session, entry, password, cx)?, &entry.account);
        parts.push(Zeroizing::new(match product {
            Product::MariaDb => format!("SET PASSWORD FOR {at} = {}", literal(verifier.expose())),
            Product::MySql => format!("{at} IDENTIFIED WITH {} AS {}", literal(&entry.plugin), verifier.expose()),
        }));
    }
    let join = |separator| parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join(separator);
    let statement = match product {
        Product::MariaDb => join("; "),
        Product::MySql => format!("ALTER USER {}", join(", ")),
    };
    session.write(&Sensitive::new(statement), &operation).await
}

/// What the server's variables say of passwords.
pub(crate) struct Variables {
    storage: Storage,
    policy: Policy,
}

impl Variables {
    pub(crate) async fn read(session: &mut Session) -> Result<Self> {
        let query = "SHOW GLOBAL VARIABLES WHERE Variable_name LIKE 'validate\\_password%'
                         OR Variable_name LIKE 'caching\\_sha2\\_password\\_%'";
        let rows = session.run(query, &Operation::new("read the server's rules for passwords")).await?;
        let variables: Vec<(String, String)> =
            rows.iter().filter_map(|row| Some((optional(row, 0)?, optional(row, 1)?))).collect();
        Ok(Self { storage: Storage::from_variables(&variables), policy: Policy::from_variables(&variables) })
    }

    /// Makes what an account stores in place of a password, as the server takes it.
    pub(crate) fn verifier(
        &self,
        session: &Session,
        entry: &Entry,
        password: &Sensitive,
        cx: &Context<'_>,
    ) -> Result<Sensitive> {
        let plugin = entry.takes().ok_or_else(|| entry.no_verifier(session))?;
        let verifier = match session.product() {
            Product::MariaDb if plugin == Plugin::Native => native(password.expose().as_bytes()),
            Product::MariaDb => return Err(entry.no_verifier(session)),
            Product::MySql => {
                let salt = Salt::of(&cx.secret_id(), cx.token(), &entry.account.to_string());
                plugin.verifier(password, &salt, self.storage)
            }
        };
        cx.learn(&verifier);
        Ok(verifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_passwords_came_with_mysql_8_0_14() {
        for (version, keeps) in [
            ("5.7.44-log", false),
            ("8.0.13", false),
            ("8.0.14", true),
            ("8.0.39-0ubuntu0.22.04.1", true),
            ("8.4.0", true),
            ("9.7.4-2", true),
            ("", false),
        ] {
            assert_eq!(keeps_two(version), keeps, "{version}");
        }
    }
}
