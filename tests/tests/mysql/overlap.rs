//! A client that logs in with AWSCURRENT as fast as it can, while the secret rotates.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Step};
use fourstep_test_servers::mysql::{Flavour, MySql};
use fourstep_testkit::secret::RotatedSecret;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::world::{World, is_code, server, server_with_admin, world};

const ROTATIONS: usize = 50;

/// What the client saw.
#[derive(Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    /// Logins that began with what was AWSCURRENT, and took longer than it was promised to work.
    late: usize,
    /// From the beginning of each first login that was refused to the end of the next that was accepted.
    windows: Vec<Duration>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, refused, late, .. } = self;
        write!(f, "{accepted} logins, {refused} refused; {late} took longer than a rotation and began again")
    }
}

struct Client {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Seen>,
}

impl Client {
    fn start(server: &MySql, world: &World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(consume(Arc::clone(&stop), world.secret.clone(), server.client("", "")));
        Self { stop, task }
    }

    async fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn consume(stop: Arc<AtomicBool>, secret: RotatedSecret, place: sqlx::mysql::MySqlConnectOptions) -> Seen {
    use sqlx::{ConnectOptions, Connection};
    let mut seen = Seen::default();
    let mut refused_since = None;
    while !stop.load(Ordering::Relaxed) {
        let (id, current) = secret.look(|secret| {
            let version = secret.labelled(AWSCURRENT).unwrap();
            let value: Value = serde_json::from_str(version.text().unwrap().expose()).unwrap();
            (version.id.clone(), value)
        });
        let text = |field: &str| current[field].as_str().unwrap();
        let started = Instant::now();
        let answer = place.clone().username(text("username")).password(text("password")).connect().await;
        if is_code(&answer, 1045) {
            if was_displaced(&secret, &id) {
                seen.late += 1;
                continue;
            }
            seen.refused += 1;
            refused_since.get_or_insert(started);
            continue;
        }
        answer.unwrap().close().await.unwrap();
        seen.accepted += 1;
        seen.windows.extend(refused_since.take().map(|since: Instant| since.elapsed()));
    }
    seen
}

/// Returns whether a version need not work any more. AWSCURRENT works, and AWSPREVIOUS until the next rotation, which may be
/// under way by the time that a login on a slow machine is answered.
fn was_displaced(secret: &RotatedSecret, id: &str) -> bool {
    secret.look(|secret| {
        let with = |label| secret.labelled(label).map(|version| version.id.as_str());
        let next_began = with(AWSPENDING).is_some_and(|pending| Some(pending) != with(AWSCURRENT));
        with(AWSCURRENT) != Some(id) && (with(AWSPREVIOUS) != Some(id) || next_began)
    })
}

async fn rotate(server: &MySql, world: &mut World) -> Seen {
    let client = Client::start(server, world);
    for rotation in 0..ROTATIONS {
        world.rotate().await.unwrap_or_else(|error| panic!("rotation {rotation}: {error}"));
    }
    client.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_is_refused_during_fifty_rotations_of_two_passwords() {
    let Some(server) = server(Flavour::MySql).await else { return };
    server.execute("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO <app>@'%'").await;
    let mut world = world(&server, "dual-password");
    let seen = rotate(&server, &mut world).await;
    println!("MySQL, dual-password, {ROTATIONS} rotations: {seen}");
    assert_eq!(seen.refused, 0);
    assert!(seen.accepted >= ROTATIONS, "{}", seen.accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_is_refused_during_fifty_rotations_of_two_accounts() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        let seen = rotate(&server, &mut world).await;
        println!("{flavour}, alternating-users, {ROTATIONS} rotations: {seen}");
        assert_eq!(seen.refused, 0);
        assert!(seen.accepted >= ROTATIONS, "{}", seen.accepted);
    }
}

/// Attempts that end after setSecret, each with a token of its own; every tenth rotation is finished.
async fn give_up_over_and_over(server: &MySql, world: &mut World) -> Seen {
    let client = Client::start(server, world);
    for attempt in 1..=ROTATIONS {
        let token = world.start();
        if attempt % 10 == 0 {
            world.run(&token).await.unwrap_or_else(|error| panic!("attempt {attempt}: {error}"));
            continue;
        }
        for step in [Step::Create, Step::Set, Step::Set] {
            world.step(step, &token).await.unwrap_or_else(|error| panic!("attempt {attempt}: {error}"));
        }
        world.abandon(&token);
    }
    client.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_is_refused_while_attempts_are_given_up_over_and_over() {
    let mut worlds = Vec::new();
    if let Some(server) = server(Flavour::MySql).await {
        server.execute("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO <app>@'%'").await;
        let world = world(&server, "dual-password");
        worlds.push(("dual-password", server, world));
    }
    for flavour in Flavour::ALL {
        let Some((server, world)) = server_with_admin(flavour).await else { continue };
        worlds.push(("alternating-users", server, world));
    }
    for (strategy, server, mut world) in worlds {
        let seen = give_up_over_and_over(&server, &mut world).await;
        println!("{}, {strategy}, {ROTATIONS} attempts, nine of ten given up: {seen}", server.flavour());
        assert_eq!(seen.refused, 0);
        assert!(seen.accepted >= ROTATIONS, "{}", seen.accepted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_window_of_single_user_is_measured() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let mut world = world(&server, "single-user");
        let seen = rotate(&server, &mut world).await;
        let all: Duration = seen.windows.iter().sum();
        let longest = seen.windows.iter().max().copied().unwrap_or_default();
        println!(
            "{flavour}, single-user, {ROTATIONS} rotations: {} logins, {} refused; AWSCURRENT was refused in {} of them, for {:.1} ms on average and {:.1} ms at the most",
            seen.accepted,
            seen.refused,
            seen.windows.len(),
            all.as_secs_f64() * 1000.0 / seen.windows.len().max(1) as f64,
            longest.as_secs_f64() * 1000.0
        );
        // Refusals end with each rotation: the last login was let in.
        assert!(seen.accepted > 0);
        assert!(seen.windows.len() <= ROTATIONS);
    }
}
