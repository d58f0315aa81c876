//! Secrets Manager, and the little of Amazon RDS, Lambda, CloudTrail, CloudWatch Logs, IAM and KMS that rotations and
//! operators ask for, over HTTP on 127.0.0.1, for tests and the demo.
//!
//! It wraps the same [`Model`](fourstep::memory::Model) as [`MemoryStore`], so both keep the same rules about labels.
//! On top it has what only a service has: it counts calls, it can fail in every way a network can, its reads can lag,
//! and RotateSecret drives the rotation function through the four steps. It does not check signatures.

mod api;
mod call;
mod cloudtrail;
mod fault;
mod history;
mod iam;
mod input;
mod kms;
mod lambda;
mod list;
mod logs;
mod operation;
mod rds;
mod refusal;
mod rotation;
mod server;

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use axum::Router;
use fourstep::memory::MemoryStore;
use futures_util::FutureExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use call::Call;
pub use cloudtrail::Trail;
pub use fault::{Action, At, Fault, Moment};
pub use kms::KmsKey;
pub use lambda::FunctionFacts;
pub use operation::Operation;
pub use rds::{DbCluster, DbInstance};
pub use refusal::Refusal;
pub use rotation::{FunctionError, Outcome, RotationEnd, rotation_token};

use crate::lock::lock;
use crate::wire::{Wire, WireListener};
use input::Input;
use logs::Logged;
use server::{Shared, serve};

/// Performs an operation on a store as the emulation does, without HTTP. What RotateSecret would run is not run.
///
/// # Errors
///
/// What Secrets Manager refuses.
pub fn perform(store: &MemoryStore, operation: Operation, input: &Value) -> Result<Value, Refusal> {
    let input = Input::parse(input.to_string().as_bytes())?;
    store.with(|model| api::perform(model, operation, input).reply)
}

/// A Secrets Manager of one's own. It ends when it is dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use fourstep_testkit::aws::{At, Aws, Fault, Operation};
///
/// let aws = Aws::start().await?;
/// aws.fault(Fault::lose_reply(At::Nth(Operation::PutSecretValue, 1)));
/// aws.on_rotate(|event| async move { Ok(event) });
/// // … RotateSecret at aws.url() …
/// let end = aws.rotation_end("app").await;
/// println!("{end:?} after {} calls", aws.calls().len());
/// # Ok(()) }
/// ```
pub struct Aws {
    url: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

impl Aws {
    /// Starts an emulation without secrets on a free port.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Arc::new(MemoryStore::new())).await
    }

