//! The clone of an account: made, marked, and given what its base may, no more and no less.

mod pair;
mod rights;
mod setting;
mod statement;

use std::ops::Range;

use fourstep::{Error, ErrorKind, Mirrored, Operation, Result};

use crate::identifier::{literal, quote, unquote};
use crate::session::{Session, optional};
use pair::{Objects, Pair};
pub(crate) use rights::check_rights;
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
/// - Where the base's own sessions begin as another role, by `ALTER ROLE … SET role`, those of the clone do.
/// - What the base lost, the clone loses; its other memberships as well, each named in the log. What was granted to the
///   clone by name is only named: its sessions do not have it, since they act as the base.
/// - What the clone owns, its base could not use, and neither could its own sessions: so that is refused.
/// - In the end the server is asked again whether the two are equal.
///
/// # Errors
///
/// `Invalid` if there is no base or it is a
/// superuser; `Forbidden` if the base may not log in or has expired, if the clone owns objects, and with the statement
/// that gives a missing right.
pub(crate) async fn make_equal(session: &mut Session, base: &str, clone: &str, ours: bool) -> Result<Mirrored> {
    let mut left = None;
    for round in 0..ROUNDS {
        let pair = Pair::read(session, base, clone).await?;
        // What was made in the round before is marked.
        match check(&pair, session, base, clone, ours && round == 0) {
            Err(refusal) if refusal.kind() == ErrorKind::Conflict => return Ok(Mirrored::OfAnother(refusal)),
            checked => checked?,
        }
        let statements = missing(&pair, session, base, clone);
        if statements.is_empty() {
            pair.objects.iter().for_each(|objects| name_grants(objects, base, clone));
            return Ok(Mirrored::Equal);
        }
        for statement in &statements {
            statement.run(session).await?;
        }
        left = statements.into_iter().next();
    }
    let what = left.as_ref().map_or("do nothing", |statement| statement.what());
    Err(Error::other(format!(
        "{} accepted each statement for `{clone}`, which still differs from its base `{base}`: could not {what}",
        session.destination()
    )))
}

/// Refuses what must not be copied or taken over.
fn check(pair: &Pair, session: &Session, base: &str, clone: &str, ours: bool) -> Result<()> {
    let destination = session.destination();
    if pair.base.superuser {
        return Err(Error::invalid(format!(
            "the account `{base}` of {destination} is a superuser, and no clone is made of one"
        ))
        .next(
            "Set the tag fourstep:strategy=single-user; or fourstep:grants=leave, and make the second account yourself",
        ));
    }
    if let Some(found) = &pair.clone {
        if !ours && !marks(found.comment.as_deref(), base) {
            return Err(Error::conflict(format!("the role `{clone}` of {destination} exists, and this secret never used it"))
                .next("Nothing was changed. Rename that role; or, if it is the second account of this secret, set the tag fourstep:adopt=true"));
        }
        if found.superuser {
            return Err(Error::conflict(format!(
                "the role `{clone}` of {destination} is a superuser, and so is no clone of `{base}`"
            ))
            .next(format!("Nothing was changed. Run: ALTER ROLE {} NOSUPERUSER", quote(clone))));
        }
    }
    let end = pair.base.expired.then_some(pair.base.valid_until.as_str());
    check_usable(session, base, pair.base.logs_in, end)?;
    let owned: Vec<String> = pair.objects.iter().filter(|objects| objects.owned).map(Objects::to_string).collect();
    if owned.is_empty() {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "the role `{clone}` of {destination} owns objects, which its base `{base}` may not use: {}",
        owned.join("; ")
    ))
    .next(format!(
        "Nothing was changed. Run, in each of these databases: REASSIGN OWNED BY {} TO {}",
        quote(clone),
        quote(base)
    )))
}

/// Refuses an account to which no password gives entry.
///
/// # Errors
///
/// `Forbidden` if the role may not log in or has expired, with the date.
pub(crate) fn check_usable(session: &Session, account: &str, logs_in: bool, end: Option<&str>) -> Result<()> {
    let (destination, role) = (session.destination(), quote(account));
    if !logs_in {
        return Err(Error::forbidden(format!("the role `{account}` of {destination} may not log in: it is NOLOGIN"))
            .next(format!("Nothing was changed. Run: ALTER ROLE {role} LOGIN")));
    }
    if let Some(end) = end {
        return Err(Error::forbidden(format!(
            "the role `{account}` of {destination} has expired: it is VALID UNTIL {end}"
        ))
        .next(format!("Nothing was changed. Run: ALTER ROLE {role} VALID UNTIL 'infinity'; or set a later date")));
    }
    Ok(())
}

/// Returns the base whose clone the account is by its mark.
pub(crate) async fn marked_base(session: &mut Session, account: &str) -> Result<Option<String>> {
    let query = format!(
        "SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = {}",
        literal(account)
    );
    let rows = session.run(&query, &Operation::new("read the comment on a role")).await?;
    let comment = rows.last().and_then(|row| optional(row, 0));
    Ok(comment.as_deref().and_then(base_in))
}

fn name_grants(objects: &Objects, base: &str, clone: &str) {
    // Only grants are left: what the clone owns was refused.
    let run = format!("REASSIGN OWNED BY {0} TO {1}; DROP OWNED BY {0}", quote(clone), quote(base));
    tracing::warn!(%objects, run, "rights were granted to the clone and not to its base");
}

const MARK: &str = "Fourstep: clone of ";

/// Returns whether a comment has the mark of a base's clone.
fn marks(comment: Option<&str>, base: &str) -> bool {
    comment.and_then(base_in).is_some_and(|marked| marked == base)
}

/// Returns the comment of a clone: what the owner wrote, without an older mark of ours, and our line.
fn mark(base: &str, comment: Option<&str>) -> String {
    let mut others = comment.unwrap_or_default().to_owned();
    while let Some((at, _)) = find_mark(&others) {
        others.replace_range(at, "");
    }
    let others = others.trim_end_matches('\n');
    let line = if others.is_empty() { "" } else { "\n" };
    format!("{others}{line}{MARK}{}", quote(base))
}

fn base_in(comment: &str) -> Option<String> {
    find_mark(comment).map(|(_, base)| base)
}

/// Finds a mark, which begins and ends where a line does, and the name in it. The name itself may have line breaks.
fn find_mark(comment: &str) -> Option<(Range<usize>, String)> {
    let starts = comment.match_indices(MARK).map(|(at, _)| at);
    starts.filter(|at| *at == 0 || comment[..*at].ends_with('\n')).find_map(|at| {
        let name = at + MARK.len();
        let ends = comment[name..].match_indices('"').map(|(quote, _)| name + quote + 1);
        let end =
            ends.skip(1).find(|end| unquote(&comment[name..*end]).is_some() && !comment[*end..].starts_with('"'))?;
        let base = unquote(&comment[name..end])?;
        (end == comment.len() || comment[end..].starts_with('\n')).then_some((at..end, base))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_whatever_the_name() {
        for base in ["app", "it's \"app\"; \\", "größe", "two\nlines", "\"\n", "\nFourstep: clone of \"x\"\n"] {
            assert_eq!(base_in(&mark(base, None)).as_deref(), Some(base));
            assert_eq!(mark("app", Some(&mark(base, None))), "Fourstep: clone of \"app\"");
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
