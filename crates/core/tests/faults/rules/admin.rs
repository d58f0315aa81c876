//! The administrator that a secret names by `masterarn`: where it logs in, and for whom it acts.
#![expect(clippy::unwrap_used, reason = "what tests call is a test too, which clippy only sees of their own functions")]

use std::collections::BTreeMap;

use fourstep::accounts::FoundServer;
use fourstep::memory::MemoryServers;

use super::*;
use crate::database::{Database, EVIL, REPLICA};

const INSTANCE: &str = "arn:aws:rds:eu-central-1:123456789012:db:app";
const TAG: &str = "aws:rds:primaryDBInstanceArn";

fn server(engine: &str, host: &str, port: u16) -> FoundServer {
    FoundServer { engine: engine.to_owned(), host: host.to_owned(), port }
}

/// A world in which the rotation has come to setSecret. The two secrets are as `current` and `admin` change them.
fn at_set<K: Kind<Target = Database>>(
    servers: MemoryServers,
    current: &[(&str, &str)],
    admin: &str,
) -> (TheWorld<K>, String) {
    let world = World::new(K::start());
    world.state().servers = Arc::new(servers);
    // The secrets that these tests write open nothing in the model, or elsewhere.
    world.state().check = |_| Ok(());
    let mut value = value::<K>(&world, AWSCURRENT).unwrap();
    for (from, to) in current {
        value = value.replace(from, to);
    }
    world.state().model.put_secret_value(PutSecretValue::current("app", value)).unwrap();
    world.state().model.put_secret_value(PutSecretValue::current("admin", admin)).unwrap();
    let token = start(&mut world.state(), 1, 0);
    steps::<K>(&world, &[Step::Create], &token);
    world.take_logins();
    (world, token)
}

fn tag_admin<K: Kind>(world: &TheWorld<K>, key: &str, arn: &str) {
    world.state().model.secret_mut("admin").unwrap().tags = BTreeMap::from([(key.to_owned(), arn.to_owned())]);
}

/// Runs setSecret, which has to fail before the administrator logs in anywhere.
fn refused<K: Kind<Target = Database>>(world: &TheWorld<K>, token: &str, kind: ErrorKind, parts: &[&str]) {
    let writes = world.state().target_writes;
    let error = step::<K>(world, Step::Set, token).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "{part:?} is not in: {error}");
    }
    let logins = world.take_logins();
    assert!(logins.iter().all(|login| !login.starts_with("admin@")), "{logins:?}");
    assert_eq!(world.state().target_writes, writes);
}

