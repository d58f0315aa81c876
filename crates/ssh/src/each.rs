//! Does something on each host, on some of them at a time, until the step's time is over.

use std::time::Duration;

use fourstep::Context;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use crate::host::{Host, Reply};

/// How many hosts are logged in to at a time. Each has a session in memory.
const AT_A_TIME: usize = 64;

/// What is kept back of the step's time, to say which hosts gave no answer.
pub(crate) const TO_NAME_HOSTS: Duration = Duration::from_secs(2);

/// Does something on each host and returns the replies in the order of the hosts. No host waits for another one that does not
/// answer, but for a place; and those that have not answered when the step's time is nearly over are out of reach.
pub(crate) async fn on_each<F: Future<Output = Reply>>(
    hosts: &[Host],
    cx: &Context<'_>,
    on: impl Fn(Host) -> F,
) -> Vec<(Host, Reply)> {
    let mut replies: Vec<Option<Reply>> = vec![None; hosts.len()];
    let mut waiting = hosts.iter().cloned().enumerate();
    // Made one by one: a login that has not begun takes as much memory as one that has.
    let mut running = FuturesUnordered::new();
    let begin = |(at, host): (usize, Host)| {
        let reply = on(host);
        async move { (at, reply.await) }
    };
    loop {
        running.extend(waiting.by_ref().take(AT_A_TIME - running.len()).map(begin));
        let left = cx.remaining().saturating_sub(TO_NAME_HOSTS);
        match timeout(left, running.next()).await {
            Ok(Some((at, reply))) => replies[at] = Some(reply),
            Ok(None) | Err(_) => break,
        }
    }
    let late = || Reply::Unreachable("the step's time was over before it answered".to_owned());
    hosts.iter().cloned().zip(replies.into_iter().map(|reply| reply.unwrap_or_else(late))).collect()
}
