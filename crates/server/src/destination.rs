use std::borrow::Cow;
use std::fmt;

use fourstep::accounts::{AccountSecret, AccountSettings};
use fourstep::{Context, Error, Result};

use crate::server::Server;

/// Where a session is or is to be, and as which account.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The server.
    pub server: Server,
    /// The account's name.
    pub account: String,
    /// The database. `None`: the secret names none.
    pub database: Option<String>,
    /// Whether the session is encrypted and the server verified.
    pub tls: bool,
}

impl Destination {
    /// Returns where a secret's account logs in: at the setting `endpoint`, or the secret's own host and port. Where the
    /// secret says `"ssl": false`, it warns of that.
    ///
    /// `product` is the kind of server, as `PostgreSQL`.
    ///
    /// # Errors
    ///
    /// `Invalid` if the secret names no host, or a path.
    pub fn of(
        secret: &AccountSecret,
        product: impl Into<Cow<'static, str>>,
        default_port: u16,
        cx: &Context<'_>,
    ) -> Result<Self> {
        let (host, port) = secret.endpoint(cx.settings::<AccountSettings>(), default_port)?;
        if host.starts_with('/') {
            return Err(Error::invalid("field `host` of the secret is a path, and this function connects over TCP")
                .next("Set `host` to the server's name"));
        }
        let server = Server::new(product, &host, port);
        let tls = secret.tls();
        if !tls {
            server.warn_of_plaintext();
        }
        Ok(Self { server, account: secret.username.clone(), database: secret.dbname.clone(), tls })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}
