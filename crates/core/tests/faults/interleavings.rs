//! Two invocations at the same time, in every order of their calls; and one that sleeps through a later rotation.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use fourstep::Step;
use fourstep::operator::Action;

use crate::driver::{BY_HAND, MORE, Running, SLEEPING, converge, invoke, operate, retire, rotate, run_up_to, start};
use crate::kinds::{FUNCTION, Kind};
use crate::world::{State, World};

/// Orders of one pair of steps that are run one after the other before the rest is drawn at random.
const IN_ORDER: usize = 4_000;
const AT_RANDOM: usize = 1_000;

/// Runs every pair of steps of one token at the same time, in the second of three rotations.
pub fn interleave<K: Kind>(at_finish: bool) -> Vec<String> {
    let mut count = 0;
    let mut broken = Vec::new();
    for (position, first) in Step::ALL.into_iter().enumerate() {
        for second in &Step::ALL[..=position] {
            let before = second_rotation::<K>(first.min(*second), at_finish);
            let mut orders = Orders::default();
            while let Some(order) = orders.next() {
                count += 1;
                let world = World::new(before.clone());
                let both = [first, *second].map(|step| invoke::<K>(&world, step, &token(), at_finish));
                let end = run::<K>(&world, both, order, at_finish);
                if let Err(end) = end.filter_by_hand() {
                    broken.push(format!("{end}: {first} and {second}, in the order {order:?}"));
                }
            }
        }
    }
    println!("{count} interleavings");
    broken
}

/// Runs three invocations of one token at the same time, in the second of three rotations: in many orders, drawn at random.
pub fn interleave_three<K: Kind>(at_finish: bool) -> Vec<String> {
    let mut count = 0;
    let mut broken = Vec::new();
    for latest in 0..Step::ALL.len() {
        for (second, third) in (0..=latest).flat_map(|second| (0..=second).map(move |third| (second, third))) {
            let before = second_rotation::<K>(Step::ALL[third], at_finish);
            let before = State { most: before.most + K::MORE_AT_ONCE, ..before };
            for number in 1..=AT_RANDOM / 2 {
                count += 1;
                let steps = [latest, second, third].map(|position| Step::ALL[position]);
                let world = World::new(before.clone());
                let three = steps.map(|step| invoke::<K>(&world, step, &token(), at_finish));
                let mut order = Order::at_random(number);
                if let Err(end) = run::<K>(&world, three, &mut order, at_finish).filter_by_hand() {
                    broken.push(format!("{end}: {steps:?}, in the order {order:?}"));
                }
            }
        }
    }
    println!("{count} interleavings of three");
    broken
}

/// Runs each step of the second of three rotations at the same time as an operator's reconcile.
pub fn beside_reconcile<K: Kind>(at_finish: bool) -> Vec<String> {
    let mut count = 0;
    let mut broken = Vec::new();
    for step in Step::ALL {
        let before = second_rotation::<K>(step, at_finish);
        let mut orders = Orders::default();
        while let Some(order) = orders.next() {
            count += 1;
            let world = World::new(before.clone());
            let variables = [("RETIRE", retire(at_finish))];
            let reconcile = operate::<K>(&world, Action::Reconcile, FUNCTION, &variables);
            let both = [invoke::<K>(&world, step, &token(), at_finish), reconcile];
            if let Err(end) = run::<K>(&world, both, order, at_finish) {
                broken.push(format!("{end}: {step} and reconcile, in the order {order:?}"));
            }
        }
    }
    println!("{count} interleavings");
    broken
}

/// Lets one invocation of each step of the second rotation stop after each of its calls, finishes that rotation, lets
/// the late one go on between any two steps of the third, and finishes.
pub fn late_duplicates<K: Kind>(at_finish: bool) -> Vec<String> {
    let mut count = 0;
    let mut broken = Vec::new();
    for step in Step::ALL {
        let before = second_rotation::<K>(step, at_finish);
        for pause in 1.. {
            let mut calls = 0;
            for resume in 0..=Step::ALL.len() {
                count += 1;
                let end = late::<K>(before.clone(), step, pause, resume, at_finish, &mut calls);
                if let Err(end) = end.filter_by_hand() {
                    broken.push(format!("{end}: {step} paused after call {pause}, resumed before step {resume}"));
                }
            }
            if calls < pause {
                break;
            }
        }
    }
    println!("{count} late duplicates");
    broken
}

/// The world with the second rotation done up to before `step`.
pub fn second_rotation<K: Kind>(step: Step, at_finish: bool) -> State<K::Target> {
    let world = World::new(K::start());
    rotate::<K>(&world, 1..=1, at_finish, &mut |_, _, _| {}).expect("the first rotation is calm");
    let token = start(&mut world.state(), 2, 0);
    run_up_to::<K>(&world, step, &token, at_finish);
    world.state().clone()
}

/// Returns the token of the second rotation.
pub fn token() -> String {
    crate::driver::token(2, 0)
}

