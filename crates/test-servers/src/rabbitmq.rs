//! A RabbitMQ of one's own, with its management plugin: an HTTP service that stores passwords, which others wrote.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::http;
use crate::tools::skip;

/// A server on 127.0.0.1 with an administrator, [`ADMINISTRATOR`]. It ends when it is dropped.
pub struct RabbitMq {
    management: String,
    /// The port of its port mapper.
    names: u16,
    server: Child,
    _directory: TempDir,
}

/// The administrator's name and password.
pub const ADMINISTRATOR: (&str, &str) = ("boss", "bosss-password-1");

/// Erlang starts slowly on a busy machine.
const START: Duration = Duration::from_secs(180);

impl RabbitMq {
    /// Starts a server on free ports. `None`: RabbitMQ is not installed, which fails where `CI` is set.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    pub async fn start() -> io::Result<Option<Self>> {
        let Some(program) = program() else {
            skip(&format!("RabbitMQ is not in {VERSIONS}; `cargo xtask setup` installs it"));
            return Ok(None);
        };
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name);
        let deadline = Instant::now() + START;
        loop {
            // Between here and the server's own bind somebody else may take a port: then it ends, and we try again.
            let [queues, management, names, nodes] =
                [free_port().await?, free_port().await?, free_port().await?, free_port().await?];
            let (name, password) = ADMINISTRATOR;
            std::fs::write(at("plugins"), "[rabbitmq_management].")?;
            std::fs::write(
                at("rabbitmq.conf"),
                format!(
                    "listeners.tcp.1 = 127.0.0.1:{queues}\nmanagement.tcp.ip = 127.0.0.1\n\
                     management.tcp.port = {management}\ndefault_user = {name}\ndefault_pass = {password}\n\
                     default_user_tags.administrator = true\n"
                ),
            )?;
            let log = std::fs::File::create(at("output"))?;
            let mut server = Command::new(&program)
                .current_dir(directory.path())
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .env("HOME", directory.path())
                .env("LANG", "C.UTF-8")
                .env("ERL_EPMD_ADDRESS", "127.0.0.1")
                .env("ERL_EPMD_PORT", names.to_string())
                .env("ERL_EPMD_RELAXED_COMMAND_CHECK", "true")
                .env("RABBITMQ_DIST_PORT", nodes.to_string())
                .env("RABBITMQ_NODENAME", format!("testkit{queues}@localhost"))
                .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
                .env("RABBITMQ_LOG_BASE", at("log"))
                .env("RABBITMQ_PID_FILE", at("pid"))
                .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
                .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
                .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .process_group(0)
                .kill_on_drop(true)
                .spawn()?;
            let management = format!("127.0.0.1:{management}");
            loop {
                if ask(&management, "GET", "/whoami", &Value::Null, ADMINISTRATOR)
                    .await
                    .is_ok_and(|status| status == 200)
                {
                    return Ok(Some(Self { management, names, server, _directory: directory }));
                }
                if Instant::now() > deadline {
                    let output = std::fs::read_to_string(at("output")).unwrap_or_default();
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("RabbitMQ does not answer:\n{output}"),
                    ));
                }
                if server.try_wait()?.is_some() {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Returns where the management plugin is, as `http://127.0.0.1:15672`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.management)
    }

    /// Creates a user.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn make_user(&self, name: &str, password: &str, tags: &[&str]) -> io::Result<()> {
        let user = json!({ "password": password, "tags": tags });
        let status = ask(&self.management, "PUT", &format!("/users/{name}"), &user, ADMINISTRATOR).await?;
        if status == 201 { Ok(()) } else { Err(io::Error::other(format!("the user was not made: {status}"))) }
    }

    /// Returns the status that a user of a name and a password is answered with who asks for itself.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn who_am_i(&self, name: &str, password: &str) -> io::Result<(u16, Value)> {
        let address = &self.management;
        http::ask(address, "GET", "/api/whoami", &http::basic(name, password), &Value::Null).await
    }

    /// Returns what the server says of a user.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn user(&self, name: &str) -> io::Result<Value> {
        let authorization = http::basic(ADMINISTRATOR.0, ADMINISTRATOR.1);
        let path = format!("/api/users/{name}");
        Ok(http::ask(&self.management, "GET", &path, &authorization, &Value::Null).await?.1)
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // The script starts the server as a child, and that one a port mapper, which leaves the group.
        if let Some(group) = self.server.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
        }
        let _ = std::process::Command::new("epmd")
            .args(["-port", &self.names.to_string(), "-kill"])
            .env("ERL_EPMD_RELAXED_COMMAND_CHECK", "true")
            .stdout(Stdio::null())
            .status();
    }
}

async fn ask(address: &str, method: &str, path: &str, body: &Value, who: (&str, &str)) -> io::Result<u16> {
    let answer = http::ask(address, method, &format!("/api{path}"), &http::basic(who.0, who.1), body).await;
    answer.map(|(status, _)| status)
}

async fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

/// Where Debian puts each version.
const VERSIONS: &str = "/usr/lib/rabbitmq/lib";

/// Returns the server's own script: that in `/usr/sbin` changes the user first.
fn program() -> Option<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).ok()?;
    let mut scripts = versions.filter_map(|entry| Some(entry.ok()?.path().join("sbin/rabbitmq-server")));
    scripts.find(|path| path.exists())
}
