//! Other kinds, in circumstances of their own.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Kind, Remedy};
use crate::world::{Fault, State, Target, World};

/// A kind whose role may not list versions, as the documentation lets one choose.
pub type Blind<K> = With<K, NoList>;
/// A kind whose secret asks for a least age of AWSCURRENT, the one that its schedule has.
pub type MinAge<K> = With<K, LeastAge>;

/// A kind in some circumstances.
pub struct With<K, C>(PhantomData<(K, C)>);

/// What is otherwise than usual.
pub trait Circumstance: 'static {
    fn bring_about<T: Target>(state: State<T>) -> State<T>;
}

pub struct NoList;
pub struct LeastAge;

impl Circumstance for NoList {
    fn bring_about<T: Target>(state: State<T>) -> State<T> {
        State { forbidden: Some("ListSecretVersionIds"), ..state }
    }
}

impl Circumstance for LeastAge {
    fn bring_about<T: Target>(mut state: State<T>) -> State<T> {
        let name = state.secret;
        let secret = state.model.secret_mut(name).expect("the secret exists");
        secret.tags = BTreeMap::from([("fourstep:min-age".to_owned(), "23h".to_owned())]);
        state
    }
}

impl<K: Kind, C: Circumstance> Kind for With<K, C> {
    type Target = K::Target;
    type Rotator = K::Rotator;
    const SECRETS: &'static [&'static str] = K::SECRETS;
    const MOST: usize = K::MOST;
    const MORE_AT_ONCE: usize = K::MORE_AT_ONCE;
    const AT_REST: usize = K::AT_REST;
    const OVERLAPS: bool = K::OVERLAPS;
    const ROTATIONS: usize = K::ROTATIONS;
    const CHANGES: &'static [Fault] = K::CHANGES;
    const REMEDY: Remedy = K::REMEDY;

    fn start() -> State<K::Target> {
        C::bring_about(K::start())
    }
    fn rotator(world: &Arc<World<K::Target>>) -> K::Rotator {
        K::rotator(world)
    }
}
