//! The function's binary, killed at each of its calls of Secrets Manager and at each of its requests to the service.
//!
//! Each call and each request is hit twice: before it has an effect, and after it had one but no answer.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Filter, Sensitive};
use fourstep_test_servers::key_service::{FIRST_KEY, FIRST_VALUE, KeyService};
use fourstep_testkit::aws::{Aws, FunctionError, Moment, rotation_token};
use fourstep_testkit::function;
use fourstep_testkit::kill::{Kill, Subject, Tally, both_moments, rotate, rotate_and_kill};
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secret::RotatedSecret;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::world::{MINTED, PUSHED, ROLLED};

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
    secret: RotatedSecret,
    provider: &'static str,
    _file: NamedTempFile,
}

impl World {
    async fn start(provider: &'static str) -> Self {
        let (aws, service) = (Aws::start().await.unwrap(), KeyService::start().await.unwrap());
        // Room for the stray of a dead attempt, which another may not touch before its maker's time is over.
        service.state().limit = 3;
        let mut file = NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(provider.as_bytes()).unwrap();
        let sandbox = Sandbox::new(function::binary("rotate-api-key").unwrap()).unwrap();
        let sandbox = service.found_by(sandbox, file.path()).variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url());
        let value = match provider {
            MINTED => json!({"key": FIRST_KEY, "key_id": "key-0"}),
            _ => json!({"key": FIRST_VALUE}),
        };
        let secret = RotatedSecret::create(aws.secrets(), "app", &value);
        Self { aws, service: Arc::new(service), sandbox: Arc::new(sandbox), secret, provider, _file: file }
    }

    fn mints(&self) -> bool {
        self.provider == MINTED
    }

    fn key(&self, label: &str) -> Option<String> {
        Some(self.secret.labelled(label)?["key"].as_str().unwrap().to_owned())
    }

    fn opens(&self, label: &str) -> bool {
        let state = self.service.state();
        self.key(label).is_some_and(|key| state.value == key || state.accepts(&key))
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

impl Subject for World {
    type Point = Point;

    fn secret(&self) -> &RotatedSecret {
        &self.secret
    }

    fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    fn begin(&mut self) {
        self.secret.begin();
    }

    fn count_anew(&self) {
        self.aws.forget_calls();
        self.service.forget_requests();
    }

    fn arm(&self, point: Point, kill: Kill) {
        match point {
            Point::Call(number, at) => kill.at_call(&self.aws, number, at),
            Point::Request(number, at) => self.service.on_request(move |request, moment| {
                let meant = (request, moment) == (number, at);
                if meant {
                    kill.now();
                }
                meant
            }),
        }
    }

    async fn disarm(&self, _point: Point) {
        self.aws.heal();
        self.service.heal();
    }

    async fn check_after_kill(&self, point: Point) {
        if self.provider != ROLLED {
            let works = self.opens(AWSCURRENT) || !self.mints() && self.opens(AWSPENDING);
            assert!(works, "{point:?}: right after");
        }
    }

    async fn check_end(&self) {
        self.secret.check_promoted();
        assert!(self.opens(AWSCURRENT));
        assert_eq!(self.opens(AWSPREVIOUS), self.mints());
        if self.mints() {
            let mut found: Vec<_> = self.service.state().keys.iter().map(|key| key.value.clone()).collect();
            let mut expected = vec![self.key(AWSCURRENT).unwrap(), self.key(AWSPREVIOUS).unwrap()];
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "the keys that are left");
        }
    }

    fn is_loss(&self, error: &FunctionError) -> bool {
        self.provider == ROLLED && error.error_type == "Rejected" && error.message.contains("ssue a new key by hand")
    }
}

/// Kills the second rotation at each of its points, each in a world of its own.
async fn killed_at_each(provider: &'static str) {
    let started = Instant::now();
    let mut world = World::start(provider).await;
    rotate(&mut world).await;
    rotate(&mut world).await;
    let (calls, requests) = (world.aws.calls().len(), world.service.requests().len());
    let points = both_moments(calls).map(|(call, moment)| Point::Call(call, moment));
    let at_requests = both_moments(requests).map(|(request, moment)| Point::Request(request, moment));
    let mut tally = Tally::default();
    for point in points.chain(at_requests) {
        let mut world = World::start(provider).await;
        let one = rotate_and_kill(&mut world, [None, Some(point), None]).await;
        tally = tally.and(one);
        if one.lost == 0 {
            world.check_secrecy();
        }
    }
    let Tally { killed, lost, .. } = tally;
    assert_eq!(killed, 2 * (calls + requests));
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
