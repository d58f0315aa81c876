//! Pins that are too many for the secret: in Parameter Store, in pieces that change where hosts come and go, and nowhere
//! else.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use fourstep::{Context, Error, ErrorKind, Result};

use crate::error::{Operation, classify};
use crate::known_hosts::KnownHosts;
use crate::transport::ssm::SystemsManager;

/// Below what the pins of all secrets are. The role names it.
const ABOVE: &str = "/fourstep/known-hosts";

/// A parameter of the standard tier, which costs nothing, takes 4,096 characters.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
const LONGEST_PIECE: usize = 4_000;

/// How many hosts a piece has on average, where it is not full before.
const HOSTS_IN_A_PIECE: u64 = 24;

/// How long to wait between two writes: an account may make three in a second.
/// <https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm>
const BETWEEN_WRITES: Duration = Duration::from_millis(350);

/// How long to wait where others write, too.
const WHEN_THROTTLED: Duration = Duration::from_secs(2);

/// How many parameters one call removes.
const REMOVED_AT_ONCE: usize = 10;

/// Returns below what the pins of a secret are.
pub(crate) fn pins_path(secret_arn: &str) -> String {
    let name = secret_arn.rsplit_once(":secret:").map_or(secret_arn, |(_, name)| name);
    let plain = |sign: char| if sign.is_ascii_alphanumeric() || ".-_".contains(sign) { sign } else { '_' };
    format!("{ABOVE}/{}", name.chars().map(plain).collect::<String>())
}

impl SystemsManager {
    /// Reads the pins of the secret that are there.
    pub(crate) async fn read_pins(&self, cx: &Context<'_>) -> Result<BTreeMap<String, String>> {
        let mut pages = self.client.get_parameters_by_path().path(pins_path(cx.secret_id())).into_paginator().send();
        let mut pieces = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify(&error, Operation::GetParametersByPath))?;
            let parameters = page.parameters.unwrap_or_default().into_iter();
            pieces.extend(parameters.filter_map(|parameter| parameter.name.zip(parameter.value)));
        }
        Ok(pieces)
    }

    /// Makes what is there the pins of `known`, by as few writes as there are pieces that changed. Whenever it ends, no pin that
    /// is in both is missing.
    pub(crate) async fn write_pins(&self, known: &KnownHosts, cx: &Context<'_>) -> Result<()> {
        let (before, after) = (self.read_pins(cx).await?, pieces(known, &pins_path(cx.secret_id())));
        let changed = |(name, text): &(&String, &String)| before.get(*name) != Some(text);
        // New pieces first: they have what others lose.
        let (new, old): (Vec<_>, Vec<_>) =
            after.iter().filter(changed).partition(|(name, _)| !before.contains_key(*name));
        let count = new.len() + old.len();
        for (name, text) in new.into_iter().chain(old) {
            self.write_pin(name, text, cx).await?;
        }
        let gone: Vec<_> = before.into_keys().filter(|name| !after.contains_key(name)).collect();
        for names in gone.chunks(REMOVED_AT_ONCE) {
            let removed = self.client.delete_parameters().set_names(Some(names.to_vec())).send().await;
            removed.map_err(|error| classify(&error, Operation::DeleteParameters))?;
        }
        tracing::info!(written = count, removed = gone.len(), of = after.len(), "pins are in Parameter Store");
        Ok(())
    }

    async fn write_pin(&self, name: &str, text: &str, cx: &Context<'_>) -> Result<()> {
        loop {
            let put = self.client.put_parameter().name(name).value(text).overwrite(true);
            let put = put.r#type(ParameterType::String).tier(ParameterTier::Standard).send().await;
            let wait = match put.map_err(|error| classify(&error, Operation::PutParameter)) {
                Ok(_) => BETWEEN_WRITES,
                Err(error) if error.kind() == ErrorKind::Unavailable && cx.may_wait(WHEN_THROTTLED) => WHEN_THROTTLED,
                Err(error) => return Err(error.still_works("What was pinned before still is")),
            };
            if !cx.may_wait(wait) {
                return Err(Error::unavailable("the step's time was over before all pins were in Parameter Store")
                    .retried()
                    .next("Secrets Manager tries the rotation again by itself, and it goes on where it ended. If this goes on, raise the function's time-out"));
            }
            tokio::time::sleep(wait).await;
            if wait == BETWEEN_WRITES {
                return Ok(());
            }
        }
    }
}

/// Cuts the pins into pieces, each named after its first host. Where one ends depends on the hosts at that place alone, so one
/// that comes or goes changes its own piece.
fn pieces(known: &KnownHosts, path: &str) -> BTreeMap<String, String> {
    let mut pieces = BTreeMap::new();
    let mut piece: Option<(String, String)> = None;
    for (id, line) in known.pins() {
        let full = piece.as_ref().is_some_and(|(_, text)| text.len() + line.len() > LONGEST_PIECE);
        if full || begins_a_piece(id) {
            pieces.extend(piece.take());
        }
        piece.get_or_insert_with(|| (format!("{path}/{id}"), String::new())).1.push_str(&line);
    }
    pieces.extend(piece);
    pieces
}

fn begins_a_piece(id: &str) -> bool {
    // The same in every run: it has no key.
    let mut hash = DefaultHasher::new();
    id.hash(&mut hash);
    hash.finish().is_multiple_of(HOSTS_IN_A_PIECE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Host, Name, Presence};
    use crate::order::tests::{KEY, key};

    fn fleet(hosts: impl Iterator<Item = usize>) -> KnownHosts {
        let mut known = KnownHosts::default();
        for number in hosts {
            let host = Host {
                id: format!("i-{number:017x}"),
                address: "10.100.100.100".to_owned(),
                port: None,
                user: None,
                name: Name::Is("ip-10-100-100-100.eu-central-1.compute.internal".to_owned()),
                presence: Presence::Online,
            };
            known.pin(&host, None, &[key(KEY)]);
        }
        known
    }

    #[test]
    fn a_host_that_comes_or_goes_changes_a_piece_or_two() {
        let path = pins_path("arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/ssh+x-AbCdEf");
        assert_eq!(path, "/fourstep/known-hosts/app_ssh_x-AbCdEf");
        let before = pieces(&fleet(0..5000), &path);
        assert!(before.len() < 500 && before.values().all(|text| text.len() <= LONGEST_PIECE), "{}", before.len());
        for gone in [0, 1234, 4999] {
            let after = pieces(&fleet((0..5000).filter(|number| *number != gone)), &path);
            let written = after.iter().filter(|(name, text)| before.get(*name) != Some(text)).count();
            assert!(written <= 3, "{written} for {gone}");
        }
        let all: String = before.into_values().collect();
        assert_eq!(KnownHosts::read(&all).write(), fleet(0..5000).write());
    }
}
