//! A consumer of the secret: reads AWSCURRENT and logs in with it, all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fourstep_testkit::aws::Operation;
use fourstep_testkit::{HttpApi, JsonApi};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Result;

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
    pub(crate) fn start(url: &str, secret: &str, host: &str, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, logins) = watch::channel(0);
        let consume = consume(Arc::clone(&stop), sender, HttpApi::new(url), secret.to_owned(), host.to_owned(), port);
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
    host: String,
    port: u16,
) -> Result<Seen> {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let answer = api.call(Operation::GetSecretValue, &json!({"SecretId": secret})).await;
        let answer = answer.map_err(|refusal| format!("GetSecretValue: {refusal:?}"))?;
        let value: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap_or_default())?;
        let options = PgConnectOptions::new_without_pgpass()
            .host(&host)
            .port(port)
            .username(value["username"].as_str().unwrap_or_default())
            .password(value["password"].as_str().unwrap_or_default())
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
            .disable_statement_logging();
        let started = Instant::now();
        match options.connect().await {
            Ok(connection) => {
                connection.close().await?;
                seen.accepted += 1;
                if let Some(since) = seen.refused_since.take() {
                    seen.window += since.elapsed();
                }
                logins.send_modify(|logins| *logins += 1);
            }
            // 28P01: the server refused the password. Any other failure is the demo's own.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("28P01") => {
                seen.refused += 1;
                seen.refused_since.get_or_insert(started);
            }
            Err(_) => return Err("the consumer could not reach the database".into()),
        }
    }
    Ok(seen)
}
