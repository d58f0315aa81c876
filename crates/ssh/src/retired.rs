//! Shows that a retired key is refused: whoever kept a copy of it has no way in.

use std::sync::Arc;
use std::time::Duration;

use fourstep::{Context, Error, Result};
use fourstep_server::AddressSettings;
use russh::keys::PrivateKey;

use crate::answer::Failure;
use crate::each::on_each;
use crate::host::{Host, Reply};
use crate::known_hosts::KnownHosts;
use crate::session::{LogIn, Session};
use crate::worst;

/// The keys that are tried on each host.
pub(crate) struct Trial<'a> {
    /// The users that they were for.
    pub(crate) users: &'a [String],
    /// The keys that must open nothing.
    pub(crate) retired: Vec<Arc<PrivateKey>>,
    /// A key that opens the hosts.
    pub(crate) current: Arc<PrivateKey>,
}

/// How many retired keys are tried: with the one that works, sshd sees three, and many an sshd ends a session after four.
pub(crate) const MOST: usize = 2;

/// With less time than this, no further host is asked.
const TO_SAY_SO: Duration = Duration::from_secs(15);

/// Tries the retired keys on each host, and returns an error that names the hosts which still accept one. What could not be
/// asked is logged as unknown: the keys are out of the files already.
pub(crate) async fn show_refused(trial: &Trial<'_>, hosts: &[Host], pins: &KnownHosts, cx: &Context<'_>) -> Result<()> {
    let logins = worst::for_each(trial.users, hosts);
    let replies = on_each(&logins, cx, |host| async move {
        if !host.is_online() {
            return host.out_of_reach();
        }
        if pins.of(&host).is_empty() {
            return Reply::Unreachable("no key of it is pinned".to_owned());
        }
        if cx.remaining() < TO_SAY_SO {
            return Reply::Unreachable("no time was left".to_owned());
        }
        try_on(&host, trial, pins, cx.settings()).await.unwrap_or_else(|reply| reply)
    });
    let (mut refused, mut unknown, mut accepting) = (0, Vec::new(), Vec::new());
    for (host, reply) in replies.await {
        match reply {
            Reply::Refused => refused += 1,
            Reply::Failed(failure) if failure == Failure::still_opens() => accepting.push(host.label()),
            reply => unknown.push(format!("{} ({})", host.label(), why(&reply))),
        }
    }
    tracing::info!(refused, unknown = unknown.len(), accepting = accepting.len(), "hosts: refuse the retired key");
    if !unknown.is_empty() {
        tracing::warn!(
            hosts = unknown.join("; "),
            "whether these hosts refuse the retired key is unknown: it is out of the files that were reached, and no login showed it"
        );
    }
    if accepting.is_empty() {
        return Ok(());
    }
    let failure = Failure::still_opens();
    let (count, of) = (accepting.len(), logins.len());
    Err(Error::new(failure.kind, format!("{count} of {of} hosts: {}: {}", failure.what, accepting.join(", ")))
        .next(failure.next))
}

/// Tries the retired keys in one session, and then the one that works: without it, a refusal shows nothing, and refusals
/// alone would add up to a penalty.
async fn try_on(host: &Host, trial: &Trial<'_>, pins: &KnownHosts, settings: &AddressSettings) -> Result<Reply, Reply> {
    let port = pins.port_of(host).or(host.port).unwrap_or(22);
    let user = host.user.as_ref().unwrap_or(&trial.users[0]);
    let mut session = Session::open(host, port, pins.of(host), settings).await?;
    for key in &trial.retired {
        match session.log_in(user, Arc::clone(key)).await? {
            LogIn::Opened | LogIn::Accepted => return Ok(Reply::Failed(Failure::still_opens())),
            LogIn::NotAsked => return Ok(Reply::Failed(Failure::no_key_asked())),
            LogIn::Refused => {}
        }
    }
    let reply = match session.log_in(user, Arc::clone(&trial.current)).await? {
        LogIn::Opened | LogIn::Accepted => Reply::Refused,
        _ => Reply::Unreachable("it refuses the key of AWSCURRENT too".to_owned()),
    };
    session.close().await;
    Ok(reply)
}

fn why(reply: &Reply) -> String {
    match reply {
        Reply::Unreachable(why) => why.clone(),
        Reply::Failed(failure) => failure.what.clone(),
        Reply::HostKeyChanged { .. } => "its host key changed".to_owned(),
        _ => "no answer".to_owned(),
    }
}
