use fourstep::Result;
use fourstep_server::Operation;

use crate::account::Role;
use crate::clones::pair::{Membership, Setting};
use crate::clones::setting::{quote_parameter, quote_value};
use crate::identifier::{literal, quote};
use crate::mark::with_mark;
use crate::session::Session;

/// A statement that makes the clone more equal to its base.
pub(super) struct Statement {
    operation: Operation,
    text: String,
    /// It takes from the clone what somebody gave it.
    revokes: bool,
}

impl Statement {
    pub(super) async fn run(&self, session: &mut Session) -> Result<()> {
        if self.revokes {
            tracing::warn!(statement = self.text, "the clone has more than its base, and it is taken away");
        }
        session.run(&self.text, &self.operation).await.map(|_| ())
    }

    /// Returns what it is for.
    pub(super) fn what(&self) -> &str {
        &self.operation.what
    }
}

/// Writes statements as an administrator.
///
/// What the administrator may not do is found out by doing it: all is in one transaction, and the first refusal undoes
/// what came before. Rules written down here would be those of one version and of no managed service.
pub(super) struct Writer<'a> {
    by: String,
    base: &'a str,
    base_role: String,
    clone: String,
    /// Since 15, the right to set a parameter can be granted.
    parameters_have_grants: bool,
    /// Since 16, CREATEROLE alone gives no right over roles that somebody else made.
    roles_have_owners: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(session: &Session, base: &'a str, clone: &str) -> Self {
        Self {
            by: quote(session.account()),
            base,
            base_role: quote(base),
            clone: quote(clone),
            parameters_have_grants: session.is_at_least(15),
            roles_have_owners: session.is_at_least(16),
        }
    }

    pub(super) fn create(&self) -> Statement {
        let Self { by, clone, .. } = self;
        statement(
            format!("create role {clone}"),
            format!("ALTER ROLE {by} CREATEROLE"),
            format!("CREATE ROLE {clone} LOGIN"),
        )
    }

    pub(super) fn attributes(&self, base: &Role, clone: &Role) -> Vec<Statement> {
        let Self { by, clone: name, base_role, .. } = self;
        let word = |word: &str, is: bool| format!("{}{word}", if is { "" } else { "NO" });
        let alter = |options: &str, right: String| {
            statement(
                format!("give role {name} the attributes {options}"),
                right,
                format!("ALTER ROLE {name} {options}"),
            )
        };
        let mut plain = Vec::new();
        // Whether the base inherits or not: the clone has the base's own rights by inheriting them.
        if !(clone.logs_in && clone.inherits) {
            plain.push("LOGIN INHERIT".to_owned());
        }
        if base.creates_roles != clone.creates_roles {
            plain.push(word("CREATEROLE", base.creates_roles));
        }
        if base.connections != clone.connections {
            plain.push(format!("CONNECTION LIMIT {}", base.connections));
        }
        if base.valid_until != clone.valid_until {
            plain.push(format!("VALID UNTIL {}", literal(&base.valid_until)));
        }
        let mut statements = Vec::new();
        if !plain.is_empty() {
            statements.push(alter(&plain.join(" "), self.right_over(name)));
        }
        if base.creates_databases != clone.creates_databases {
            let right = match self.roles_have_owners {
                true => format!("ALTER ROLE {by} CREATEDB; {}", self.right_over(name)),
                false => self.right_over(name),
            };
            statements.push(alter(&word("CREATEDB", base.creates_databases), right));
        }
        for (attribute, wanted, found) in [
            ("BYPASSRLS", base.bypasses_row_security, clone.bypasses_row_security),
            ("REPLICATION", base.replicates, clone.replicates),
        ] {
            if wanted != found {
                // Before 16, only a superuser changes them.
                let right = match self.roles_have_owners {
                    true => format!("ALTER ROLE {by} {attribute} (as a superuser)"),
                    false => format!("ALTER ROLE {by} SUPERUSER; or ALTER ROLE {base_role} NO{attribute}"),
                };
                statements.push(alter(&word(attribute, wanted), right));
            }
        }
        statements
    }

    pub(super) fn comment(&self, comment: Option<&str>) -> Statement {
        let clone = &self.clone;
        statement(
            format!("comment on role {clone}"),
            self.right_over(clone),
            format!("COMMENT ON ROLE {clone} IS {}", literal(&with_mark(comment, self.base))),
        )
    }

    pub(super) fn grant(&self) -> Statement {
        let Self { base_role, clone, .. } = self;
        let with = if self.roles_have_owners { " WITH INHERIT TRUE, SET TRUE" } else { "" };
        statement(
            format!("grant role {base_role}"),
            self.right_over(base_role),
            format!("GRANT {base_role} TO {clone}{with}"),
        )
    }

    pub(super) fn set(&self, Setting { database, name, value }: &Setting) -> Statement {
        let Self { by, base_role, clone, .. } = self;
        let parameter = quote_parameter(name);
        let in_database =
            database.as_deref().map(|database| format!(" IN DATABASE {}", quote(database))).unwrap_or_default();
        let change = match value {
            Some(value) => format!("SET {parameter} TO {}", quote_value(name, value)),
            None => format!("RESET {parameter}"),
        };
        let right = match name.as_str() {
            "role" => self.right_over(clone),
            _ if self.roles_have_owners => {
                format!("GRANT SET ON PARAMETER {parameter} TO {by}; {}", self.right_over(clone))
            }
            _ if self.parameters_have_grants => format!("GRANT SET ON PARAMETER {parameter} TO {by}"),
            _ => format!("ALTER ROLE {by} SUPERUSER; or ALTER ROLE {base_role}{in_database} RESET {parameter}"),
        };
        // The value may be secret, as that of an extension's key.
        let what = format!("change the setting {parameter} of role {clone}{in_database}");
        statement(what, right, format!("ALTER ROLE {clone}{in_database} {change}"))
    }

    pub(super) fn revoke(&self, Membership { role, grantor, only_admin_option }: &Membership) -> Statement {
        let (role, clone) = (quote(role), &self.clone);
        let what = if *only_admin_option { format!("ADMIN OPTION FOR {role}") } else { role };
        // Before 16, a membership has only one grantor, and nobody need name it.
        let grantor = grantor.as_deref().filter(|_| self.roles_have_owners).map(quote);
        let granted_by = grantor.as_ref().map(|grantor| format!(" GRANTED BY {grantor}")).unwrap_or_default();
        let text = format!("REVOKE {what} FROM {clone}{granted_by}");
        let right = format!("{text} (as {})", grantor.as_deref().unwrap_or("a superuser"));
        Statement { revokes: true, ..statement(format!("revoke {what} from role {clone}"), right, text) }
    }

    /// Returns the statement that lets the administrator change a role.
    fn right_over(&self, role: &str) -> String {
        let by = &self.by;
        if self.roles_have_owners {
            format!("GRANT {role} TO {by} WITH ADMIN OPTION")
        } else {
            format!("ALTER ROLE {by} CREATEROLE")
        }
    }
}

fn statement(what: String, right: String, text: String) -> Statement {
    Statement { operation: Operation::new(what).allowed_by(right), text, revokes: false }
}
