//! Rotations that died half way and are repaired by an operator, not by Secrets Manager.

use std::time::Instant;

use fourstep::{AWSCURRENT, AWSPENDING};
use fourstep_servers::mysql::Flavour;
use fourstep_testkit::aws::FunctionError;
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
        let mut account = world.make_account().await;
        let (_, before) = account.labelled(AWSCURRENT, world.store()).unwrap();
        world.begin_rotation(&mut account);
        let kill = world.kill_at(point);
        if let Err(error) = world.attempt(&account, Some(&kill)).await {
            assert_eq!(error.error_type, "Runtime.ExitError", "{point:?}: {error}");
        }
        kill.happened(point).await;
        world.recover(point).await;
        world.repair(&account, repair, point).await;
        world.check_repaired(&account, &before, repair, point).await;
    }
    world.check_secrecy();
    println!(
        "{kind:?}, {strategy:?}, {repair:?}: repaired at {} points; {:.1} s in all",
        points.len(),
        started.elapsed().as_secs_f64()
    );
}

impl World {
    /// Asks the function, again where the dead one's session still has the lock.
    async fn repair(&self, account: &Account, repair: Repair, point: Point) {
        let event = match repair {
            Repair::Recover => json!({ "Action": "recover", "SecretId": account.name, "Attempts": 5 }),
            Repair::RollBack => json!({ "Action": "rollback", "SecretId": account.name }),
        };
        let mut attempts = 0;
        while let Err(error) = self.operate(&event).await {
            attempts += 1;
            // Killed after the end of everything there is nothing to go back from, or to.
            assert!(error.error_type == "Unavailable" && attempts < 3, "{point:?}: {error}");
        }
    }

    async fn operate(&self, event: &Value) -> Result<Value, FunctionError> {
        let reply = self.sandbox().invoke(event).await.result?;
        assert_eq!(reply["Action"], event["Action"]);
        Ok(reply)
    }

    /// Checks that AWSCURRENT opens the server, that it is the value of before where that was asked for, and that the
    /// next rotation works.
    async fn check_repaired(&self, account: &Account, before: &Value, repair: Repair, point: Point) {
        let (id, current) = account.labelled(AWSCURRENT, self.store()).unwrap();
        assert!(self.opens(&current).await, "{point:?}: AWSCURRENT does not work");
        if repair == Repair::RollBack {
            let value = |secret: &Value| (secret["username"].clone(), secret["password"].clone());
            assert_eq!(value(&current), value(before), "{point:?}");
            let pending = self.pending_id(account);
            assert!(pending.is_none_or(|pending| pending == id), "{point:?}: a next rotation can begin");
        }
        let mut next = account.clone();
        if let Some(pending) = self.pending_id(account).filter(|pending| *pending != id) {
            // Recovered to what was current all the time: the rotation that is under way goes on.
            assert_eq!((repair, &pending), (Repair::Recover, &account.token), "{point:?}");
        } else {
            next.token = id;
            self.begin_rotation(&mut next);
        }
        self.attempt(&next, None).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
        let (_, current) = next.labelled(AWSCURRENT, self.store()).unwrap();
        assert_eq!(
            next.labelled(AWSPENDING, self.store()).map(|(id, _)| id).unwrap_or_else(|| next.token.clone()),
            next.token
        );
        assert!(self.opens(&current).await, "{point:?}: the next rotation does not work");
    }

    /// Returns the id of the version with AWSPENDING, which need not have a value.
    fn pending_id(&self, account: &Account) -> Option<String> {
        self.store().with(|model| model.secret(&account.name)?.labelled(AWSPENDING).map(|version| version.id.clone()))
    }
}
