//! The steps of a rotation: which keys are to be in the files, and how that is proved.

use std::sync::Arc;

use fourstep::settings::{EngineSettings, Groups, Retire};
use fourstep::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, Context, Error, Keep, Login, Result, Rotator, Slots, Step, Version,
};
use fourstep_aws::SdkConfig;
use fourstep_server::AddressSettings;
use futures_util::future::try_join_all;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{PrivateKey, PublicKey};

use crate::answer::{Answer, Failure, Note, Outcome};
use crate::each::on_each;
use crate::former;
use crate::host::{Host, Reply};
use crate::key;
use crate::known_hosts::KnownHosts;
use crate::notices;
use crate::order::{self, Action, Generation, Order, Phase};
use crate::pins;
use crate::retired::{self, Trial};
use crate::secret::KeyPair;
use crate::session;
use crate::settings::{Proof, SshSettings, TransportChoice};
use crate::tally;
use crate::transport::{Needs, Transport};
use crate::worst;

/// Rotates the key pair of a user on a fleet of hosts.
#[derive(Debug, Default)]
pub struct Ssh {
    transport: Transport,
}

impl Ssh {
    /// Creates a rotator. It takes its client of Systems Manager from the environment, when it first needs one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a rotator that calls Systems Manager as a configuration says.
    #[must_use]
    pub fn with_configuration(configuration: &SdkConfig) -> Self {
        Self { transport: Transport::new(configuration) }
    }

    /// Pins the hosts that are not pinned yet, by what they say through Systems Manager's own channel. Those that are out
    /// of reach count, whether pinned or not: no key is made that could not get to enough of them.
    async fn pin(&self, known: &mut KnownHosts, hosts: &[Host], cx: &Context<'_>) -> Result<()> {
        let (here, away): (Vec<_>, Vec<_>) = hosts.iter().cloned().partition(Host::is_online);
        let new: Vec<_> = here.iter().filter(|host| !is_known(host, known, cx)).cloned().collect();
        let mut replies = Vec::new();
        if !new.is_empty() {
            replies = self.look_at_keys(known, &new, cx).await?;
        }
        replies.extend(away.into_iter().map(out_of_reach));
        if replies.is_empty() {
            return Ok(());
        }
        tally::judge_some("read the host keys", &replies, here.len() - new.len(), cx)
    }

    async fn look_at_keys(&self, known: &mut KnownHosts, new: &[Host], cx: &Context<'_>) -> Result<Vec<(Host, Reply)>> {
        if cx.settings::<SshSettings>().transport == TransportChoice::Ssh {
            let names: Vec<_> = new.iter().map(|host| host.id.as_str()).collect();
            return Err(Error::invalid(format!("the secret's KnownHosts has no key of {}", names.join(", "))).next(
                "Compare the fingerprints with the hosts' own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), and store the lines that ssh-keyscan gives in KnownHosts",
            ));
        }
        let order = new_order(Action::Look, Generation::new(cx.now(), Phase::Set), cx);
        // Only of the new ones, though a tag reaches all: the others' answers are not needed.
        let mut replies = self.order(&order, new, known, cx).await?;
        replies.retain(|(host, _)| new.iter().any(|new| new.id == host.id));
        let needs_pins = cx.settings::<SshSettings>().test == Proof::Login;
        for (host, reply) in &mut replies {
            if let Reply::Answer(answer) = reply {
                known.pin(host, answer.port, &answer.host_keys);
                // Nothing was asked for, so nothing is lacking.
                if answer.outcome == Outcome::Lacks {
                    answer.outcome = Outcome::Holds;
                }
                if answer.outcome == Outcome::Holds && answer.host_keys.is_empty() && needs_pins {
                    *reply = Reply::Failed(Failure::no_host_key());
                }
            }
        }
        Ok(replies)
    }

