//! What an account may do, and what a clone lacks of what its base may.

pub(crate) mod grants;
mod lexer;
mod parse;
pub(crate) mod read;

use std::collections::BTreeSet;

use fourstep::{Error, Result};

use crate::identifier::quote;
use crate::rights::grants::{ALL, Object, Rights};
use crate::session::Session;

/// Proves that the session's account, a clone, may do what its base may, whose session is the other one.
///
/// # Errors
///
/// `Forbidden`, with what is missing and both ways out.
pub(crate) async fn check_rights(session: &mut Session, of_base: &mut Session) -> Result<()> {
    let base = read::own(of_base, None).await?;
    let clone = read::own(session, None).await?;
    let missing: Vec<String> =
        base.iter().filter_map(|(object, rights)| lacks(object, rights, clone.get(object))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "the account {} of {} may not do what its base {} may: it lacks {}",
        session.account(),
        session.destination(),
        of_base.account(),
        missing.join("; ")
    ))
    .next(format!(
        "Start setSecret again, which gives it that; or, if you give both accounts their rights yourself, set the tag fourstep:grants=leave. The clone of {} is {}",
        quote(&of_base.account().name),
        quote(&session.account().name)
    )))
}

/// Describes what is missing of rights on an object.
fn lacks(object: &Object, wanted: &Rights, found: Option<&Rights>) -> Option<String> {
    let none = Rights::default();
    let given = found.unwrap_or(&none);
    // The rights on a database that a partial revoke takes away are less, not more.
    if matches!(object, Object::Except(_)) {
        return None;
    }
    let all = given.privileges.contains(&(ALL.to_owned(), None));
    let missing = wanted.privileges.difference(&given.privileges).cloned().collect::<BTreeSet<_>>();
    let option = wanted.grantable && !given.grantable;
    if found.is_some() && (missing.is_empty() || all) && !option {
        return None;
    }
    let option = if option { " (with the option to pass it on)" } else { "" };
    Some(match object {
        Object::Role(name) => format!("role {name}{option}"),
        Object::Proxy(account) => format!("PROXY ON {account}{option}"),
        _ => format!(
            "{} ON {}{option}",
            Rights::list(if missing.is_empty() { &wanted.privileges } else { &missing }),
            object.on()
        ),
    })
}
