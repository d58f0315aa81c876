//! A Lambda of one's own: it runs the binary of a function as Lambda does, behind a Runtime API on 127.0.0.1.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

mod process;
mod server;
mod usage;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fourstep::Step;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::actions;
use crate::aws::{FunctionError, rotation_token};
use crate::settings::LOCAL_ADDRESSES;
use process::Process;
pub use server::FUNCTION_ARN;
pub use usage::Usage;

/// What Lambda runs a function in. One invocation runs at a time; others wait.
///
/// The process is started by the first invocation, is kept for the next, and is started anew after it died. It is
/// killed when this is dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use fourstep_testkit::{aws::Aws, function, runtime_api::Sandbox};
///
/// let aws = Aws::start().await?;
/// let sandbox = Sandbox::new(function::binary("rotate-postgres")?)?.variable("AWS_ENDPOINT_URL", aws.url());
/// let invocation = sandbox.invoke("{}").await;
/// println!("{:?} after {:?}", invocation.result, invocation.duration);
/// # Ok(()) }
/// ```
pub struct Sandbox {
    program: PathBuf,
    variables: Vec<(OsString, OsString)>,
    timeout: Duration,
    output: File,
    output_path: PathBuf,
    process: Mutex<Option<Arc<Process>>>,
    turn: tokio::sync::Mutex<()>,
    starts: AtomicUsize,
    // Removes the directory of the output.
    _directory: TempDir,
}

/// What came of an invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What the function answered, or its error. As from Lambda, an error of type `Sandbox.Timedout` means that it was
    /// killed at its time-out, and one of type `Runtime.ExitError` that it died.
    pub result: Result<Value, FunctionError>,
    /// The time from the function's taking the event to the end. The start of the process is not in it.
    pub duration: Duration,
    /// Whether the process was started for this invocation.
    pub cold: bool,
}

impl Sandbox {
    /// Creates a sandbox for a program, with the variables that Lambda sets, credentials that are none, and
    /// [`LOCAL_ADDRESSES`]. No variable of this process reaches it.
    ///
    /// # Errors
    ///
    /// If there is no place for the function's output.
    pub fn new(program: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let output_path = directory.path().join("output");
        // A file, not a pipe: what the function wrote before it answered is there when the answer is.
        let output = OpenOptions::new().append(true).create(true).open(&output_path)?;
        let program = program.into();
        let mut variables = VARIABLES.map(|(name, value)| (name.into(), value.into())).to_vec();
        variables.push(("AWS_ACCESS_KEY_ID".into(), actions::access_key(&program).into()));
        variables.push((LOCAL_ADDRESSES.0.into(), LOCAL_ADDRESSES.1.into()));
        Ok(Self {
            program,
            variables,
            timeout: Duration::from_secs(30),
            output,
            output_path,
            process: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            starts: AtomicUsize::new(0),
            _directory: directory,
        })
    }

    /// Sets a variable of the function.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let name = name.into();
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
        self
    }

    /// Sets the function's time-out. It is 30 s at first.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Starts the process, if none runs, and waits for its first poll.
    ///
    /// # Errors
    ///
    /// As [`Invocation::result`], if the process dies before it polls.
    pub async fn start(&self) -> Result<(), FunctionError> {
        let _turn = self.turn.lock().await;
        self.running().await.map(|_| ())
    }

    /// Hands the function an event, which need not be JSON, and waits for the answer.
    pub async fn invoke(&self, event: impl ToString) -> Invocation {
        let _turn = self.turn.lock().await;
        let (process, cold) = match self.running().await {
            Ok(running) => running,
            Err(error) => return Invocation { result: Err(error), duration: Duration::ZERO, cold: true },
        };
        let started = Instant::now();
        let result = process.invoke(event.to_string(), self.timeout).await;
        Invocation { result, duration: started.elapsed(), cold }
    }

    /// Runs a step, as Secrets Manager does.
    ///
    /// # Errors
    ///
    /// As [`Invocation::result`].
    pub async fn step(&self, step: Step, secret_id: &str, token: &str) -> Result<(), FunctionError> {
        let event = json!({
            "Step": step.name(),
            "SecretId": secret_id,
            "ClientRequestToken": token,
            "RotationToken": rotation_token(token),
        });
        self.invoke(event).await.result.map(drop)
    }

    /// Runs the four steps up to the first that fails.
    ///
    /// # Errors
    ///
    /// As [`Invocation::result`].
    pub async fn rotate(&self, secret_id: &str, token: &str) -> Result<(), FunctionError> {
        for step in Step::ALL {
            self.step(step, secret_id, token).await?;
        }
        Ok(())
    }

    /// Kills the process at once (SIGKILL), if one runs. The next invocation starts it anew.
    ///
    /// It does not block, so that a hook of the emulation can call it in the middle of an invocation.
    pub fn kill(&self) {
        if let Some(process) = self.process().take() {
            process.kill();
        }
    }

    /// Returns what the function wrote so far to its standard output and standard error, all processes one after another.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn output(&self) -> io::Result<String> {
        std::fs::read(&self.output_path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the JSON objects among the lines of [`output`](Self::output).
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn output_objects(&self) -> io::Result<Vec<Value>> {
        let output = self.output()?;
        Ok(output.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect())
    }

    /// Returns how often a process was started.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.starts.load(Ordering::Relaxed)
    }

    /// Returns the time from the start of the process to its first poll, if a process runs and has polled.
    #[must_use]
    pub fn time_to_first_poll(&self) -> Option<Duration> {
        self.process().as_ref().and_then(|process| process.time_to_first_poll())
    }

    /// Returns what the process has used since its start. `None`: none runs.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.process().as_ref().and_then(|process| Usage::of(process.id()))
    }

    async fn running(&self) -> Result<(Arc<Process>, bool), FunctionError> {
        let known = self.process().clone().filter(|process| process.is_alive());
        let (process, cold) = match known {
            Some(process) => (process, false),
            None => (self.start_process().await.map_err(|error| not_started(&error))?, true),
        };
        process.polled().await?;
        Ok((process, cold))
    }

    async fn start_process(&self) -> io::Result<Arc<Process>> {
        let process = Arc::new(Process::start(&self.program, &self.variables, &self.output).await?);
        self.starts.fetch_add(1, Ordering::Relaxed);
        *self.process() = Some(Arc::clone(&process));
        Ok(process)
    }

    fn process(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What Lambda sets for a function, and credentials that open nothing.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
const VARIABLES: [(&str, &str); 8] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "rotation-function"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_DEFAULT_REGION", "eu-central-1"),
    ("AWS_SECRET_ACCESS_KEY", "none"),
    ("AWS_SESSION_TOKEN", "none"),
];

fn not_started(error: &io::Error) -> FunctionError {
    FunctionError { error_type: "Runtime.InvalidEntrypoint".to_owned(), message: error.to_string() }
}