    /// Proves that a pair opens each host that it was made for.
    async fn try_on_hosts(&self, pair: &KeyPair, cx: &Context<'_>) -> Result<()> {
        let private = pair.private(cx.settings())?;
        if private.is_none() && cx.step() != Step::Test {
            return Err(Error::rejected("the version of the secret holds no key"));
        }
        let hosts = self.transport.hosts(Needs::All, cx).await?;
        let mut known = pins::read(pair, &self.transport, cx).await?;
        // A first value, or one that was stored by hand, has no pins.
        if !hosts.iter().any(|host| is_known(host, &known, cx)) {
            self.pin(&mut known, &hosts, cx).await?;
        }
        let Some(private) = private else {
            tracing::info!("the secret holds no key yet; the first rotation makes one");
            return Ok(());
        };
        if cx.settings::<SshSettings>().test == Proof::Agent {
            return self.ask_agents(&private, &hosts, &known, cx).await;
        }
        let (here, away): (Vec<_>, Vec<_>) = hosts.into_iter().partition(Host::is_online);
        let (made_for, joined): (Vec<_>, Vec<_>) = here.into_iter().partition(|host| is_known(host, &known, cx));
        for host in &joined {
            tracing::warn!(
                host = host.id,
                "this host joined after createSecret: finishSecret installs the keys on it, and the next rotation tests it"
            );
        }
        let users = users(cx)?;
        let private = &Arc::new(private);
        let forced =
            cx.settings::<SshSettings>().key_options.as_deref().is_some_and(|options| options.contains("command="));
        let known = &known;
        let logins = worst::for_each(users, &made_for);
        let replies = on_each(&logins, cx, |host| async move {
            let port = known.port_of(&host).or(host.port).unwrap_or(22);
            let user = host.user.as_ref().unwrap_or(&users[0]);
            session::try_key(&host, port, known, user, Arc::clone(private), forced, cx.settings()).await
        });
        let mut replies = worst::of_each(replies.await);
        replies.extend(away.into_iter().map(out_of_reach));
        tally::judge("log in with the key", &replies, None, cx)
    }

    /// Proves through the agents that the files hold the key, and that nothing that can be seen keeps sshd from it.
    async fn ask_agents(
        &self,
        private: &PrivateKey,
        hosts: &[Host],
        pins: &KnownHosts,
        cx: &Context<'_>,
    ) -> Result<()> {
        let want = vec![line(private.public_key(), cx)?];
        let order = Order { want, ..new_order(Action::Look, Generation::new(cx.now(), Phase::Set), cx) };
        let mut replies = self.order(&order, hosts, pins, cx).await?;
        replies.retain(|(host, _)| hosts.iter().any(|known| known.id == host.id));
        for (_, reply) in &mut replies {
            let Reply::Answer(Answer { outcome: Outcome::Holds, refusals, notes, .. }) = reply else { continue };
            if let Some(why) = refusals.first() {
                *reply = Reply::Failed(Failure::refusing(why));
            } else if notes.contains(&Note::Unread) {
                *reply = Reply::Failed(Failure::unread());
            }
        }
        tracing::info!("SSH_TEST is agent: the files are looked at, and nobody logs in");
        tally::judge("find the key in authorized_keys", &replies, Some(pins), cx)
    }

    /// Makes the keys of the secret in each file exactly those of `keys`.
    async fn declare(
        &self,
        keys: Vec<PublicKey>,
        mut gone: Vec<PublicKey>,
        generation: Generation,
        pins: &KnownHosts,
        cx: &Context<'_>,
    ) -> Result<Vec<Host>> {
        let needs = if cx.step() == Step::Set { Needs::All } else { Needs::Reachable };
        let hosts = self.transport.hosts(needs, cx).await?;
        gone.retain(|gone| keys.iter().all(|key| key.key_data() != gone.key_data()));
        let want = keys.iter().map(|key| line(key, cx)).collect::<Result<Vec<_>>>()?;
        let order = Order { want, gone, ..new_order(Action::Edit, generation, cx) };
        cx.fence().await?;
        let replies = self.order(&order, &hosts, pins, cx).await?;
        // Once in a rotation.
        if cx.step() == Step::Set {
            notices::tell(&replies);
        }
        tally::judge("set the keys", &replies, Some(pins), cx)?;
        Ok(hosts)
    }

    /// Shows that the keys which finishSecret took away open no host any more.
    async fn show_refused(
        &self,
        keep: &Keep<'_, KeyPair>,
        abandoned: &[Arc<Version<KeyPair>>],
        current: &KeyPair,
        hosts: &[Host],
        pins: &KnownHosts,
        cx: &Context<'_>,
    ) -> Result<()> {
        if cx.settings::<SshSettings>().test == Proof::Agent {
            return Ok(());
        }
        let private = |pair: &KeyPair| pair.private(cx.settings()).ok().flatten();
        let Some(current) = private(current) else { return Ok(()) };
        let kept: Vec<_> = keep.kept().filter_map(private).collect();
        let mut retired: Vec<_> = keep.gone(|pair| public_data(pair, cx)).filter_map(private).collect();
        // What was AWSPREVIOUS before the promotion has no label now.
        if cx.settings::<EngineSettings>().retire == Retire::AtNextRotation {
            retired.extend(abandoned.iter().filter_map(|version| private(version.secret())));
        }
        retired.retain(|key| kept.iter().all(|kept| kept.public_key().key_data() != key.public_key().key_data()));
        retired.truncate(retired::MOST);
        if retired.is_empty() {
            return Ok(());
        }
        let retired = retired.into_iter().map(Arc::new).collect();
        let trial = Trial { users: users(cx)?, retired, current: Arc::new(current) };
        retired::show_refused(&trial, hosts, pins, cx).await
    }