fn admin_at(host: &str) -> String {
    format!(r#"{{"engine":"model","username":"admin","password":"admin-password",{host}}}"#)
}

const HERE: &str = r#""host":"h""#;
const MANAGED: &str = r#"{"username":"admin","password":"admin-password"}"#;

#[test]
fn a_secret_that_rds_manages_logs_in_where_its_tag_leads() {
    for (arn, tag) in [
        (INSTANCE, "aws:rds:primaryDBInstanceArn"),
        (INSTANCE, "aws:rds:primarydbinstancearn"),
        ("arn:aws:rds:eu-central-1:123456789012:cluster:app", "aws:rds:primaryDBClusterArn"),
    ] {
        let servers = MemoryServers::default().with_server(arn, server("model", "H.", 1));
        let (world, token) = at_set::<Alternating>(servers, &[], MANAGED);
        tag_admin::<Alternating>(&world, tag, arn);
        step::<Alternating>(&world, Step::Set, &token).unwrap();
        assert_eq!(world.take_logins(), ["app@h:1", "admin@H.:1"], "{tag}");
        assert_eq!(world.state().servers.asked(), 1, "the names are the same, so nothing else is asked");
        // DescribeSecret and GetSecretValue of the administrator's secret, and no more for its tags.
        let described = calls::<Alternating>(&world).iter().filter(|call| **call == "DescribeSecret").count();
        assert_eq!(described, 3, "the step's, the administrator's and the fence");
        steps::<Alternating>(&world, &[Step::Test, Step::Finish], &token);
    }
}

#[test]
fn servers_are_not_looked_up_where_the_secrets_tell() {
    for host in [HERE, r#""host":"H.""#, r#""host":"h","port":1"#, r#""host":"h","port":"1""#] {
        let (world, token) = at_set::<Alternating>(MemoryServers::default(), &[], &admin_at(host));
        steps::<Alternating>(&world, &[Step::Set, Step::Test, Step::Finish], &token);
        assert_eq!(world.state().servers.asked(), 0, "{host}");
    }
}

#[test]
fn a_secret_that_tells_no_server_is_named_with_the_ways_out() {
    let (world, token) = at_set::<Alternating>(MemoryServers::default(), &[], MANAGED);
    refused::<Alternating>(
        &world,
        &token,
        ErrorKind::Invalid,
        &["the administrator's secret admin: it has no fields `engine` and `host`", "Add `engine` and `host`"],
    );
    tag_admin::<Alternating>(&world, TAG, INSTANCE);
    refused::<Alternating>(&world, &token, ErrorKind::Invalid, &["the administrator's secret admin", INSTANCE]);
    let other = MemoryServers::default().with_server(INSTANCE, server("oracle-ee", "h", 1));
    let (world, token) = at_set::<Alternating>(other, &[], MANAGED);
    tag_admin::<Alternating>(&world, TAG, INSTANCE);
    refused::<Alternating>(
        &world,
        &token,
        ErrorKind::Invalid,
        &["the administrator's secret admin", "its field `engine` names another kind of server"],
    );
}

#[test]
fn the_administrators_password_goes_to_no_host_that_only_the_secret_names() {
    let evil = format!(r#""host":"{EVIL}""#);
    for (current, admin, parts) in [
        // Another host, and another port of the same one, where whoever writes the secret listens.
        (evil.as_str(), HERE, ["is not the host of this secret, nor", "fourstep:endpoint"]),
        (r#""host":"h","port":"2""#, HERE, ["is not that of this secret", "Correct `masterarn`, or `port`"]),
    ] {
        let (world, token) = at_set::<Alternating>(MemoryServers::default(), &[(HERE, current)], &admin_at(admin));
        refused::<Alternating>(&world, &token, ErrorKind::Invalid, &parts);
    }
}

#[test]
fn what_another_host_or_another_account_accepts_does_not_make_the_administrator_act() {
    let evil = format!(r#""host":"{EVIL}""#);
    for (own, foreign) in [(HERE, evil.as_str()), ("\"app\"", "\"mallory\"")] {
        let (world, token) = at_set::<Alternating>(MemoryServers::default(), &[], &admin_at(HERE));
        let mut state = world.state();
        let mallorys = state.target.accounts["app"].clone();
        state.target.accounts.insert("mallory".into(), mallorys);
        state.target.accounts.get_mut("app").unwrap().password = "not known to who writes the secret".into();
        // AWSPREVIOUS is what opens: at the attacker's own host, or by the attacker's own account.
        let foreign = state.labelled(AWSCURRENT).unwrap().replace(own, foreign);
        let versions = &mut state.model.secret_mut("app").unwrap().versions;
        let previous = versions.iter_mut().find(|version| version.has(AWSPREVIOUS)).unwrap();
        previous.value = Some(fourstep::memory::SecretValue::text(foreign));
        drop(state);
        refused::<Alternating>(&world, &token, ErrorKind::Rejected, &["the database refused account `app`"]);
    }
}

#[test]
fn a_replica_is_served_by_its_primary_once_it_has_what_was_written_there() {
    let replica = format!(r#""host":"{REPLICA}""#);
    for managed in [true, false] {
        let servers =
            MemoryServers::default().with_follower(REPLICA, "h").with_server(INSTANCE, server("model", "h", 1));
        let admin = if managed { MANAGED.to_owned() } else { admin_at(HERE) };
        let (world, token) = at_set::<Alternating>(servers, &[(HERE, &replica)], &admin);
        if managed {
            tag_admin::<Alternating>(&world, TAG, INSTANCE);
        }
        // It lets the current account in, and the pending one at the third attempt.
        let before = world.state().target.accounts.clone();
        world.state().target.replica = Some((before, 3));
        steps::<Alternating>(&world, &[Step::Set], &token);
        let pending = "app_clone@replica:1";
        assert_eq!(world.take_logins(), ["app@replica:1", "admin@h:1", pending, pending, pending]);
        assert_eq!(world.state().servers.asked(), 1 + usize::from(managed));
        steps::<Alternating>(&world, &[Step::Test, Step::Finish], &token);
        assert_eq!(world.take_logins(), [pending, pending]);
    }
}

#[test]
fn a_replica_that_stays_behind_is_unavailable_and_the_next_attempt_goes_on() {
    let replica = format!(r#""host":"{REPLICA}""#);
    let servers = MemoryServers::default().with_follower(REPLICA, "h");
    let (world, token) = at_set::<Alternating>(servers, &[(HERE, &replica)], &admin_at(HERE));
    let before = world.state().target.accounts.clone();
    world.state().target.replica = Some((before, 100));
    let error = step::<Alternating>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("the replica that field `host` of the secret names"), "{error}");
    world.state().target.replica = None;
    steps::<Alternating>(&world, &[Step::Set, Step::Test, Step::Finish], &token);
    assert!(world.state().opens(AWSCURRENT));
}

#[test]
fn the_administrators_own_host_has_to_be_the_primary() {
    let servers = MemoryServers::default().with_follower(REPLICA, "h");
    let (world, token) = at_set::<Alternating>(servers, &[], &admin_at(r#""host":"replica""#));
    refused::<Alternating>(
        &world,
        &token,
        ErrorKind::Invalid,
        &["is not the host of this secret", "has to be the primary"],
    );
}

#[test]
fn a_deleted_administrators_secret_is_named() {
    let (world, token) = at_set::<Alternating>(MemoryServers::default(), &[], &admin_at(HERE));
    world.state().model.delete_secret("admin", None).unwrap();
    refused::<Alternating>(
        &world,
        &token,
        ErrorKind::Invalid,
        &[
            "secret admin is scheduled for deletion",
            "Restore it with RestoreSecret, or name another one",
            "`masterarn`",
        ],
    );
}

#[test]
fn the_administrator_changes_the_password_where_the_account_may_not() {
    let (world, token) = second::<Single>();
    world.state().target.own_password = false;
    steps::<Single>(&world, &Step::ALL, &token);
    assert!(world.state().opens(AWSCURRENT));
    // But for nobody who holds no credential of the account.
    let token = start(&mut world.state(), 3, 0);
    steps::<Single>(&world, &[Step::Create], &token);
    world.state().target.accounts.get_mut("app").unwrap().password = "changed by hand".into();
    assert_eq!(step::<Single>(&world, Step::Set, &token).unwrap_err().kind(), ErrorKind::Rejected);
}

#[test]
fn a_secret_that_names_itself_as_its_administrator_is_refused() {
    let (world, token) = second::<Alternating>();
    let own =
        value::<Alternating>(&world, AWSCURRENT).unwrap().replace("\"masterarn\":\"admin\"", "\"masterarn\":\"app\"");
    world.state().model.put_secret_value(PutSecretValue::pending("app", &token, own.clone())).unwrap();
    let human = PutSecretValue::current("app", own);
    world.state().model.put_secret_value(human).unwrap();
    let token = start(&mut world.state(), 3, 0);
    steps::<Alternating>(&world, &[Step::Create], &token);
    let error = step::<Alternating>(&world, Step::Set, &token).unwrap_err();
    // The owner does not list it.
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert!(error.message().contains("which the function's owner does not list"), "{error}");
}

/// Whoever writes a secret moves its labels, too: AWSPREVIOUS at a server of their own, and AWSCURRENT with a name alone.
#[test]
fn what_a_server_of_the_writers_own_accepts_is_retired_nowhere_else() {
    let values = [("app", EVIL), ("app_clone", "h")];
    let world = World::new(Alternating::start());
    world.state().check = |_| Ok(());
    for (username, host) in values {
        let value = format!(
            r#"{{"engine":"model","host":"{host}","username":"{username}","password":"junk","masterarn":"admin"}}"#
        );
        world.state().model.put_secret_value(PutSecretValue::current("app", value)).unwrap();
    }
    let current = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone();
    let before = world.state().target.accounts.clone();
    for retire in ["at-finish", "at-next-rotation"] {
        let finished = finish::<Alternating>(&world, invoke::<Alternating>(&world, Step::Finish, &current, true));
        assert!(finished.is_some());
        let reconcile = operate::<Alternating>(&world, Action::Reconcile, FUNCTION, &[("RETIRE", retire)]);
        assert!(finish::<Alternating>(&world, reconcile).is_some());
        assert_eq!(world.state().target.accounts, before, "{retire}");
    }
    assert_eq!(world.state().target.accounts["app"].password, "first");
}

/// The same with an AWSCURRENT that works: what AWSPREVIOUS opens elsewhere is not the account of that name here.
#[test]
fn a_previous_version_of_another_server_is_retired_nowhere() {
    let (world, _) = second::<Alternating>();
    world.state().check = |_| Ok(());
    let current = value::<Alternating>(&world, AWSCURRENT).unwrap();
    let elsewhere =
        value::<Alternating>(&world, AWSPREVIOUS).unwrap().replace(r#""host":"h""#, &format!(r#""host":"{EVIL}""#));
    assert!(elsewhere.contains(EVIL), "{elsewhere}");
    for value in [elsewhere, current] {
        world.state().model.put_secret_value(PutSecretValue::current("app", value)).unwrap();
    }
    let version = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone();
    let before = world.state().target.accounts.clone();
    world.take_logins();
    assert!(finish::<Alternating>(&world, invoke::<Alternating>(&world, Step::Finish, &version, true)).is_some());
    let logins = world.take_logins();
    assert!(logins.iter().all(|login| !login.contains(EVIL)), "{logins:?}");
    assert_eq!(world.state().target.accounts, before);
    // At the server of AWSCURRENT it is.
    let here = value::<Alternating>(&world, AWSPREVIOUS).unwrap().replace(EVIL, "h");
    let current = value::<Alternating>(&world, AWSCURRENT).unwrap();
    for value in [here, current] {
        world.state().model.put_secret_value(PutSecretValue::current("app", value)).unwrap();
    }
    let version = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone();
    assert!(finish::<Alternating>(&world, invoke::<Alternating>(&world, Step::Finish, &version, true)).is_some());
    assert_ne!(world.state().target.accounts, before);
}
