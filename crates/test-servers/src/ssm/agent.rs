//! Agents: each runs the commands of Systems Manager as root on a host of its own.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::lock::lock;
use crate::sshd::Host;

use super::simulated::Simulated;

/// A managed node: a host, and how its agent behaves.
pub struct Node {
    id: String,
    place: Place,
    /// What its tag `Name` says.
    name: Mutex<String>,
    /// The type of its platform, as Systems Manager names it.
    platform: Mutex<&'static str>,
    /// What the agent says that its host's address is, where it does not tell the truth.
    address: Mutex<Option<String>>,
    behaviour: Mutex<Behaviour>,
    /// The script of the last command that was not run yet, or is to be run again.
    last: Mutex<Option<String>>,
}

/// Where an agent is.
enum Place {
    Host(Arc<Host>),
    Simulated(Simulated),
}

/// How an agent behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// It runs each command at once.
    #[default]
    Well,
    /// Systems Manager does not hear of it: it is not online, and runs nothing.
    Down,
    /// Its instance is stopped: Systems Manager does not list it, and a command waits for it.
    Stopped,
    /// Its instance was terminated a moment ago: EC2 still shows it.
    Terminated,
    /// It seems online and never answers; the command is not run.
    Deaf,
    /// It runs each command twice, the second time after the first has been answered.
    Twice,
    /// It runs each command, and its output is cut off after so many characters.
    Cut(usize),
    /// It runs each command and says that it failed, without output.
    Failing,
}

impl Node {
    /// Creates a node of a host.
    #[must_use]
    pub fn new(id: &str, host: Arc<Host>) -> Self {
        Self::at(id, Place::Host(host))
    }

    /// Creates a node of no host: its agent answers as one does whose host has the number `number`, and nobody logs in there.
    #[must_use]
    pub fn simulated(number: u32) -> Self {
        Self::at(&format!("i-{number:017x}"), Place::Simulated(Simulated::new(number)))
    }

    fn at(id: &str, place: Place) -> Self {
        Self {
            id: id.to_owned(),
            place,
            name: Mutex::default(),
            platform: Mutex::new("Linux"),
            address: Mutex::default(),
            behaviour: Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// Returns the node's id, as `i-0` or `mi-0`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the host.
    ///
    /// # Panics
    ///
    /// If it is simulated.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        match &self.place {
            Place::Host(host) => host,
            Place::Simulated(_) => panic!("{} has no host", self.id),
        }
    }

    /// Lets the agent behave otherwise from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *lock(&self.behaviour) = behaviour;
    }

    /// Gives its instance the tag `Name`.
    pub fn name_is(&self, name: &str) {
        name.clone_into(&mut lock(&self.name));
    }

    /// Lets the agent report another address, or what is none.
    pub fn report_address(&self, address: &str) {
        *lock(&self.address) = Some(address.to_owned());
    }

    /// Lets its host run another system, by the type of platform: `Windows` or `MacOS`. A document for Linux is not run there.
    pub fn runs(&self, platform: &'static str) {
        *lock(&self.platform) = platform;
    }

    pub(super) fn platform(&self) -> &'static str {
        *lock(&self.platform)
    }

    pub(super) fn name(&self) -> String {
        lock(&self.name).clone()
    }

    /// Runs the last command that the agent was given, though it may have run it before: a late delivery.
    pub fn deliver_last_again(&self) {
        if let Some(script) = lock(&self.last).clone() {
            self.host().root(&script, b"");
        }
    }

    /// Returns the script of the last command, to deliver it later.
    #[must_use]
    pub fn last_script(&self) -> Option<String> {
        lock(&self.last).clone()
    }

    /// Returns the state of its instance, as EC2 names it.
    pub(super) fn state(&self) -> &'static str {
        match *lock(&self.behaviour) {
            Behaviour::Stopped => "stopped",
            Behaviour::Terminated => "terminated",
            _ => "running",
        }
    }

    pub(super) fn address(&self) -> Ipv4Addr {
        match &self.place {
            Place::Host(host) => host.address(),
            Place::Simulated(simulated) => simulated.address(),
        }
    }

    /// Returns what Systems Manager says of it. `None`: it lists none that is stopped or terminated.
    pub(super) fn information(&self) -> Option<Value> {
        if self.state() != "running" {
            return None;
        }
        let online = *lock(&self.behaviour) != Behaviour::Down;
        Some(json!({
            "InstanceId": self.id,
            "PingStatus": if online { "Online" } else { "ConnectionLost" },
            "IPAddress": lock(&self.address).clone().unwrap_or_else(|| self.address().to_string()),
            "PlatformType": self.platform(),
        }))
    }
}

