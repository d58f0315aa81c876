//! What a host says of an order. It is foreign text: it is read into types here, and nothing else of it is passed on.

use fourstep::ErrorKind;
use russh::keys::PublicKey;

/// What a host answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What came of the order.
    pub(crate) outcome: Outcome,
    /// The port at which its sshd listens, where it says so.
    pub(crate) port: Option<u16>,
    /// The public keys by which the host proves who it is.
    pub(crate) host_keys: Vec<PublicKey>,
    /// Why its sshd would refuse any key of this user, where that can be told.
    pub(crate) refusals: Vec<String>,
    /// What else is to be known of its sshd.
    pub(crate) notes: Vec<Note>,
    /// Lines that an earlier secret of this name left.
    pub(crate) earlier: Option<Earlier>,
}

/// What is to be known of a host's sshd, beside what it would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Note {
    /// It does not say its settings, so that the file is only where it usually is.
    Unread,
    /// `AuthorizedKeysCommand` names keys too.
    Command,
    /// `ForceCommand` runs a command in place of any other.
    Forced,
    /// `AuthenticationMethods` asks for more than a key.
    Methods,
}

/// Lines of a secret of the same name, with another ARN: it was deleted and created again, or was in another region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Earlier {
    /// How many lines there are.
    pub(crate) lines: u32,
    /// The ARN that they carry.
    pub(crate) arn: String,
}

/// What came of an order on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The file was written anew.
    Changed,
    /// The file was right already, and was not touched.
    Same,
    /// The file has the wanted keys.
    Holds,
    /// The file, or a wanted key in it, is missing.
    Lacks,
    /// The file has followed a newer order; this one came late and changed nothing.
    Stale,
    /// The order could not be followed, and nothing was changed.
    Failed(Failure),
}

/// Why an order could not be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What it means, and so who acts on it.
    pub(crate) kind: ErrorKind,
    /// What happened.
    pub(crate) what: String,
    /// What to do.
    pub(crate) next: &'static str,
}

/// What the line with the result begins with.
const BEGIN: &str = "fourstep 1 ";

/// The closing line. What comes after it is none of the script's, as what a host prints as errors.
const END: &str = "end";

/// The most characters of an answer that are repeated: a path.
const LONGEST: usize = 200;

impl Answer {
    /// Reads what the script printed. `None`: that is no answer of it, or one that was cut before its closing line.
    pub(crate) fn read(output: &str) -> Option<Self> {
        // Over SSH, the user's shell may have printed something before.
        let mut lines = output.lines().skip_while(|line| !line.starts_with(BEGIN));
        let result = lines.next()?.strip_prefix(BEGIN)?;
        let mut answer = Self {
            outcome: Outcome::read(result)?,
            port: None,
            host_keys: vec![],
            refusals: vec![],
            notes: vec![],
            earlier: None,
        };
        for line in lines {
            if line == END {
                return Some(answer);
            }
            match line.split_once(' ') {
                Some(("port", port)) => answer.port = port.parse().ok(),
                Some(("hostkey", key)) => answer.host_keys.extend(PublicKey::from_openssh(key)),
                Some(("refuses", why)) => answer.refusals.extend(refusal(why)),
                Some(("note", word)) => answer.notes.extend(Note::read(word)),
                Some(("earlier", found)) => answer.earlier = Earlier::read(found),
                _ => {}
            }
        }
        None
    }
}

impl Note {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "unread" => Self::Unread,
            "command" => Self::Command,
            "forced" => Self::Forced,
            "methods" => Self::Methods,
            _ => return None,
        })
    }
}

impl Earlier {
    fn read(text: &str) -> Option<Self> {
        let (lines, arn) = text.split_once(' ')?;
        // The user of the host may have written it, and a person pastes it into a shell.
        is_arn(arn).then(|| Some(Self { lines: lines.parse().ok()?, arn: arn.to_owned() }))?
    }
}

fn is_arn(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/_+=.@-".contains(&byte);
    text.starts_with("arn:aws") && text.contains(":secretsmanager:") && text.bytes().all(plain)
}

impl Outcome {
    fn read(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match word {
            "changed" => Self::Changed,
            "same" => Self::Same,
            "holds" => Self::Holds,
            "lacks" => Self::Lacks,
            "stale" => Self::Stale,
            "failed" => {
                let (code, place) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Failed(Failure::of(code, &printable(place)))
            }
            _ => return None,
        })
    }
}

impl Failure {
    /// Reports that the output is not the script's.
    pub(crate) fn unreadable(status: i32) -> Self {
        Self {
            kind: ErrorKind::Unavailable,
            what: format!("the script gave no result that can be read to its end, and ended with {status}"),
            next: "Run the command again by hand in Systems Manager, or look at the host's logs",
        }
    }

