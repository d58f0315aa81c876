//! One request of HTTP to a server on this machine, for modules that need no more of it.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends JSON with the header `Authorization` and gives the status and the JSON of the answer.
pub(crate) async fn ask(
    address: &str,
    method: &str,
    path: &str,
    authorization: &str,
    body: &Value,
) -> io::Result<(u16, Value)> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = [("Authorization", authorization), ("Content-Type", "application/json")];
    let (status, answer) = exchange(address, method, path, &headers, body.as_bytes()).await?;
    if answer.trim().is_empty() {
        return Ok((status, Value::Null));
    }
    let malformed = |_| io::Error::new(io::ErrorKind::InvalidData, format!("{method} {path}: {answer}"));
    Ok((status, serde_json::from_str(&answer).map_err(malformed)?))
}

/// Sends a request and gives the status and the body of the answer.
pub(crate) async fn exchange(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<(u16, String)> {
    // Of version 1.0, so that no answer comes in chunks.
    let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all((request + "\r\n").as_bytes()).await?;
    stream.write_all(body).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("{method} {path}: {response}"));
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    Ok((status, body.to_owned()))
}

/// Returns the value of `Authorization` for a name and a password.
pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}
