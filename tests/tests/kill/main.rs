//! The functions' binaries, killed at each of their messages to Secrets Manager and to the database.
//!
//! The messages are counted outside of the binary: by the emulation of Secrets Manager, and by a proxy before a real
//! server. At each the function is killed twice: before the message has an effect, and after it had one but no reply.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what tests call is a test too, which clippy only sees of their own functions"
)]

mod account;
mod point;
mod repaired;
mod server;
mod strategy;
mod world;

use std::time::Instant;

use account::Account;
use fourstep_test_servers::mysql::Flavour;
use fourstep_testkit::kill::{Tally, rotate, rotate_and_kill};
use point::{Messages, Point};
use server::Kind;
use strategy::Strategy;
use world::World;

/// createSecret makes 5 calls, setSecret 4, testSecret 2, finishSecret 3. Each of the last three steps logs in: 3
/// messages, 1 to begin the session, 1 to end it. setSecret also takes the lock, changes the password and commits.
const SINGLE_USER: [Messages; 1] = [Messages { calls: 14, connections: 3, frontend: 18 }];

/// Two calls more for the administrator's secret, and a connection for the administrator, who looks at both roles.
/// testSecret reads whose clone the account is, and what it lacks of what the other one may; of a clone, also as which
/// role the sessions of its base begin. In the first rotation, four statements make the clone, and both roles
/// are looked at again; in the second, createSecret also reads AWSPREVIOUS, and setSecret the mark of the clone that opened
/// the server; in the third, the clone is there.
const ALTERNATING_USERS: [Messages; 3] = [
    Messages { calls: 16, connections: 4, frontend: 33 },
    Messages { calls: 17, connections: 4, frontend: 26 },
    Messages { calls: 16, connections: 4, frontend: 28 },
];

/// The same calls and connections, with other messages: setSecret gives the lock back before its session ends. To log in to
/// MySQL takes two more where the server's cache does not have the password, since caching_sha2_password then asks for
/// all of it.
const SINGLE_USER_OF_MYSQL: [Messages; 1] = [Messages { calls: 14, connections: 3, frontend: 16 }];
const SINGLE_USER_OF_MARIADB: [Messages; 1] = [Messages { calls: 14, connections: 3, frontend: 13 }];
const DUAL_PASSWORD: [Messages; 1] = [Messages { calls: 14, connections: 3, frontend: 17 }];
/// From the third rotation on, the clone is there. On MySQL it bears our mark; on MariaDB, which has no place for one, setSecret
/// reads AWSPREVIOUS too, and looks at the accounts once more. testSecret reads AWSCURRENT for a session of the base.
const ALTERNATING_USERS_OF_MYSQL: [Messages; 3] = [
    Messages { calls: 17, connections: 5, frontend: 33 },
    Messages { calls: 18, connections: 5, frontend: 25 },
    Messages { calls: 17, connections: 5, frontend: 26 },
];
const ALTERNATING_USERS_OF_MARIADB: [Messages; 3] = [
    Messages { calls: 17, connections: 5, frontend: 29 },
    Messages { calls: 19, connections: 5, frontend: 23 },
    Messages { calls: 18, connections: 5, frontend: 26 },
];

#[tokio::test]
async fn single_user_survives_a_kill_at_every_message_on_postgresql() {
    let points = |messages: Messages| [messages.at_secrets_manager(), messages.at_the_database()].concat();
    killed_at_each(Kind::Postgres, Strategy::SingleUser, &SINGLE_USER, points).await;
}

#[tokio::test]
async fn alternating_users_survive_a_kill_at_every_call_of_secrets_manager_on_postgresql() {
    killed_at_each(Kind::Postgres, Strategy::AlternatingUsers, &ALTERNATING_USERS, Messages::at_secrets_manager).await;
}

#[tokio::test]
async fn alternating_users_survive_a_kill_at_every_message_to_the_database_on_postgresql() {
    killed_at_each(Kind::Postgres, Strategy::AlternatingUsers, &ALTERNATING_USERS, Messages::at_the_database).await;
}

#[tokio::test]
async fn single_user_survives_a_kill_at_every_message_on_mysql_and_mariadb() {
    for (flavour, expected) in [(Flavour::MySql, &SINGLE_USER_OF_MYSQL), (Flavour::MariaDb, &SINGLE_USER_OF_MARIADB)] {
        let points = |messages: Messages| [messages.at_secrets_manager(), messages.at_the_database()].concat();
        killed_at_each(Kind::MySql(flavour), Strategy::SingleUser, expected, points).await;
    }
}

#[tokio::test]
async fn dual_password_survives_a_kill_at_every_message_on_mysql() {
    let points = |messages: Messages| [messages.at_secrets_manager(), messages.at_the_database()].concat();
    killed_at_each(Kind::MySql(Flavour::MySql), Strategy::DualPassword, &DUAL_PASSWORD, points).await;
}

#[tokio::test]
async fn alternating_users_survive_a_kill_at_every_call_of_secrets_manager_on_mysql() {
    let kind = Kind::MySql(Flavour::MySql);
    killed_at_each(kind, Strategy::AlternatingUsers, &ALTERNATING_USERS_OF_MYSQL, Messages::at_secrets_manager).await;
}

#[tokio::test]
async fn alternating_users_survive_a_kill_at_every_call_of_secrets_manager_on_mariadb() {
    let kind = Kind::MySql(Flavour::MariaDb);
    killed_at_each(kind, Strategy::AlternatingUsers, &ALTERNATING_USERS_OF_MARIADB, Messages::at_secrets_manager).await;
}

#[tokio::test]
async fn alternating_users_survive_a_kill_at_every_message_to_the_database_on_mysql() {
    let kind = Kind::MySql(Flavour::MySql);
    killed_at_each(kind, Strategy::AlternatingUsers, &ALTERNATING_USERS_OF_MYSQL, Messages::at_the_database).await;
}

#[tokio::test]
async fn alternating_users_survive_a_kill_at_every_message_to_the_database_on_mariadb() {
    let kind = Kind::MySql(Flavour::MariaDb);
    killed_at_each(kind, Strategy::AlternatingUsers, &ALTERNATING_USERS_OF_MARIADB, Messages::at_the_database).await;
}

/// Checks the messages of an account's rotations, then kills one rotation at each of their points.
///
/// An account of its own has the first point of each rotation, the next account the second, and so on: after a
/// rotation that was killed, the next one has to work too.
async fn killed_at_each(
    kind: Kind,
    strategy: Strategy,
    expected: &[Messages],
    points: impl Fn(Messages) -> Vec<Point>,
) {
    let started = Instant::now();
    let Some(mut world) = World::start(kind, strategy).await else { return };
    let mut account = Account::make(&mut world).await;
    for expected in expected {
        rotate(&mut account).await;
        assert_eq!(account.world.messages(), *expected, "{:?}", account.world.operations());
    }

    let points: Vec<Vec<Point>> = expected.iter().copied().map(points).collect();
    let mut tally = Tally::default();
    for nth in 0..points.iter().map(Vec::len).max().unwrap() {
        let mut account = Account::make(&mut world).await;
        let rotations = points.iter().map(|points| points.get(nth).copied());
        tally = tally.and(rotate_and_kill(&mut account, rotations).await);
    }
    assert_eq!(tally.killed, points.iter().map(Vec::len).sum::<usize>());
    world.check_secrecy();
    for (expected, points) in expected.iter().zip(&points) {
        println!("{kind:?}, {strategy:?}: {expected}; killed at {} points", points.len());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("attempts after a kill: {} at the most; {seconds:.1} s in all", tally.most_attempts);
}
