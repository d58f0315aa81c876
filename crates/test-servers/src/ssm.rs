//! Systems Manager over HTTP on 127.0.0.1: the operations by which a function finds hosts and gives them orders. EC2, which
//! knows the state of instances, is at the same end point.
//!
//! It speaks JSON 1.1 as the service does. Its agents run the commands for real, as root, each on a [`Host`](crate::sshd::Host) of its own.
//! On top it has what goes wrong with fleets: agents that are down, slow or deaf, commands that arrive twice or late, and
//! output that is cut.

mod agent;
mod document;
mod ec2;
mod parameters;
mod simulated;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use fourstep_testkit::actions;
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::lock::lock;
use crate::sshd::USER;
pub use agent::{Behaviour, Node};

use agent::Invocation;

/// A Systems Manager of one's own. It ends with the runtime that started it.
pub struct SystemsManager {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    nodes: Mutex<Vec<Arc<Node>>>,
    documents: Mutex<BTreeMap<String, Value>>,
    instances: Mutex<Vec<(String, &'static str)>>,
    parameters: Mutex<BTreeMap<String, String>>,
    /// When parameters were written in the last second.
    writes: Mutex<Vec<Instant>>,
    commands: Mutex<Vec<Command>>,
    calls: Mutex<Vec<String>>,
    refusals: Mutex<BTreeMap<String, (u16, String)>>,
    hook: Mutex<Option<Hook>>,
}

type Hook = Arc<dyn Fn(&str, usize) + Send + Sync>;

struct Command {
    id: String,
    parameters: Value,
    invocations: Vec<Arc<Invocation>>,
}

/// The tag that every node has, as AWS's own sample asks for.
pub const TAG: (&str, &str) = ("RotateSSHKeys", "True");

impl SystemsManager {
    /// Starts one without nodes on a free port.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            nodes: Mutex::default(),
            documents: Mutex::default(),
            instances: Mutex::default(),
            parameters: Mutex::default(),
            writes: Mutex::default(),
            commands: Mutex::default(),
            calls: Mutex::default(),
            refusals: Mutex::default(),
            hook: Mutex::default(),
        });
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { url, shared })
    }

    /// Returns the end point, for `AWS_ENDPOINT_URL_SSM` and `AWS_ENDPOINT_URL_EC2`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the variables by which a function finds this Systems Manager, and the user on its hosts.
    #[must_use]
    pub fn found_by(&self, function: Sandbox) -> Sandbox {
        function
            .variable("AWS_ENDPOINT_URL_SSM", self.url())
            .variable("AWS_ENDPOINT_URL_EC2", self.url())
            .variable("USERNAME", USER)
            .variable("TAGNAME", TAG.0)
            .variable("TAGVALUE", TAG.1)
    }

    /// Adds a host to the fleet, with the tag [`TAG`].
    pub fn add(&self, node: Node) -> Arc<Node> {
        let node = Arc::new(node);
        lock(&self.shared.nodes).push(Arc::clone(&node));
        node
    }

    /// Adds an instance with the tag [`TAG`] and without an agent, in a state of EC2's, as `running` or `terminated`.
    pub fn add_without_agent(&self, id: &str, state: &'static str) {
        lock(&self.shared.instances).push((id.to_owned(), state));
    }

    /// Adds a document beside AWS's own: its content, as `CreateDocument` takes it.
    pub fn add_document(&self, name: &str, content: Value) {
        lock(&self.shared.documents).insert(name.to_owned(), content);
    }

    /// Removes a host from the fleet.
    pub fn remove(&self, id: &str) {
        lock(&self.shared.nodes).retain(|node| node.id() != id);
    }

    /// Returns what is in Parameter Store, by its name.
    #[must_use]
    pub fn stored_parameters(&self) -> BTreeMap<String, String> {
        lock(&self.shared.parameters).clone()
    }

    /// Changes the first parameter whose name begins so, as whoever may write there. Empty: it is removed.
    pub fn parameter(&self, name: &str, change: impl FnOnce(&str) -> String) {
        let mut parameters = lock(&self.shared.parameters);
        let found = parameters.iter_mut().find(|(known, _)| known.starts_with(name));
        if let Some((_, text)) = found {
            *text = change(text);
        }
        parameters.retain(|_, text| !text.is_empty());
    }

    /// Refuses every call of an operation, with a status and the name of an error. `None`: no more.
    pub fn refuse(&self, operation: &str, error: Option<(u16, &str)>) {
        let mut refusals = lock(&self.shared.refusals);
        match error {
            Some((status, error)) => refusals.insert(operation.to_owned(), (status, error.to_owned())),
            None => refusals.remove(operation),
        };
    }

    /// Calls `hook` with the name of each operation and its number among all calls, before it has an effect.
    pub fn on_call(&self, hook: impl Fn(&str, usize) + Send + Sync + 'static) {
        *lock(&self.shared.hook) = Some(Arc::new(hook));
    }

    /// Returns the operations that were called, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        lock(&self.shared.calls).clone()
    }

    /// Begins the list of calls anew.
    pub fn forget_calls(&self) {
        lock(&self.shared.calls).clear();
    }

    /// Returns the parameters of every command, as Systems Manager shows them to whoever may list commands.
    #[must_use]
    pub fn parameters(&self) -> Vec<Value> {
        lock(&self.shared.commands).iter().map(|command| command.parameters.clone()).collect()
    }
}

