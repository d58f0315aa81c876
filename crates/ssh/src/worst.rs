//! One reply of a host for each of several users, and what they come to: the worst of them.

use std::collections::BTreeMap;

use crate::answer::Outcome;
use crate::host::{Host, Reply};

/// Returns hosts once for each user. With one user there is nothing to tell apart.
pub(crate) fn for_each(users: &[String], hosts: &[Host]) -> Vec<Host> {
    match users {
        [] | [_] => hosts.to_vec(),
        users => users.iter().flat_map(|user| of_user(user, hosts)).collect(),
    }
}

/// Returns hosts as those of one user.
pub(crate) fn of_user(user: &str, hosts: &[Host]) -> Vec<Host> {
    hosts.iter().cloned().map(|host| Host { user: Some(user.to_owned()), ..host }).collect()
}

/// Returns one reply of each host: the worst of those that it gave for several users, and whose it is.
pub(crate) fn of_each(replies: Vec<(Host, Reply)>) -> Vec<(Host, Reply)> {
    let mut worst = BTreeMap::<String, (Host, Reply)>::new();
    for (host, reply) in replies {
        match worst.get(&host.id) {
            Some((_, known)) if badness(known) >= badness(&reply) => {}
            _ => drop(worst.insert(host.id.clone(), (host, reply))),
        }
    }
    worst.into_values().collect()
}

fn badness(reply: &Reply) -> u8 {
    match reply {
        Reply::Opened => 0,
        Reply::Unreachable(_) => 2,
        Reply::Refused => 3,
        Reply::Failed(_) | Reply::HostKeyChanged { .. } => 5,
        Reply::Answer(answer) => match answer.outcome {
            Outcome::Same | Outcome::Holds => 0,
            Outcome::Changed => 1,
            Outcome::Lacks => 3,
            Outcome::Stale => 4,
            Outcome::Failed(_) => 5,
        },
    }
}
