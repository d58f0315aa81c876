//! What the replies of all hosts come to: a line of the log for each, and one error that names those in the way.

use std::time::Duration;

use fourstep::operator::Place;
use fourstep::{Context, Error, ErrorKind, Result};

use crate::answer::{Outcome, printable};
use crate::host::{Host, Reply};
use crate::known_hosts::KnownHosts;
use crate::settings::SshSettings;
use crate::trust;

/// Judges what came of all hosts: logs a line for each and a summary, and returns the error that names those that are in
/// the way, if any are.
///
/// `doing` says what was done, as in "set the keys". `pins` are compared with what the hosts say of their own keys.
pub(crate) fn judge(doing: &str, replies: &[(Host, Reply)], pins: Option<&KnownHosts>, cx: &Context<'_>) -> Result<()> {
    judge_with(doing, replies, pins, 0, cx)
}

/// Judges what came of some hosts, where `others` need nothing.
pub(crate) fn judge_some(doing: &str, replies: &[(Host, Reply)], others: usize, cx: &Context<'_>) -> Result<()> {
    judge_with(doing, replies, None, others, cx)
}

fn judge_with(
    doing: &str,
    replies: &[(Host, Reply)],
    pins: Option<&KnownHosts>,
    others: usize,
    cx: &Context<'_>,
) -> Result<()> {
    let mut tally = Tally { good: others, ..Tally::default() };
    let mut places = Vec::new();
    for (host, reply) in replies {
        let changed = pins.and_then(|pins| changed(host, reply, pins));
        let reply = changed.as_ref().unwrap_or(reply);
        tally.add(host, reply);
        log(host, reply);
        places.push(place(host, reply));
    }
    places.sort_by(|one, other| one.name.cmp(&other.name));
    cx.note_places(places);
    let [good, unreachable, refused] = [tally.good, tally.unreachable.len(), tally.wrong.len()];
    tracing::info!(hosts = replies.len(), good, unreachable, refused, "hosts: {doing}");
    tally.verdict(doing, replies.len() + others, cx)
}

/// What to do for a host key that changed.
const CONFIRM: &str = "If the host was installed anew, confirm it: remove the lines of that host from KnownHosts of the secret, store the value, and start the rotation again; else somebody else answers in its place";

const CONFIRM_IN_PARAMETER: &str = "If the host was installed anew, confirm it: remove the line that ends with its id from that parameter of Parameter Store, or delete the parameter if it has no other line, and start the rotation again; else somebody else answers in its place";

#[derive(Default)]
struct Tally {
    good: usize,
    unreachable: Vec<String>,
    rejecting: Vec<String>,
    wrong: Vec<(ErrorKind, String, &'static str)>,
}

impl Tally {
    fn add(&mut self, host: &Host, reply: &Reply) {
        let id = &host.label();
        let mut wrong = |kind, what: String, next| self.wrong.push((kind, format!("{id}: {what}"), next));
        match reply {
            Reply::Opened => self.good += 1,
            Reply::Unreachable(why) => self.unreachable.push(format!("{id} ({why})")),
            Reply::Refused => self.rejecting.push(id.clone()),
            Reply::HostKeyChanged { shown, pinned, parameter } => {
                let place = parameter.as_ref().map(|name| format!(", in the parameter {}", printable(name)));
                let place = place.unwrap_or_default();
                wrong(
                    ErrorKind::Invalid,
                    format!("its host key changed: it shows {shown}, and {pinned} is pinned{place}"),
                    if parameter.is_some() { CONFIRM_IN_PARAMETER } else { CONFIRM },
                );
            }
            Reply::Failed(failure) => wrong(failure.kind, failure.what.clone(), failure.next),
            Reply::Answer(answer) => match &answer.outcome {
                Outcome::Changed | Outcome::Same | Outcome::Holds => self.good += 1,
                Outcome::Lacks => self.rejecting.push(id.clone()),
                Outcome::Stale => wrong(
                    ErrorKind::Conflict,
                    "it has followed a newer order than this one, which changed nothing".to_owned(),
                    "If no newer rotation is under way, remove AWSPENDING from this version and start the rotation again",
                ),
                Outcome::Failed(failure) => wrong(failure.kind, failure.what.clone(), failure.next),
            },
        }
    }

