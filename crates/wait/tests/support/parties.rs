//! What the machines that stateright goes through have in common: parties, each of which takes its steps
//! one after the other or waits, and which must all arrive.
//!
//! It is for the tests of this crate and of those above it, which take the file in by its path. What the
//! parties are and do, and what else must hold, is each machine's own.

use stateright::{Checker, Model, Property};
use std::fmt::Debug;
use std::hash::Hash;

/// The name of the property that who can go no further has arrived.
pub const NOBODY_IS_STUCK: &str = "nobody is stuck";

/// A machine in which an action is the next step of a party: so there are no others than parties.
pub trait Parties: Model<Action: Copy + 'static> {
    /// All of them.
    const ALL: &'static [Self::Action];

    /// Whether everybody has arrived.
    fn over(state: &Self::State) -> bool;
}

/// Those that can take a step: the rest have arrived, spin, or wait.
pub fn able<M: Parties>(machine: &M, state: &M::State) -> impl Iterator<Item = M::Action> {
    let able = |who: &M::Action| machine.next_state(state, *who).is_some();
    M::ALL.iter().copied().filter(able)
}

/// Who can go no further has arrived.
pub fn nobody_is_stuck<M: Parties>() -> Property<M> {
    Property::always(NOBODY_IS_STUCK, |machine, state| {
        able(machine, state).next().is_some() || M::over(state)
    })
}

/// Goes through every order of `machine`, in which all of its properties must hold; says how many states
/// that were.
///
/// # Panics
///
/// If one does not.
#[track_caller]
pub fn holds_in_every_order<M>(machine: M)
where
    M: Parties + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Debug + PartialEq + Send + Sync,
{
    let checker = machine.checker().spawn_dfs().join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}
