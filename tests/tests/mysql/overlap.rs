//! A client that logs in with AWSCURRENT as fast as it can, while the secret rotates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fourstep::AWSCURRENT;
use fourstep::memory::MemoryStore;
use fourstep_testkit::mysql::{Flavour, MySql};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::world::{SECRET, World, is_code, server, server_with_admin, world};

const ROTATIONS: usize = 50;

/// What the client saw.
#[derive(Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    /// From the beginning of each first login that was refused to the end of the next that was accepted.
    windows: Vec<Duration>,
}

struct Client {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Seen>,
}

impl Client {
    fn start(server: &MySql, world: &World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(consume(Arc::clone(&stop), Arc::clone(&world.store), server.client("", "")));
        Self { stop, task }
    }

    async fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn consume(stop: Arc<AtomicBool>, store: Arc<MemoryStore>, place: sqlx::mysql::MySqlConnectOptions) -> Seen {
    use sqlx::{ConnectOptions, Connection};
    let mut seen = Seen::default();
    let mut refused_since = None;
    while !stop.load(Ordering::Relaxed) {
        let current: Value = store.with(|model| {
            let version = model.secret(SECRET).unwrap().labelled(AWSCURRENT).unwrap();
            serde_json::from_str(version.text().unwrap().expose()).unwrap()
        });
        let text = |field: &str| current[field].as_str().unwrap();
        let started = Instant::now();
        let answer = place.clone().username(text("username")).password(text("password")).connect().await;
        if is_code(&answer, 1045) {
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
    println!("MySQL, dual-password, {ROTATIONS} rotations: {} logins, {} refused", seen.accepted, seen.refused);
    assert_eq!(seen.refused, 0);
    assert!(seen.accepted >= ROTATIONS, "{}", seen.accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_is_refused_during_fifty_rotations_of_two_accounts() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        let seen = rotate(&server, &mut world).await;
        println!(
            "{flavour}, alternating-users, {ROTATIONS} rotations: {} logins, {} refused",
            seen.accepted, seen.refused
        );
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
