//! What the server knows of an account.

use fourstep::{Error, Result, Sensitive};
use fourstep_server::Operation;
use serde_json::{Map, Value};
use sqlx::mysql::MySqlRow;

use crate::identifier::{Account, literal, quote};
use crate::session::{Session, optional, text};
use crate::verifier::Plugin;
use crate::version::Product;

/// What the server knows of one account.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) account: Account,
    /// The name of the plugin by which it logs in. MariaDB may name several: then one that takes a hash, if there is one.
    pub(crate) plugin: String,
    /// The names of all plugins by which MariaDB lets it log in, where there are several.
    pub(crate) plugins: Vec<String>,
    /// What the server stores in place of the password.
    pub(crate) stored: Sensitive,
    /// The same of MySQL's secondary password; empty where there is none.
    second: Sensitive,
    pub(crate) locked: bool,
    /// What REQUIRE demands, as `ALTER USER` takes it.
    pub(crate) requirement: String,
    /// The limits, each by its name; 0 is none.
    pub(crate) limits: Vec<(&'static str, String)>,
    /// The expiry and the rules of passwords, each as `ALTER USER` takes it.
    pub(crate) options: Vec<String>,
    /// As SQL, sorted.
    pub(crate) default_roles: Vec<String>,
    /// As whom it may act, as SQL, and whether it may pass that on.
    pub(crate) proxies: Vec<(String, bool)>,
    /// GRANT OPTION on everything, where `SHOW GRANTS` does not say it readably.
    pub(crate) grants_all: bool,
    /// Has MySQL's SYSTEM_USER by itself: only such an account may change it.
    pub(crate) is_system: bool,
    /// MySQL's attributes of a user, where its comment is, too.
    pub(crate) attributes: Map<String, Value>,
}

impl Entry {
    /// Reads the entries of some user names, by name and host. Leaves out roles that are not accounts.
    pub(crate) async fn read(session: &mut Session, names: &[&str]) -> Result<Vec<Self>> {
        session.version().check_attributes(session.destination())?;
        let list = names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
        let query = match session.product() {
            Product::MySql => OF_MYSQL.replace("$names", &list),
            Product::MariaDb => OF_MARIADB.replace("$names", &list),
        };
        let by = session.account();
        let operation = Operation::new("read the accounts").allowed_by(format!("GRANT SELECT ON mysql.* TO {by}"));
        let mut entries: Vec<Self> = Vec::new();
        for row in session.run(&query, &operation).await? {
            let column = |at| text(&row, at);
            let account = Account::new(&column(1), &column(2));
            // The server compares names without blanks at their end.
            if !names.contains(&account.name.as_str()) {
                continue;
            }
            if column(0) == "account" {
                entries.push(Self::from_row(account, &row));
                continue;
            }
            let Some(entry) = entries.iter_mut().find(|entry| entry.account == account) else { continue };
            let other = Account::new(&column(3), &column(4));
            match column(0).as_str() {
                "role" => entry.default_roles.push(other.to_string()),
                _ => entry.proxies.push((other.to_string(), column(5) == "1")),
            }
        }
        entries.sort_by(|one, other| one.account.cmp(&other.account));
        Ok(entries)
    }

    fn from_row(account: Account, row: &MySqlRow) -> Self {
        let column = |at| text(row, at);
        let attributes = serde_json::from_str(&column(23)).unwrap_or_default();
        let default_role = optional(row, 24).filter(|role| !role.is_empty());
        Self {
            account,
            plugin: column(3),
            plugins: serde_json::from_str(&column(27)).unwrap_or_default(),
            stored: Sensitive::new(column(4)),
            second: Sensitive::new(column(25)),
            locked: column(5) == "Y",
            requirement: requirement(&column(7), &column(8), &column(9), &column(10)),
            limits: LIMITS.iter().filter_map(|(name, at)| Some((*name, optional(row, *at)?))).collect(),
            options: options(row),
            default_roles: default_role.iter().map(|role| quote(role)).collect(),
            proxies: Vec::new(),
            grants_all: column(6) == "Y",
            is_system: column(26) == "1",
            attributes,
        }
    }

