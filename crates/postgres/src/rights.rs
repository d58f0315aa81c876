mod role;

use fourstep::{Error, Result};
use fourstep_server::Operation;

use crate::account::NOT_ITS_OWN;
use crate::identifier::{literal, quote};
use crate::mark::{base_in, has_mark};
use crate::rights::role::LEAVE;
use crate::row::{optional, text};
use crate::session::Session;

/// How many objects of an account are looked at: more than any database of ours has, and few enough for a second.
const MOST: u32 = 200_000;

/// How many of those that are missing are named, of each right.
const NAMED: u32 = 3;

/// Proves that the session's account may do what the other one of its pair may.
///
/// A clone has to act as its base, and to go on so: see `role.rs`. Whichever of the two is asked, the server says
/// by `has_…_privilege` whether it may do what the other was granted, and whether it has the rights of an owner over what
/// the other owns, in this database and where that is shared. What a clone of ours was granted by name does not count:
/// its sessions act as the base, and do not have it either.
///
/// # Errors
///
/// `Forbidden`, with what is missing and both ways out.
pub(crate) async fn check_rights(session: &mut Session, account: &str) -> Result<()> {
    let clone = fourstep::accounts::clone_of(account);
    let query = format!(
        "SELECT rolname::text, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname IN ({}, {})",
        literal(account),
        literal(&clone)
    );
    let rows = session.run(&query, &Operation::new("read the comments on the two roles")).await?;
    let comment = |role: &str| rows.iter().find(|row| text(row, 0) == role).map(|row| optional(row, 1));
    if let Some(base) = comment(account).flatten().as_deref().and_then(base_in) {
        role::check(session, account, &base).await?;
        let lacking = lacking(session, &base, true).await?;
        return if lacking.is_empty() { Ok(()) } else { Err(less_than_base(session, account, &base, &lacking)) };
    }
    let Some(comment) = comment(&clone) else { return Ok(()) };
    let ours = has_mark(comment.as_deref(), account);
    let lacking = lacking(session, &clone, !ours).await?;
    if lacking.is_empty() { Ok(()) } else { Err(less_than_clone(session, account, &clone, &lacking)) }
}

fn less_than_base(session: &Session, account: &str, base: &str, lacking: &[String]) -> Error {
    let (base_role, clone_role) = (quote(base), quote(account));
    let options = if session.is_at_least(16) { " WITH INHERIT TRUE, SET TRUE" } else { "" };
    Error::forbidden(format!(
        "the account `{account}` of {} may do less than its base `{base}`; it lacks: {}",
        session.destination(),
        lacking.join("; ")
    ))
    .next(format!("Run: ALTER ROLE {clone_role} INHERIT; GRANT {base_role} TO {clone_role}{options}; or, {LEAVE}"))
}

fn less_than_clone(session: &Session, account: &str, clone: &str, lacking: &[String]) -> Error {
    let (base_role, clone_role) = (quote(account), quote(clone));
    Error::forbidden(format!(
        "the account `{account}` of {} may do less than its clone `{clone}`, which is current; it lacks: {}",
        session.destination(),
        lacking.join("; ")
    ))
    .next(format!(
        "Run, in each database that is named: REASSIGN OWNED BY {clone_role} TO {base_role}; and grant {base_role} what else is named; or, {LEAVE}"
    ))
}

/// Returns what the session's account lacks of what the other may, each right with its number and its first few objects.
async fn lacking(session: &mut Session, other: &str, granted: bool) -> Result<Vec<String>> {
    let query = query(other, granted, session.version());
    let rows = session.run(&query, &Operation::new("compare the rights of the two roles")).await?;
    Ok(rows
        .iter()
        .map(|row| match (optional(row, 3), text(row, 0)) {
            (Some(objects), right) => format!("{right} ({} in all): {objects}", text(row, 2)),
            (None, right) => format!("{right}: {} in database {}", text(row, 2), quote(&text(row, 1))),
        })
        .collect())
}

/// Catalogs with access lists, the column of theirs, and the function that says who may.
const GRANTED: [(&str, &str, &str); 8] = [
    ("pg_namespace", "nspacl", "has_schema_privilege"),
    ("pg_proc", "proacl", "has_function_privilege"),
    ("pg_database", "datacl", "has_database_privilege"),
    ("pg_type", "typacl", "has_type_privilege"),
    ("pg_language", "lanacl", "has_language_privilege"),
    ("pg_foreign_data_wrapper", "fdwacl", "has_foreign_data_wrapper_privilege"),
    ("pg_foreign_server", "srvacl", "has_server_privilege"),
    ("pg_tablespace", "spcacl", "has_tablespace_privilege"),
];

/// The right to set a parameter can be granted since then.
const PARAMETERS_HAVE_GRANTS: u32 = 150_000;

