//! The function's binary, killed at each of its calls of Secrets Manager and at each of its requests to the service.
//!
//! Each call and each request is hit twice: before it has an effect, and after it had one but no answer.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Filter, Sensitive, Step};
use fourstep_servers::key_service::{FIRST_KEY, FIRST_VALUE, KeyService};
use fourstep_testkit::aws::{Action, Aws, FunctionError, Moment, rotation_token};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::sync::watch;

use crate::account::Account;
use crate::world::{MINTED, PUSHED, ROLLED};

/// Longer than any machine needs.
const LIMIT: Duration = Duration::from_secs(60);

/// Where a rotation is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    Call(usize, Moment),
    Request(usize, Moment),
}

struct World {
    aws: Aws,
    service: Arc<KeyService>,
    sandbox: Arc<Sandbox>,
    account: Account,
    minted: bool,
    _file: NamedTempFile,
}

impl World {
    async fn start(provider: &str) -> Self {
        let (aws, service) = (Aws::start().await.unwrap(), KeyService::start().await.unwrap());
        // Room for the stray of a dead attempt, which another may not touch before its maker's time is over.
        service.state().limit = 3;
        let mut file = NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(provider.as_bytes()).unwrap();
        let sandbox = Sandbox::new(function::binary("rotate-api-key").unwrap()).unwrap();
        let sandbox = service.found_by(sandbox, file.path()).variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url());
        let minted = provider == MINTED;
        let value = if minted { json!({"key": FIRST_KEY, "key_id": "key-0"}) } else { json!({"key": FIRST_VALUE}) };
        let account = Account::make("app", &value, None, aws.secrets());
        Self { aws, service: Arc::new(service), sandbox: Arc::new(sandbox), account, minted, _file: file }
    }

    fn begin(&mut self) {
        self.account.begin_rotation(self.aws.secrets());
        self.aws.forget_calls();
        self.service.forget_requests();
    }

    async fn attempt(&self, killed: Option<&watch::Receiver<bool>>) -> Result<(), FunctionError> {
        for step in Step::ALL {
            if killed.is_some_and(|killed| *killed.borrow()) {
                break;
            }
            let event = json!({
                "Step": step.name(),
                "SecretId": self.account.arn(self.aws.secrets()),
                "ClientRequestToken": self.account.token,
                "RotationToken": rotation_token(&self.account.token),
            });
            self.sandbox.invoke(event).await.result?;
        }
        Ok(())
    }

    fn kill_at(&self, point: Point) -> watch::Receiver<bool> {
        let (killed, happened) = watch::channel(false);
        let sandbox = Arc::clone(&self.sandbox);
        let kill = move || {
            sandbox.kill();
            killed.send_replace(true);
        };
        match point {
            Point::Call(number, at) => self.aws.on_call(move |call, moment| {
                if (call.number, moment) != (number, at) {
                    return Action::Proceed;
                }
                kill();
                Action::Hang
            }),
            Point::Request(number, at) => self.service.on_request(move |request, moment| {
                let meant = (request, moment) == (number, at);
                if meant {
                    kill();
                }
                meant
            }),
        }
        happened
    }

    fn key(&self, label: &str) -> Option<String> {
        let (_, value) = self.account.labelled(label, self.aws.secrets())?;
        Some(value["key"].as_str().unwrap().to_owned())
    }

    fn opens(&self, label: &str) -> bool {
        let state = self.service.state();
        self.key(label).is_some_and(|key| state.value == key || state.accepts(&key))
    }

    fn check_end(&self, what: &str) {
        self.account.check_promoted(self.aws.secrets());
        assert!(self.opens(AWSCURRENT), "{what}");
        assert_eq!(self.opens(AWSPREVIOUS), self.minted, "{what}");
        if self.minted {
            let mut found: Vec<_> = self.service.state().keys.iter().map(|key| key.value.clone()).collect();
            let mut expected = vec![self.key(AWSCURRENT).unwrap(), self.key(AWSPREVIOUS).unwrap()];
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{what}: the keys that are left");
        }
    }

    fn check_secrecy(&self) {
        let filter = Filter::new();
        filter.learn(&Sensitive::new(rotation_token("")));
        self.aws.secrets().with(|model| {
            for version in model.secrets().flat_map(|secret| &secret.versions) {
                let Some(text) = version.text() else { continue };
                let value: Value = serde_json::from_str(text.expose()).unwrap();
                filter.learn(&Sensitive::new(value["key"].as_str().unwrap()));
            }
        });
        let output = self.sandbox.output().unwrap();
        assert!(output.contains("step done"), "{output}");
        assert_eq!(filter.apply(&output), output);
    }
}

async fn killed_at_each(provider: &str) {
    let started = Instant::now();
    let mut world = World::start(provider).await;
    world.begin();
    world.attempt(None).await.unwrap();
    world.begin();
    world.attempt(None).await.unwrap();
    world.check_end("without a kill");
    let (calls, requests) = (world.aws.calls().len(), world.service.requests().len());
    let moments = [Moment::Before, Moment::After];
    let points = (1..=calls).flat_map(|call| moments.map(|moment| Point::Call(call, moment)));
    let requests_points = (1..=requests).flat_map(|request| moments.map(|moment| Point::Request(request, moment)));
    let (mut killed, mut lost) = (0, 0);
    for point in points.chain(requests_points) {
        let what = format!("{point:?}");
        let mut world = World::start(provider).await;
        world.begin();
        world.attempt(None).await.unwrap();
        world.begin();
        let mut kill = world.kill_at(point);
        if let Err(error) = world.attempt(Some(&kill)).await {
            assert_eq!(error.error_type, "Runtime.ExitError", "{what}: {error}");
        }
        tokio::time::timeout(LIMIT, kill.wait_for(|killed| *killed)).await.expect("it is killed").unwrap();
        killed += 1;
        world.aws.heal();
        world.service.heal();
        if provider != ROLLED {
            assert!(world.opens(AWSCURRENT) || !world.minted && world.opens(AWSPENDING), "{what}: right after");
        }
        match world.attempt(None).await {
            Ok(()) => world.check_end(&what),
            Err(error) => {
                assert_eq!(provider, ROLLED, "{what}: {error}");
                let again = world.attempt(None).await.unwrap_err();
                assert_eq!((&again.error_type, &again.message), (&error.error_type, &error.message), "{what}");
                assert!(
                    error.error_type == "Rejected" && error.message.contains("ssue a new key by hand"),
                    "{what}: {error}"
                );
                lost += 1;
                continue;
            }
        }
        world.begin();
        world.attempt(None).await.unwrap();
        world.check_end(&format!("{what}: the next rotation"));
        world.check_secrecy();
    }
    assert_eq!(lost > 0, provider == ROLLED);
    println!(
        "{calls} calls of Secrets Manager and {requests} requests; killed at {killed} points, {lost} keys lost; {:.1} s in all",
        started.elapsed().as_secs_f64()
    );
}

#[tokio::test]
async fn minted_keys_survive_a_kill_at_every_call_and_request() {
    killed_at_each(MINTED).await;
}

#[tokio::test]
async fn pushed_keys_survive_a_kill_at_every_call_and_request() {
    killed_at_each(PUSHED).await;
}

#[tokio::test]
async fn rolled_keys_survive_a_kill_or_say_that_they_are_lost() {
    killed_at_each(ROLLED).await;
}
