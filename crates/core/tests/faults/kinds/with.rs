//! Other kinds, with a setting or without a right.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Kind, Remedy};
use crate::world::{Fault, State, World};

/// A kind whose role may not list versions, as the documentation lets one choose.
pub struct Blind<K>(PhantomData<K>);
/// A kind whose secret asks for a least age of AWSCURRENT, the one that its schedule has.
pub struct MinAge<K>(PhantomData<K>);

impl<K: Kind> Kind for Blind<K> {
    type Target = K::Target;
    type Rotator = K::Rotator;
    const MOST: usize = K::MOST;
    const AT_REST: usize = K::AT_REST;
    const OVERLAPS: bool = K::OVERLAPS;
    const ROTATIONS: usize = K::ROTATIONS;
    const CHANGES: &'static [Fault] = K::CHANGES;
    const REMEDY: Remedy = K::REMEDY;

    fn start() -> State<K::Target> {
        State { forbidden: Some("ListSecretVersionIds"), ..K::start() }
    }
    fn rotator(world: &Arc<World<K::Target>>) -> K::Rotator {
        K::rotator(world)
    }
}

impl<K: Kind> Kind for MinAge<K> {
    type Target = K::Target;
    type Rotator = K::Rotator;
    const MOST: usize = K::MOST;
    const AT_REST: usize = K::AT_REST;
    const OVERLAPS: bool = K::OVERLAPS;
    const ROTATIONS: usize = K::ROTATIONS;
    const CHANGES: &'static [Fault] = K::CHANGES;
    const REMEDY: Remedy = K::REMEDY;

    fn start() -> State<K::Target> {
        let mut state = K::start();
        let name = state.secret;
        let secret = state.model.secret_mut(name).expect("the secret exists");
        secret.tags = BTreeMap::from([("fourstep:min-age".to_owned(), "23h".to_owned())]);
        state
    }
    fn rotator(world: &Arc<World<K::Target>>) -> K::Rotator {
        K::rotator(world)
    }
}