/// Says who may use a large object: only since 18 has the server a function for it.
const LARGE_OBJECT: &str = "(pg_has_role(me, lomowner, 'USAGE')
               OR EXISTS (SELECT FROM aclexplode(lomacl) mine
                           WHERE mine.privilege_type = access.privilege_type AND mine.is_grantable >= access.is_grantable
                             AND (mine.grantee = 0 OR pg_has_role(me, mine.grantee, 'USAGE'))))";

/// One pass over what the server notes of a role anyway (`pg_shdepend`), however many objects the database has.
fn query(other: &str, granted: bool, version: u32) -> String {
    let other = literal(other);
    // Before 12, what WITH names is never inlined, and the word is not known.
    let once = if version >= 120_000 { "AS MATERIALIZED" } else { "AS" };
    let mut kinds = vec![format!(
        "SELECT dbid, classid, objid, objsubid, 'ownership' AS lacks FROM noted
              WHERE deptype = 'o' AND NOT pg_has_role(me, other, 'USAGE') AND {NOT_ITS_OWN}"
    )];
    if granted {
        kinds.push(
            "SELECT 0::oid, 'pg_authid'::regclass::oid, roleid, 0, 'membership'
               FROM who JOIN pg_auth_members ON member = other
              WHERE roleid <> me AND EXISTS (SELECT FROM unnest('{MEMBER,USAGE}'::text[]) kind
                                              WHERE pg_has_role(other, roleid, kind) AND NOT pg_has_role(me, roleid, kind))"
                .to_owned(),
        );
        kinds.push(kind(
            "pg_class",
            "relacl",
            "objsubid = 0",
            "CASE relkind WHEN 'S' THEN has_sequence_privilege(me, objid, option) ELSE has_table_privilege(me, objid, option) END",
        ));
        kinds.push(kind(
            "pg_class JOIN pg_attribute ON attrelid = pg_class.oid",
            "attacl",
            "objsubid = attnum",
            "has_column_privilege(me, objid, attnum, option)",
        ));
        kinds.push(kind("pg_largeobject_metadata", "lomacl", "true", LARGE_OBJECT));
        if version >= PARAMETERS_HAVE_GRANTS {
            kinds.push(kind("pg_parameter_acl", "paracl", "true", "has_parameter_privilege(me, parname, option)"));
        }
        kinds.extend(
            GRANTED
                .map(|(catalog, acl, function)| kind(catalog, acl, "true", &format!("{function}(me, objid, option)"))),
        );
    }
    let kinds = kinds.join(" UNION ALL ");
    format!(
        "WITH who {once} (
              SELECT me.oid AS me, other.oid AS other FROM pg_roles me, pg_roles other
               WHERE me.rolname = session_user AND other.rolname = {other}),
              noted {once} (
              SELECT me, other, dbid, classid, objid, objsubid, deptype,
                     dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AS here
                FROM who JOIN pg_shdepend ON refclassid = 'pg_authid'::regclass AND refobjid = other
               WHERE deptype IN ('o', 'a') LIMIT {MOST}),
              lacking AS ({kinds}),
              placed AS (
              SELECT *, row_number() OVER (PARTITION BY dbid, lacks ORDER BY classid, objid, objsubid) AS place
                FROM lacking)
         SELECT lacks, datname::text, count(*)::text,
                string_agg(CASE WHEN place <= {NAMED} AND (dbid = 0 OR datname = current_database())
                                THEN pg_describe_object(classid, objid, objsubid) END, ', ' ORDER BY place)
           FROM placed LEFT JOIN pg_database ON pg_database.oid = dbid
          GROUP BY lacks, datname ORDER BY datname, lacks"
    )
}

/// Returns what one kind of object adds: each grant to the other that is none of ours, also as the right to pass it on.
fn kind(catalog: &str, acl: &str, part: &str, may: &str) -> String {
    let class = catalog.split(' ').next().unwrap_or(catalog);
    // The access list of a large object is not in the catalog that its dependencies name.
    let noted_as = if class == "pg_largeobject_metadata" { "pg_largeobject" } else { class };
    format!(
        "SELECT dbid, classid, objid, objsubid, option
           FROM noted JOIN {catalog} ON {class}.oid = objid AND {part}
          CROSS JOIN LATERAL (SELECT privilege_type, is_grantable, privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option
                                FROM aclexplode({acl}) WHERE grantee = other) access
          WHERE deptype = 'a' AND here AND classid = '{noted_as}'::regclass AND NOT {may}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_before_12_gets_no_word_that_it_does_not_know() {
        for word in ["MATERIALIZED", "pg_parameter_acl"] {
            assert!(
                query("app", true, 150_000).contains(word) && !query("app", true, 110_022).contains(word),
                "{word}"
            );
        }
    }
}