    fn verdict(self, doing: &str, of: usize, cx: &Context<'_>) -> Result<()> {
        let allowed = cx.settings::<SshSettings>().max_unreachable;
        let most = allowed.of(of);
        if let Some((kind, _, next)) = self.wrong.iter().max_by_key(|(kind, ..)| severity(*kind)) {
            let whats: Vec<_> = self.wrong.iter().map(|(_, what, _)| what.as_str()).collect();
            let error =
                Error::new(*kind, format!("{doing}: {} of {of} hosts could not: {}", whats.len(), named(&whats)));
            return Err(error.next(*next));
        }
        if !self.rejecting.is_empty() {
            let names: Vec<_> = self.rejecting.iter().map(String::as_str).collect();
            return Err(Error::rejected(format!(
                "{doing}: {} of {of} hosts do not accept the key: {}",
                names.len(),
                named(&names)
            )));
        }
        if self.unreachable.len() > most {
            let names: Vec<_> = self.unreachable.iter().map(String::as_str).collect();
            let error = Error::unavailable(format!(
                "{doing}: {} of {of} hosts gave no answer, and MAX_UNREACHABLE allows {}: {}",
                names.len(),
                allowed.display(most),
                named(&names)
            ))
            .next("Start them or their agents; take the tag of hosts away from those that are no hosts of this secret any more; or let MAX_UNREACHABLE, a number or a percentage such as 10%, allow for them. Secrets Manager tries the rotation again by itself");
            // Where the time was spent on waiting, too little is left for an attempt worth the name.
            return Err(if cx.remaining() < TO_TRY_AGAIN { error.retried() } else { error });
        }
        let least = cx.settings::<SshSettings>().min_hosts as usize;
        if self.good < least {
            return Err(Error::unavailable(format!(
                "{doing}: {} hosts answered, and MIN_HOSTS asks for {least}",
                self.good
            ))
            .next("Bring the hosts back, or lower MIN_HOSTS"));
        }
        Ok(())
    }
}

/// What a person has to act on comes first.
fn severity(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Invalid => 4,
        ErrorKind::Forbidden => 3,
        ErrorKind::Conflict => 2,
        _ => 1,
    }
}

/// Returns a reply in place of this one where what a host says of its own keys differs from what is pinned for it.
fn changed(host: &Host, reply: &Reply, pins: &KnownHosts) -> Option<Reply> {
    let Reply::Answer(answer) = reply else { return None };
    let trust = pins.of(host);
    // A host shows one of its keys: it is the same host while one of them is pinned. An authority signs new ones, too.
    let same = !trust.authorities.is_empty() || answer.host_keys.iter().any(|key| trust.accepts(key));
    (!trust.is_empty() && !answer.host_keys.is_empty() && !same).then(|| Reply::HostKeyChanged {
        shown: trust::fingerprints(&answer.host_keys),
        pinned: trust.fingerprints(),
        parameter: trust.parameter,
    })
}

/// Returns what an operator is told of a host.
fn place(host: &Host, reply: &Reply) -> Place {
    let (good, outcome, why) = match reply {
        Reply::Opened => (true, "logged in", None),
        Reply::Unreachable(why) => (false, "unreachable", Some(why.clone())),
        Reply::Refused => (false, "refused", None),
        Reply::HostKeyChanged { shown, pinned, .. } => {
            (false, "host key changed", Some(format!("it shows {shown}, and {pinned} is pinned")))
        }
        Reply::Failed(failure) => (false, "failed", Some(failure.what.clone())),
        Reply::Answer(answer) => match &answer.outcome {
            Outcome::Changed => (true, "installed", None),
            Outcome::Same => (true, "already there", None),
            Outcome::Holds => (true, "holds the key", None),
            Outcome::Lacks => (false, "lacks the key", None),
            Outcome::Stale => (false, "has a newer order", None),
            Outcome::Failed(failure) => (false, "failed", Some(failure.what.clone())),
        },
    };
    Place { name: host.label(), good, outcome: outcome.to_owned(), why }
}

fn log(host: &Host, reply: &Reply) {
    let Place { name, outcome: result, why, .. } = place(host, reply);
    let (host, address) = (name, host.address.as_str());
    match reply {
        Reply::HostKeyChanged { shown, pinned, .. } => {
            tracing::error!(host, address, result, shown, pinned, "host");
        }
        Reply::Failed(_) => tracing::error!(host, address, result, why, "host"),
        Reply::Unreachable(_) | Reply::Refused => tracing::warn!(host, address, result, why, "host"),
        Reply::Opened => tracing::info!(host, address, result, "host"),
        Reply::Answer(answer) if matches!(answer.outcome, Outcome::Failed(_)) => {
            tracing::error!(host, address, result, why, "host");
        }
        Reply::Answer(answer) => {
            tracing::info!(host, address, result, "host");
            for why in &answer.refusals {
                tracing::warn!(host, address, result = "sshd will refuse the key", why, "host");
            }
        }
    }
}

/// The least time in which the hosts that gave no answer are asked once more.
const TO_TRY_AGAIN: Duration = Duration::from_secs(10);

/// How many hosts an error names. The log has all of them.
const NAMED: usize = 10;

fn named(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join("; ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown}; and {more} more, which the log names"),
    }
}