    /// Reports that the script does not run on the host's system, and so never will.
    pub(crate) fn foreign(system: &str) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            what: format!("it runs {system}, where the script does not run, so no key gets there"),
            next: "Take the tag of hosts away from it, or its id out of SSH_HOSTS or fourstep:hosts, and rotate its keys in another way: keys for OpenSSH on Windows are in other places, and users of macOS are in no passwd file",
        }
    }

    /// Reports that the key is in its place, and that sshd would refuse it.
    pub(crate) fn refusing(why: &str) -> Self {
        Self {
            kind: ErrorKind::Forbidden,
            what: format!("sshd will refuse the key: {why}"),
            next: "Correct it on the host: sshd's own log says the same when somebody logs in",
        }
    }

    /// Reports that the key is in a file of which nobody knows whether sshd reads it.
    pub(crate) fn unread() -> Self {
        Self {
            kind: ErrorKind::Forbidden,
            what: "its sshd does not say its settings, so that only a login shows whether the key is where it is looked for"
                .to_owned(),
            next: "Run `sshd -T -C user=<user>,host=localhost,addr=127.0.0.1` on the host and correct what it complains of, or set SSH_TEST to login",
        }
    }

    /// Reports that the login succeeded, and that a command that does nothing did not.
    pub(crate) fn no_shell(status: Option<u32>) -> Self {
        let status = status.map_or_else(|| "no status".to_owned(), |status| format!("status {status}"));
        Self {
            kind: ErrorKind::Forbidden,
            what: format!("the key logs in, but the command `true` ended with {status}"),
            next: "Give the user a shell that runs commands; if a command is forced by KEY_OPTIONS, let it say so with command=; if sshd forces one (ForceCommand), let it end with 0 or serve SFTP",
        }
    }

    /// Reports that there is nothing by which the host could be told from another one in its place.
    pub(crate) fn no_host_key() -> Self {
        Self {
            kind: ErrorKind::Invalid,
            what: "it names no host key that could be pinned, so no login there would be safe".to_owned(),
            next: "Let HostKey of sshd name its keys, with the public half in a file of the same name and .pub; or store the host's line in KnownHosts of the secret by hand; or set SSH_TEST to agent, which needs no login",
        }
    }

    /// Reports that sshd takes no key, or not before something else.
    pub(crate) fn no_key_asked() -> Self {
        Self {
            kind: ErrorKind::Forbidden,
            what: "its sshd takes no key of this user, or not before something else, and says nothing of this one"
                .to_owned(),
            next: "Let PubkeyAuthentication of sshd be yes, and let `publickey` be the first of AuthenticationMethods for this user; or set SSH_TEST to agent",
        }
    }

    /// Reports that a key alone opens no session, in which the file could be edited.
    pub(crate) fn key_is_not_enough() -> Self {
        Self {
            kind: ErrorKind::Forbidden,
            what: "its sshd accepts the key and asks for something else besides (AuthenticationMethods), so the file cannot be edited over SSH".to_owned(),
            next: "Set SSH_TRANSPORT to ssm, or let a key alone be enough for this user by a Match block of sshd_config",
        }
    }

    /// Reports that a key still opens a host, though no line that the host's agent sees holds it.
    pub(crate) fn still_opens() -> Self {
        Self {
            kind: ErrorKind::Conflict,
            what: "its sshd still accepts the retired key".to_owned(),
            next: "Find what names the key there: AuthorizedKeysCommand, a file that sshd reads and the agent was not told of (sshd -T says which), or the line of another secret with the same key. Take it away and start finishSecret again: fourstep reconcile",
        }
    }

    /// Explains the codes of the script, each with when it prints it.
    fn of(code: &str, place: &str) -> Self {
        use ErrorKind::{Forbidden, Invalid, Unavailable};
        let (kind, what, next) = match code {
            // getent knows no user of that name.
            "no-user" => (
                Invalid,
                format!("there is no user `{place}`"),
                "Correct the tag fourstep:ssh-user or the variable USERNAME, or make the user",
            ),
            // The user has uid 0, and the function's owner lists it by a pattern only.
            "root" => (
                Forbidden,
                format!("the user `{place}` has uid 0: it is root by another name"),
                "Name another user; or let the function's owner list this one without * in ALLOWED_SSH_USERS",
            ),
            // The folder that passwd names is not there.
            "no-home" => (
                Invalid,
                format!("the user's home `{place}` is missing"),
                "Make the home, owned by the user, or mount it",
            ),
            // The folder of AuthorizedKeysFile is not there and not under the home, or is no folder.
            "no-folder" => {
                (Invalid, format!("the folder `{place}` is missing, or is not a folder"), "Make it a folder")
            }
            // sshd's AuthorizedKeysFile is `none`, or has a token that the script does not know.
            "pattern" => (
                Invalid,
                format!("sshd's AuthorizedKeysFile is `{place}`, which names no file for this user"),
                "Let AuthorizedKeysFile of sshd name a file, with no other tokens than %h, %u and %U",
            ),
            // AuthorizedKeysFile is `none`, and a program names the keys.
            "command" => (
                Invalid,
                format!("sshd reads no file of keys: `{place}` names them, by AuthorizedKeysCommand"),
                "Let AuthorizedKeysFile of sshd name a file for this user beside the command, or rotate the keys where the command finds them",
            ),
            // Root would work where somebody else can put something in its way.
            "loose" => (
                Forbidden,
                format!("`{place}`, or a folder above it, may be changed by others than root"),
                "Let root own it and each folder above it, and let neither group nor others write there",
            ),
            // authorized_keys is a folder.
            "directory" => (Invalid, format!("`{place}` is a directory"), "Remove it, so that it can be a file"),
            // The file or its folder is a symbolic link.
            "symlink" => (
                Invalid,
                format!("`{place}` is a symbolic link, or leads through one"),
                "Let it be a file, or let AuthorizedKeysFile of sshd name the place it leads to",
            ),
            // A socket, a device or a pipe.
            "special" => (Invalid, format!("`{place}` is no plain file"), "Remove it, so that it can be a file"),
            // There are NUL bytes in it.
            "binary" => (Invalid, format!("`{place}` holds bytes that are no text"), "Repair or remove the file"),
            // The file, or its folder, belongs to neither the user nor root.
            "owner" => (Forbidden, format!("`{place}` belongs to somebody else"), "Let the user own it"),
            "denied" => (Forbidden, format!("`{place}` may not be read or written"), "Give the user the right to it"),
            "read-only" => {
                (Forbidden, format!("`{place}` is on a file system that is read-only"), "Mount it for writing")
            }
            "full" => (Unavailable, format!("there is no space left for `{place}`"), "Free some space"),
            // Another edit has had the lock for five seconds.
            "locked" => (Unavailable, format!("another edit of `{place}` is under way"), "Wait until it has ended"),
            // Over SSH, the login is another user's.
            "other-user" => (
                Invalid,
                format!("the login is that of user `{place}`"),
                "Let the tag fourstep:ssh-user or the variable USERNAME name the user that logs in",
            ),
            "base64" => (Invalid, "the program `base64` is missing".to_owned(), "Install coreutils or busybox"),
            _ => (
                Unavailable,
                format!("the edit of `{place}` failed for a reason that the script does not know"),
                "Run the command again by hand in Systems Manager, or look at the host's logs",
            ),
        };
        Self { kind, what, next }
    }
}

