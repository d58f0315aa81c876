//! Hosts over SSH itself: the user logs in, to try its key or to edit its own file.

use std::sync::Arc;

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Context, Error, Result, Settings};
use futures_util::{StreamExt, stream};
use russh::keys::PrivateKey;

use crate::answer::{Answer, Failure};
use crate::host::{Host, Reply};
use crate::known_hosts::KnownHosts;
use crate::secret::KeyPair;
use crate::session::Session;

/// How many hosts are logged in to at a time. Each has a session in memory.
const AT_A_TIME: usize = 16;

/// Lists the hosts that the settings name.
pub(crate) fn hosts(settings: &Settings) -> Result<Vec<Host>> {
    let names = &settings.ssh_hosts;
    if names.is_empty() {
        return Err(Error::invalid("SSH_TRANSPORT is ssh, and nothing names the hosts").next(
            "Set the variable SSH_HOSTS, or give the secret the tag fourstep:hosts: host[:port], separated by spaces",
        ));
    }
    names
        .iter()
        .map(|name| {
            let endpoint: fourstep::Endpoint = name.parse()?;
            Ok(Host { id: name.clone(), address: endpoint.host, port: endpoint.port, online: true })
        })
        .collect()
}

/// Returns an order to all hosts. Each is logged in to with a version that it accepts.
pub(crate) async fn order(
    command: &str,
    user: &str,
    hosts: &[Host],
    pins: &KnownHosts,
    cx: &Context<'_>,
) -> Result<Vec<(Host, Reply)>> {
    let keys = &labelled_keys(cx).await?;
    Ok(on_each(hosts, |host| async move { order_one(&host, user, keys, pins, command).await }).await)
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

/// Does something on each host, on some of them at a time.
pub(crate) async fn on_each<F: Future<Output = Reply>>(hosts: &[Host], on: impl Fn(Host) -> F) -> Vec<(Host, Reply)> {
    let replies = hosts.iter().map(|host| {
        let reply = on(host.clone());
        async { (host.clone(), reply.await) }
    });
    stream::iter(replies.collect::<Vec<_>>()).buffered(AT_A_TIME).collect().await
}

async fn order_one(host: &Host, user: &str, keys: &[Arc<PrivateKey>], pins: &KnownHosts, command: &str) -> Reply {
    let run = async {
        let mut session = Session::connect(host, host.port.unwrap_or(22), pins.of(host)).await?;
        for key in keys {
            if session.log_in(user, Arc::clone(key)).await? {
                let done = session.run("sh", command).await?;
                session.close().await;
                return Ok(done);
            }
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

/// Logs in with a key, and runs what does nothing. With a `forced` command nothing is run: it would run instead.
pub(crate) async fn try_key(
    host: &Host,
    port: u16,
    pins: &KnownHosts,
    user: &str,
    key: Arc<PrivateKey>,
    forced: bool,
) -> Reply {
    let attempt = async {
        let mut session = Session::connect(host, port, pins.of(host)).await?;
        if !session.log_in(user, key).await? {
            return Ok(Reply::Refused);
        }
        if !forced {
            let done = session.run("true", "").await?;
            if done.status != Some(0) {
                return Ok(Reply::Failed(Failure::no_shell(done.status)));
            }
        }
        session.close().await;
        Ok(Reply::Opened)
    };
    attempt.await.unwrap_or_else(|reply| reply)
}