fn run<K: Kind>(
    world: &Arc<World<K::Target>>,
    running: impl Into<Vec<Running>>,
    order: &mut Order,
    at_finish: bool,
) -> Result<(), String> {
    take_turns(world, running.into(), order);
    check(world)?;
    go_on::<K>(world, at_finish)
}

/// Runs invocations to their ends, each call in the order's turn.
pub fn take_turns<T: crate::world::Target>(world: &World<T>, mut running: Vec<Running>, order: &mut Order) {
    world.take_turns(true);
    while !running.is_empty() {
        let turn = if running.len() == 1 { 0 } else { order.choose(running.len()) };
        if poll(&mut running[turn]) {
            drop(running.remove(turn));
        }
    }
    world.take_turns(false);
}

fn late<K: Kind>(
    before: State<K::Target>,
    step: Step,
    pause: usize,
    resume: usize,
    at_finish: bool,
    calls: &mut usize,
) -> Result<(), String> {
    let world = World::new(before);
    let mut sleeper = Some(invoke::<K>(&world, step, &token(), at_finish));
    world.take_turns(true);
    // The first poll stops before the first call, so one more for each call that is let through.
    for _ in 0..=pause {
        if sleeper.as_mut().is_some_and(poll) {
            sleeper = None;
            break;
        }
        *calls += 1;
    }
    *calls = calls.saturating_sub(1);
    world.take_turns(false);
    check(&world)?;
    converge::<K>(&world, 2, token(), at_finish, SLEEPING, &mut |_, _, _| {})?;
    let third = start(&mut world.state(), 3, 0);
    let mut wake = |_: usize, attempt: usize, at: Step| {
        if attempt == 0
            && at as usize == resume
            && let Some(running) = sleeper.take()
        {
            drain(running);
        }
    };
    converge::<K>(&world, 3, third, at_finish, SLEEPING, &mut wake)?;
    if let Some(running) = sleeper.take() {
        drain(running);
    }
    check(&world)?;
    rotate::<K>(&world, 4..=4, at_finish, &mut |_, _, _| {})
}

/// Finishes the second rotation and makes a third.
fn go_on<K: Kind>(world: &Arc<World<K::Target>>, at_finish: bool) -> Result<(), String> {
    converge::<K>(world, 2, token(), at_finish, MORE, &mut |_, _, _| {})?;
    rotate::<K>(world, 3..=3, at_finish, &mut |_, _, _| {})
}

fn check<T: crate::world::Target>(world: &World<T>) -> Result<(), String> {
    world.state().violation.take().map_or(Ok(()), Err)
}

/// Lets an invocation have one turn, and returns whether it ended.
fn poll(running: &mut Running) -> bool {
    matches!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_))
}

fn drain(mut running: Running) {
    while !poll(&mut running) {}
}

trait FilterByHand {
    fn filter_by_hand(self) -> Self;
}

impl FilterByHand for Result<(), String> {
    /// A rolled key may be lost to a second invocation: that ends in the error that says so.
    fn filter_by_hand(self) -> Self {
        self.or_else(|end| if end == BY_HAND { Ok(()) } else { Err(end) })
    }
}

/// One order of the turns of invocations.
#[derive(Debug, Default)]
pub struct Order {
    turns: Vec<usize>,
    at: usize,
    random: Option<u64>,
}

impl Order {
    fn choose(&mut self, among: usize) -> usize {
        if self.at == self.turns.len() {
            let turn = self.random.as_mut().map_or(0, |random| {
                // Xorshift, so that an order that breaks a rule comes again.
                *random ^= *random << 13;
                *random ^= *random >> 7;
                *random ^= *random << 17;
                (*random % among as u64) as usize
            });
            self.turns.push(turn);
        }
        self.at += 1;
        self.turns[self.at - 1]
    }

    pub fn at_random(number: usize) -> Self {
        Self { random: Some(0x9E37_79B9_7F4A_7C15 ^ number as u64), ..Self::default() }
    }
}

/// All orders depth first, up to a number; then some at random.
#[derive(Default)]
pub struct Orders {
    given: usize,
    order: Order,
    exhausted: bool,
}

impl Orders {
    pub fn next(&mut self) -> Option<&mut Order> {
        self.given += 1;
        if self.given > 1 && self.given <= IN_ORDER && !self.exhausted {
            // The next order: the last turn that was the first one's becomes the second one's.
            let turns = &mut self.order.turns;
            turns.truncate(self.order.at);
            while turns.pop_if(|turn| *turn == 1).is_some() {}
            match turns.last_mut() {
                Some(turn) => *turn = 1,
                None => self.exhausted = true,
            }
        }
        if self.exhausted || self.given > IN_ORDER + AT_RANDOM {
            return None;
        }
        if self.given > IN_ORDER {
            self.order = Order::at_random(self.given);
        }
        self.order.at = 0;
        Some(&mut self.order)
    }
}
