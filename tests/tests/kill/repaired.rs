//! Rotations that died half way and are repaired by an operator, not by Secrets Manager.

use std::time::Instant;

use fourstep::{AWSCURRENT, AWSPENDING};
use fourstep_test_servers::mysql::Flavour;
use fourstep_testkit::aws::FunctionError;
use fourstep_testkit::kill::kill_at;
use serde_json::{Value, json};

use crate::account::Account;
use crate::point::{Messages, Point};
use crate::server::Kind;
use crate::strategy::Strategy;
use crate::world::World;
use crate::{
    ALTERNATING_USERS, ALTERNATING_USERS_OF_MARIADB, ALTERNATING_USERS_OF_MYSQL, DUAL_PASSWORD, SINGLE_USER,
    SINGLE_USER_OF_MYSQL,
};

/// What the operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    Recover,
    RollBack,
}

#[tokio::test]
async fn recover_repairs_single_user_after_a_kill_at_every_message_on_postgresql() {
    repaired_at_each(Kind::Postgres, Strategy::SingleUser, SINGLE_USER[0], Repair::Recover).await;
}

#[tokio::test]
async fn rollback_repairs_single_user_after_a_kill_at_every_message_on_postgresql() {
    repaired_at_each(Kind::Postgres, Strategy::SingleUser, SINGLE_USER[0], Repair::RollBack).await;
}

#[tokio::test]
async fn recover_and_rollback_repair_alternating_users_after_a_kill_on_postgresql() {
    repaired_at_halves(Kind::Postgres, ALTERNATING_USERS[0]).await;
}

#[tokio::test]
async fn recover_and_rollback_repair_alternating_users_after_a_kill_on_mysql() {
    repaired_at_halves(Kind::MySql(Flavour::MySql), ALTERNATING_USERS_OF_MYSQL[0]).await;
}

#[tokio::test]
async fn recover_and_rollback_repair_single_user_after_a_kill_at_every_message_on_mysql() {
    for repair in [Repair::Recover, Repair::RollBack] {
        let kind = Kind::MySql(Flavour::MySql);
        repaired_at_each(kind, Strategy::SingleUser, SINGLE_USER_OF_MYSQL[0], repair).await;
    }
}

#[tokio::test]
async fn recover_and_rollback_repair_dual_password_after_a_kill_at_every_message_on_mysql() {
    for repair in [Repair::Recover, Repair::RollBack] {
        let kind = Kind::MySql(Flavour::MySql);
        repaired_at_each(kind, Strategy::DualPassword, DUAL_PASSWORD[0], repair).await;
    }
}

#[tokio::test]
#[ignore = "takes minutes, and each half is run with all other tests"]
async fn each_repair_works_wherever_alternating_users_were_killed_on_postgresql() {
    repaired_by_each(Kind::Postgres, ALTERNATING_USERS[0]).await;
}

#[tokio::test]
#[ignore = "takes minutes, and each half is run with all other tests"]
async fn each_repair_works_wherever_alternating_users_were_killed_on_mysql() {
    repaired_by_each(Kind::MySql(Flavour::MySql), ALTERNATING_USERS_OF_MYSQL[0]).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn each_repair_works_wherever_alternating_users_were_killed_on_mariadb() {
    repaired_by_each(Kind::MySql(Flavour::MariaDb), ALTERNATING_USERS_OF_MARIADB[0]).await;
}

async fn repaired_by_each(kind: Kind, messages: Messages) {
    for repair in [Repair::Recover, Repair::RollBack] {
        repaired_at_each(kind, Strategy::AlternatingUsers, messages, repair).await;
    }
}

/// AWSCURRENT works at every moment of alternating-users, so that either repair finds the same: each has half of the
/// points.
async fn repaired_at_halves(kind: Kind, messages: Messages) {
    let halves = [
        (Repair::Recover, Messages { connections: 0, frontend: 0, ..messages }),
        (Repair::RollBack, Messages { calls: 0, ..messages }),
    ];
    for (repair, messages) in halves {
        repaired_at_each(kind, Strategy::AlternatingUsers, messages, repair).await;
    }
}

/// Kills a first rotation at each of its points, repairs it, and rotates once more.
async fn repaired_at_each(kind: Kind, strategy: Strategy, messages: Messages, repair: Repair) {
    let started = Instant::now();
    let Some(mut world) = World::start(kind, strategy).await else { return };
    let points = [messages.at_secrets_manager(), messages.at_the_database()].concat();
    for &point in &points {
        let mut account = Account::make(&mut world).await;
        let before = account.secret.current();
        account.secret.begin();
        kill_at(&account, point).await;
        account.repair(repair, point).await;
        account.check_repaired(&before, repair, point).await;
    }
    world.check_secrecy();
    println!(
        "{kind:?}, {strategy:?}, {repair:?}: repaired at {} points; {:.1} s in all",
        points.len(),
        started.elapsed().as_secs_f64()
    );
}

impl Account<'_> {
    /// Asks the function, again where the dead one's session still has the lock.
    async fn repair(&self, repair: Repair, point: Point) {
        let name = self.secret.name();
        let event = match repair {
            Repair::Recover => json!({ "Action": "recover", "SecretId": name, "Attempts": 5 }),
            Repair::RollBack => json!({ "Action": "rollback", "SecretId": name }),
        };
        let mut attempts = 0;
        while let Err(error) = self.operate(&event).await {
            attempts += 1;
            // Killed after the end of everything there is nothing to go back from, or to.
            assert!(error.error_type == "Unavailable" && attempts < 3, "{point:?}: {error}");
        }
    }

    async fn operate(&self, event: &Value) -> Result<Value, FunctionError> {
        let reply = self.world.sandbox.invoke(event).await.result?;
        assert_eq!(reply["Action"], event["Action"]);
        Ok(reply)
    }

    /// Checks that AWSCURRENT opens the server, that it is the value of before where that was asked for, and that the
    /// next rotation works.
    async fn check_repaired(&mut self, before: &Value, repair: Repair, point: Point) {
        let id = self.secret.id(AWSCURRENT).unwrap();
        let current = self.secret.current();
        assert!(self.world.opens(&current).await, "{point:?}: AWSCURRENT does not work");
        if repair == Repair::RollBack {
            let value = |secret: &Value| (secret["username"].clone(), secret["password"].clone());
            assert_eq!(value(&current), value(before), "{point:?}");
            let pending = self.secret.id(AWSPENDING);
            assert!(pending.is_none_or(|pending| pending == id), "{point:?}: a next rotation can begin");
        }
        if let Some(pending) = self.secret.id(AWSPENDING).filter(|pending| *pending != id) {
            // Recovered to what was current all the time: the rotation that is under way goes on.
            assert_eq!((repair, &pending), (Repair::Recover, &self.secret.token), "{point:?}");
        } else {
            self.secret.begin();
        }
        let rotated = self.world.sandbox.rotate(&self.secret.arn(), &self.secret.token).await;
        rotated.unwrap_or_else(|error| panic!("{point:?}: {error}"));
        let pending = self.secret.id(AWSPENDING);
        assert!(pending.is_none_or(|pending| pending == self.secret.token), "{point:?}");
        assert!(self.world.opens(&self.secret.current()).await, "{point:?}: the next rotation does not work");
    }
}
