//! The clone of an account: made, marked, and given what its base may, no more and no less.

mod pair;
pub(crate) mod setting;
mod statement;

use fourstep::accounts::{Claim, Mirrored};
use fourstep::{Error, ErrorKind, Result};

use crate::account::{Role, check_usable};
use crate::clones::pair::{Objects, Pair};
use crate::clones::statement::{Statement, Writer};
use crate::identifier::quote;
use crate::mark::has_mark;
use crate::session::Session;

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
/// `Invalid` if there is no base or it is a superuser; `Forbidden` if the base may not log in or has expired, if the
/// clone owns objects, and with the statement that gives a missing right.
pub(crate) async fn make_equal(session: &mut Session, base: &str, clone: &str, claim: &Claim) -> Result<Mirrored> {
    let ours = claim.known || claim.adopted;
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
        // A mark alone may be anybody's who made the role: see `marked_base`.
        if !(ours || pair.member && has_mark(found.comment.as_deref(), base)) {
            return Err(Error::conflict(format!(
                "the role `{clone}` of {destination} exists, and nothing shows that it is this secret's"
            )));
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

/// Marks a role as the clone of a base, in place of another mark, and makes it a member of the base, without which the mark
/// does not count.
///
/// # Errors
///
/// `Invalid` if there is no such role; `Conflict` if it is a superuser; `Forbidden` with the statement that gives the right.
pub(crate) async fn adopt(session: &mut Session, base: &str, clone: &str) -> Result<()> {
    let pair = Pair::read(session, base, clone).await?;
    let Some(found) = &pair.clone else {
        return Err(Error::invalid(format!("{} has no role `{clone}` to adopt", session.destination()))
            .next("Nothing was changed. The next rotation makes it: fourstep start"));
    };
    check(&pair, session, base, clone, true)?;
    let writer = Writer::new(session, base, clone);
    if !pair.member {
        writer.grant().run(session).await?;
    }
    writer.comment(found.comment.as_deref()).run(session).await
}

/// Returns the statements that are missing: none where the clone is equal to its base.
fn missing(pair: &Pair, session: &Session, base: &str, clone: &str) -> Vec<Statement> {
    let writer = Writer::new(session, base, clone);
    let mut statements = Vec::new();
    if pair.clone.is_none() {
        statements.push(writer.create());
    }
    statements.extend(writer.attributes(&pair.base, pair.clone.as_ref().unwrap_or(&Role::new())));
    let comment = pair.clone.as_ref().and_then(|clone| clone.comment.as_deref());
    if !has_mark(comment, base) {
        statements.push(writer.comment(comment));
    }
    if !pair.member {
        statements.push(writer.grant());
    }
    statements.extend(pair.settings.iter().map(|setting| writer.set(setting)));
    statements.extend(pair.memberships.iter().map(|membership| writer.revoke(membership)));
    statements
}

/// Names in the log what was granted to the clone by name.
fn name_grants(objects: &Objects, base: &str, clone: &str) {
    // Only grants are left: what the clone owns was refused.
    let run = format!("REASSIGN OWNED BY {0} TO {1}; DROP OWNED BY {0}", quote(clone), quote(base));
    tracing::warn!(%objects, run, "rights were granted to the clone and not to its base");
}
