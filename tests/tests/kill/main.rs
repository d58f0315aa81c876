//! The PostgreSQL function's binary, killed at each of its messages to Secrets Manager and to the database.
//!
//! The messages are counted outside of the binary: by the emulation of Secrets Manager, and by a proxy before a real
//! server. First a rotation without a fault tells how many there are. Then, for each of them, a rotation of a secret
//! and an account of its own is killed (SIGKILL) there, once before the message has an effect and once after it had
//! one but no reply; its state is checked as it is then; and it begins again with createSecret and the same token.
#![allow(clippy::unwrap_used, reason = "what tests call is a test too, which clippy only sees of their own functions")]

mod account;
mod point;
mod world;

use std::time::Instant;

use fourstep_testkit::aws::FunctionError;

use account::{Account, Turn};
use point::{Messages, Point};
use world::World;

/// Secrets Manager begins a rotation that failed again; two more attempts have to end it.
const MOST_ATTEMPTS: usize = 2;

#[tokio::test]
async fn single_user_survives_a_kill_at_every_message() {
    let messages = Messages { calls: 13, connections: 3, frontend: 18 };
    killed_at_every_message(Turn::OneAccount, messages).await;
}

#[tokio::test]
async fn alternating_users_survive_a_kill_at_every_message_that_makes_the_clone() {
    let messages = Messages { calls: 15, connections: 4, frontend: 29 };
    killed_at_every_message(Turn::NewClone, messages).await;
}

#[tokio::test]
async fn alternating_users_survive_a_kill_at_every_message_that_turns_back_to_the_base() {
    let messages = Messages { calls: 16, connections: 4, frontend: 24 };
    killed_at_every_message(Turn::BackToBase, messages).await;
}

/// Checks the messages of a rotation that nobody disturbs, then kills one rotation at each of them.
async fn killed_at_every_message(turn: Turn, expected: Messages) {
    let started = Instant::now();
    let Some(mut world) = World::start(turn).await else { return };
    let account = world.next_account().await;
    world.count_anew();
    world.attempt(&account, None).await.unwrap();
    world.check_end(&account).await;
    let messages = world.messages();
    assert_eq!(messages, expected, "{:?}", world.operations());

    let points = messages.points();
    let mut most = 0;
    for &point in &points {
        let account = world.next_account().await;
        let attempts = survives(&world, &account, point).await;
        most = most.max(attempts);
    }
    world.check_secrecy();
    let Messages { calls, connections, frontend } = messages;
    println!(
        "{turn:?}: {calls} calls of Secrets Manager, {frontend} messages to the database in {connections} connections; \
         killed at {} points, then done after {most} attempts at the most; {:.1?}",
        points.len(),
        started.elapsed()
    );
}

/// Kills a rotation at a point, and gives how many attempts end it.
async fn survives(world: &World, account: &Account, point: Point) -> usize {
    let kill = world.kill_at(point);
    if let Err(error) = world.attempt(account, Some(&kill)).await {
        assert_eq!(error.error_type, "Runtime.ExitError", "{point:?}: {error}");
    }
    kill.happened(point).await;
    world.recover(point).await;
    world.check_after_kill(account, point).await;

    let starts = world.starts();
    let mut attempts = 0;
    loop {
        attempts += 1;
        match world.attempt(account, None).await {
            Ok(()) => break,
            Err(error) => assert!(may_be_tried_again(&error, attempts), "{point:?}: attempt {attempts}: {error}"),
        }
    }
    assert_eq!(world.starts(), starts + 1, "{point:?}: a process that nobody killed did it all");
    world.check_end(account).await;
    attempts
}

fn may_be_tried_again(error: &FunctionError, attempts: usize) -> bool {
    error.error_type == "Unavailable" && attempts < MOST_ATTEMPTS
}
