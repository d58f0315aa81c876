//! An account that has two passwords at once: the primary one, and the secondary one that it had before.

use std::borrow::Cow;

use fourstep::accounts::{Old, Passwords, Swapped};
use fourstep::{Result, Sensitive};
use fourstep_server::Operation;
use zeroize::Zeroizing;

use crate::identifier::{Account, literal};
use crate::password::{NOT_THE_PRIMARY, change_of};
use crate::rights::grants::{Object, Rights};
use crate::rights::read;
use crate::session::Session;

/// Returns whether the server keeps two passwords for the session's account, and lets it say so: MySQL 8.0.14 and later
/// do, with a right that the account holds itself or by a role that is in force.
pub(crate) async fn passwords(session: &mut Session) -> Result<Passwords> {
    let version = session.version();
    if !version.is_mysql_since(TWO_PASSWORDS) {
        return Ok(Passwords::One { server: Cow::Owned(version.name()) });
    }
    let roles = session.roles().map(str::to_owned);
    let rights = read::own(session, roles.as_deref()).await?;
    let dynamic = Object::Dynamic("APPLICATION_PASSWORD_ADMIN".to_owned());
    let creates = |rights: &Rights| rights.privileges.contains(&("CREATE USER".to_owned(), None));
    if rights.contains_key(&dynamic) || rights.get(&Object::Everything).is_some_and(creates) {
        return Ok(Passwords::Two);
    }
    Ok(Passwords::OneUntil { grant: grant_of_two(session.account()) })
}

/// Changes the primary password from one to another, in one statement that compares.
pub(crate) async fn swap(session: &mut Session, from: &Sensitive, to: &Sensitive, old: Old) -> Result<Swapped> {
    let (from, to) = (Zeroizing::new(literal(from.expose())), Zeroizing::new(literal(to.expose())));
    let retain = match old {
        Old::Retained => " RETAIN CURRENT PASSWORD",
        Old::Refused => "",
    };
    let statement = Sensitive::new(format!("ALTER USER USER() IDENTIFIED BY {} REPLACE {}{retain}", *to, *from));
    let operation = change_of(session.account()).allowed_by(grant_of_two(session.account()));
    match session.write_unless(NOT_THE_PRIMARY, &statement, &operation).await? {
        true => Ok(Swapped::Done),
        false => Ok(Swapped::NotPrimary),
    }
}

/// Makes the server refuse the secondary password.
pub(crate) async fn discard(session: &mut Session) -> Result<()> {
    let operation = Operation::new(format!("discard the old password of {}", session.account()));
    let operation = operation.allowed_by(grant_of_two(session.account()));
    session.write(&Sensitive::new("ALTER USER USER() DISCARD OLD PASSWORD"), &operation).await
}

fn grant_of_two(account: &Account) -> String {
    format!("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {account}")
}

/// `RETAIN CURRENT PASSWORD` came with it.
const TWO_PASSWORDS: (u32, u32, u32) = (8, 0, 14);
