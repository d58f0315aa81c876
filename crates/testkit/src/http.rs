//! One request of HTTP to a server on this machine, for modules that need no more of it.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request with the header `Authorization` and gives the status and the JSON of the answer.
pub(crate) async fn ask(
    address: &str,
    method: &str,
    path: &str,
    authorization: &str,
    body: &Value,
) -> io::Result<(u16, Value)> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    // Of version 1.0, so that no answer comes in chunks.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("{method} {path}: {response}"));
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    if body.trim().is_empty() {
        return Ok((status, Value::Null));
    }
    Ok((status, serde_json::from_str(body).map_err(|_| malformed())?))
}

/// Gives the value of `Authorization` for a name and a password.
pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}
