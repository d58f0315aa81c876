//! Users who had the key of an earlier version and are users no more: the keys are taken away from them, too.

use std::collections::BTreeSet;

use fourstep::Context;

use crate::answer::{Answer, Failure, Outcome};
use crate::host::{Host, Reply};
use crate::known_hosts::KnownHosts;
use crate::order::Order;
use crate::pins;
use crate::retired::TO_SAY_SO;
use crate::secret::KeyPair;
use crate::settings::SshSettings;
use crate::transport::Transport;
use crate::worst;

/// How many such users are seen to.
const MOST: usize = 10;

/// Takes keys away from the users whom versions of the secret name and whom its settings do not, and says who keeps them.
///
/// `order` wants no key. It has to be older than that of the users of today, which every host that answers has followed: where one file is
/// for both, a host refuses it, and the key that has to log in stays. `previous` is what was AWSCURRENT before: whoever the
/// function's owner does not allow any more is named in the rotation that left it out, and in no later one.
pub(crate) async fn take_away(
    transport: &Transport,
    order: &Order<'_>,
    versions: &[&KeyPair],
    previous: Option<&KeyPair>,
    hosts: &[Host],
    pins: &KnownHosts,
    cx: &Context<'_>,
) {
    let settings = cx.settings::<SshSettings>();
    let named = |pair: &&KeyPair| pins::users(pair, cx.settings());
    let former: BTreeSet<_> = versions.iter().flat_map(named).filter(|user| !settings.users.contains(user)).collect();
    for (count, user) in former.iter().enumerate() {
        // A version may name any number of them.
        if count == MOST {
            tracing::warn!(
                more = former.len() - MOST,
                "there are more users who are in no setting any more; they are left"
            );
            return;
        }
        let Some(may_be_root) = settings.still_allows(user) else {
            if !cx.by_operator() && previous.as_ref().is_some_and(|pair| named(pair).contains(user)) {
                tell(user, "all", "the function's owner does not let it name this user", order);
            }
            continue;
        };
        if cx.remaining() < TO_SAY_SO {
            tell(user, "all", "there was no time for it", order);
            continue;
        }
        let order = Order { user, may_be_root, ..order.clone() };
        match transport.order(&order, &worst::of_user(user, hosts), pins, cx).await {
            Ok(replies) => judge(user, &replies, &order),
            Err(error) => tell(user, "all", error.message(), &order),
        }
    }
}

fn judge(user: &str, replies: &[(Host, Reply)], order: &Order<'_>) {
    let (mut taken, mut newer, mut left) = (0, Vec::new(), Vec::new());
    for (host, reply) in replies {
        match reply {
            Reply::Answer(Answer { outcome: Outcome::Changed, .. }) => taken += 1,
            Reply::Answer(Answer { outcome: Outcome::Same, .. }) | Reply::Refused => {}
            Reply::Answer(Answer { outcome: Outcome::Failed(failure), .. }) if *failure == Failure::no_user(user) => {}
            Reply::Answer(Answer { outcome: Outcome::Stale, .. }) => newer.push(host.id.as_str()),
            _ => left.push(host.id.as_str()),
        }
    }
    if taken > 0 {
        tracing::info!(user, hosts = taken, "the keys were taken away from a user who is in no setting any more");
    }
    if !newer.is_empty() {
        let hosts = newer.join(" ");
        tracing::info!(
            user,
            hosts,
            "the file of a user who is in no setting any more has followed a newer order: its keys go with the next rotation, unless it is also the file of a user who has the key"
        );
    }
    if !left.is_empty() {
        tell(user, &left.join(" "), "these hosts did not follow, and are asked again", order);
    }
}

/// Says that a user keeps keys, and how a person takes them away.
fn tell(user: &str, hosts: &str, why: &str, order: &Order<'_>) {
    let arn = order.secret;
    tracing::warn!(
        user,
        hosts,
        "a user who is in no setting any more still has keys of this secret: {why}. To take them away, run on each host: sed -i '\\#fourstep:{arn}:#d' ~{user}/.ssh/authorized_keys"
    );
}