    /// Sends an order to all hosts, for each of the users, and returns the worst of what came of each.
    async fn order(
        &self,
        order: &Order<'_>,
        hosts: &[Host],
        pins: &KnownHosts,
        cx: &Context<'_>,
    ) -> Result<Vec<(Host, Reply)>> {
        let users = users(cx)?;
        let sent = users.iter().map(|user| {
            let may_be_root = cx.settings::<SshSettings>().names_user(user);
            let order = Order { user, may_be_root, ..order.clone() };
            let hosts = if users.len() == 1 { hosts.to_vec() } else { worst::of_user(user, hosts) };
            async move { self.transport.order(&order, &hosts, pins, cx).await }
        });
        let replies = try_join_all(sent.collect::<Vec<_>>()).await?;
        Ok(worst::of_each(replies.into_iter().flatten().collect()))
    }
}

impl Rotator for Ssh {
    type Secret = KeyPair;
    const NAME: &'static str = "ssh";
    const SLOTS: Slots = Slots::List;

    fn settings() -> Groups {
        Groups::of::<SshSettings>().and::<AddressSettings>()
    }

    async fn create(&self, current: &KeyPair, _login: &Login<'_, KeyPair>, cx: &Context<'_>) -> Result<KeyPair> {
        users(cx)?;
        // What is wrong with the value is said before anything is made.
        current.public(cx.settings())?;
        let hosts = self.transport.hosts(Needs::All, cx).await?;
        let mut known = pins::read(current, &self.transport, cx).await?;
        if cx.settings::<SshSettings>().transport == TransportChoice::Ssm {
            known.keep(&hosts);
        }
        self.pin(&mut known, &hosts, cx).await?;
        let settings = cx.settings::<SshSettings>();
        let comment = order::comment(cx.secret_id(), cx.token());
        let made = key::make(settings.key_type, settings.key_format, comment).await?;
        let known = pins::store(&known, &self.transport, cx).await?;
        Ok(current.next(&made, &known, settings))
    }

    async fn set(&self, pending: &KeyPair, _login: &Login<'_, KeyPair>, cx: &Context<'_>) -> Result<()> {
        let version = cx.labelled::<KeyPair>(AWSPENDING).await?;
        let generation = version.ok_or_else(|| Error::unavailable("AWSPENDING is not visible yet"))?.created();
        let mut keys: Vec<PublicKey> = pending.public(cx.settings())?.into_iter().collect();
        // AWSPREVIOUS may be the only login, until the pending key has been proved.
        for label in [AWSCURRENT, AWSPREVIOUS] {
            if let Some(key) = key_of(label, cx).await? {
                keys.push(key);
            }
        }
        let pins = pins::read(pending, &self.transport, cx).await?;
        self.declare(distinct(keys), vec![], Generation::new(generation, Phase::Set), &pins, cx).await.map(|_| ())
    }

    async fn probe(&self, secret: &KeyPair, cx: &Context<'_>) -> Result<()> {
        self.try_on_hosts(secret, cx).await
    }

