//! The rules of rotation under faults: every call of a function fails in every way, against modelled targets of each
//! kind. After each write it is looked, not asked, whether AWSCURRENT opens the target.

#![expect(clippy::print_stdout, reason = "the number of schedules is a figure to read")]
#![expect(unreachable_pub, reason = "the modules of one test binary; nothing depends on it")]

mod accounts;
mod database;
mod driver;
mod eve;
mod fleet;
mod interleavings;
mod keys;
mod kinds;
mod mutants;
mod neighbours;
mod operators;
mod people;
mod rules;
mod schedules;
mod slot;
mod world;

use interleavings::{beside_reconcile, interleave, interleave_three, late_duplicates};
use kinds::{
    Alternating, AlternatingAtOnce, Auto, AutoOfTwo, AutoWithoutRight, Blind, Dual, Limited, MinAge, Push,
    RightThatComesAndGoes, Roll, Single, SingleAtOnce, Ssh, Unlimited,
};
use operators::operate_anywhere;
use people::{Act, interrupt};
use schedules::{explore, none};

macro_rules! schedules {
    ($($name:ident: $kind:ty, $at_finish:expr;)*) => {$(
        #[test]
        fn $name() {
            none(&explore::<$kind>($at_finish, true));
        }
    )*};
}

schedules! {
    single_user_survives_every_pair_of_faults: Single, false;
    single_user_without_transactions_survives_every_pair_of_faults: SingleAtOnce, false;
    alternating_users_survive_every_pair_of_faults: Alternating, false;
    alternating_users_at_finish_survive_every_pair_of_faults: Alternating, true;
    alternating_users_without_transactions_survive_every_pair_of_faults: AlternatingAtOnce, false;
    dual_passwords_survive_every_pair_of_faults: Dual, false;
    dual_passwords_at_finish_survive_every_pair_of_faults: Dual, true;
    auto_survives_every_pair_of_faults: Auto, false;
    auto_of_two_accounts_survives_every_pair_of_faults: AutoOfTwo, false;
    auto_of_two_accounts_at_finish_survives_every_pair_of_faults: AutoOfTwo, true;
    auto_survives_a_right_that_comes_and_goes: RightThatComesAndGoes, false;
    auto_at_finish_survives_a_right_that_comes_and_goes: RightThatComesAndGoes, true;
    minted_keys_survive_every_pair_of_faults: Limited, false;
    minted_keys_at_finish_survive_every_pair_of_faults: Limited, true;
    minted_keys_without_a_limit_survive_every_pair_of_faults: Unlimited, false;
    a_fleet_survives_every_pair_of_faults: Ssh, false;
    a_fleet_at_finish_survives_every_pair_of_faults: Ssh, true;
    a_pushed_key_survives_every_pair_of_faults: Push, false;
    a_rolled_key_ends_well_or_says_what_to_do: Roll, false;
    single_user_needs_no_list_of_versions: Blind<SingleAtOnce>, false;
    alternating_users_need_no_list_of_versions: Blind<AlternatingAtOnce>, false;
    dual_passwords_need_no_list_of_versions: Blind<Dual>, false;
    minted_keys_need_no_list_of_versions: Blind<Limited>, false;
    a_fleet_needs_no_list_of_versions: Blind<Ssh>, false;
    a_least_age_is_in_no_retry_s_way_with_one_account: MinAge<SingleAtOnce>, false;
    a_least_age_is_in_no_retry_s_way_with_two_accounts: MinAge<Alternating>, false;
    a_least_age_is_in_no_retry_s_way_with_minted_keys: MinAge<Limited>, false;
}

#[test]
fn auto_without_the_right_survives_every_fault_and_every_person() {
    for at_finish in [false, true] {
        none(&explore::<AutoWithoutRight>(at_finish, false));
        for act in Act::ALL {
            none(&interrupt::<AutoWithoutRight>(act, at_finish));
        }
    }
}

#[test]
fn a_reconcile_beside_any_step_of_a_fleet_breaks_no_rule() {
    for at_finish in [false, true] {
        none(&beside_reconcile::<Ssh>(at_finish));
    }
}

macro_rules! each_kind {
    ($($module:ident: $kind:ty, $at_finish:expr;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn two_invocations_at_the_same_time_break_no_rule() {
                none(&interleave::<$kind>($at_finish));
            }

            #[test]
            fn three_invocations_at_the_same_time_break_no_rule() {
                none(&interleave_three::<$kind>($at_finish));
            }

            #[test]
            fn people_break_no_rule_at_any_moment() {
                for act in Act::ALL {
                    none(&interrupt::<$kind>(act, $at_finish));
                }
            }
        }
    )*};
}

