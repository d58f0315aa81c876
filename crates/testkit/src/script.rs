//! An HTTP service that expects a fixed series of requests, and answers each as it was told to.

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::lock::lock;

/// A request that is expected, and the answer to it.
#[derive(Clone, Debug)]
pub struct Exchange {
    request: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
    status: u16,
    answer: Value,
    link: Option<String>,
}

impl Exchange {
    /// Expects a method, and a path with its query.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let request = format!("{method} {path}");
        Self { request, headers: Vec::new(), body: None, status: 200, answer: Value::Null, link: None }
    }

    /// Expects a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Expects a body of JSON, in which the text `*` stands for any text that is not empty.
    #[must_use]
    pub fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Sets what it is answered with.
    #[must_use]
    pub fn answer(self, status: u16, answer: Value) -> Self {
        Self { status, answer, ..self }
    }

    /// Adds the header `Link` to the answer.
    #[must_use]
    pub fn link(self, value: &str) -> Self {
        Self { link: Some(value.to_owned()), ..self }
    }
}

/// A service that follows a script. It ends with the test's runtime.
pub struct Script {
    url: String,
    state: Arc<Mutex<Played>>,
}

#[derive(Default)]
struct Played {
    left: VecDeque<Exchange>,
    mismatches: Vec<String>,
}

impl Script {
    /// Starts a service on 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If there is no port to listen on.
    pub async fn start(exchanges: Vec<Exchange>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Mutex::new(Played { left: exchanges.into(), mismatches: Vec::new() }));
        let app = Router::new().fallback(serve).with_state(Arc::clone(&state));
        tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { url, state })
    }

    /// Returns where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns what was asked otherwise than the script says.
    #[must_use]
    pub fn mismatches(&self) -> Vec<String> {
        lock(&self.state).mismatches.clone()
    }

    /// Checks that all was asked as the script says, and nothing else.
    ///
    /// # Panics
    ///
    /// If it was not.
    pub fn finish(&self) {
        let state = lock(&self.state);
        assert_eq!(state.mismatches, Vec::<String>::new());
        assert!(state.left.is_empty(), "not asked: {:?}", state.left);
    }
}

async fn serve(
    State(state): State<Arc<Mutex<Played>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = lock(&state);
    let Some(expected) = state.left.pop_front() else {
        state.mismatches.push(format!("{method} {uri} after the end"));
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let request = format!("{method} {uri}");
    if request != expected.request {
        state.mismatches.push(format!("{request} in place of {}", expected.request));
    }
    for (name, value) in &expected.headers {
        let found = headers.get(*name).and_then(|found| found.to_str().ok());
        if found != Some(value) {
            state.mismatches.push(format!("{request} with {name} {found:?} in place of {value}"));
        }
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(wanted) = &expected.body
        && !matches(wanted, &body)
    {
        state.mismatches.push(format!("{request} with {body} in place of {wanted}"));
    }
    let status = StatusCode::from_u16(expected.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/json")], expected.answer.to_string()).into_response();
    if let Some(link) = expected.link.and_then(|link| link.parse().ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

fn matches(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::String(any), Value::String(text)) if any == "*" => !text.is_empty(),
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.len() == found.len()
                && wanted.iter().all(|(name, value)| found.get(name).is_some_and(|found| matches(value, found)))
        }
        _ => wanted == found,
    }
}
