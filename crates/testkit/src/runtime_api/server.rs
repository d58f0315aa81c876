use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::aws::FunctionError;

/// The ARN by which the function is invoked, for RotationLambdaARN of a secret that takes operator events.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:rotation-function";

type Answer = Result<Value, FunctionError>;

/// The Runtime API of one process. It ends when it is dropped.
pub(super) struct Server {
    address: String,
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<Event>,
    task: JoinHandle<()>,
}

struct Shared {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    /// Where the answer to each invocation that the function took goes.
    taken: Mutex<BTreeMap<String, oneshot::Sender<Answer>>>,
    /// When the function polled first, or why it cannot start.
    start: watch::Sender<Option<Result<Instant, FunctionError>>>,
}

struct Event {
    request_id: String,
    body: String,
    deadline: SystemTime,
    answer: oneshot::Sender<Answer>,
}

impl Server {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            waiting: tokio::sync::Mutex::new(waiting),
            taken: Mutex::default(),
            start: watch::Sender::new(None),
        });
        let app = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&shared));
        // It ends with an error only if the listener does.
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, shared, events, task })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn first_poll(&self) -> Option<Instant> {
        self.shared.start.borrow().as_ref().and_then(|start| start.as_ref().ok().copied())
    }

    /// Waits until the function polls, or says that it cannot start.
    pub(super) async fn polled(&self) -> Result<(), FunctionError> {
        let mut start = self.shared.start.subscribe();
        let start = start.wait_for(Option::is_some).await;
        let start = start.expect("the sender lives as long as self").clone();
        start.expect("it was waited for").map(|_| ())
    }

    /// Lays an event ready for the next poll. Returns its request id, and where the answer will be.
    pub(super) fn submit(&self, body: String, timeout: Duration) -> (String, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let now = SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let request_id = format!("00000000-0000-4000-8000-{:012x}", since.as_micros() & 0xffff_ffff_ffff);
        let event = Event { request_id: request_id.clone(), body, deadline: now + timeout, answer };
        // The receiver lives in `shared`.
        let _ = self.events.send(event);
        (request_id, answered)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, BTreeMap<String, oneshot::Sender<Answer>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, request_id: &str, answer: Answer) -> StatusCode {
        match self.taken().remove(request_id) {
            // Nobody waits any more where the invocation timed out.
            Some(waiting) => {
                let _ = waiting.send(answer);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }

    fn begun(&self, start: Result<Instant, FunctionError>) {
        self.start.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(start);
            first
        });
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Result<(HeaderMap, String), StatusCode> {
    shared.begun(Ok(Instant::now()));
    let event = shared.waiting.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let deadline = event.deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", event.request_id.clone()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", FUNCTION_ARN.to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    let headers = headers
        .into_iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?)));
    shared.taken().insert(event.request_id, event.answer);
    Ok((headers.collect(), event.body))
}

async fn response(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> StatusCode {
    let answer = serde_json::from_slice(&body).map_err(|error| FunctionError {
        error_type: "Runtime.InvalidResponse".to_owned(),
        message: format!("the function's answer is not JSON: {error}"),
    });
    shared.settle(&request_id, answer)
}

async fn error(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> StatusCode {
    shared.settle(&request_id, Err(function_error(&body)))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.begun(Err(function_error(&body)));
    StatusCode::ACCEPTED
}

fn function_error(body: &[u8]) -> FunctionError {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        error_type: String,
        error_message: String,
    }
    match serde_json::from_slice(body) {
        Ok(Body { error_type, error_message: message }) => FunctionError { error_type, message },
        Err(_) => FunctionError {
            error_type: "Runtime.InvalidError".to_owned(),
            message: String::from_utf8_lossy(body).into_owned(),
        },
    }
}
