use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use fourstep::AWSCURRENT;
use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::call::Call;
use crate::error::{Error, Reason, Result};
use crate::fleet::FleetRotation;
use crate::fleet::rate::Rate;
use crate::operator::Operator;
use crate::secret::Secret;
use crate::trail::Failure;
use crate::watch::{Ended, Outcome, outcome, timed_out};

/// What all rotations of a fleet share.
pub(super) struct Run<'a> {
    operator: &'a Operator,
    since: SystemTime,
    wait: Duration,
    rate: Rate,
    calls: Semaphore,
    /// By ARN: since when a failure is one of this rotation, and the failure.
    under_way: Mutex<BTreeMap<String, (SystemTime, Option<Failure>)>>,
    /// ARNs of the secrets whose rotation failed in an earlier run that began at the same time.
    failed_before: OnceCell<BTreeSet<String>>,
    note: Mutex<Option<String>>,
}

/// What became of a secret when its turn came.
pub(super) enum Turn {
    Rotated,
    DoneBefore,
    LeftOut,
}

/// So many connections are used at once.
const CALLS_AT_ONCE: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// DescribeSecret is allowed 40,000 times a second; so many keep the own machine idle.
const LOOKS_A_SECOND: f64 = 100.0;
const FIRST_LOOKUP: Duration = Duration::from_secs(2);
/// CloudTrail answers two calls a second to all callers of the account together, and shows events minutes late.
const LONGEST_BETWEEN_LOOKUPS: Duration = Duration::from_secs(15);
/// Enough for as many failures as there are rotations under way.
const MOST_PAGES: usize = 40;

impl<'a> Run<'a> {
    pub(super) fn new(operator: &'a Operator, fleet: &FleetRotation) -> Self {
        Self {
            operator,
            since: fleet.since,
            wait: fleet.wait,
            rate: Rate::new(fleet.rate),
            calls: Semaphore::new(CALLS_AT_ONCE),
            under_way: Mutex::default(),
            failed_before: OnceCell::new(),
            note: Mutex::default(),
        }
    }

    /// Rotates a secret, unless that was done already, and waits for the end.
    pub(super) async fn rotate(&self, arn: &str) -> Result<Turn> {
        // The list may be five minutes behind.
        let secret = self.describe(arn).await?;
        let token = token(self.since, arn, "");
        let is_current = secret.version(&token).is_some_and(|version| version.has(AWSCURRENT));
        if !is_rotated_here(&secret) {
            return Ok(Turn::LeftOut);
        }
        if is_current || secret.last_rotated.is_some_and(|last| last >= self.since) {
            return Ok(Turn::DoneBefore);
        }
        let result = match secret.pending() {
            Some(pending) if pending.id == token && !self.failed_before(arn).await => {
                lock(&self.under_way).insert(arn.to_owned(), (self.since, None));
                self.end(arn, &token).await
            }
            pending => {
                // The same token again would start nothing, also where the version failed.
                let token = if pending.is_some_and(|pending| pending.id == token) {
                    self::token(self.since, arn, "again")
                } else {
                    token
                };
                match self.start(arn, &token).await {
                    Ok(version) => self.end(arn, &version).await,
                    Err(error) => Err(error),
                }
            }
        };
        lock(&self.under_way).remove(arn);
        result.map(|()| Turn::Rotated)
    }

    /// Asks CloudTrail again and again which of the rotations under way failed, once for all of them.
    pub(super) async fn follow_failures(&self) -> Infallible {
        let mut pause = FIRST_LOOKUP;
        loop {
            tokio::time::sleep(pause).await;
            let Some(since) = lock(&self.under_way).values().map(|(since, _)| *since).min() else { continue };
            pause = LONGEST_BETWEEN_LOOKUPS.min(pause * 2);
            match self.operator.failures_since(since, MOST_PAGES).await {
                Ok(failures) => {
                    let mut under_way = lock(&self.under_way);
                    for failure in failures {
                        if let Some((since, known)) = under_way.get_mut(&failure.arn)
                            && failure.latest() >= *since
                        {
                            *known = Some(failure);
                        }
                    }
                }
                Err(error) if error.reason == Reason::Denied => {
                    *lock(&self.note) =
                        Some(format!("A rotation that failed was waited for until the end of the time: {error}"));
                    return std::future::pending().await;
                }
                // The next time may be better.
                Err(_) => {}
            }
        }
    }

    /// Returns how many starts the quota refused.
    pub(super) fn throttled(&self) -> usize {
        self.rate.refused()
    }

    /// Reports what could not be looked up.
    pub(super) fn note(&self) -> Option<String> {
        lock(&self.note).take()
    }