    /// Starts an emulation on a free port with the secrets of `store`, which stay shared.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn start_with(store: Arc<MemoryStore>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared::new(store, stopped));
        let app =
            Router::new().fallback(serve).with_state(Arc::clone(&shared)).into_make_service_with_connect_info::<Wire>();
        let server = axum::serve(WireListener::new(listener), app).with_graceful_shutdown({
            let shared = Arc::clone(&shared);
            async move { shared.stopped().await }
        });
        tokio::spawn(server.into_future());
        Ok(Self { url, shared, stop })
    }

    /// Returns the end point of all services, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the secrets, to look at them and to act as a human. What is done here is no call.
    #[must_use]
    pub fn secrets(&self) -> &Arc<MemoryStore> {
        &self.shared.store
    }

    /// Returns the calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.journal).calls().to_vec()
    }

    /// Returns how many calls of an operation there were.
    #[must_use]
    pub fn count(&self, operation: Operation) -> usize {
        lock(&self.shared.journal).count(operation)
    }

    /// Begins the journal anew. The next call has number 1.
    pub fn forget_calls(&self) {
        *lock(&self.shared.journal) = call::Journal::default();
    }

    /// Adds an instance of Amazon RDS, and returns its ARN.
    pub fn add_instance(&self, instance: DbInstance) -> String {
        let arn = instance.arn();
        lock(&self.shared.rds).instances.push(instance);
        arn
    }

    /// Adds a cluster of Amazon RDS, and returns its ARN.
    pub fn add_cluster(&self, cluster: DbCluster) -> String {
        let arn = cluster.arn();
        lock(&self.shared.rds).clusters.push(cluster);
        arn
    }

    /// Returns the access keys with which Secrets Manager was called.
    #[must_use]
    pub fn callers(&self) -> BTreeSet<String> {
        lock(&self.shared.callers).clone()
    }

    /// Returns the identifiers and ARNs that Amazon RDS was asked for, in order.
    #[must_use]
    pub fn asked_instances(&self) -> Vec<String> {
        lock(&self.shared.rds).asked.clone()
    }

    /// Lets Amazon RDS refuse every call.
    pub fn refuse_instances(&self, refusal: Refusal) {
        lock(&self.shared.rds).refusal = Some(refusal);
    }

    /// Sets what Lambda says of the rotation function. What it does is set by [`on_rotate`](Self::on_rotate).
    pub fn set_function(&self, facts: FunctionFacts) {
        *lock(&self.shared.function) = facts;
    }

    /// Sets the trails of CloudTrail. There is one at first, which logs.
    pub fn set_trails(&self, trails: Vec<Trail>) {
        *lock(&self.shared.trails) = trails;
    }

    /// Sets the KMS key of all secrets, as DescribeSecret names it. At first they have `aws/secretsmanager`.
    pub fn set_kms_key(&self, key: KmsKey) {
        *lock(&self.shared.kms_key) = Some(key);
    }

    /// Lets IAM say that no role is allowed an action. It says so only: nothing is refused.
    pub fn forbid_to_roles(&self, action: &str) {
        lock(&self.shared.forbidden).insert(action.to_owned());
    }

    /// Adds what a function logged, as lines, to a log group of CloudWatch Logs.
    pub fn log(&self, group: &str, text: &str) {
        let at = SystemTime::now();
        let lines = text.lines().map(|line| Logged { at, group: group.to_owned(), line: line.to_owned() });
        lock(&self.shared.logged).extend(lines);
    }

    /// Lets a service other than Secrets Manager refuse the calls of a permission, such as `lambda:InvokeFunction`.
    pub fn refuse(&self, permission: &str, refusal: Refusal) {
        lock(&self.shared.refused).insert(permission.to_owned(), refusal);
    }

    /// Adds a fault. Faults act in the order in which they were added, after the hook.
    pub fn fault(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// Removes all faults and the hook.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
        *lock(&self.shared.hook) = None;
    }

    /// Calls `hook` at each call, before and after its effect, and does to the call what it says.
    pub fn on_call(&self, hook: impl Fn(&Call, Moment) -> Action + Send + Sync + 'static) {
        *lock(&self.shared.hook) = Some(Arc::new(hook));
    }

    /// Lets RotateSecret drive rotations: it calls `invoke` with the event of each step.
    ///
    /// Without this, RotateSecret only makes the pending version, and the test plays Secrets Manager.
    pub fn on_rotate<F, I>(&self, invoke: I)
    where
        I: Fn(Value) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Value, FunctionError>> + Send + 'static,
    {
        *lock(&self.shared.invoke) = Some(Arc::new(move |event| invoke(event).boxed()));
    }

    /// Sets how often a rotation that failed is begun again, from createSecret with the same token. It is 0 at first.
    pub fn reattempt(&self, times: usize) {
        self.shared.rotations.reattempts.store(times, Ordering::Relaxed);
    }

    /// Waits until no rotation of the secret runs, and returns the end of the last one. `None`: there never was one.
    pub async fn rotation_end(&self, secret_id: &str) -> Option<RotationEnd> {
        let arn = self.shared.store.with(|model| model.secret(secret_id).map(|secret| secret.arn.clone()))?;
        self.shared.rotations.ended(&arn).await
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

#[cfg(test)]
mod tests;
