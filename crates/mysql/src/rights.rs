//! What an account may do, and what it lacks of what the other one of its pair may.

pub(crate) mod grants;
mod lacking;
mod lexer;
mod parse;
pub(crate) mod read;

use fourstep::accounts::clone_of;
use fourstep::{Error, Result};

use crate::rights::lacking::lacking;
use crate::session::Session;
use crate::version::Product;

/// Proves that the session's account may do what the other one of its pair may, which is current and whose session is the
/// other one. Either way: consumers that get the new secret are those of the current one.
///
/// # Errors
///
/// `Forbidden`, with what is missing and both ways out.
pub(crate) async fn check_rights(session: &mut Session, of_current: &mut Session) -> Result<()> {
    let wanted = read::own(of_current, None).await?;
    // MariaDB shows the rights of a role only with the role's own.
    let roles = session.roles().filter(|_| session.product() == Product::MySql).map(str::to_owned);
    let given = read::own(session, roles.as_deref()).await?;
    let missing = lacking(&wanted, &given);
    if missing.is_empty() {
        return Ok(());
    }
    let (account, current) = (session.account(), of_current.account());
    let is_clone = account.name == clone_of(&current.name);
    let other = if is_clone { "base" } else { "clone" };
    let next = if is_clone {
        "Start setSecret again, which gives it that".to_owned()
    } else {
        format!("Run GRANT … TO {account} for what is named, or REVOKE … FROM {current} if no consumer needs it")
    };
    Err(Error::forbidden(format!(
        "the account {account} of {} may not do what its {other} {current} may, which is current: it lacks {}",
        session.destination(),
        missing.join("; ")
    ))
    .next(format!("{next}; or, if you give both accounts their rights yourself, set the tag fourstep:grants=leave")))
}
