//! How a password is changed: by the account itself, or by an administrator.

use fourstep::{Context, Error, Result, Sensitive};
use fourstep_server::Operation;
use zeroize::Zeroizing;

use crate::account::{Entry, check_usable};
use crate::identifier::{Account, literal, quote};
use crate::ownership::{Entries, tell_of_others};
use crate::plugins;
use crate::session::Session;
use crate::variables::Variables;
use crate::verifier::native;
use crate::version::Product;

/// Sets the password of an account: the session's own, or by an administrator, all entries of a user name that are this
/// secret's.
///
/// # Errors
///
/// `Invalid` if there is no such account, a rule of the server forbids the password, or a plugin takes no verifier of ours;
/// `Forbidden` if the account is locked, and with the statement that gives a missing right; `Conflict` if nothing shows which
/// of several entries are this secret's.
pub(crate) async fn set(session: &mut Session, account: &str, password: &Sensitive, cx: &Context<'_>) -> Result<()> {
    if account == session.account().name {
        set_own(session, password, cx).await
    } else {
        set_by_administrator(session, account, password, cx).await
    }
}

/// Changes the password of the session's own account: the entry that the server matched, and no other.
///
/// MySQL takes no hash from an account for itself. It masks the password in its logs, and the plugin stays. MariaDB takes
/// a hash, and would log a password.
async fn set_own(session: &mut Session, password: &Sensitive, cx: &Context<'_>) -> Result<()> {
    if session.product() == Product::MariaDb {
        let own = plugins::of_own(session).await?;
        plugins::check(session.account(), &own, session)?;
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

/// Changes the password of the entries of a user name, by an administrator, who sends a verifier. Each plugin stays.
async fn set_by_administrator(
    session: &mut Session,
    account: &str,
    password: &Sensitive,
    cx: &Context<'_>,
) -> Result<()> {
    let all = Entry::read(session, &[account]).await?;
    if all.is_empty() {
        return Err(Error::invalid(format!(
            "{} has no account `{account}`; a role of that name is none",
            session.destination()
        ))
        .next("Create the account, or correct `username` in the secret's JSON"));
    }
    let (entries, others) = Entries::of(session, account, all, cx).await?.into_parts();
    // The server takes a password for an account that it does not let in.
    check_usable(session, account, &entries)?;
    for entry in &entries {
        plugins::check(&entry.account, &entry.plugins, session)?;
    }
    tell_of_others(&others, session);
    let product = session.product();
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
    variables.check(password, session)?;
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
        Product::MySql => format!("ALTER USER {}{}", join(", "), discarded(&entries)),
    };
    session.write(&Sensitive::new(statement), &operation).await
}

/// Returns what ends the second passwords of these entries. A new one leaves it as it is, and no version holds it any more.
fn discarded(entries: &[Entry]) -> String {
    let with_second = entries.iter().filter(|entry| entry.has_second());
    let parts: Vec<_> = with_second.map(|entry| format!("{} DISCARD OLD PASSWORD", entry.account)).collect();
    if parts.is_empty() { String::new() } else { format!("; ALTER USER {}", parts.join(", ")) }
}

/// Names the change of an account's own password.
pub(crate) fn change_of(account: &Account) -> Operation {
    Operation::new(format!("change the password of {account}"))
}

/// "You need to specify the current password": the account has PASSWORD REQUIRE CURRENT.
const CURRENT_DEMANDED: u16 = 3892;
/// "Incorrect current password": what REPLACE names is not the primary password.
pub(crate) const NOT_THE_PRIMARY: u16 = 3891;
