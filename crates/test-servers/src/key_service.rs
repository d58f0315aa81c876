//! An HTTP service with keys, for tests and the demo: it mints keys, stores a value that is pushed to it, and rolls one.
//!
//! | request | does |
//! | --- | --- |
//! | `GET /me` | tells who asks, if the key is alive and active |
//! | `GET /keys?page=1` | lists the keys, a page at a time |
//! | `POST /keys` | makes a key of a `name`; 409 if there is one of that name, 422 at the limit |
//! | `DELETE /keys/ID` | deletes a key; 404 if it is not there |
//! | `PUT /value` | stores a `value` in place of the one that asks |
//! | `POST /roll` | replaces the value that asks, which is dead then |
//! | `POST /token` | gives a token to a client of OAuth 2.0 |
//!
//! A key, the value and a token are sent as `Authorization: Bearer …`.

mod answer;
mod state;

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use fourstep_testkit::aws::Moment;
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::wire::{Wire, WireListener};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::lock::lock;
pub use answer::Fault;
pub use state::{ServiceKey, ServiceState};

/// The first key of every service: its id is `key-0`.
pub const FIRST_KEY: &str = "key-value-0-first";
/// The first value that is pushed or rolled.
pub const FIRST_VALUE: &str = "slot-value-0-first";

/// The whole of what is special about the service, as a provider file says it: `KEYS_URL` is where it is.
pub const PROVIDER: &str = r#"service = "Keys"
kind = "minted"
base_url = "{{ env.KEYS_URL }}"
secret = { value = "key", id = "key_id" }
auth = { bearer = "{{ key }}" }

[create]
method = "POST"
path = "/keys"
json = { name = "{{ name }}" }
answer = { value = "/key", id = "/id" }

[list]
method = "GET"
path = "/keys"
answer = { keys = "/keys", id = "/id", name = "/name" }

[revoke]
method = "DELETE"
path = "/keys/{{ id }}"

[test]
method = "GET"
path = "/me"
"#;

type Hook = Arc<dyn Fn(usize, Moment) -> bool + Send + Sync>;

/// A service of one's own on 127.0.0.1. It ends when it is dropped.
pub struct KeyService {
    url: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

struct Shared {
    state: Mutex<ServiceState>,
    requests: Mutex<Vec<String>>,
    faults: Mutex<Vec<(usize, Fault)>>,
    hook: Mutex<Option<Hook>>,
    flooded: Mutex<u64>,
    stop: watch::Receiver<bool>,
}

impl KeyService {
    /// Starts a service with one key and one value.
    ///
    /// # Errors
    ///
    /// If there is no port to listen on.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            state: Mutex::new(ServiceState::new(FIRST_KEY, FIRST_VALUE)),
            requests: Mutex::default(),
            faults: Mutex::default(),
            hook: Mutex::default(),
            flooded: Mutex::default(),
            stop: stopped,
        });
        let app =
            Router::new().fallback(serve).with_state(Arc::clone(&shared)).into_make_service_with_connect_info::<Wire>();
        let server = axum::serve(WireListener::new(listener), app).with_graceful_shutdown({
            let shared = Arc::clone(&shared);
            async move { shared.stopped().await }
        });
        tokio::spawn(server.into_future());
        Ok(Self { url, shared, stop })
    }

    /// Returns where it is, as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the variables by which a function finds this service, and the provider file that describes it.
    #[must_use]
    pub fn found_by(&self, function: Sandbox, file: &Path) -> Sandbox {
        function.variable("API_PROVIDER_FILE", file).variable("API_LOOPBACK", "on").variable("KEYS_URL", self.url())
    }

    /// Returns what it holds, to look at and to change. What is done here is no request.
    pub fn state(&self) -> MutexGuard<'_, ServiceState> {
        lock(&self.shared.state)
    }

    /// Returns the requests so far, as `POST /keys`, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared.requests).clone()
    }

    /// Counts requests from 1 again.
    pub fn forget_requests(&self) {
        lock(&self.shared.requests).clear();
    }

    /// Lets something go wrong with the request of a number, from 1.
    pub fn fault(&self, number: usize, fault: Fault) {
        lock(&self.shared.faults).push((number, fault));
    }

    /// Calls `hook` at each request, before and after its effect. Where it says true, the request is never answered.
    pub fn on_request(&self, hook: impl Fn(usize, Moment) -> bool + Send + Sync + 'static) {
        *lock(&self.shared.hook) = Some(Arc::new(hook));
    }

    /// Removes the faults and the hook.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
        *lock(&self.shared.hook) = None;
    }

    /// Returns how many bytes were sent of answers that do not end.
    #[must_use]
    pub fn flooded(&self) -> u64 {
        *lock(&self.shared.flooded)
    }
}

