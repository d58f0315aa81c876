use fourstep::{Context, Result, Sensitive};
use fourstep_server::Operation;

use crate::account::Entry;
use crate::policy::Policy;
use crate::session::{Session, optional};
use crate::verifier::{Plugin, Salt, Storage, native};
use crate::version::Product;

/// What the server's variables say of passwords.
pub(crate) struct Variables {
    storage: Storage,
    policy: Policy,
}

impl Variables {
    /// Reads them with one message.
    pub(crate) async fn read(session: &mut Session) -> Result<Self> {
        let query = "SHOW GLOBAL VARIABLES WHERE Variable_name LIKE 'validate\\_password%'
                         OR Variable_name LIKE 'caching\\_sha2\\_password\\_%'";
        let rows = session.run(query, &Operation::new("read the server's rules for passwords")).await?;
        let variables: Vec<(String, String)> =
            rows.iter().filter_map(|row| Some((optional(row, 0)?, optional(row, 1)?))).collect();
        Ok(Self { storage: Storage::from_variables(&variables), policy: Policy::from_variables(&variables) })
    }

    /// Checks a password by the server's rules for one.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the rule and the setting that fits it.
    pub(crate) fn check(&self, password: &Sensitive, session: &Session) -> Result<()> {
        self.policy.check(password, session.destination())
    }

    /// Creates what an account stores in place of a password, as the server takes it.
    pub(crate) fn verifier(
        &self,
        session: &Session,
        entry: &Entry,
        password: &Sensitive,
        cx: &Context<'_>,
    ) -> Result<Sensitive> {
        let plugin = entry.takes().ok_or_else(|| entry.no_verifier(session))?;
        let verifier = match session.product() {
            Product::MariaDb if plugin == Plugin::Native => native(password.expose().as_bytes()),
            Product::MariaDb => return Err(entry.no_verifier(session)),
            Product::MySql => {
                let salt = Salt::of(cx.secret_id(), cx.token(), &entry.account.to_string());
                plugin.verifier(password, &salt, self.storage)
            }
        };
        cx.learn(&verifier);
        Ok(verifier)
    }
}
