//! Sessions over SSH: a login with a key, on a host whose own key is pinned.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fourstep::ErrorKind;
use fourstep_server::{AddressSettings, NoAddress, look_up};
use russh::client::{self, AuthResult, Handle};
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelMsg, Disconnect, MethodKind, Preferred};
use tokio::time::timeout;

use crate::answer::Failure;
use crate::error::no_session;
use crate::host::{Host, Reply};
use crate::known_hosts::KnownHosts;
use crate::trust::{self, Trust};

/// The longest time for a host to answer at all, and then for each part of the login.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The longest output of a command that is read. The script prints less than 2,000 characters.
const LONGEST_OUTPUT: usize = 16 * 1024;

/// The first message of the protocol of file transfer, and the kind of the answer.
/// <https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02#section-4>
const SFTP_HELLO: [u8; 9] = [0, 0, 0, 5, 1, 0, 0, 0, 3];
const SFTP_VERSION: u8 = 2;

/// A session with a host, whose key is a pinned one.
pub(crate) struct Session {
    handle: Handle<Pins>,
    port: u16,
}

/// What sshd says to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogIn {
    /// It opens a session.
    Opened,
    /// It is accepted, and sshd asks for something else besides.
    Accepted,
    /// It opens nothing.
    Refused,
    /// sshd takes no key at all, or not before something else: it says nothing of this one.
    NotAsked,
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) status: Option<u32>,
    pub(crate) output: String,
}

impl Session {
    /// Connects to a host, at an address where a session may go, and checks its key. Any reply that is not a session says
    /// why.
    pub(crate) async fn open(host: &Host, port: u16, trust: Trust, settings: &AddressSettings) -> Result<Self, Reply> {
        let shown = Arc::new(Mutex::new(None));
        let config = client::Config {
            // The host shows a key of a kind that is pinned, or a certificate.
            preferred: Preferred {
                key: Cow::Owned(trust.algorithms()),
                host_key_certificates: Cow::Owned(trust.certified()),
                ..Preferred::default()
            },
            inactivity_timeout: Some(ANSWER_LIMIT * 3),
            nodelay: true,
            ..client::Config::default()
        };
        let (pinned, parameter) = (trust.fingerprints(), trust.parameter.clone());
        let handler = Pins { trust, shown: Arc::clone(&shown) };
        let connect = async {
            // It goes to the addresses that were checked, whatever the name leads to by now.
            let addresses = look_up(&host.address, port, settings).await.map_err(no_address)?;
            client::connect(Arc::new(config), &addresses[..], handler).await.map_err(|error| match error {
                russh::Error::UnknownKey => {
                    let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
                    Reply::HostKeyChanged { shown, pinned, parameter }
                }
                russh::Error::NoCommonAlgo { .. } => {
                    Reply::HostKeyChanged { shown: "a key of another kind".to_owned(), pinned, parameter }
                }
                error => Reply::Unreachable(no_session(&error, port)),
            })
        };
        match timeout(ANSWER_LIMIT, connect).await {
            Ok(connected) => connected.map(|handle| Self { handle, port }),
            Err(_) => Err(Reply::Unreachable(format!("nothing answers at port {port}"))),
        }
    }

