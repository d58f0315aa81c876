//! The clone of an account: made, marked, and given what its base may do.

use fourstep::{Error, Result};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::error::Act;
use crate::identifier::{literal, quote, unquote};
use crate::session::Session;

/// Makes the clone exist, marked, as a member of its base that acts as the base.
///
/// Objects that it makes then belong to the base, and so outlive the turn of the clone. What is right already is left
/// alone, so that a rotation needs no more rights than it uses.
///
/// # Errors
///
/// `Conflict` if the clone's name is another's and `ours` is false; `Invalid` if there is no base or it is a
/// superuser; `Forbidden` with the statement that gives the missing right.
pub(crate) async fn make_equal(session: &mut Session, base: &str, clone: &str, ours: bool) -> Result<()> {
    let pair = Pair::read(session, base, clone).await?;
    if pair.base_is_superuser {
        return Err(Error::invalid(format!(
            "the account `{base}` of {} is a superuser, and no clone is made of one",
            session.place()
        ))
        .next(
            "Set the tag fourstep:strategy=single-user; or fourstep:grants=leave, and make the second account yourself",
        ));
    }
    let marked = pair.comment.as_deref().and_then(base_in).is_some_and(|marked| marked == base);
    if pair.clone_exists && !marked && !ours {
        return Err(Error::conflict(format!(
            "the role `{clone}` of {} exists, and this secret never used it",
            session.place()
        ))
        .next("Nothing was changed. Rename that role; or, if it is the second account of this secret, set the tag fourstep:adopt=true"));
    }
    if pair.clone_is_superuser {
        return Err(Error::conflict(format!(
            "the role `{clone}` of {} is a superuser, and so is no clone of `{base}`",
            session.place()
        ))
        .next(format!("Nothing was changed. Run: ALTER ROLE {} NOSUPERUSER", quote(clone))));
    }
    for (act, statement) in pair.missing(session, base, clone, marked) {
        session.run(&statement, &act).await?;
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

/// Proves that the session's account, if it is a clone, has the rights of its base.
pub(crate) async fn check_rights(session: &mut Session, account: &str) -> Result<()> {
    let Some(base) = marked_base(session, account).await? else { return Ok(()) };
    if session.acts_as() == base {
        return Ok(());
    }
    // An absent base gives no row, and is no error then.
    let query = format!(
        "SELECT pg_catalog.pg_has_role(session_user, oid, 'USAGE')::text FROM pg_catalog.pg_roles WHERE rolname = {}",
        literal(&base)
    );
    let rows = session.run(&query, &Act::new("look up the rights of a role")).await?;
    if rows.last().is_some_and(|row| text(row, 0) == "true") {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "the account `{account}` of {} may not do what its base `{base}` may: it is no member of it",
        session.place()
    ))
    .next(format!(
        "Run: GRANT {} TO {}; or, if you give both accounts their rights yourself, set the tag fourstep:grants=leave",
        quote(&base),
        quote(account)
    )))
}

/// What there is of the two roles.
struct Pair {
    base_is_superuser: bool,
    clone_exists: bool,
    clone_is_superuser: bool,
    clone_logs_in: bool,
    clone_inherits: bool,
    comment: Option<String>,
    member: bool,
    acts_as_base: bool,
}

impl Pair {
    async fn read(session: &mut Session, base: &str, clone: &str) -> Result<Self> {
        // Since 16, each membership says for itself what it gives; before, the member's INHERIT did.
        let gives = if session.is_at_least(16) { "AND inherit_option AND set_option" } else { "" };
        let query = format!(
            "SELECT base.rolsuper::text,
                    (clone.oid IS NOT NULL)::text,
                    coalesce(clone.rolsuper, false)::text,
                    coalesce(clone.rolcanlogin, false)::text,
                    coalesce(clone.rolinherit, false)::text,
                    EXISTS (SELECT FROM pg_catalog.pg_auth_members
                             WHERE roleid = base.oid AND member = clone.oid {gives})::text,
                    EXISTS (SELECT FROM pg_catalog.pg_db_role_setting
                             WHERE setrole = clone.oid AND setdatabase = 0 AND {} = ANY (setconfig))::text,
                    pg_catalog.shobj_description(clone.oid, 'pg_authid')
               FROM pg_catalog.pg_roles base LEFT JOIN pg_catalog.pg_roles clone ON clone.rolname = {}
              WHERE base.rolname = {}",
            literal(&format!("role={base}")),
            literal(clone),
            literal(base)
        );
        let rows = session.run(&query, &Act::new("look up the two roles")).await?;
        let Some(row) = rows.last() else {
            return Err(Error::invalid(format!("{} has no role `{base}`, the base account", session.place()))
                .next("Create it, with the rights that the consumers need"));
        };
        let is = |column| text(row, column) == "true";
        Ok(Self {
            base_is_superuser: is(0),
            clone_exists: is(1),
            clone_is_superuser: is(2),
            clone_logs_in: is(3),
            clone_inherits: is(4),
            member: is(5),
            acts_as_base: is(6),
            comment: row.try_get(7).ok().flatten(),
        })
    }

    /// Gives the statements that are missing, each with what it is for.
    fn missing(&self, session: &Session, base: &str, clone: &str, marked: bool) -> Vec<(Act, String)> {
        let by = quote(session.account());
        let options = session.is_at_least(16);
        let own = |role: &str| {
            if options {
                format!("GRANT {role} TO {by} WITH ADMIN OPTION")
            } else {
                format!("ALTER ROLE {by} CREATEROLE")
            }
        };
        let (base_role, clone_role) = (quote(base), quote(clone));
        let mut statements = Vec::new();
        let mut add = |what: String, right: String, statement: String| {
            statements.push((Act::new(what).allowed_by(right), statement));
        };
        if !self.clone_exists {
            add(
                format!("create role {clone_role}"),
                format!("ALTER ROLE {by} CREATEROLE"),
                format!("CREATE ROLE {clone_role} LOGIN"),
            );
        } else if !(self.clone_logs_in && self.clone_inherits) {
            add(
                format!("let role {clone_role} log in"),
                own(&clone_role),
                format!("ALTER ROLE {clone_role} LOGIN INHERIT"),
            );
        }
        if !marked {
            let mark = mark(base, self.comment.as_deref());
            add(
                format!("comment on role {clone_role}"),
                own(&clone_role),
                format!("COMMENT ON ROLE {clone_role} IS {}", literal(&mark)),
            );
        }
        if !self.member {
            let with = if options { " WITH INHERIT TRUE, SET TRUE" } else { "" };
            add(format!("grant role {base_role}"), own(&base_role), format!("GRANT {base_role} TO {clone_role}{with}"));
        }
        if !self.acts_as_base {
            add(
                format!("set the role as which {clone_role} acts"),
                own(&clone_role),
                format!("ALTER ROLE {clone_role} SET role = {}", literal(base)),
            );
        }
        statements
    }
}

const MARK: &str = "Fourstep: clone of ";

/// Gives the comment of a clone: what the owner wrote, without an older mark of ours, and our line.
fn mark(base: &str, comment: Option<&str>) -> String {
    let line = format!("{MARK}{}", quote(base));
    let others = comment.unwrap_or_default().lines().filter(|line| !line.starts_with(MARK));
    others.chain([line.as_str()]).collect::<Vec<_>>().join("\n")
}

fn base_in(comment: &str) -> Option<String> {
    comment.lines().find_map(|line| unquote(line.strip_prefix(MARK)?))
}

fn text(row: &PgRow, column: usize) -> String {
    row.try_get(column).unwrap_or_default()
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
