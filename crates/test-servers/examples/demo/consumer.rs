//! A consumer of the secret: reads AWSCURRENT and logs in with it, all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fourstep_testkit::aws::Operation;
use fourstep_testkit::{HttpApi, JsonApi};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Result;
use crate::database::Place;

pub(crate) struct Consumer {
    stop: Arc<AtomicBool>,
    logins: watch::Receiver<usize>,
    task: JoinHandle<Result<Seen>>,
}

/// What the consumer saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    refused_since: Option<Instant>,
    /// From the beginning of the first login that was refused to the end of the next that was accepted.
    pub(crate) window: Duration,
}

impl Consumer {
    pub(crate) fn start(url: &str, secret: &str, place: Place) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, logins) = watch::channel(0);
        let consume = consume(Arc::clone(&stop), sender, HttpApi::new(url), secret.to_owned(), place);
        Self { stop, logins, task: tokio::spawn(consume) }
    }

    /// Waits until it logged in a number of times more.
    pub(crate) async fn logins(&self, more: usize) -> Result<()> {
        let mut logins = self.logins.clone();
        let wanted = *logins.borrow_and_update() + more;
        logins.wait_for(|logins| *logins >= wanted).await.map_err(|_| "the consumer stopped by itself")?;
        Ok(())
    }

    pub(crate) async fn stop(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

async fn consume(
    stop: Arc<AtomicBool>,
    logins: watch::Sender<usize>,
    api: HttpApi,
    secret: String,
    place: Place,
) -> Result<Seen> {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let answer = api.call(Operation::GetSecretValue, &json!({"SecretId": secret})).await;
        let answer = answer.map_err(|refusal| format!("GetSecretValue: {refusal:?}"))?;
        let value: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap_or_default())?;
        let text = |field: &str| value[field].as_str().unwrap_or_default();
        let started = Instant::now();
        if place.log_in(text("username"), text("password")).await? {
            seen.accepted += 1;
            if let Some(since) = seen.refused_since.take() {
                seen.window += since.elapsed();
            }
            logins.send_modify(|logins| *logins += 1);
        } else {
            seen.refused += 1;
            seen.refused_since.get_or_insert(started);
        }
    }
    Ok(seen)
}
