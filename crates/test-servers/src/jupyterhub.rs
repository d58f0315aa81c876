//! A JupyterHub of one's own: an HTTP service that mints tokens, which others wrote.

use std::io;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::http;
use crate::tools::tool;

/// A hub on 127.0.0.1 with one user, [`USER`]. It ends when it is dropped.
pub struct JupyterHub {
    url: String,
    _directory: TempDir,
    /// Kills the server when dropped.
    _server: Child,
}

/// The user of every hub.
pub const USER: &str = "alice";

/// Who makes the first token, and looks.
const SERVICE_TOKEN: &str = "service-token-of-the-testkit";

/// Python loads its many modules slowly on a busy machine.
const START: Duration = Duration::from_secs(180);

impl JupyterHub {
    /// Starts a hub on free ports. `None`: JupyterHub is not installed, which fails where `CI` is set.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    pub async fn start() -> io::Result<Option<Self>> {
        let Some(program) = tool("jupyterhub", "bin/jupyterhub") else { return Ok(None) };
        let directory = tempfile::tempdir()?;
        let deadline = Instant::now() + START;
        loop {
            // Between here and the server's own bind somebody else may take a port: then it ends, and we try again.
            let (public, hub) = (free_port().await?, free_port().await?);
            std::fs::write(directory.path().join("config.py"), config(public, hub))?;
            let log = std::fs::File::create(directory.path().join("log"))?;
            let mut server = Command::new(&program)
                .args(["-f", "config.py"])
                .current_dir(directory.path())
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .kill_on_drop(true)
                .spawn()?;
            let address = format!("127.0.0.1:{hub}");
            loop {
                if request(&address, "GET", "/hub/api/", &Value::Null).await.is_ok() {
                    return Ok(Some(Self { url: format!("http://{address}"), _directory: directory, _server: server }));
                }
                if Instant::now() > deadline {
                    let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
                    return Err(io::Error::new(io::ErrorKind::TimedOut, format!("JupyterHub does not answer:\n{log}")));
                }
                if server.try_wait()?.is_some() {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Returns where the hub is, as `http://127.0.0.1:8081`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates a token of the user, and returns its id and its value.
    ///
    /// # Errors
    ///
    /// If the hub refuses.
    pub async fn make_token(&self, note: &str) -> io::Result<(String, String)> {
        let made = self.ask("POST", &format!("/users/{USER}/tokens"), &json!({ "note": note })).await?;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Ok((text("id"), text("token")))
    }

    /// Returns the ids of the user's tokens, sorted.
    ///
    /// # Errors
    ///
    /// If the hub refuses.
    pub async fn token_ids(&self) -> io::Result<Vec<String>> {
        let listed = self.ask("GET", &format!("/users/{USER}/tokens"), &Value::Null).await?;
        let ids = listed["api_tokens"].as_array().into_iter().flatten().filter_map(|token| token["id"].as_str());
        let mut ids: Vec<_> = ids.map(str::to_owned).collect();
        ids.sort();
        Ok(ids)
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        request(self.url.trim_start_matches("http://"), method, &format!("/hub/api{path}"), body).await
    }
}

async fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

/// A hub without the proxy that stands before it: its own API is all that is asked for.
fn config(public: u16, hub: u16) -> String {
    format!(
        r#"
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    should_start = False
    known = {{}}

    async def add_route(self, routespec, target, data):
        self.known[routespec] = {{"routespec": routespec, "target": target, "data": data}}

    async def delete_route(self, routespec):
        self.known.pop(routespec, None)

    async def get_all_routes(self):
        return self.known

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = {{"{USER}"}}
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cookie_secret_file = "cookie"
c.JupyterHub.services = [{{"name": "testkit", "api_token": "{SERVICE_TOKEN}"}}]
c.JupyterHub.load_roles = [{{"name": "testkit", "scopes": ["admin:users", "tokens"], "services": ["testkit"]}}]
"#
    )
}

async fn request(address: &str, method: &str, path: &str, body: &Value) -> io::Result<Value> {
    let (status, answer) = http::ask(address, method, path, &format!("token {SERVICE_TOKEN}"), body).await?;
    if (200..300).contains(&status) { Ok(answer) } else { Err(io::Error::other(format!("{method} {path}: {status}"))) }
}