    /// Returns the plugin, if a verifier can be made for it.
    pub(crate) fn takes(&self) -> Option<Plugin> {
        Plugin::parse(&self.plugin)
    }

    /// Returns whether MySQL keeps a secondary password for it.
    pub(crate) fn has_second(&self) -> bool {
        !self.second.is_empty()
    }

    /// Returns whether one of these passwords opens it, by what the server stores.
    pub(crate) fn opened_by<'p>(&self, passwords: impl IntoIterator<Item = &'p Sensitive>) -> bool {
        let Some(plugin) = self.takes() else { return false };
        let stored = [&self.stored, &self.second];
        passwords.into_iter().any(|password| stored.iter().any(|stored| plugin.opens(stored, password)))
    }

    /// Reports that no verifier can be made for the account.
    pub(crate) fn no_verifier(&self, session: &Session) -> Error {
        Error::invalid(format!(
            "account {} of {} logs in by the authentication plugin `{}`, for which this function makes no verifier",
            self.account,
            session.destination(),
            self.plugin
        ))
        .next("Nothing was changed. Give the account the plugin caching_sha2_password (MySQL) or mysql_native_password (MariaDB)")
    }
}

/// Refuses a user name that cannot log in with a password.
///
/// # Errors
///
/// `Forbidden` if all its entries are locked.
pub(crate) fn check_usable<'e>(
    session: &Session,
    name: &str,
    entries: impl IntoIterator<Item = &'e Entry>,
) -> Result<()> {
    let entries: Vec<&Entry> = entries.into_iter().collect();
    let Some(first) = entries.first().filter(|_| entries.iter().all(|entry| entry.locked)) else { return Ok(()) };
    Err(Error::forbidden(format!("the account `{name}` of {} is locked, or is a role", session.destination()))
        .next(format!("Nothing was changed. Run: ALTER USER {} ACCOUNT UNLOCK", first.account)))
}

/// The limits of an account, and their columns. MySQL does not have the last one.
const LIMITS: [(&str, usize); 5] = [
    ("MAX_QUERIES_PER_HOUR", 11),
    ("MAX_UPDATES_PER_HOUR", 12),
    ("MAX_CONNECTIONS_PER_HOUR", 13),
    ("MAX_USER_CONNECTIONS", 14),
    ("MAX_STATEMENT_TIME", 15),
];

fn options(row: &MySqlRow) -> Vec<String> {
    let number = |at| optional(row, at).unwrap_or_else(|| "0".to_owned());
    let mut options = Vec::new();
    options.push(match optional(row, 16).as_deref() {
        None | Some("-1") => "PASSWORD EXPIRE DEFAULT".to_owned(),
        Some("0") => "PASSWORD EXPIRE NEVER".to_owned(),
        Some(days) => format!("PASSWORD EXPIRE INTERVAL {days} DAY"),
    });
    // What only MySQL has.
    if optional(row, 22).is_some() {
        options.push(match optional(row, 17) {
            None => "PASSWORD HISTORY DEFAULT".to_owned(),
            Some(number) => format!("PASSWORD HISTORY {number}"),
        });
        options.push(match optional(row, 18) {
            None => "PASSWORD REUSE INTERVAL DEFAULT".to_owned(),
            Some(days) => format!("PASSWORD REUSE INTERVAL {days} DAY"),
        });
        options.push(match optional(row, 19).as_deref() {
            None => "PASSWORD REQUIRE CURRENT DEFAULT".to_owned(),
            Some("Y") => "PASSWORD REQUIRE CURRENT".to_owned(),
            Some(_) => "PASSWORD REQUIRE CURRENT OPTIONAL".to_owned(),
        });
        let days = number(21);
        let days = if days == "-1" { "UNBOUNDED" } else { &days };
        options.push(format!("FAILED_LOGIN_ATTEMPTS {} PASSWORD_LOCK_TIME {days}", number(20)));
    }
    options
}