fn refusal(why: &str) -> Option<String> {
    match why.split_once(' ') {
        Some(("mode", place)) => {
            let place = printable(place);
            Some(format!("`{place}` may be written by others than the user, which sshd's StrictModes refuses"))
        }
        None if why == "pubkeyauthentication" => Some("sshd's PubkeyAuthentication is off".to_owned()),
        _ => None,
    }
}

/// Returns a path with `?` in place of what is not safe to print.
pub(crate) fn printable(text: &str) -> String {
    let printable = |sign: char| if sign.is_ascii_graphic() || sign == ' ' { sign } else { '?' };
    text.chars().take(LONGEST).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::{KEY, key};

    #[test]
    fn an_answer_without_its_closing_line_was_cut_and_is_none() {
        let whole = format!("fourstep 1 changed\nport 2222\nhostkey {KEY}\nend\n----------ERROR-------\nport 9\n");
        let answer = Answer::read(&whole).unwrap();
        assert_eq!((&answer.outcome, answer.port), (&Outcome::Changed, Some(2222)));
        assert_eq!(answer.host_keys[0].key_data(), key(KEY).key_data());
        let complete = whole.find("\nend").unwrap() + "\nend".len();
        for end in 0..complete {
            assert_eq!(Answer::read(&whole[..end]), None, "{}", &whole[..end]);
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for text in ["", "sh: 1: not found", "fourstep 2 changed", "fourstep 1 chan", "Welcome fourstep 1 same\nend"] {
            assert_eq!(Answer::read(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_user_of_the_host_wrote_is_no_arn_to_paste() {
        let earlier = |arn: &str| Answer::read(&format!("fourstep 1 same\nearlier 1 {arn}\nend\n")).unwrap().earlier;
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/ssh-AbCdEf";
        assert_eq!(earlier(arn), Some(Earlier { lines: 1, arn: arn.to_owned() }));
        for sign in ["'", ";", "#", "$", "`", " ", "\\", "|"] {
            assert_eq!(earlier(&format!("arn:aws:secretsmanager:x{sign}id:123456789012:secret:app-ZZZZZZ")), None);
        }
    }

    #[test]
    fn what_a_shell_prints_before_is_passed_over() {
        assert_eq!(Answer::read("Last login\nfourstep 1 same\nport 22\nend\n").unwrap().port, Some(22));
    }

    #[test]
    fn only_printable_signs_of_a_host_are_repeated() {
        let long = format!("fourstep 1 failed no-home /home/\u{1b}[2J\u{7}{}\nend\n", "x".repeat(999));
        let Outcome::Failed(failure) = Answer::read(&long).unwrap().outcome else { panic!("it failed") };
        assert!(failure.what.starts_with("the user's home `/home/?[2J?xxx"), "{}", failure.what);
        assert!(failure.what.len() < 250);
    }
}
