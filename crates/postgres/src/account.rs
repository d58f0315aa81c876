//! What the server knows of a role.

use fourstep::{Error, Result};
use sqlx::postgres::PgRow;

use crate::identifier::quote;
use crate::row::{optional, text};
use crate::session::Session;

/// A role's attributes, and our mark.
pub(crate) struct Role {
    pub(crate) superuser: bool,
    pub(crate) logs_in: bool,
    pub(crate) inherits: bool,
    pub(crate) creates_databases: bool,
    pub(crate) creates_roles: bool,
    pub(crate) replicates: bool,
    pub(crate) bypasses_row_security: bool,
    /// `CONNECTION LIMIT`; -1 means no limit.
    pub(crate) connections: String,
    /// `VALID UNTIL`; `infinity` where there is no end.
    pub(crate) valid_until: String,
    pub(crate) expired: bool,
    pub(crate) comment: Option<String>,
}

impl Role {
    /// Reads a row that has [`COLUMNS`] after its first column.
    pub(crate) fn from_row(row: &PgRow) -> Self {
        let is = |column| text(row, column) == "true";
        Self {
            superuser: is(1),
            logs_in: is(2),
            inherits: is(3),
            creates_databases: is(4),
            creates_roles: is(5),
            replicates: is(6),
            bypasses_row_security: is(7),
            connections: text(row, 8),
            valid_until: text(row, 9),
            expired: is(10),
            comment: optional(row, 11),
        }
    }

    /// Returns what a role is that was made with LOGIN and nothing else.
    pub(crate) fn new() -> Self {
        Self {
            superuser: false,
            logs_in: true,
            inherits: true,
            creates_databases: false,
            creates_roles: false,
            replicates: false,
            bypasses_row_security: false,
            connections: "-1".to_owned(),
            valid_until: "infinity".to_owned(),
            expired: false,
            comment: None,
        }
    }
}

/// The columns of `pg_roles` that [`Role::from_row`] reads, after the first one.
pub(crate) const COLUMNS: &str = "
                rolsuper::text, rolcanlogin::text, rolinherit::text, rolcreatedb::text, rolcreaterole::text,
                rolreplication::text, rolbypassrls::text, rolconnlimit::text,
                coalesce(rolvaliduntil, 'infinity')::text,
                coalesce(rolvaliduntil < pg_catalog.clock_timestamp(), false)::text,
                pg_catalog.shobj_description(oid, 'pg_authid')";

/// Refuses an account that cannot log in with a password.
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

/// Returns, in SQL, the role as which sessions of the base begin in a database: what counts first of what the base sets
/// there, what it sets everywhere, what that database sets for all, and what all set. The server ignores a role that the
/// base may not use. `base` is a literal; `database` the identifier of one, or 0 for those that nothing is set in.
pub(crate) fn acts_as(base: &str, database: &str, memberships_have_options: bool) -> String {
    let right = if memberships_have_options { "SET" } else { "MEMBER" };
    format!(
        "coalesce((SELECT coalesce(other.rolname, base.rolname)::text FROM pg_catalog.pg_roles base
                     JOIN pg_catalog.pg_db_role_setting place ON place.setrole IN (0, base.oid)
                    CROSS JOIN LATERAL pg_catalog.unnest(place.setconfig) entry
                     LEFT JOIN pg_catalog.pg_roles other ON entry = 'role=' || other.rolname
                    WHERE base.rolname = {base} AND place.setdatabase IN (0, {database})
                      AND (entry = 'role=none' OR pg_catalog.pg_has_role(base.oid, other.oid, '{right}'))
                    ORDER BY place.setrole <> 0 DESC, place.setdatabase <> 0 DESC LIMIT 1), {base})"
    )
}

/// Tells apart, in SQL, the objects of `pg_shdepend` that others might use from those that are a role's or a session's own.
pub(crate) const NOT_ITS_OWN: &str = "
    classid NOT IN ('pg_catalog.pg_default_acl'::pg_catalog.regclass, 'pg_catalog.pg_user_mapping'::pg_catalog.regclass)
    AND NOT (classid = 'pg_catalog.pg_class'::pg_catalog.regclass
             AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
             AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = objid AND relpersistence = 't'))";
