use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fourstep::memory::{CreateSecret, PutSecretValue, RotateSecret, SecretValue, UpdateSecretVersionStage};
use fourstep::{AWSCURRENT, Step};
use fourstep_testkit::aws::{Action, Aws, FunctionError, Moment, Operation, Refusal};
use serde_json::Value;

use crate::world::FUNCTION;

/// The account's quota on RotateSecret and CancelRotateSecret together, in a second.
pub(super) const QUOTA: f64 = 50.0;
/// How long setSecret and testSecret take, each.
const STEP: Duration = Duration::from_millis(200);

/// A Secrets Manager with many secrets, whose function only moves labels, and which enforces the quota.
pub(super) struct Account {
    pub(super) aws: Aws,
    quota: Arc<Mutex<Quota>>,
    rotations: Arc<Mutex<Rotations>>,
}

#[derive(Default)]
struct Rotations {
    /// How many secrets of a group are rotated at the same time, and were at the most.
    groups: BTreeMap<String, (usize, usize)>,
    /// ARNs of the secrets whose setSecret fails.
    failing: BTreeSet<String>,
}

/// A bucket of tokens, which fills with the quota and holds what comes in a second.
struct Quota {
    tokens: f64,
    at: Instant,
    /// Whether what was saved up is lost with the next start, but for a tenth of a second's: so a run has what comes in
    /// while it runs, and its calls need not come as regularly as a clock.
    is_first: bool,
    accepted: Vec<Instant>,
}

impl Quota {
    fn take(&mut self) -> Action {
        let now = Instant::now();
        self.tokens = (self.tokens + (now - self.at).as_secs_f64() * QUOTA).min(QUOTA);
        self.at = now;
        if std::mem::take(&mut self.is_first) {
            self.tokens = QUOTA / 10.0;
        }
        if self.tokens < 1.0 {
            return Action::Refuse(Refusal::throttling());
        }
        self.tokens -= 1.0;
        self.accepted.push(now);
        Action::Proceed
    }
}

impl Account {
    pub(super) async fn start(secrets: usize) -> Self {
        let aws = Aws::start().await.unwrap();
        aws.secrets().with(|model| {
            for number in 0..secrets {
                let name = format!("fleet/{number:05}");
                let value = Some(SecretValue::text("{}"));
                let tags = BTreeMap::from([
                    ("team".to_owned(), "blue".to_owned()),
                    ("admin".to_owned(), format!("admin-{}", number % 7)),
                ]);
                model.create_secret(CreateSecret { name: &name, token: None, value, tags }).unwrap();
                let first =
                    RotateSecret { lambda_arn: Some(FUNCTION), rotate_immediately: false, ..RotateSecret::now(&name) };
                let token = model.rotate_secret(first).answer.unwrap();
                model.remove_test_version(&name, &token);
            }
        });
        let rotations = Arc::new(Mutex::new(Rotations::default()));
        let (store, shared) = (Arc::clone(aws.secrets()), Arc::clone(&rotations));
        aws.on_rotate(move |event| {
            let (store, rotations) = (Arc::clone(&store), Arc::clone(&shared));
            async move {
                let arn = event["SecretId"].as_str().unwrap();
                let token = event["ClientRequestToken"].as_str().unwrap();
                let group = store.with(|model| model.secret(arn).unwrap().tags["admin"].clone());
                match event["Step"].as_str().unwrap() {
                    step if step == Step::Create.name() => {
                        let mut rotations = rotations.lock().unwrap();
                        let (now, most) = rotations.groups.entry(group).or_default();
                        *now += 1;
                        *most = (*most).max(*now);
                        let value = PutSecretValue::pending(arn, token, "{\"n\":1}");
                        store.with(|model| model.put_secret_value(value)).unwrap();
                    }
                    step if step == Step::Finish.name() => {
                        store.with(|model| {
                            let current = model.secret(arn).unwrap().labelled(AWSCURRENT).unwrap().id.clone();
                            let promotion = UpdateSecretVersionStage::promotion(arn, token, &current);
                            model.update_secret_version_stage(promotion).unwrap();
                        });
                        rotations.lock().unwrap().groups.get_mut(&group).unwrap().0 -= 1;
                    }
                    _ if rotations.lock().unwrap().failing.contains(arn) => {
                        let message = "the target does not answer".to_owned();
                        return Err(FunctionError { error_type: "Unavailable".to_owned(), message });
                    }
                    _ => tokio::time::sleep(STEP).await,
                }
                Ok(Value::Null)
            }
        });
        let quota =
            Arc::new(Mutex::new(Quota { tokens: 0.0, at: Instant::now(), is_first: true, accepted: Vec::new() }));
        let account = Self { aws, quota, rotations };
        let quota = Arc::clone(&account.quota);
        account.aws.on_call(move |call, moment| match call.operation {
            Operation::RotateSecret | Operation::CancelRotateSecret if moment == Moment::Before => {
                quota.lock().unwrap().take()
            }
            _ => Action::Proceed,
        });
        account
    }

    /// Lets setSecret of a secret fail, or no longer.
    pub(super) fn set_failing(&self, name: &str, is_failing: bool) {
        let arn = self.aws.secrets().with(|model| model.secret(name).unwrap().arn.clone());
        let failing = &mut self.rotations.lock().unwrap().failing;
        if is_failing {
            failing.insert(arn)
        } else {
            failing.remove(&arn)
        };
    }

    /// Returns how many versions each secret has: one more than it was rotated.
    pub(super) fn versions(&self) -> BTreeMap<usize, usize> {
        let mut counts = BTreeMap::new();
        self.aws.secrets().with(|model| {
            for secret in model.secrets() {
                *counts.entry(secret.versions.len()).or_default() += 1;
            }
        });
        counts
    }

    /// Begins a run: nothing of the quota is saved up from before. Returns how many starts it let through so far.
    pub(super) fn begin_run(&self) -> usize {
        let mut quota = self.quota.lock().unwrap();
        quota.is_first = true;
        quota.accepted.len()
    }

    /// Returns how many starts the quota let through.
    pub(super) fn accepted(&self) -> usize {
        self.quota.lock().unwrap().accepted.len()
    }

    /// Returns how many starts there were from one number on, after the first of them, and in which time.
    pub(super) fn starts_since(&self, from: usize) -> (f64, Duration) {
        let quota = self.quota.lock().unwrap();
        let accepted = &quota.accepted[from..];
        let after_the_first = u32::try_from(accepted.len() - 1).unwrap();
        (after_the_first.into(), *accepted.last().unwrap() - accepted[0])
    }

    /// Returns, by group, how many secrets are rotated at the same time now, and were at the most.
    pub(super) fn groups(&self) -> BTreeMap<String, (usize, usize)> {
        self.rotations.lock().unwrap().groups.clone()
    }
}
