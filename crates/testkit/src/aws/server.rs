use std::collections::{BTreeMap, BTreeSet};
use std::future;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use fourstep::memory::{MemoryStore, Run};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::api::{self, Answer};
use super::call::{Call, Journal};
use super::cloudtrail::{self, Trail};
use super::fault::{Action, Fault, Moment};
use super::history::{Before, History};
use super::iam;
use super::input::Input;
use super::kms::{self, KmsKey};
use super::lambda::{self, Asked, FunctionFacts};
use super::logs::{self, Logged};
use super::operation::Operation;
use super::rds::{self, Rds};
use super::refusal::Refusal;
use super::rotation::{Invoke, Rotations};
use crate::actions;
use crate::lock::lock;
use crate::wire::Wire;

pub(super) type Hook = Arc<dyn Fn(&Call, Moment) -> Action + Send + Sync>;

/// What all connections share.
pub(super) struct Shared {
    pub(super) store: Arc<MemoryStore>,
    pub(super) journal: Mutex<Journal>,
    pub(super) faults: Mutex<Vec<Fault>>,
    pub(super) hook: Mutex<Option<Hook>>,
    pub(super) invoke: Mutex<Option<Invoke>>,
    pub(super) rotations: Rotations,
    pub(super) rds: Mutex<Rds>,
    pub(super) function: Mutex<FunctionFacts>,
    pub(super) trails: Mutex<Vec<Trail>>,
    pub(super) kms_key: Mutex<Option<KmsKey>>,
    /// What functions logged, oldest first.
    pub(super) logged: Mutex<Vec<Logged>>,
    /// Actions that IAM says are not allowed to any role.
    pub(super) forbidden: Mutex<BTreeSet<String>>,
    /// What calls of other services are refused with, by permission.
    pub(super) refused: Mutex<BTreeMap<String, Refusal>>,
    /// The access keys with which secrets were asked for.
    pub(super) callers: Mutex<BTreeSet<String>>,
    history: Mutex<History>,
    stop: watch::Receiver<bool>,
}

/// What goes back to the client.
enum Reply {
    Json(Value),
    Refusal(Refusal),
    HangUp,
}

/// A call that does not go on.
struct Stopped(Reply);

impl Shared {
    pub(super) fn new(store: Arc<MemoryStore>, stop: watch::Receiver<bool>) -> Self {
        Self {
            store,
            journal: Mutex::default(),
            faults: Mutex::default(),
            hook: Mutex::default(),
            invoke: Mutex::default(),
            rotations: Rotations::default(),
            rds: Mutex::default(),
            callers: Mutex::default(),
            function: Mutex::default(),
            trails: Mutex::new(vec![Trail { name: "management".to_owned(), logs: true }]),
            kms_key: Mutex::default(),
            logged: Mutex::default(),
            forbidden: Mutex::default(),
            refused: Mutex::default(),
            history: Mutex::default(),
            stop,
        }
    }

    /// Waits until the emulation ends.
    pub(super) async fn stopped(&self) {
        // An error means that the sender is gone, which is the end as well.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    async fn answer(self: Arc<Self>, target: String, body: Bytes) -> Reply {
        if let Some(reply) = self.other_service(&target, &body) {
            return reply.map_or_else(Reply::Refusal, Reply::Json);
        }
        let operation = target.strip_prefix("secretsmanager.").and_then(Operation::from_name);
        let Some(operation) = operation else {
            return Reply::Refusal(Refusal::new(
                "UnknownOperationException",
                format!("The emulation does not know the operation {target}."),
            ));
        };
        let input = match Input::parse(&body) {
            Ok(input) => input,
            Err(refusal) => return Reply::Refusal(refusal),
        };
        let call = lock(&self.journal).add(operation, &input);
        self.perform(&call, input).await.unwrap_or_else(|Stopped(reply)| reply)
    }

    /// Answers the calls of other services that speak the same protocol. `None`: it is not one of theirs.
    fn other_service(&self, target: &str, body: &[u8]) -> Option<Result<Value, Refusal>> {
        let (version, operation) = target.rsplit_once('.')?;
        let service = match version {
            "TrentService" => "kms",
            "Logs_20140328" => "logs",
            version if version.ends_with("CloudTrail_20131101") => "cloudtrail",
            _ => return None,
        };
        if let Some(refusal) = lock(&self.refused).get(&format!("{service}:{operation}")) {
            return Some(Err(refusal.clone()));
        }
        let input = serde_json::from_slice(body).unwrap_or_default();
        match operation {
            "DescribeKey" => Some(kms::describe(lock(&self.kms_key).as_ref(), &input)),
            "DescribeTrails" => Some(Ok(cloudtrail::describe(&lock(&self.trails)))),
            "FilterLogEvents" => Some(logs::filter(&lock(&self.logged), &input)),
            "GetTrailStatus" => Some(cloudtrail::status(&lock(&self.trails), &input)),
            "LookupEvents" => Some(Ok(cloudtrail::look_up(&lock(&self.rotations.recorded), &input))),
            _ => None,
        }
    }

