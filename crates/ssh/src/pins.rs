//! Where the pins of a secret are: in its KnownHosts, or in Parameter Store where they do not fit there. A comment beside
//! them says whose key it is.

use fourstep::{Context, Result};

use crate::known_hosts::KnownHosts;
use crate::secret::KeyPair;
use crate::settings::{SshSettings, TransportChoice, unix_users};
use crate::transport::{Transport, pins_path};

/// How long KnownHosts may be in the secret, which takes 65,536 bytes in all; it is written as JSON there.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const MOST_IN_SECRET: usize = 50_000;

/// What the line begins with that stands for pins which are elsewhere.
const ELSEWHERE: &str = "# The keys of hosts are in Parameter Store, below ";

/// What the line begins with that says for which users the key is.
const USERS: &str = "# The key is for the users ";

/// Returns the users for whom a version's key was made. None: a person stored it, or an earlier release made it.
pub(crate) fn users(pair: &KeyPair, settings: &SshSettings) -> Vec<String> {
    let lines = pair.known_hosts(settings).lines();
    lines.filter_map(|line| unix_users(line.strip_prefix(USERS)?)).flatten().collect()
}

/// Reads what a version knows of its hosts, wherever it is.
pub(crate) async fn read(pair: &KeyPair, transport: &Transport, cx: &Context<'_>) -> Result<KnownHosts> {
    let text = pair.known_hosts(cx.settings());
    let mut known = KnownHosts::read(text);
    // The place that the line names is not read: whoever writes the secret would choose whose pins they are.
    if text.lines().any(|line| line.starts_with(ELSEWHERE)) {
        transport.add_pins(&mut known, cx).await?;
    }
    Ok(known)
}

/// Puts pins that do not fit into the secret elsewhere, and returns what its KnownHosts is to be.
pub(crate) async fn store(known: &KnownHosts, transport: &Transport, cx: &Context<'_>) -> Result<String> {
    let others = known.others();
    let owners = others.lines().filter(|line| ![ELSEWHERE, USERS].iter().any(|ours| line.starts_with(ours)));
    let users = format!("{USERS}{}", cx.settings::<SshSettings>().users.join(" "));
    let others: String = owners.chain([users.as_str()]).map(|line| format!("{line}\n")).collect();
    let text = known.pins().fold(others.clone(), |text, (_, line)| text + &line);
    if text.len() <= MOST_IN_SECRET || cx.settings::<SshSettings>().transport == TransportChoice::Ssh {
        return Ok(text);
    }
    let path = pins_path(cx.secret_id());
    if !known.others().lines().any(|line| line.starts_with(ELSEWHERE)) {
        tracing::warn!(
            path,
            bytes = text.len(),
            "the keys of so many hosts do not fit into the secret: from now on they are in Parameter Store, below this path, and KnownHosts of the secret has a line that says so. Let programs that check hosts read them there, and let nobody else write there"
        );
    }
    transport.store_pins(known, cx).await?;
    Ok(format!("{others}{ELSEWHERE}{path}\n"))
}