impl Shared {
    /// Notes a call, and refuses it where that is asked for.
    fn begin(&self, operation: &str) -> Result<(), (u16, String)> {
        let number = {
            let mut calls = lock(&self.calls);
            calls.push(operation.to_owned());
            calls.len()
        };
        let hook = lock(&self.hook).clone();
        if let Some(hook) = hook {
            hook(operation, number);
        }
        lock(&self.refusals).get(operation).map_or(Ok(()), |refusal| Err(refusal.clone()))
    }

    async fn perform(&self, operation: &str, input: &Value) -> Result<Value, (u16, String)> {
        self.begin(operation)?;
        match operation {
            "DescribeInstanceInformation" => self.describe(input),
            "SendCommand" => self.send(input),
            "PutParameter" => self.put_parameter(input),
            "GetParametersByPath" => Ok(self.parameters_by_path(input)),
            "DeleteParameters" => Ok(self.delete_parameters(input)),
            "ListCommands" => self.count(input),
            "ListCommandInvocations" => self.list(input),
            _ => Err((400, "UnknownOperationException".to_owned())),
        }
    }

    fn describe(&self, input: &Value) -> Result<Value, (u16, String)> {
        let filters = input["Filters"].as_array().cloned().unwrap_or_default();
        let nodes = self.matching(&filters);
        let information: Vec<_> = nodes.iter().filter_map(|node| node.information()).collect();
        page("InstanceInformationList", &information, input)
    }

    fn send(&self, input: &Value) -> Result<Value, (u16, String)> {
        let targets = input["Targets"].as_array().cloned().unwrap_or_default();
        let ids: Vec<&str> = input["InstanceIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if ids.len() > 50 {
            return Err((400, "ValidationException".to_owned()));
        }
        let script = self.script(input)?;
        let mut nodes = if ids.is_empty() { self.matching(&targets) } else { lock(&self.nodes).clone() };
        if !ids.is_empty() {
            nodes.retain(|node| ids.contains(&node.id()));
            if nodes.len() < ids.len() {
                return Err((400, "InvalidInstanceId".to_owned()));
            }
            if nodes.iter().any(|node| node.platform() != "Linux") {
                return Err((400, "UnsupportedPlatformType".to_owned()));
            }
        }
        let invocations = nodes.iter().map(|node| Invocation::begin(node, &script)).collect();
        let mut commands = lock(&self.commands);
        let id = format!("00000000-0000-4000-8000-{:012}", commands.len());
        commands.push(Command { id: id.clone(), parameters: input["Parameters"].clone(), invocations });
        Ok(json!({ "Command": { "CommandId": id, "Status": "Pending" } }))
    }