    /// Starts a rotation when the rate allows it, as often as the quota refuses it. Returns the version.
    async fn start(&self, arn: &str, token: &str) -> Result<String> {
        let subject = format!("secret {}", name(arn));
        let call = Call { service: "secretsmanager", operation: "RotateSecret", subject: &subject };
        // The SDK's own retries would count against the quota without a pause.
        let once = Builder::new().retry_config(RetryConfig::disabled());
        loop {
            self.rate.turn().await;
            lock(&self.under_way).insert(arn.to_owned(), (SystemTime::now(), None));
            let request = self.operator.secrets.rotate_secret().secret_id(arn).client_request_token(token);
            let answer = {
                let _call = self.call().await;
                Box::pin(request.customize().config_override(once.clone()).send()).await
            };
            let error = match answer {
                Ok(answer) => {
                    self.rate.accepted();
                    return Ok(answer.version_id.unwrap_or_default());
                }
                Err(error) => call.failed(&error),
            };
            match error.reason {
                // The token makes it safe to ask again where the answer was lost.
                Reason::Throttled | Reason::ServiceFailed | Reason::Unreachable if self.rate.refuse(error.reason) => {}
                // "A previous rotation isn't complete. That rotation will be reattempted."
                Reason::InvalidRequest => {
                    let secret = self.describe(arn).await?;
                    return secret.pending().map(|pending| pending.id.clone()).ok_or(error);
                }
                _ => return Err(error),
            }
        }
    }

    /// Waits for the end of a rotation.
    async fn end(&self, arn: &str, version: &str) -> Result<()> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            // Between three quarters of the pause and all of it, so that not all are looked at together.
            let shared = Duration::from_secs_f64(self.in_flight() / LOOKS_A_SECOND);
            tokio::time::sleep(pause.max(shared).mul_f64(0.75 + rand::random::<f64>() / 4.0)).await;
            let unanswered = match self.describe(arn).await {
                Ok(secret) => {
                    let failure = lock(&self.under_way).get(arn).and_then(|(_, failure)| failure.clone());
                    let outcome = outcome(&secret, version).or(failure.as_ref().map(|_| Outcome::Failed));
                    match outcome {
                        Some(Outcome::Succeeded) => return Ok(()),
                        Some(outcome) => {
                            let (secret, version) = (secret.name, version.to_owned());
                            let message = failure.map(|failure| failure.message);
                            return Err(Ended { secret, version, outcome, message, waited: began.elapsed() }.error(""));
                        }
                        None => None,
                    }
                }
                // The rotation goes on meanwhile.
                Err(error @ Error { reason: Reason::Throttled | Reason::ServiceFailed | Reason::Unreachable, .. }) => {
                    Some(error)
                }
                Err(error) => return Err(error),
            };
            if began.elapsed() >= self.wait {
                return Err(unanswered.unwrap_or_else(|| timed_out(name(arn), self.wait)));
            }
            pause = LONGEST_PAUSE.min(pause * 3 / 2);
        }
    }

    async fn failed_before(&self, arn: &str) -> bool {
        let look_up = || async {
            let failures = self.operator.failures_since(self.since, MOST_PAGES).await;
            failures.unwrap_or_default().into_iter().map(|failure| failure.arn).collect()
        };
        self.failed_before.get_or_init(look_up).await.contains(arn)
    }

    async fn describe(&self, arn: &str) -> Result<Secret> {
        let _call = self.call().await;
        Box::pin(self.operator.describe(arn)).await
    }

    async fn call(&self) -> SemaphorePermit<'_> {
        self.calls.acquire().await.expect("nobody closes it")
    }

    fn in_flight(&self) -> f64 {
        u32::try_from(lock(&self.under_way).len()).unwrap_or(u32::MAX).into()
    }
}

/// Returns whether a function rotates the secret, in this region and now.
pub(super) fn is_rotated_here(secret: &Secret) -> bool {
    secret.rotation_enabled && secret.deleted.is_none() && !secret.is_replica()
}

/// Returns the name of the secret: what its ARN ends with, but for a hyphen and six characters.
pub(super) fn name(arn: &str) -> &str {
    let name = arn.splitn(7, ':').nth(6).unwrap_or(arn);
    name.rsplit_once('-').map_or(name, |(name, _)| name)
}

/// Creates the id of the version that a run makes of a secret. It is the same whenever the run is resumed.
fn token(since: SystemTime, arn: &str, attempt: &str) -> String {
    let millis = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let digest = Sha256::digest(format!("{millis} {arn} {attempt}"));
    digest.iter().take(16).fold(String::with_capacity(32), |mut token, byte| {
        // Writing to a String does not fail.
        let _ = write!(token, "{byte:02x}");
        token
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
