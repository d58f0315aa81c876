use std::ffi::OsString;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

use super::server::Server;
use crate::aws::FunctionError;

/// A process of a function, with a Runtime API of its own: what a dead one asked for cannot reach the next.
pub(super) struct Process {
    child: Mutex<Child>,
    id: u32,
    killed: AtomicBool,
    started: Instant,
    server: Server,
}

impl Process {
    pub(super) async fn start(program: &Path, variables: &[(OsString, OsString)], output: &File) -> io::Result<Self> {
        let server = Server::start().await?;
        let started = Instant::now();
        let child = Command::new(program)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", server.address())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().ok_or_else(|| io::Error::other("the process has ended already"))?;
        Ok(Self { child: Mutex::new(child), id, killed: AtomicBool::new(false), started, server })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn is_alive(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        !self.killed.load(Ordering::Relaxed) && child.try_wait().is_ok_and(|status| status.is_none())
    }

    pub(super) fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // An error means that it ended before.
        let _ = child.start_kill();
    }

    pub(super) fn time_to_first_poll(&self) -> Option<Duration> {
        self.server.first_poll().map(|at| at.duration_since(self.started))
    }

    /// Waits for the first poll.
    pub(super) async fn polled(&self) -> Result<(), FunctionError> {
        tokio::select! {
            biased;
            result = self.server.polled() => result,
            status = self.exited() => Err(died(&status, "the first poll")),
        }
    }

    /// Hands an event over and waits for what comes of it. The process is dead after its time-out.
    pub(super) async fn invoke(&self, event: String, timeout: Duration) -> Result<Value, FunctionError> {
        let (request_id, answer) = self.server.submit(event, timeout);
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(FunctionError {
                error_type: "Runtime.ApiEnded".to_owned(),
                message: "the Runtime API ended in the middle of the invocation".to_owned(),
            })),
            status = self.exited() => Err(died(&status, &request_id)),
            () = tokio::time::sleep(timeout) => {
                self.kill();
                let seconds = timeout.as_secs_f64();
                Err(FunctionError {
                    error_type: "Sandbox.Timedout".to_owned(),
                    message: format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
                })
            }
        }
    }

    async fn exited(&self) -> io::Result<ExitStatus> {
        // Locked for each poll only, so that it can be killed meanwhile.
        poll_fn(|cx| {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            pin!(child.wait()).poll(cx)
        })
        .await
    }
}

fn died(status: &io::Result<ExitStatus>, request_id: &str) -> FunctionError {
    let status = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    FunctionError {
        error_type: "Runtime.ExitError".to_owned(),
        message: format!("RequestId: {request_id} Error: Runtime exited: {status}"),
    }
}