    /// Returns what the document of a command runs.
    fn script(&self, input: &Value) -> Result<String, (u16, String)> {
        let name = input["DocumentName"].as_str().unwrap_or_default();
        if name == "AWS-RunShellScript" {
            let lines = input["Parameters"]["commands"].as_array().into_iter().flatten().filter_map(Value::as_str);
            return Ok(lines.collect::<Vec<_>>().join("\n"));
        }
        let document = lock(&self.documents).get(name).cloned().ok_or((400, "InvalidDocument".to_owned()))?;
        document::script(&document, &input["Parameters"]).ok_or((400, "InvalidParameters".to_owned()))
    }

    fn count(&self, input: &Value) -> Result<Value, (u16, String)> {
        let commands = lock(&self.commands);
        let command = commands.iter().find(|command| input["CommandId"] == command.id.as_str());
        let command = command.ok_or((400, "InvalidCommandId".to_owned()))?;
        let completed = command.invocations.iter().filter(|invocation| invocation.is_over()).count();
        let counts =
            json!({ "CommandId": command.id, "TargetCount": command.invocations.len(), "CompletedCount": completed });
        Ok(json!({ "Commands": [counts] }))
    }

    fn list(&self, input: &Value) -> Result<Value, (u16, String)> {
        let commands = lock(&self.commands);
        let command = commands.iter().find(|command| input["CommandId"] == command.id.as_str());
        let command = command.ok_or((400, "InvalidCommandId".to_owned()))?;
        let id = input["InstanceId"].as_str();
        let of = |invocation: &&Arc<Invocation>| id.is_none_or(|id| invocation.node() == id);
        let invocations: Vec<_> =
            command.invocations.iter().filter(of).map(|invocation| invocation.describe(&command.id)).collect();
        page("CommandInvocations", &invocations, input)
    }

    /// Returns the nodes that all filters let pass.
    fn matching(&self, filters: &[Value]) -> Vec<Arc<Node>> {
        let passes = |node: &Node, filter: &Value| match filter["Key"].as_str().unwrap_or_default() {
            "InstanceIds" | "instance-id" => values(filter).any(|id| id == node.id()),
            _ => has_tag(filter),
        };
        let nodes = lock(&self.nodes).clone();
        nodes.into_iter().filter(|node| filters.iter().all(|filter| passes(node, filter))).collect()
    }
}

/// Returns whether a filter lets the tag pass that every node has.
fn has_tag(filter: &Value) -> bool {
    filter["Key"].as_str().and_then(|key| key.strip_prefix("tag:")) == Some(TAG.0)
        && values(filter).any(|value| value == TAG.1)
}

fn values(filter: &Value) -> impl Iterator<Item = &str> {
    filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Returns one page of a list, as the service does: at most 50.
fn page(name: &str, all: &[Value], input: &Value) -> Result<Value, (u16, String)> {
    let start = match input["NextToken"].as_str() {
        Some(token) => token.parse::<usize>().map_err(|_| (400, "InvalidNextToken".to_owned()))?,
        None => 0,
    };
    let most = input["MaxResults"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(50).min(50);
    let mut answer = json!({ name: all.iter().skip(start).take(most).collect::<Vec<_>>() });
    if start + most < all.len() {
        answer["NextToken"] = (start + most).to_string().into();
    }
    Ok(answer)
}

async fn serve(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let target = header("x-amz-target");
    if target.is_empty() {
        actions::record(header("authorization"), "ec2", "DescribeInstances");
        let (status, body) = shared.describe_instances(&String::from_utf8_lossy(&body));
        return (status, [("content-type", "text/xml;charset=UTF-8")], body).into_response();
    }
    let (service, operation) = match target.split_once('.') {
        Some(("AmazonSSM", operation)) => ("ssm", operation),
        _ => ("", ""),
    };
    actions::record(header("authorization"), service, operation);
    let input = serde_json::from_slice(&body).unwrap_or_default();
    let (status, body) = match shared.perform(operation, &input).await {
        Ok(answer) => (200, answer),
        Err((status, error)) => (status, json!({ "__type": error, "message": error })),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}
