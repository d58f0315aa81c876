//! What hosts say beside the result of an order: each thing once, with the hosts that say it and what to do.

use std::collections::BTreeMap;

use crate::answer::{Answer, Note};
use crate::host::{Host, Reply};

/// Logs what concerns the owner of the hosts and keeps no rotation from going on.
pub(crate) fn tell(replies: &[(Host, Reply)]) {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (host, reply) in replies {
        let Reply::Answer(Answer { notes, earlier, .. }) = reply else { continue };
        let earlier = earlier.iter().map(|earlier| {
            format!(
                "lines of authorized_keys carry the ARN of an earlier secret of this name, {}: no version of this secret holds their keys, so they stay. If that secret is deleted, take the lines away by hand: `sed -i '{}' authorized_keys`",
                earlier.arn,
                sed(&earlier.arn)
            )
        });
        for text in notes.iter().map(|note| meaning(*note).to_owned()).chain(earlier) {
            found.entry(text).or_default().push(&host.id);
        }
    }
    for (text, hosts) in found {
        tracing::warn!(hosts = hosts.join(" "), "{text}");
    }
}

/// Returns the script of sed that takes the lines of a secret away. It needs no sign that JSON or a shell would change.
pub(crate) fn sed(arn: &str) -> String {
    format!("/fourstep:{}:/d", arn.replace('/', "."))
}

fn meaning(note: Note) -> &'static str {
    match note {
        Note::Unread => {
            "sshd does not say its settings there, so the keys are in ~/.ssh/authorized_keys, where they usually are, and only a login shows whether it reads that file. `sshd -T` on the host says what keeps it"
        }
        Note::Command => {
            "sshd also takes keys from AuthorizedKeysCommand there: what that names is neither seen nor taken away by this function"
        }
        Note::Forced => "sshd forces a command on this user there (ForceCommand): it runs in place of any other",
        Note::Methods => {
            "sshd asks this user for more than a key there (AuthenticationMethods): a key that it accepts opens no session by itself"
        }
    }
}
