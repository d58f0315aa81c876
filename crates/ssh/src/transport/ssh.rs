//! Hosts over SSH itself: the user logs in with a key that works, and edits its own file.

use std::sync::Arc;

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Context, Error, Result};
use fourstep_server::AddressSettings;
use russh::keys::PrivateKey;

use crate::answer::{Answer, Failure};
use crate::each::on_each;
use crate::host::{Host, Name, Presence, Reply};
use crate::known_hosts::KnownHosts;
use crate::secret::KeyPair;
use crate::session::{LogIn, Session};
use crate::settings::SshSettings;

/// Lists the hosts that the settings name.
pub(super) fn hosts(settings: &SshSettings) -> Result<Vec<Host>> {
    let names = &settings.hosts;
    if names.is_empty() {
        return Err(Error::invalid("SSH_TRANSPORT is ssh, and nothing names the hosts")
            .next("Set the variable SSH_HOSTS: host[:port], separated by spaces"));
    }
    names
        .iter()
        .map(|name| {
            let endpoint: fourstep::settings::Endpoint = name.parse()?;
            Ok(Host {
                id: name.clone(),
                address: endpoint.host,
                name: Name::None,
                user: None,
                port: endpoint.port,
                presence: Presence::Online,
            })
        })
        .collect()
}

/// Sends an order to all hosts. Each is logged in to with a version that it accepts.
pub(super) async fn order(
    command: &str,
    user: &str,
    hosts: &[Host],
    pins: &KnownHosts,
    cx: &Context<'_>,
) -> Result<Vec<(Host, Reply)>> {
    let keys = &labelled_keys(cx).await?;
    Ok(on_each(hosts, cx, |host| async move { order_one(&host, user, keys, pins, command, cx.settings()).await }).await)
}

/// Returns the private keys with which the user may log in to edit its file, the likeliest first.
async fn labelled_keys(cx: &Context<'_>) -> Result<Vec<Arc<PrivateKey>>> {
    let mut keys = Vec::new();
    for label in [AWSCURRENT, AWSPENDING, AWSPREVIOUS] {
        let version = cx.labelled::<KeyPair>(label).await.ok().flatten();
        keys.extend(version.and_then(|version| version.secret().private(cx.settings()).ok().flatten()).map(Arc::new));
    }
    if keys.is_empty() {
        return Err(Error::invalid("SSH_TRANSPORT is ssh, and the secret holds no key that could log in")
            .next("Store a key pair that the hosts accept, or set SSH_TRANSPORT to ssm"));
    }
    Ok(keys)
}

async fn order_one(
    host: &Host,
    user: &str,
    keys: &[Arc<PrivateKey>],
    pins: &KnownHosts,
    command: &str,
    settings: &AddressSettings,
) -> Reply {
    let run = async {
        let mut session = Session::open(host, host.port.unwrap_or(22), pins.of(host), settings).await?;
        for key in keys {
            match session.log_in(user, Arc::clone(key)).await? {
                LogIn::Opened => {}
                LogIn::Accepted => return Err(Reply::Failed(Failure::key_is_not_enough())),
                LogIn::NotAsked => return Err(Reply::Failed(Failure::no_key_asked())),
                LogIn::Refused => continue,
            }
            // What the user's shell prints when it starts may end without a newline.
            let done = session.run("echo; exec sh", command).await?;
            session.close().await;
            return Ok(done);
        }
        Err(Reply::Refused)
    };
    match run.await {
        Ok(done) => Answer::read(&done.output).map_or_else(
            || Reply::Failed(Failure::unreadable(done.status.map_or(-1, u32::cast_signed))),
            Reply::Answer,
        ),
        Err(reply) => reply,
    }
}
