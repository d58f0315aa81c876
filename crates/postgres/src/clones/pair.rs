use std::fmt;

use fourstep::{Error, Result};
use fourstep_server::Operation;

use crate::account::{COLUMNS, NOT_ITS_OWN, Role, acts_as};
use crate::identifier::{literal, quote};
use crate::row::{optional, text};
use crate::session::Session;

/// What the server knows of a base and its clone.
pub(super) struct Pair {
    pub(super) base: Role,
    pub(super) clone: Option<Role>,
    /// The clone has all rights of its base.
    pub(super) member: bool,
    /// The settings of the clone's sessions that are not those of its base.
    pub(super) settings: Vec<Setting>,
    /// What the clone is a member of beside its base.
    pub(super) memberships: Vec<Membership>,
    /// What belongs to the clone itself, or was granted to it by name.
    pub(super) objects: Vec<Objects>,
}

/// A setting that differs.
pub(super) struct Setting {
    /// Where it holds. `None`: in every database.
    pub(super) database: Option<String>,
    pub(super) name: String,
    /// What the clone is to have, as the catalog has it. `None`: the base has no such setting.
    pub(super) value: Option<String>,
}

/// A membership, or the option to give that of the base to others.
pub(super) struct Membership {
    pub(super) role: String,
    pub(super) grantor: Option<String>,
    /// Only the option: without the membership, there is no clone.
    pub(super) only_admin_option: bool,
}

/// Objects of one database, or of none.
pub(super) struct Objects {
    pub(super) database: Option<String>,
    pub(super) owned: bool,
    pub(super) number: String,
    /// The first few, where the session's database has them.
    pub(super) described: String,
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.database {
            Some(database) => write!(f, "{} in database {}", self.number, quote(database))?,
            None => write!(f, "{} shared by all databases", self.number)?,
        }
        if self.described.is_empty() { Ok(()) } else { write!(f, " ({})", self.described) }
    }
}

impl Pair {
    /// Reads all of it with one message.
    ///
    /// # Errors
    ///
    /// `Invalid` if there is no base.
    pub(super) async fn read(session: &mut Session, base: &str, clone: &str) -> Result<Self> {
        let query = query(base, clone, session.is_at_least(16));
        let (mut base_role, mut clone_role, mut member) = (None, None, false);
        let (mut settings, mut memberships, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        for row in session.run(&query, &Operation::new("look up the two roles")).await? {
            match text(&row, 0).as_str() {
                "base" => base_role = Some(Role::from_row(&row)),
                "clone" => clone_role = Some(Role::from_row(&row)),
                "member" => member = true,
                "setting" => settings.push(Setting {
                    database: optional(&row, 1),
                    name: text(&row, 2),
                    value: optional(&row, 3),
                }),
                "membership" => memberships.push(Membership {
                    role: text(&row, 1),
                    grantor: optional(&row, 2),
                    only_admin_option: text(&row, 3) == "true",
                }),
                _ => objects.push(Objects {
                    database: optional(&row, 1),
                    owned: text(&row, 2) == "true",
                    number: text(&row, 3),
                    described: text(&row, 4),
                }),
            }
        }
        let base = base_role.ok_or_else(|| {
            Error::invalid(format!("{} has no role `{base}`, the base account", session.destination()))
                .next("Create it, with the rights that the consumers need")
        })?;
        Ok(Self { base, clone: clone_role, member, settings, memberships, objects })
    }
}

/// Each row says first what it is of; each column is text.
fn query(base: &str, clone: &str, memberships_have_options: bool) -> String {
    let (base, clone) = (literal(base), literal(clone));
    // Since 16, each membership says for itself what it gives; before, the member's INHERIT did.
    let gives = if memberships_have_options { "AND inherit_option AND set_option" } else { "" };
    let id = |name: &str| format!("(SELECT oid FROM pg_catalog.pg_roles WHERE rolname = {name})");
    let (base_id, clone_id) = (id(&base), id(&clone));
    // Where the base's own sessions begin as another role, those of the clone do. What the clone itself sets counts before
    // what a database sets for all, so it has to say it.
    let acts_as = acts_as(&base, "scope.setdatabase", memberships_have_options);
    format!(
        "SELECT CASE WHEN rolname = {base} THEN 'base' ELSE 'clone' END,{COLUMNS}
           FROM pg_catalog.pg_roles WHERE rolname IN ({base}, {clone});

         SELECT 'member' FROM pg_catalog.pg_auth_members WHERE roleid = {base_id} AND member = {clone_id} {gives};

         WITH entries AS (
              SELECT setrole, setdatabase, pg_catalog.split_part(entry, '=', 1) AS name,
                     pg_catalog.substr(entry, pg_catalog.strpos(entry, '=') + 1) AS value
                FROM pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) entry),
              roles AS (
              SELECT setdatabase, {acts_as} AS value
                FROM (SELECT 0::oid AS setdatabase
                       UNION SELECT setdatabase FROM entries WHERE setrole IN (0, {base_id}) AND name = 'role') scope),
              wanted AS (
              SELECT setdatabase, name, value FROM entries WHERE setrole = {base_id} AND name <> 'role'
               UNION ALL SELECT setdatabase, 'role', value FROM roles
                WHERE setdatabase = 0 OR value <> (SELECT value FROM roles WHERE setdatabase = 0)),
              found AS (SELECT setdatabase, name, value FROM entries WHERE setrole = {clone_id})
         SELECT 'setting', datname::text, name, wanted.value
           FROM wanted FULL JOIN found USING (setdatabase, name)
           LEFT JOIN pg_catalog.pg_database database ON database.oid = setdatabase
          WHERE wanted.value IS DISTINCT FROM found.value AND (setdatabase = 0 OR datname IS NOT NULL)
          ORDER BY setdatabase, name;

         SELECT 'membership', role.rolname::text, grantor.rolname::text, (roleid = {base_id})::text
           FROM pg_catalog.pg_auth_members membership JOIN pg_catalog.pg_roles role ON role.oid = roleid
           LEFT JOIN pg_catalog.pg_roles grantor ON grantor.oid = membership.grantor
          WHERE member = {clone_id} AND (roleid <> {base_id} OR admin_option)
          ORDER BY 2, 3;

         SELECT 'objects', datname::text, (deptype = 'o')::text, pg_catalog.count(*)::text,
                pg_catalog.string_agg(CASE WHEN place <= 5 AND (dbid = 0 OR datname = pg_catalog.current_database())
                                           THEN pg_catalog.pg_describe_object(classid, objid, objsubid) END, ', ' ORDER BY place)
           FROM (SELECT *, pg_catalog.row_number() OVER (PARTITION BY dbid, deptype ORDER BY classid, objid) AS place
                   FROM pg_catalog.pg_shdepend
                  WHERE refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND refobjid = {clone_id}
                    AND (deptype = 'a' OR deptype = 'o' AND {NOT_ITS_OWN})) dependent
           LEFT JOIN pg_catalog.pg_database database ON database.oid = dbid
          GROUP BY datname, deptype ORDER BY datname, deptype"
    )
}