    async fn retire(&self, keep: &Keep<'_, KeyPair>, _login: &Login<'_, KeyPair>, cx: &Context<'_>) -> Result<()> {
        let version = cx.current::<KeyPair>().await?;
        let public = |pair: &KeyPair| pair.public(cx.settings()).ok().flatten();
        let keys = keep.kept().filter_map(public).collect();
        let mut gone: Vec<_> = keep.gone(|pair| public_data(pair, cx)).filter_map(public).collect();
        // Keys that were made by hand bear no mark before a rotation sees them: only their versions name them. A host that was
        // stopped then, or made since from an old image, has them without a mark.
        let abandoned = cx.abandoned::<KeyPair>().await?;
        gone.extend(abandoned.iter().filter_map(|version| public(version.secret())));
        let pins = pins::read(version.secret(), &self.transport, cx).await?;
        // A rotation that was given up may have been on the hosts, and its orders may still come. An operator may have made an
        // older version current and then this one again: the hosts followed both.
        let newest = cx.newest().await?.unwrap_or_else(|| version.created());
        let undoes = cx.by_operator() || newest > version.created();
        let phase = if undoes { Phase::Undo } else { Phase::Finish };
        let newest = newest.max(version.created());
        let finished = async {
            let hosts = self.declare(distinct(keys), gone, Generation::new(newest, phase), &pins, cx).await?;
            let previous = cx.older::<KeyPair>(AWSPREVIOUS).await?;
            former::tell(previous.as_deref().map(Version::secret), cx);
            self.show_refused(keep, &abandoned, version.secret(), &hosts, &pins, cx).await
        };
        finished.await.map_err(|error| match cx.settings::<EngineSettings>().retire {
            Retire::AtFinish => error.still_works("AWSCURRENT is promoted and works; AWSPREVIOUS may still work"),
            Retire::AtNextRotation => error.still_works("AWSCURRENT is promoted and works, and so does AWSPREVIOUS"),
        })
    }
}

/// Returns what tells the key of a pair from others.
fn public_data(pair: &KeyPair, cx: &Context<'_>) -> Option<KeyData> {
    pair.public(cx.settings()).ok().flatten().map(|key| key.key_data().clone())
}

/// Returns the users, whom a setting has to name.
fn users<'a>(cx: &'a Context<'_>) -> Result<&'a [String]> {
    match cx.settings::<SshSettings>().users.as_slice() {
        [] => Err(Error::invalid("nothing says whose authorized_keys is rotated")
            .next("Set the variable USERNAME; or give the secret the tag fourstep:ssh-user, within the variable ALLOWED_SSH_USERS")),
        users => Ok(users),
    }
}

/// Returns whether something says how to know a host: over Systems Manager its own key, which it tells by itself together with
/// its port; over SSH, any line of the owner's.
fn is_known(host: &Host, known: &KnownHosts, cx: &Context<'_>) -> bool {
    let trust = known.of(host);
    match cx.settings::<SshSettings>().transport {
        TransportChoice::Ssm => !trust.keys.is_empty(),
        TransportChoice::Ssh => !trust.is_empty(),
    }
}

/// Returns a host with the reply that nothing gets to it.
fn out_of_reach(host: Host) -> (Host, Reply) {
    let reply = host.out_of_reach();
    (host, reply)
}

/// Returns an order that wants no key and takes none away, for no user yet.
fn new_order<'a>(action: Action, generation: Generation, cx: &'a Context<'_>) -> Order<'a> {
    Order { action, user: "", may_be_root: false, secret: cx.secret_id(), generation, want: vec![], gone: vec![] }
}

/// Returns the line of a key, marked as this secret's.
fn line(key: &PublicKey, cx: &Context<'_>) -> Result<String> {
    let comment = match is_marked(key, cx) {
        true => key.comment().as_str_lossy().to_owned(),
        false => order::comment(cx.secret_id(), order::BY_HAND),
    };
    order::line(cx.settings::<SshSettings>().key_options.as_deref(), key, &comment)
}

/// Returns whether a rotation of this secret made a key. One that was made by hand has a comment of its own, or none.
fn is_marked(key: &PublicKey, cx: &Context<'_>) -> bool {
    let mark = order::comment(cx.secret_id(), "");
    let version = key.comment().as_str_lossy().strip_prefix(&mark).map(str::to_owned);
    version.is_some_and(|version| !version.is_empty() && !version.contains([' ', '\t']))
}

/// Returns the key of the version with a label, if there is one. AWSPREVIOUS may hold what is no key.
async fn key_of(label: &str, cx: &Context<'_>) -> Result<Option<PublicKey>> {
    if label == AWSPREVIOUS {
        let version = cx.older::<KeyPair>(label).await?;
        return Ok(version.and_then(|version| version.secret().public(cx.settings()).ok().flatten()));
    }
    let version = cx.labelled::<KeyPair>(label).await?;
    Ok(version.map(|version| version.secret().public(cx.settings())).transpose()?.flatten())
}

fn distinct(keys: Vec<PublicKey>) -> Vec<PublicKey> {
    let mut distinct: Vec<PublicKey> = Vec::new();
    for key in keys {
        if distinct.iter().all(|known| known.key_data() != key.key_data()) {
            distinct.push(key);
        }
    }
    distinct
}
