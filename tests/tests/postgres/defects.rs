//! What AWS's own rotation functions do wrong with PostgreSQL, each a test that fails where it is done so.
//!
//! `cargo nextest run -p fourstep-tests -E 'test(/::d[0-9]+_/)'` runs them all. Most stand beside the rest of what they
//! are about:
//!
//! | defect | their test |
//! | --- | --- |
//! | 1: a clone that failed half way is promoted by a retry | `alternating::d1_…` |
//! | 2: what was revoked comes back | `alternating::d2_…` |
//! | 3, 11: attributes, limits and settings are lost | `attributes::d11_…` |
//! | 4, 12: the password is in the server's log, and in errors | `secrecy::d12_…`, `secrecy::d4_…` |
//! | 6: another's role of the clone's name is taken over | `alternating::d6_…` |
//! | 7: a base whose name ends in `_clone` is cut to another's name | `alternating::d7_…` |
//! | 8: after an abandoned rotation nothing logs in any more | here |
//! | 9: AWSCURRENT does not work between set and finish | `alternating::d9_…`: with two accounts it does |
//! | 10: tables that the clone made are lost to the base | `alternating::d10_…`, `rights::d10_…` |
//! | 12: an account that has expired is rotated, and then refused | `attributes::d12_…` |
//! | 14: a password that was changed by hand blocks the rotation | `alternating::d14_…` |
//! | 16: testSecret proves no right | `rights::d16_…` |
//! | 17: nothing is tried again | `single::d17_…` |
//! | 18: no authority of one's own | `network::d18_…` |
//! | 19: what comes after the promotion is never done again | here |
//!
//! 5, 13 and 15 are of other servers. A failed login that is taken for a wrong password whatever failed has no number:
//! `network` and `bad_input` have its tests.

use fourstep::Step;
use fourstep_testkit::proxy::{Fault, When};

use crate::world::{FIRST, name, opens, pair_of, proxy, secret, secret_by, shared, shared_with_admin, world_of};

#[tokio::test]
async fn d8_a_rotation_that_was_given_up_after_set_does_not_lock_the_account_out() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    for _ in 0..2 {
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.step(Step::Set, &token).await.unwrap();
        // As AWS advises, AWSPENDING is removed; the server's password is in no labelled version now.
        world.abandon(&token);
        assert!(!opens(&server, &world.current()).await);
        world.rotate().await.unwrap();
        assert!(opens(&server, &world.current()).await);
    }
}

#[tokio::test]
async fn d19_what_failed_after_the_promotion_is_done_by_the_next_call() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let proxy = proxy(&server).await;
    let at_proxy = |user: &str, password: &str| secret_by(&proxy, &server, user, password);
    let mut world = pair_of(&at_proxy("app", FIRST), &at_proxy("boss", "admin-password"));
    world.tag("fourstep:retire", "at-finish");
    let before = world.current();
    let token = world.start();
    for step in [Step::Create, Step::Set, Step::Test] {
        world.step(step, &token).await.unwrap();
    }
    world.limit = std::time::Duration::from_secs(2);
    for _ in 0..8 {
        proxy.on(|message| message.says("ALTER ROLE"), When::Before, Fault::Drop);
    }
    // Whether this call says so or not: AWSCURRENT is promoted, and the other account is not refused yet.
    let _ = world.step(Step::Finish, &token).await;
    assert_eq!(name(&server, &world.current()), "app_clone");
    assert!(opens(&server, &before).await);
    proxy.reset();
    world.limit = std::time::Duration::from_secs(30);
    world.step(Step::Finish, &token).await.unwrap();
    assert!(!opens(&server, &before).await, "retired");
    assert!(opens(&server, &world.current()).await);
}
