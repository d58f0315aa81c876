//! Our mark on a clone: a line of the comment on its role.

use std::ops::Range;

use fourstep::Result;
use fourstep_server::Operation;

use crate::identifier::{literal, quote, unquote};
use crate::row::optional;
use crate::session::Session;

/// Returns the base whose clone the account is by its mark, and of which it is a member.
pub(crate) async fn marked_base(session: &mut Session, account: &str) -> Result<Option<String>> {
    // Whoever made a role may comment on it, since version 16 without any right over its base. To make it a member of the
    // base takes one.
    let query = format!(
        "SELECT pg_catalog.shobj_description(clone.oid, 'pg_authid'), base.rolname::text
           FROM pg_catalog.pg_roles clone
           LEFT JOIN pg_catalog.pg_auth_members membership ON membership.member = clone.oid
           LEFT JOIN pg_catalog.pg_roles base ON base.oid = membership.roleid
          WHERE clone.rolname = {}",
        literal(account)
    );
    let rows = session.run(&query, &Operation::new("read the comment on a role")).await?;
    let comment = rows.last().and_then(|row| optional(row, 0));
    let base = comment.as_deref().and_then(base_in);
    Ok(base.filter(|base| rows.iter().any(|row| optional(row, 1).as_ref() == Some(base))))
}

/// Returns whether a comment has the mark of this base's clone.
pub(crate) fn has_mark(comment: Option<&str>, base: &str) -> bool {
    comment.and_then(base_in).is_some_and(|marked| marked == base)
}

/// Returns the comment of a clone: what the owner wrote, without an older mark of ours, and our line.
pub(crate) fn with_mark(comment: Option<&str>, base: &str) -> String {
    let mut others = comment.unwrap_or_default().to_owned();
    while let Some((at, _)) = find_mark(&others) {
        others.replace_range(at, "");
    }
    let others = others.trim_end_matches('\n');
    let line = if others.is_empty() { "" } else { "\n" };
    format!("{others}{line}{MARK}{}", quote(base))
}

/// Returns the base whose clone is marked by a comment.
pub(crate) fn base_in(comment: &str) -> Option<String> {
    find_mark(comment).map(|(_, base)| base)
}

const MARK: &str = "Fourstep: clone of ";

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
            assert_eq!(base_in(&with_mark(None, base)).as_deref(), Some(base));
            assert_eq!(with_mark(Some(&with_mark(None, base)), "app"), "Fourstep: clone of \"app\"");
        }
    }

    #[test]
    fn the_owners_comment_stays_and_an_older_mark_goes() {
        let comment = with_mark(Some("of team one\nFourstep: clone of \"old\""), "app");
        assert_eq!(comment, "of team one\nFourstep: clone of \"app\"");
        assert_eq!(base_in("made as a Fourstep: clone of \"app\""), None);
        assert_eq!(base_in("Fourstep: clone of app"), None);
    }
}
