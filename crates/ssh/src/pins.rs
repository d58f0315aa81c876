//! Where the pins of a secret are: in its KnownHosts, or in Parameter Store where they do not fit there.

use fourstep::{Context, Result};

use crate::known_hosts::KnownHosts;
use crate::secret::KeyPair;
use crate::settings::{SshSettings, TransportChoice};
use crate::transport::{Transport, pins_path};

/// How long KnownHosts may be in the secret, which takes 65,536 bytes in all; it is written as JSON there.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const MOST_IN_SECRET: usize = 50_000;

/// What the line begins with that stands for pins which are elsewhere.
const ELSEWHERE: &str = "# The keys of hosts are in Parameter Store, below ";

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
    let others: String =
        others.lines().filter(|line| !line.starts_with(ELSEWHERE)).map(|line| format!("{line}\n")).collect();
    let text = known.pins().fold(others.clone(), |text, (_, line)| text + &line);
    if text.len() <= MOST_IN_SECRET || cx.settings::<SshSettings>().transport == TransportChoice::Ssh {
        return Ok(text);
    }
    transport.store_pins(known, cx).await?;
    Ok(format!("{others}{ELSEWHERE}{}\n", pins_path(cx.secret_id())))
}
