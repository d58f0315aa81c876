use std::borrow::Cow;
use std::fmt;

use fourstep::accounts::{AccountSecret, AccountSettings, same_host};
use fourstep::{Context, Error, ErrorKind, Result};

use crate::deadline::{Deadline, LOGIN_LIMIT};
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
        let settings = cx.settings::<AccountSettings>();
        let (host, port) = secret.endpoint(settings, default_port)?;
        if host.starts_with('/') {
            return Err(Error::invalid("field `host` of the secret is a path, and this function connects over TCP")
                .next("Set `host` to the server's name"));
        }
        let mut server = Server::new(product, &host, port);
        if !is_listed(settings, &host, port) {
            server = server.unlisted();
        }
        let tls = secret.tls();
        if !tls {
            server.warn_of_plaintext();
        }
        Ok(Self { server, account: secret.username.clone(), database: secret.dbname.clone(), tls })
    }

    /// Logs in: looks the host up, and lets `connect` open a session with the host that it is given. All of it within
    /// [`LOGIN_LIMIT`].
    ///
    /// In plaintext, `connect` is given the addresses that were checked, one after the other as long as there is no answer.
    /// With TLS it is given the name, since a driver has no other for the certificate, and the driver looks it up again. So
    /// whoever controls the DNS of the name may lead that connection elsewhere, as to this very machine. Little comes of
    /// it: nothing but a request for TLS is sent before the certificate is verified by the name, and the error is the same
    /// whatever is there, for a host that is not listed.
    ///
    /// # Errors
    ///
    /// As [`Server::addresses`]; `Unavailable` if there was no answer in time; and those of `connect`.
    pub async fn log_in<C, F>(&self, deadline: Deadline, cx: &Context<'_>, connect: impl Fn(String) -> F) -> Result<C>
    where
        F: Future<Output = Result<C>>,
    {
        let attempt = async {
            let addresses = self.server.addresses(cx.settings()).await?;
            let hosts = match self.tls {
                true => vec![self.server.host().to_owned()],
                false => addresses.iter().map(|address| address.ip().to_string()).collect(),
            };
            let mut silence = None;
            for host in hosts {
                match connect(host).await {
                    Err(error) if error.kind() == ErrorKind::Unavailable => silence = Some(error),
                    answer => return answer,
                }
            }
            Err(silence.unwrap_or_else(|| Error::other(format!("{self} has no address"))))
        };
        let answer = deadline.wait(&self.server, LOGIN_LIMIT, "the login", attempt).await;
        answer.map_err(|silence| self.server.no_connection(silence))?
    }
}

/// Returns whether the function's owner named this host: by the setting `endpoint`, or among those that a tag may name. A
/// port that the owner left open counts as named.
fn is_listed(settings: &AccountSettings, host: &str, port: u16) -> bool {
    let mut allowed = settings.allowed_endpoints.iter();
    settings.endpoint.is_some()
        || allowed.any(|entry| same_host(&entry.host, host) && entry.port.is_none_or(|only| only == port))
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}