    /// Logs in with a key.
    pub(crate) async fn log_in(&mut self, user: &str, key: Arc<PrivateKey>) -> Result<LogIn, Reply> {
        let attempt = async {
            let hash = match key.algorithm() {
                Algorithm::Rsa { .. } => self.handle.best_supported_rsa_hash().await?.flatten(),
                _ => None,
            };
            self.handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash)).await
        };
        match timeout(ANSWER_LIMIT, attempt).await {
            Ok(Ok(AuthResult::Success)) => Ok(LogIn::Opened),
            // AuthenticationMethods of sshd asks for more than a key.
            Ok(Ok(AuthResult::Failure { partial_success: true, .. })) => Ok(LogIn::Accepted),
            Ok(Ok(AuthResult::Failure { remaining_methods, .. })) => {
                match remaining_methods.contains(&MethodKind::PublicKey) {
                    true => Ok(LogIn::Refused),
                    false => Ok(LogIn::NotAsked),
                }
            }
            Ok(Err(error)) => Err(Reply::Unreachable(no_session(&error, self.port))),
            Err(_) => Err(Reply::Unreachable("no answer to the login".to_owned())),
        }
    }

    /// Runs a command with some input, and waits for its end.
    pub(crate) async fn run(&mut self, command: &str, input: &str) -> Result<Done, Reply> {
        let run = async {
            let mut channel = self.handle.channel_open_session().await?;
            channel.exec(true, command).await?;
            if !input.is_empty() {
                channel.data(input.as_bytes()).await?;
            }
            channel.eof().await?;
            let (mut status, mut output) = (None, Vec::new());
            while let Some(message) = channel.wait().await {
                match message {
                    ChannelMsg::Data { data } if output.len() < LONGEST_OUTPUT => output.extend_from_slice(&data),
                    ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
                    _ => {}
                }
            }
            Ok::<_, russh::Error>(Done { status, output: String::from_utf8_lossy(&output).into_owned() })
        };
        match timeout(ANSWER_LIMIT * 2, run).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Reply::Unreachable(no_session(&error, self.port))),
            Err(_) => Err(Reply::Unreachable("the session gives no answer".to_owned())),
        }
    }

    /// Returns whether the user may transfer files, where no command of the user's choice runs.
    async fn serves_files(&mut self) -> Result<bool, Reply> {
        let ask = async {
            let mut channel = self.handle.channel_open_session().await?;
            channel.request_subsystem(true, "sftp").await?;
            channel.data(&SFTP_HELLO[..]).await?;
            while let Some(message) = channel.wait().await {
                match message {
                    ChannelMsg::Data { data } => return Ok(data.get(4) == Some(&SFTP_VERSION)),
                    ChannelMsg::Failure | ChannelMsg::ExitStatus { .. } => break,
                    _ => {}
                }
            }
            Ok::<_, russh::Error>(false)
        };
        match timeout(ANSWER_LIMIT, ask).await {
            Ok(Ok(serves)) => Ok(serves),
            Ok(Err(error)) => Err(Reply::Unreachable(no_session(&error, self.port))),
            Err(_) => Ok(false),
        }
    }

    /// Disconnects, so that sshd logs no broken session.
    pub(crate) async fn close(self) {
        // Nothing depends on whether it arrives.
        let _ = timeout(ANSWER_LIMIT, self.handle.disconnect(Disconnect::ByApplication, "", "en")).await;
    }
}

/// Logs in with a key, and runs a command that does nothing, or asks for files where sshd lets none run. If a command is
/// `forced`, it would run instead, so nothing is run.
pub(crate) async fn try_key(
    host: &Host,
    port: u16,
    pins: &KnownHosts,
    user: &str,
    key: Arc<PrivateKey>,
    forced: bool,
    settings: &AddressSettings,
) -> Reply {
    let attempt = async {
        let mut session = Session::open(host, port, pins.of(host), settings).await?;
        match session.log_in(user, key).await? {
            LogIn::Opened if !forced => {
                let done = session.run("true", "").await?;
                if done.status != Some(0) && !session.serves_files().await? {
                    return Ok(Reply::Failed(Failure::no_shell(done.status)));
                }
            }
            LogIn::Opened => {}
            LogIn::Accepted => {
                tracing::info!(
                    host = host.id,
                    "sshd accepts the key, and asks for something else besides (AuthenticationMethods)"
                );
            }
            LogIn::Refused => return Ok(Reply::Refused),
            LogIn::NotAsked => return Ok(Reply::Failed(Failure::no_key_asked())),
        }
        session.close().await;
        Ok(Reply::Opened)
    };
    attempt.await.unwrap_or_else(|reply| reply)
}

/// Returns the reply of a host to which no session can go. That its name has no address may pass.
fn no_address(why: NoAddress) -> Reply {
    match why {
        NoAddress::Unresolved => Reply::Unreachable(format!("its name {why}")),
        NoAddress::Refused => Reply::Failed(Failure {
            kind: ErrorKind::Invalid,
            what: format!("its name {why}"),
            next: NoAddress::TO_ALLOW,
        }),
    }
}

/// The handler of a connection: it accepts a host that shows what counts, and no other.
struct Pins {
    trust: Trust,
    shown: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Pins {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(trust::fingerprints(&[shown.public_key()]));
        Ok(match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.trust.accepts(key),
            PublicKeyOrCertificate::Certificate(certificate) => self.trust.accepts_certificate(certificate),
        })
    }
}
