use fourstep::{Error, Result};
use fourstep_server::Operation;

use crate::account::acts_as;
use crate::identifier::{literal, quote};
use crate::row::text;
use crate::session::Session;
use crate::session::start::version_text;

/// Proves that the session of a clone began as those of its base do, as the base or as the role that the base sets, and
/// that it goes on so once a connection pool has reset it.
///
/// `ALTER ROLE … SET role` is no proof: the server takes a role that the account may not use, and the login then
/// succeeds with a warning and without it. Some minor versions do so with each role.
///
/// # Errors
///
/// `Forbidden`, with the ways out.
pub(super) async fn check(session: &mut Session, account: &str, base: &str) -> Result<()> {
    let role = role_of(session, base).await?;
    if session.acts_as() != role {
        return Err(begins_as_another(session, account, base, &role));
    }
    // What DISCARD ALL, which pools send, begins with; of that, this alone can change the role. In a transaction that is
    // rolled back it leaves nothing to whoever else has the session from a pool.
    let reset = "RESET SESSION AUTHORIZATION; SELECT current_user::text";
    let rows = session.run(reset, &Operation::new("reset the session as a connection pool does")).await?;
    let after = rows.last().map(|row| text(row, 0)).unwrap_or_default();
    if after == role { Ok(()) } else { Err(goes_on_as_another(session, account, base, &role, &after)) }
}

/// The way out of each refusal for who makes the second account without us.
pub(super) const LEAVE: &str = "if you give both accounts their rights yourself, set the tag fourstep:grants=leave";

/// Returns as which role sessions of the base begin.
async fn role_of(session: &mut Session, base: &str) -> Result<String> {
    let here = "(SELECT oid FROM pg_database WHERE datname = current_database())";
    let query = format!("SELECT {}", acts_as(&literal(base), here, session.is_at_least(16)));
    let rows = session.run(&query, &Operation::new("look up the role of the base")).await?;
    Ok(rows.first().map_or_else(|| base.to_owned(), |row| text(row, 0)))
}

fn begins_as_another(session: &Session, account: &str, base: &str, role: &str) -> Error {
    let does = if role == base { "does not act as its base" } else { "does not act as the role of its base" };
    let error = Error::forbidden(format!(
        "the account `{account}` of {} {does} `{role}`, and so may not do what that may: its sessions begin as `{}`",
        session.destination(),
        session.acts_as()
    ));
    let fixed = fixed_in(session.version()).filter(|fixed| session.version() + 1 == *fixed);
    match fixed.map(version_text) {
        Some(fixed) => error.next(format!(
            "Upgrade the server to {fixed} or later: its version ignores ALTER ROLE … SET role for every role; or, {LEAVE}"
        )),
        None => error.next(format!("Run: GRANT {} TO {}; {}; or, {LEAVE}", quote(base), quote(account), set(account, role))),
    }
}

fn goes_on_as_another(session: &Session, account: &str, base: &str, role: &str, after: &str) -> Error {
    let like = if role == base { "as its base" } else { "as the role of its base" };
    let error = Error::forbidden(format!(
        "a session of account `{account}` of {} begins as `{role}`, {like}, but goes on as `{after}` once a connection pool has reset it (DISCARD ALL, RESET SESSION AUTHORIZATION)",
        session.destination()
    ));
    match fixed_in(session.version()).map(version_text) {
        Some(fixed) => error.next(format!(
            "Upgrade the server to {fixed} or later, which keeps ALTER ROLE … SET role; or set the tag fourstep:strategy=single-user; or, if no pool resets sessions or each does so by DISCARD ALL and RESET ROLE, set the tag fourstep:grants=leave"
        )),
        None => error.next(format!("Run: {}; or, {LEAVE}", set(account, role))),
    }
}

fn set(account: &str, role: &str) -> String {
    format!("ALTER ROLE {} SET role = {}", quote(account), literal(role))
}

/// The versions since which the server keeps `ALTER ROLE … SET role` when a session is reset. The one before each, of
/// 14 November 2024, ignores it.
/// <https://www.postgresql.org/docs/release/17.2/>, <https://www.postgresql.org/docs/release/17.1/>
const FIXED: [u32; 6] = [120_022, 130_018, 140_015, 150_010, 160_006, 170_002];

/// Returns the version to upgrade to, if this one does not keep `ALTER ROLE … SET role`: the next one of its major
/// version, or the first that has it.
fn fixed_in(version: u32) -> Option<u32> {
    let major = |version: u32| version / 10_000;
    FIXED.into_iter().find(|fixed| major(*fixed) >= major(version)).filter(|fixed| version < *fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_that_do_not_keep_a_roles_role_are_known() {
        for (version, fixed) in [
            (100_023, Some("12.22")),
            (110_022, Some("12.22")),
            (120_021, Some("12.22")),
            (120_022, None),
            (130_017, Some("13.18")),
            (140_000, Some("14.15")),
            (150_008, Some("15.10")),
            (150_009, Some("15.10")),
            (150_010, None),
            (160_005, Some("16.6")),
            (170_001, Some("17.2")),
            (170_002, None),
            (180_000, None),
        ] {
            assert_eq!(fixed_in(version).map(version_text).as_deref(), fixed, "{version}");
        }
    }
}