each_kind! {
    single_user: Single, false;
    single_user_without_transactions: SingleAtOnce, false;
    alternating_users: Alternating, false;
    alternating_users_at_finish: Alternating, true;
    alternating_users_without_transactions: AlternatingAtOnce, false;
    dual_passwords: Dual, false;
    dual_passwords_at_finish: Dual, true;
    auto: Auto, false;
    auto_of_two_accounts: AutoOfTwo, false;
    auto_of_two_accounts_at_finish: AutoOfTwo, true;
    minted_keys: Limited, false;
    minted_keys_at_finish: Limited, true;
    minted_keys_without_a_limit: Unlimited, false;
    fleet_of_hosts: Ssh, false;
    fleet_of_hosts_at_finish: Ssh, true;
    pushed_key: Push, false;
}

macro_rules! operated {
    ($($name:ident: $kind:ty, $at_finish:expr;)*) => {$(
        #[test]
        fn $name() {
            none(&operate_anywhere::<$kind>($at_finish));
        }
    )*};
}

operated! {
    an_operator_loses_nothing_of_a_single_user: SingleAtOnce, false;
    an_operator_loses_nothing_of_a_single_user_without_a_list: Blind<SingleAtOnce>, false;
    an_operator_loses_nothing_of_two_accounts: Alternating, false;
    an_operator_loses_nothing_of_two_accounts_at_finish: Alternating, true;
    an_operator_loses_nothing_of_two_passwords: Dual, false;
    an_operator_loses_nothing_of_two_passwords_at_finish: Dual, true;
    an_operator_loses_nothing_of_minted_keys: Limited, false;
    an_operator_loses_nothing_of_minted_keys_at_finish: Limited, true;
    an_operator_loses_nothing_of_a_fleet: Ssh, false;
    an_operator_loses_nothing_of_a_fleet_at_finish: Ssh, true;
    an_operator_loses_nothing_of_a_pushed_key: Push, false;
    an_operator_loses_nothing_where_a_least_age_is_set: MinAge<SingleAtOnce>, false;
}

/// Where AWS shows a list of versions that is two writes old, `auto` may rotate one account alone after a rollback: one password
/// more than needed is alive, and none is lost. The tag `fourstep:strategy=alternating-users` leaves it no choice.
#[test]
fn an_operator_keeps_one_more_password_by_auto_only_where_a_list_is_two_writes_old() {
    let broken = operate_anywhere::<AutoOfTwo>(false);
    let known = |end: &&String| end.starts_with("I4: 3 credentials") && end.ends_with("Stale(2)))");
    let (known, new): (Vec<_>, Vec<_>) = broken.iter().partition(known);
    assert!(new.is_empty(), "{new:#?}");
    assert_ne!(known.len(), 0);
}

macro_rules! sleepers {
    ($($name:ident: $kind:ty, $at_finish:expr;)*) => {$(
        #[test]
        fn $name() {
            none(&late_duplicates::<$kind>($at_finish));
        }
    )*};
}

sleepers! {
    single_user_outlives_an_invocation_that_sleeps: Single, false;
    single_user_without_transactions_outlives_an_invocation_that_sleeps: SingleAtOnce, false;
    alternating_users_outlive_an_invocation_that_sleeps: Alternating, false;
    alternating_users_at_finish_outlive_an_invocation_that_sleeps: Alternating, true;
    alternating_users_without_transactions_outlive_an_invocation_that_sleeps: AlternatingAtOnce, false;
    dual_passwords_outlive_an_invocation_that_sleeps: Dual, false;
    dual_passwords_at_finish_outlive_an_invocation_that_sleeps: Dual, true;
    minted_keys_outlive_an_invocation_that_sleeps: Limited, false;
    minted_keys_at_finish_outlive_an_invocation_that_sleeps: Limited, true;
    a_fleet_outlives_an_invocation_that_sleeps: Ssh, false;
    a_fleet_at_finish_outlives_an_invocation_that_sleeps: Ssh, true;
}

/// Without a lock an invocation that fenced, slept through a later rotation and then pushes its old value wins. It is
/// the one exception that the invariants name for such targets, and no more than it.
#[test]
fn a_pushed_key_is_lost_only_to_a_push_that_slept_through_a_rotation() {
    let broken = late_duplicates::<Push>(false);
    assert!(broken.iter().all(|end| end.starts_with("I2: no labelled version opens") && end.contains("setSecret")));
    assert_eq!(broken.len(), 1, "{broken:#?}");
}

/// Where a service sets no limit, a request for a key that was on its way through a whole rotation leaves one more key
/// until the next rotation sweeps it.
#[test]
fn a_service_without_a_limit_holds_one_more_key_after_a_mint_that_slept() {
    let broken = late_duplicates::<Unlimited>(false);
    assert!(broken.iter().all(|end| end.starts_with("I4: 3 credentials") && end.contains("createSecret")));
    assert_eq!(broken.len(), 1, "{broken:#?}");
}