/// A command on one node.
pub(super) struct Invocation {
    node: String,
    end: Mutex<Option<End>>,
}

struct End {
    status: &'static str,
    details: &'static str,
    code: i32,
    output: String,
}

impl End {
    fn of(status: &'static str, code: i32, output: String) -> Self {
        Self { status, details: status, code, output }
    }
}

/// The API cuts output there.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CommandPlugin.html>
const LONGEST_OUTPUT: usize = 2500;

impl Invocation {
    /// Hands a command to a node's agent.
    pub(super) fn begin(node: &Arc<Node>, script: &str) -> Arc<Self> {
        let invocation = Arc::new(Self { node: node.id.clone(), end: Mutex::default() });
        *lock(&node.last) = Some(script.to_owned());
        let behaviour = *lock(&node.behaviour);
        let gets_none = [Behaviour::Down, Behaviour::Stopped, Behaviour::Terminated, Behaviour::Deaf];
        if gets_none.contains(&behaviour) {
            return invocation;
        }
        if node.platform() != "Linux" {
            let details = End { status: "Failed", details: "InvalidPlatform", code: -1, output: String::new() };
            *lock(&invocation.end) = Some(details);
            return invocation;
        }
        let (node, script, own) = (Arc::clone(node), script.to_owned(), Arc::clone(&invocation));
        if let Place::Simulated(simulated) = &node.place {
            let (output, delay) = (simulated.answer(&script), simulated.delay());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                *lock(&own.end) = Some(End::of("Success", 0, output));
            });
            return invocation;
        }
        tokio::task::spawn_blocking(move || {
            own.run(&node, &script, behaviour);
        });
        invocation
    }

    fn run(&self, node: &Node, script: &str, behaviour: Behaviour) {
        let ran = node.host().root(script, b"");
        let code = ran.status.code().unwrap_or(-1);
        let mut output = String::from_utf8_lossy(&ran.stdout).into_owned();
        if !ran.stderr.is_empty() {
            output += "\n----------ERROR-------\n";
            output += &String::from_utf8_lossy(&ran.stderr);
        }
        let end = match behaviour {
            Behaviour::Failing => End::of("Failed", 1, String::new()),
            _ => {
                let longest = if let Behaviour::Cut(longest) = behaviour { longest } else { LONGEST_OUTPUT };
                output.truncate(longest);
                End::of(if code == 0 { "Success" } else { "Failed" }, code, output)
            }
        };
        *lock(&self.end) = Some(end);
        if behaviour == Behaviour::Twice {
            node.host().root(script, b"");
        }
    }

    pub(super) fn node(&self) -> &str {
        &self.node
    }

    pub(super) fn is_over(&self) -> bool {
        lock(&self.end).is_some()
    }

    pub(super) fn describe(&self, command: &str) -> Value {
        let mut invocation = json!({ "CommandId": command, "InstanceId": self.node, "Status": "InProgress", "StatusDetails": "InProgress" });
        if let Some(end) = &*lock(&self.end) {
            invocation["Status"] = end.status.into();
            invocation["StatusDetails"] = end.details.into();
            invocation["CommandPlugins"] = json!([{
                "Name": "aws:runShellScript", "Status": end.status, "ResponseCode": end.code, "Output": end.output,
            }]);
        }
        invocation
    }
}
