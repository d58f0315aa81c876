//! What a host is told to do with `authorized_keys`, as the one command that both transports carry.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fourstep::{Error, Result};
use russh::keys::PublicKey;

use crate::script::SCRIPT;

/// The document of AWS by which Systems Manager runs any command.
pub(crate) const AWS_DOCUMENT: &str = "AWS-RunShellScript";

/// What is to be done with the keys of one secret on a host.
#[derive(Clone, Debug)]
pub(crate) struct Order<'a> {
    /// Whether the file is changed, or only looked at.
    pub(crate) action: Action,
    /// The user whose file it is.
    pub(crate) user: &'a str,
    /// Whether the user may have uid 0.
    pub(crate) may_be_root: bool,
    /// The ARN of the secret, which marks its lines.
    pub(crate) secret: &'a str,
    /// What tells a late order from a newer one.
    pub(crate) generation: Generation,
    /// The lines of the keys that are to log in.
    pub(crate) want: Vec<String>,
    /// The keys that are not to log in, whoever wrote their lines.
    pub(crate) gone: Vec<PublicKey>,
}

/// Whether a host changes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The keys of the secret in the file become exactly those that are wanted.
    Edit,
    /// Nothing is changed; the answer says whether the wanted keys are in the file.
    Look,
}

/// The age of an order. A host refuses one that is older than the last that it followed.
///
/// Within one rotation, finishSecret comes after setSecret: a setSecret that is delivered late must not bring back what
/// finishSecret took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(u64);

/// The place of an order within its rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// setSecret.
    Set = 1,
    /// finishSecret, and what repairs hosts afterwards.
    Finish = 2,
    /// What repairs hosts after the version was given up: no order of its rotation is to come after that.
    Undo = 3,
}

impl Generation {
    /// Creates one from the time at which the rotation's version was made and its place within the rotation.
    pub(crate) fn new(version: SystemTime, phase: Phase) -> Self {
        let milliseconds = version.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX / 16);
        Self(milliseconds * 10 + phase as u64)
    }
}

/// Returns the comment that marks a key as this secret's, in `authorized_keys` and in the public key itself.
pub(crate) fn comment(secret: &str, version: &str) -> String {
    format!("fourstep:{secret}:{version}")
}

/// What stands in place of the version if the key was made, or its line written, by hand. Such a line keeps its own
/// options.
pub(crate) const BY_HAND: &str = "by-hand";

/// Returns the line of a key, with the options before it where there are any.
pub(crate) fn line(options: Option<&str>, key: &PublicKey, comment: &str) -> Result<String> {
    let (kind, blob) = (key.algorithm(), blob(key)?);
    let options = options.map(|options| format!("{options} ")).unwrap_or_default();
    Ok(format!("{options}{kind} {blob} {comment}"))
}

/// Returns a key's own bytes in base64, which are the same in every line with that key.
pub(crate) fn blob(key: &PublicKey) -> Result<String> {
    let bytes = key.to_bytes().map_err(|_| Error::other("a public key cannot be written"))?;
    Ok(BASE64_STANDARD.encode(bytes))
}

impl Order<'_> {
    /// Returns the parameters by which a document of Systems Manager is given this order.
    ///
    /// AWS's own runs any command, and is given one. Any other is the template's: it holds the script, and is told only
    /// what to do, each part by a parameter with a pattern.
    pub(crate) fn parameters(&self, document: &str) -> Result<HashMap<String, Vec<String>>> {
        if document == AWS_DOCUMENT {
            let lines = self.command()?.lines().map(str::to_owned).collect();
            return Ok(HashMap::from([("commands".to_owned(), lines)]));
        }
        let encoded = |text: String| BASE64_STANDARD.encode(text);
        let parameters = [
            ("Action", self.action().to_owned()),
            ("User", self.user.to_owned()),
            ("Root", self.root().to_owned()),
            ("Secret", self.secret.to_owned()),
            ("Generation", self.generation.0.to_string()),
            ("Want", encoded(self.want.join("\n"))),
            ("Gone", encoded(self.gone()?)),
        ];
        Ok(parameters.into_iter().map(|(name, value)| (name.to_owned(), vec![value])).collect())
    }

    fn action(&self) -> &'static str {
        match self.action {
            Action::Edit => "edit",
            Action::Look => "look",
        }
    }

    fn root(&self) -> &'static str {
        if self.may_be_root { "yes" } else { "no" }
    }

    fn gone(&self) -> Result<String> {
        Ok(self.gone.iter().map(blob).collect::<Result<Vec<_>>>()?.join("\n"))
    }

    /// Returns the text of the command. Nothing in it is text for a shell but words of base64.
    pub(crate) fn command(&self) -> Result<String> {
        let values = [
            ("ACTION", self.action()),
            ("USER", self.user),
            ("ROOT", self.root()),
            ("SECRET", self.secret),
            ("GENERATION", &self.generation.0.to_string()),
            ("WANT", &self.want.join("\n")),
            ("GONE", &self.gone()?),
            ("SCRIPT", SCRIPT),
        ];
        let assignments: String = values
            .iter()
            .map(|(name, value)| format!("export FOURSTEP_{name}={}\n", BASE64_STANDARD.encode(value)))
            .collect();
        Ok(format!("{assignments}exec sh -c \"$(printf %s \"$FOURSTEP_SCRIPT\" | base64 -d)\"\n"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    pub(crate) const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ somebody";

    pub(crate) fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    #[test]
    fn the_command_holds_nothing_of_a_value_as_shell_text() {
        let order = Order {
            action: Action::Edit,
            user: "x; rm -rf /",
            may_be_root: false,
            secret: "$(reboot)",
            generation: Generation::new(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123), Phase::Finish),
            want: vec!["command=\"`reboot`\" '".to_owned()],
            gone: vec![key(KEY)],
        };
        let command = order.command().unwrap();
        for line in command.lines() {
            let Some(line) = line.strip_prefix("export FOURSTEP_") else {
                assert_eq!(line, "exec sh -c \"$(printf %s \"$FOURSTEP_SCRIPT\" | base64 -d)\"");
                continue;
            };
            let (name, value) = line.split_once('=').unwrap();
            assert!(name.bytes().all(|byte| byte.is_ascii_uppercase()), "{line}");
            let decoded = String::from_utf8(BASE64_STANDARD.decode(value).unwrap()).unwrap();
            assert!(!decoded.is_empty());
        }
        // Systems Manager would put a parameter of its own there.
        assert!(!command.contains("{{"), "{command}");
    }

    #[test]
    fn what_undoes_a_rotation_comes_after_its_finish_and_that_after_its_set_and_all_before_the_next() {
        let at = |milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds);
        let orders = [(5, Phase::Set), (5, Phase::Finish), (5, Phase::Undo), (6, Phase::Set)];
        let generations = orders.map(|(milliseconds, phase)| Generation::new(at(milliseconds), phase));
        assert!(generations.is_sorted_by(|before, after| before < after), "{generations:?}");
    }

    #[test]
    fn a_line_has_the_options_the_key_and_the_mark() {
        let comment = comment("arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-AbCdEf", "v1");
        let blob = KEY.split(' ').nth(1).unwrap();
        assert_eq!(
            line(Some("restrict"), &key(KEY), &comment).unwrap(),
            format!(
                "restrict ssh-ed25519 {blob} fourstep:arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-AbCdEf:v1"
            )
        );
    }
}