fn requirement(kind: &str, cipher: &str, issuer: &str, subject: &str) -> String {
    match kind {
        "" => "REQUIRE NONE".to_owned(),
        "ANY" => "REQUIRE SSL".to_owned(),
        "X509" => "REQUIRE X509".to_owned(),
        _ => [("CIPHER", cipher), ("ISSUER", issuer), ("SUBJECT", subject)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .fold("REQUIRE".to_owned(), |text, (name, value)| text + &format!(" {name} {}", literal(value))),
    }
}

/// `SHOW CREATE USER` would say the same, but does not quote what REQUIRE demands: it cannot be read in general.
const OF_MYSQL: &str = "
    SELECT 'account', User, Host, plugin, authentication_string, account_locked, 'N',
           ssl_type, CONVERT(ssl_cipher USING utf8mb4), CONVERT(x509_issuer USING utf8mb4),
           CONVERT(x509_subject USING utf8mb4), CAST(max_questions AS CHAR), CAST(max_updates AS CHAR),
           CAST(max_connections AS CHAR), CAST(max_user_connections AS CHAR), NULL,
           CAST(password_lifetime AS CHAR), CAST(Password_reuse_history AS CHAR), CAST(Password_reuse_time AS CHAR),
           Password_require_current,
           CAST(User_attributes->>'$.Password_locking.failed_login_attempts' AS CHAR),
           CAST(User_attributes->>'$.Password_locking.password_lock_time_days' AS CHAR),
           'mysql', CAST(User_attributes->'$.metadata' AS CHAR), NULL,
           CAST(User_attributes->>'$.additional_password' AS CHAR),
           CAST((User, Host) IN (SELECT USER, HOST FROM mysql.global_grants WHERE PRIV = 'SYSTEM_USER') AS CHAR)
      FROM mysql.user WHERE User IN ($names);
    SELECT 'role', USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST
      FROM mysql.default_roles WHERE USER IN ($names) ORDER BY 4, 5;
    SELECT 'proxy', User, Host, Proxied_user, Proxied_host, CAST(With_grant AS CHAR)
      FROM mysql.proxies_priv WHERE User IN ($names)";

const OF_MARIADB: &str = "
    SELECT 'account', u.User, u.Host,
           IF(JSON_SEARCH(g.Priv, 'one', 'mysql_native_password') IS NOT NULL, 'mysql_native_password', u.plugin),
           COALESCE(JSON_VALUE(g.Priv, REPLACE(JSON_UNQUOTE(JSON_SEARCH(g.Priv, 'one', 'mysql_native_password')),
                                               'plugin', 'authentication_string')), u.authentication_string),
           IF(JSON_VALUE(g.Priv, '$.account_locked') = 1, 'Y', 'N'), u.Grant_priv,
           u.ssl_type, u.ssl_cipher, u.x509_issuer, u.x509_subject, CAST(u.max_questions AS CHAR),
           CAST(u.max_updates AS CHAR), CAST(u.max_connections AS CHAR), CAST(u.max_user_connections AS CHAR),
           CAST(u.max_statement_time AS CHAR), JSON_VALUE(g.Priv, '$.password_lifetime'), NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, u.default_role, NULL, NULL,
           IF(JSON_LENGTH(g.Priv, '$.auth_or') > 1,
              JSON_MERGE_PRESERVE(JSON_ARRAY(u.plugin), JSON_EXTRACT(g.Priv, '$.auth_or[*].plugin')), NULL)
      FROM mysql.user u JOIN mysql.global_priv g ON g.User = u.User AND g.Host = u.Host
     WHERE u.User IN ($names) AND u.is_role = 'N';
    SELECT 'proxy', User, Host, Proxied_user, Proxied_host, CAST(With_grant AS CHAR)
      FROM mysql.proxies_priv WHERE User IN ($names)";
