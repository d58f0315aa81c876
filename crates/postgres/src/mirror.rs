//! The clone of an account: made, marked, and given what its base may, no more and no less.

mod pair;
mod setting;
mod statement;

use fourstep::{Act, Error, Result};
use sqlx::Row;

use crate::identifier::{literal, quote, unquote};
use crate::session::Session;
use pair::{Objects, Pair};
#[cfg(test)]
pub(crate) use setting::{quote_parameter, quote_value};
use statement::missing;

/// How often somebody else may change the base while the clone is made equal to it.
const ROUNDS: usize = 3;

/// Makes the clone exist, marked, as a member of its base that acts as the base and has its attributes and settings.
///
/// - Objects that the clone makes belong to the base, and so outlive its turn. What the base was granted reaches the
///   clone through the membership.
/// - What is right already is left alone, so that a rotation needs no more rights than it uses.
/// - What the base lost, the clone loses; its other memberships as well, each named in the log. What belongs to the
///   clone itself or was granted to it by name is only named: the administrator may have no right to it, and it may
///   be in databases where the administrator cannot log in.
/// - In the end the server is asked again whether the two are equal.
///
/// # Errors
///
/// `Conflict` if the clone's name is another's and `ours` is false; `Invalid` if there is no base or it is a
/// superuser; `Forbidden` if the base may not log in or has expired, and with the statement that gives a missing right.
pub(crate) async fn make_equal(session: &mut Session, base: &str, clone: &str, ours: bool) -> Result<()> {
    let mut left = None;
    for round in 0..ROUNDS {
        let pair = Pair::read(session, base, clone).await?;
        // What was made in the round before is marked.
        check(&pair, session, base, clone, ours && round == 0)?;
        let statements = missing(&pair, session, base, clone);
        if statements.is_empty() {
            pair.objects.iter().for_each(|objects| name_objects(objects, base, clone));
            return Ok(());
        }
        for statement in &statements {
            statement.run(session).await?;
        }
        left = statements.into_iter().next();
    }
    let what = left.as_ref().map_or("do nothing", |statement| statement.what());
    Err(Error::other(format!(
        "{} accepted each statement for `{clone}`, which still differs from its base `{base}`: could not {what}",
        session.place()
    )))
}

/// Refuses what must not be copied or taken over.
fn check(pair: &Pair, session: &Session, base: &str, clone: &str, ours: bool) -> Result<()> {
    let place = session.place();
    if pair.base.superuser {
        return Err(Error::invalid(format!(
            "the account `{base}` of {place} is a superuser, and no clone is made of one"
        ))
        .next(
            "Set the tag fourstep:strategy=single-user; or fourstep:grants=leave, and make the second account yourself",
        ));
    }
    if let Some(found) = &pair.clone {
        if !ours && !marks(found.comment.as_deref(), base) {
            return Err(Error::conflict(format!("the role `{clone}` of {place} exists, and this secret never used it"))
                .next("Nothing was changed. Rename that role; or, if it is the second account of this secret, set the tag fourstep:adopt=true"));
        }
        if found.superuser {
            return Err(Error::conflict(format!(
                "the role `{clone}` of {place} is a superuser, and so is no clone of `{base}`"
            ))
            .next(format!("Nothing was changed. Run: ALTER ROLE {} NOSUPERUSER", quote(clone))));
        }
    }
    let end = pair.base.expired.then_some(pair.base.valid_until.as_str());
    check_usable(session, base, pair.base.logs_in, end)
}

/// Refuses an account to which no password gives entry.
///
/// # Errors
///
/// `Forbidden` if the role may not log in or has expired, with the date.
pub(crate) fn check_usable(session: &Session, account: &str, logs_in: bool, end: Option<&str>) -> Result<()> {
    let (place, role) = (session.place(), quote(account));
    if !logs_in {
        return Err(Error::forbidden(format!("the role `{account}` of {place} may not log in: it is NOLOGIN"))
            .next(format!("Nothing was changed. Run: ALTER ROLE {role} LOGIN")));
    }
    if let Some(end) = end {
        return Err(Error::forbidden(format!("the role `{account}` of {place} has expired: it is VALID UNTIL {end}"))
            .next(format!("Nothing was changed. Run: ALTER ROLE {role} VALID UNTIL 'infinity'; or set a later date")));
    }
    Ok(())
}