impl Drop for KeyService {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Shared {
    async fn stopped(&self) {
        // An error means that the sender is gone, which is the end as well.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    /// Acts on a request. `None`: it is never answered.
    async fn answer(self: Arc<Self>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Option<Reply> {
        let number = {
            let mut requests = lock(&self.requests);
            requests.push(format!("{method} {}", uri.path()));
            requests.len()
        };
        let fault = lock(&self.faults).iter().find(|(at, _)| *at == number).map(|(_, fault)| fault.clone());
        let hook = lock(&self.hook).clone();
        let stops = |moment| hook.as_ref().is_some_and(|hook| hook(number, moment));
        if stops(Moment::Before) {
            return None;
        }
        match fault {
            Some(Fault::RequestLost) => return Some(Reply::HangUp),
            Some(Fault::Hang) => return None,
            Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
            Some(Fault::Refuse(status, retry_after)) => return Some(Reply::Refusal(status, retry_after)),
            Some(Fault::Redirect(to)) => {
                return Some(Reply::Redirect(if to.is_empty() { uri.to_string() } else { to }));
            }
            Some(Fault::PageInstead) => return Some(Reply::Page),
            Some(Fault::ReplyLost | Fault::Page | Fault::Flood | Fault::Json(_)) | None => {}
        }
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (status, answer) = lock(&self.state).act(&method, &uri, &headers, &body);
        if stops(Moment::After) {
            return None;
        }
        Some(match fault {
            Some(Fault::ReplyLost) => Reply::HangUp,
            Some(Fault::Page) => Reply::Page,
            Some(Fault::Flood) => Reply::Flood,
            Some(Fault::Json(json)) => Reply::Json(status, json),
            _ => Reply::Json(status, answer),
        })
    }
}

enum Reply {
    Json(u16, Value),
    Refusal(u16, Option<String>),
    Redirect(String),
    Page,
    Flood,
    HangUp,
}

/// More than any client may read: 10 GB.
const FLOOD: u64 = 10_000_000_000;

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // In a task of its own: a request that arrived has its effect even if its sender dies meanwhile.
    let task = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move {
            tokio::select! {
                reply = Arc::clone(&shared).answer(method, uri, headers, body) => match reply {
                    Some(reply) => reply,
                    None => {
                        shared.stopped().await;
                        Reply::HangUp
                    }
                },
                () = shared.stopped() => Reply::HangUp,
            }
        }
    });
    let status = |status: u16| StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match task.await {
        Ok(Reply::Json(204, _)) => StatusCode::NO_CONTENT.into_response(),
        Ok(Reply::Json(code, value)) => {
            (status(code), [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
        }
        Ok(Reply::Refusal(code, retry_after)) => {
            let mut response = (status(code), [(header::CONTENT_TYPE, "application/json")], "{}").into_response();
            if let Some(value) = retry_after.and_then(|value| value.parse().ok()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        Ok(Reply::Redirect(to)) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Ok(Reply::Page) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            "<html><body>Please log in to the network.</body></html>",
        )
            .into_response(),
        Ok(Reply::Flood) => {
            let chunks = futures_util::stream::unfold((shared, 0), |(shared, sent)| async move {
                let chunk = vec![b' '; 65_536];
                let sent = sent + chunk.len() as u64;
                *lock(&shared.flooded) = sent;
                (sent < FLOOD).then_some((Ok::<_, io::Error>(chunk), (shared, sent)))
            });
            ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(chunks)).into_response()
        }
        Ok(Reply::HangUp) | Err(_) => {
            wire.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