    async fn perform(self: &Arc<Self>, call: &Call, input: Input) -> Result<Reply, Stopped> {
        let stale = self.interfere(call, Moment::Before).await?;
        let Answer { reply, run } = if call.operation.is_read() {
            match History::past(&self.history, &self.store, stale) {
                Some(mut model) => api::perform(&mut model, call.operation, input),
                None => self.store.with(|model| api::perform(model, call.operation, input)),
            }
        } else {
            self.store.with(|model| {
                let before = Before::write(model, &input);
                let answer = api::perform(model, call.operation, input);
                if answer.reply.is_ok() {
                    lock(&self.history).remember(before);
                }
                answer
            })
        };
        if let Some((arn, run)) = run {
            self.drive(arn, run);
        }
        self.interfere(call, Moment::After).await?;
        let key = lock(&self.kms_key).clone().filter(|_| call.operation == Operation::DescribeSecret);
        let reply = reply.map(|mut answer| {
            if let Some(key) = key {
                answer["KmsKeyId"] = json!(key.arn);
            }
            answer
        });
        Ok(reply.map_or_else(Reply::Refusal, Reply::Json))
    }

    /// Lets the hook and the faults act. Returns how many writes ago a read is to see.
    async fn interfere(&self, call: &Call, moment: Moment) -> Result<usize, Stopped> {
        let hook = lock(&self.hook).clone();
        let mut actions: Vec<_> = hook.iter().map(|hook| hook(call, moment)).collect();
        actions.extend(lock(&self.faults).iter().map(|fault| fault.action(call, moment)));
        let mut stale = 0;
        for action in actions {
            match action {
                Action::Proceed => {}
                Action::Delay(duration) => tokio::time::sleep(duration).await,
                Action::Stale(writes) => stale = writes,
                Action::Refuse(refusal) => return Err(Stopped(Reply::Refusal(refusal))),
                Action::HangUp => return Err(Stopped(Reply::HangUp)),
                Action::Hang => future::pending().await,
            }
        }
        Ok(stale)
    }

    /// Drives a rotation in the background, unless nobody is there to be invoked.
    fn drive(self: &Arc<Self>, arn: String, run: Run) {
        let Some(invoke) = lock(&self.invoke).clone() else { return };
        if !self.rotations.begin(&arn) {
            return;
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = shared.rotations.drive(&shared.store, &arn, run, invoke) => {}
                () = shared.stopped() => {}
            }
        });
    }
}

/// Answers one HTTP request.
pub(super) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded") {
        let form = String::from_utf8_lossy(&body);
        let action = form.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
        let refused = |permission: &str| lock(&shared.refused).get(permission).cloned();
        let (status, xml) = if action == "SimulatePrincipalPolicy" {
            match refused("iam:SimulatePrincipalPolicy") {
                Some(refusal) => (refusal.status, rds::refused(&refusal)),
                None => (200, iam::simulate(&lock(&shared.forbidden), &form)),
            }
        } else {
            actions::record(header(header::AUTHORIZATION), "rds", action);
            lock(&shared.rds).answer(&form)
        };
        return (status_code(status), [(header::CONTENT_TYPE, "text/xml")], xml).into_response();
    }
    if let Some(asked) = Asked::parse(&method, uri.path()) {
        let refused = lock(&shared.refused).get(asked.permission()).cloned();
        let (facts, invoke) = (lock(&shared.function).clone(), lock(&shared.invoke).clone());
        return match refused {
            Some(refusal) => lambda::refusal(&refusal),
            None => {
                let dry_run = header(header::HeaderName::from_static("x-amz-invocation-type")) == "DryRun";
                asked.answer(&facts, invoke, dry_run, &body).await
            }
        };
    }
    let target = header(header::HeaderName::from_static("x-amz-target")).to_owned();
    lock(&shared.callers).extend(actions::caller(header(header::AUTHORIZATION)).map(str::to_owned));
    actions::record(header(header::AUTHORIZATION), "secretsmanager", target.split('.').next_back().unwrap_or_default());
    // In a task of its own: a call that arrived has its effect even if its caller dies meanwhile.
    let task = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move {
            tokio::select! {
                reply = Arc::clone(&shared).answer(target, body) => reply,
                () = shared.stopped() => Reply::HangUp,
            }
        }
    });
    match task.await {
        Ok(Reply::Json(value)) => json_response(StatusCode::OK, &value),
        Ok(Reply::Refusal(Refusal { status, exception, message })) => {
            json_response(status_code(status), &json!({ "__type": exception, "Message": message, "message": message }))
        }
        // A hook that panicked has no answer to give either.
        Ok(Reply::HangUp) | Err(_) => {
            wire.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/x-amz-json-1.1"),
        (header::HeaderName::from_static("x-amzn-requestid"), "00000000-0000-4000-8000-000000000000"),
    ];
    (status, headers, body.to_string()).into_response()
}
