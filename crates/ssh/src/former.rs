//! Users who had the key of the version before, and are users no more: they keep it until a person takes it away.

use std::collections::BTreeSet;

use fourstep::Context;

use crate::notices::sed;
use crate::pins;
use crate::secret::KeyPair;
use crate::settings::SshSettings;

/// How many such users are named.
const MOST: usize = 10;

/// Names the users of `previous`, which was AWSCURRENT before, whom no setting names any more, with the command that takes the
/// keys from each: in the rotation that left them out, and in no later one.
///
/// Nothing is taken from them by itself. Whoever writes the secret says who they were, and their files may be those of users
/// of today, too. The command runs as the user: root has no business in a folder that the user may change.
pub(crate) fn tell(previous: Option<&KeyPair>, cx: &Context<'_>) {
    let settings = cx.settings::<SshSettings>();
    let named = previous.map(|pair| pins::users(pair, cx.settings())).unwrap_or_default();
    let former: BTreeSet<_> = named.into_iter().filter(|user| !settings.users.contains(user)).collect();
    for user in former.iter().take(MOST) {
        tracing::warn!(
            user,
            "a user who is in no setting any more still has keys of this secret. To take them away, run on each host, with the file that `sshd -T -C user={user}` names if it is another: runuser -u {user} -- sed -i '{}' ~{user}/.ssh/authorized_keys",
            sed(cx.secret_id())
        );
    }
    if former.len() > MOST {
        tracing::warn!(more = former.len() - MOST, "there are more users who are in no setting any more");
    }
}