/// Gives the base whose clone the account is by its mark.
pub(crate) async fn marked_base(session: &mut Session, account: &str) -> Result<Option<String>> {
    let query = format!(
        "SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = {}",
        literal(account)
    );
    let rows = session.run(&query, &Act::new("read the comment on a role")).await?;
    let comment = rows.last().and_then(|row| row.try_get::<Option<String>, _>(0).ok()).flatten();
    Ok(comment.as_deref().and_then(base_in))
}

/// Proves that the session's account, if it is a clone, acts as its base, and so may do what the base may.
///
/// `ALTER ROLE … SET role` is no proof: the server takes a role that the account may not use, and the login then
/// succeeds with a warning and without it.
///
/// # Errors
///
/// `Forbidden`, with both ways out.
pub(crate) async fn check_rights(session: &mut Session, account: &str) -> Result<()> {
    let Some(base) = marked_base(session, account).await? else { return Ok(()) };
    if session.acts_as() == base {
        return Ok(());
    }
    let (base_role, clone_role) = (quote(&base), quote(account));
    Err(Error::forbidden(format!(
        "the account `{account}` of {} does not act as its base `{base}`, and so may not do what that may: its sessions begin as `{}`",
        session.place(),
        session.acts_as()
    ))
    .next(format!(
        "Run: GRANT {base_role} TO {clone_role}; ALTER ROLE {clone_role} SET role = {}; or, if you give both accounts their rights yourself, set the tag fourstep:grants=leave",
        literal(&base)
    )))
}

fn name_objects(objects: &Objects, base: &str, clone: &str) {
    let Objects { database, owned, number, described } = objects;
    let database = database.as_deref().unwrap_or("all");
    let (base, clone) = (quote(base), quote(clone));
    if *owned {
        let run = format!("REASSIGN OWNED BY {clone} TO {base}");
        tracing::warn!(database, number, described, run, "the clone owns objects, which its base cannot use");
    } else {
        let run = format!("REASSIGN OWNED BY {clone} TO {base}; DROP OWNED BY {clone}");
        tracing::warn!(database, number, described, run, "rights were granted to the clone and not to its base");
    }
}

const MARK: &str = "Fourstep: clone of ";

/// Tells whether a comment has the mark of a base's clone.
fn marks(comment: Option<&str>, base: &str) -> bool {
    comment.and_then(base_in).is_some_and(|marked| marked == base)
}

/// Gives the comment of a clone: what the owner wrote, without an older mark of ours, and our line.
fn mark(base: &str, comment: Option<&str>) -> String {
    let line = format!("{MARK}{}", quote(base));
    let others = comment.unwrap_or_default().lines().filter(|line| !line.starts_with(MARK));
    others.chain([line.as_str()]).collect::<Vec<_>>().join("\n")
}

fn base_in(comment: &str) -> Option<String> {
    comment.lines().find_map(|line| unquote(line.strip_prefix(MARK)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_whatever_the_name() {
        for base in ["app", "it's \"app\"; \\", "größe"] {
            assert_eq!(base_in(&mark(base, None)).as_deref(), Some(base));
        }
    }

    #[test]
    fn the_owners_comment_stays_and_an_older_mark_goes() {
        let comment = mark("app", Some("of team one\nFourstep: clone of \"old\""));
        assert_eq!(comment, "of team one\nFourstep: clone of \"app\"");
        assert_eq!(base_in("made as a Fourstep: clone of \"app\""), None);
        assert_eq!(base_in("Fourstep: clone of app"), None);
    }
}
