use futures_util::future::BoxFuture;

use super::scene::Scene;

/// Something that must hold.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) check: for<'s> fn(&'s Scene<'s>) -> BoxFuture<'s, Result<(), String>>,
}

/// Turns functions into rules.
macro_rules! rules {
    ($($check:ident),* $(,)?) => {
        &[$($crate::store_suite::rule::Rule { name: stringify!($check), check: |scene| Box::pin($check(scene)) }),*]
    };
}
pub(super) use rules;
