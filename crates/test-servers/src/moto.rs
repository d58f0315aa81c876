//! `moto`, an emulation of AWS that others wrote, and where it differs from AWS.

mod differences;

use std::io;

use serde_json::{Value, json};
use tokio::process::Child;

use crate::http::exchange;
use crate::listening::listening;
use crate::tools::tool;
pub use differences::DIFFERENCES;

/// A `moto` server of one's own: an emulation of AWS that others wrote. It ends when it is dropped.
pub struct Moto {
    url: String,
    /// Kills the server when dropped.
    _server: Child,
}

/// A zip without a file, in base64.
const EMPTY_ZIP: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

impl Moto {
    /// Starts a server on a free port. `None`: moto is not installed, which fails where `CI` is set.
    ///
    /// # Errors
    ///
    /// If the server does not come up.
    pub async fn start() -> io::Result<Option<Self>> {
        let Some(program) = tool("moto", "bin/moto_server") else { return Ok(None) };
        let (address, server) = listening(&program, |command, port| {
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        })
        .await?;
        Ok(Some(Self { url: format!("http://{address}"), _server: server }))
    }

    /// Creates a function and returns its ARN. Each of its invocations succeeds and does nothing.
    ///
    /// # Errors
    ///
    /// If moto does not make it.
    pub async fn make_function(&self, name: &str) -> io::Result<String> {
        // Without this, moto runs functions in containers.
        let config = json!({ "lambda": { "use_docker": false } });
        self.send("moto-api", "/moto-api/config", "application/json", &config.to_string()).await?;
        let role = "Action=CreateRole&Version=2010-05-08&RoleName=rotation&AssumeRolePolicyDocument=%7B%7D";
        self.send("iam", "/", "application/x-www-form-urlencoded", role).await?;
        let function = json!({
            "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 30,
            "Role": "arn:aws:iam::123456789012:role/rotation", "Code": { "ZipFile": EMPTY_ZIP },
        });
        let made = self.send("lambda", "/2015-03-31/functions", "application/json", &function.to_string()).await?;
        let made: Value = serde_json::from_str(&made).map_err(io::Error::other)?;
        made["FunctionArn"].as_str().map(str::to_owned).ok_or_else(|| io::Error::other(made.to_string()))
    }

    /// Sends a request that is signed, as far as moto looks at it: it says for which service it is.
    async fn send(&self, service: &str, path: &str, kind: &str, body: &str) -> io::Result<String> {
        let credential = format!("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request");
        let headers = [("Authorization", credential.as_str()), ("Content-Type", kind)];
        let address = self.url.trim_start_matches("http://");
        let (status, answer) = exchange(address, "POST", path, &headers, body.as_bytes()).await?;
        if (200..300).contains(&status) { Ok(answer) } else { Err(io::Error::other(answer)) }
    }

    /// Returns the end point.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
