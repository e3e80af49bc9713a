//! The steps of waiting and waking as a small machine with interrupts, every order of them.
//!
//! Here the protocol is checked, not the code that ships: that masking, the order of the steps,
//! sticky permits and handing on are all needed, and together enough. The code is checked by the
//! loom models, which know no interrupts, and on the seeded host, which tries some orders and not
//! all.
//!
//! ```text
//!   core 0                 core 1        core 2              core 3
//!   ------                 ------        ------              ------
//!   A waits, until a       B waits,      brings an item,     cancels A's
//!   deadline or a cancel   for ever      wakes one           wait
//!   -- interrupts: --
//!   a device brings an item, wakes one;
//!   the timer: the deadline is past
//! ```
//!
//! Two items for two who wait: at the end B has one, and the other is A's or still there.
#![cfg(all(not(loom), not(miri)))]

#[path = "support/parties.rs"]
mod parties;

use parties::{NOBODY_IS_STUCK, Parties, able, holds_in_every_order, nobody_is_stuck};
use stateright::{Checker, Model, Property};

/// A known wrong version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mutant {
    None,
    /// The queue's lock is taken with interrupts on: W11.
    NeverMasks,
    /// Attempt 1 of the lecture: the look comes before the waiter is on the queue: W1.
    LookThenLink,
    /// An unpark of a thread that is not parked is forgotten: W2.
    PermitNotSticky,
    /// Who leaves at its deadline or cancelled keeps a wake-one to itself: W3.
    SwallowsWakeOne,
    /// Who leaves believes the clock: it goes without asking under the lock whether a wake was
    /// first, and stays linked: W8, W9.
    LeavesUnasked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    A,
    B,
    Device,
    Timer,
    Remote,
    Canceller,
}

use Who::{A, B, Canceller, Device, Remote, Timer};

/// The next step of somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Mask,
    Lock,
    Link,
    Unlock,
    Unmask,
    Look,
    Park,
    Awake,
    LookAgain,
    LeaveMask,
    LeaveLock,
    Leave,
    LeaveUnlock,
    LeaveUnmask,
    HandOn(Wake),
    Done,
}

/// The next step of a wake-one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wake {
    Glance,
    Mask,
    Lock,
    Unlink,
    Unlock(Who),
    Unmask(Who),
    Unpark(Who),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node {
    Off,
    Waiting,
    Woken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    Took,
    TimedOut,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Waiter {
    step: Step,
    node: Node,
    permit: bool,
    end: Option<End>,
}

/// What brings an item and wakes: nothing yet, the steps of the wake, or over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Giver {
    Before,
    Wakes(Wake),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    waiters: [Waiter; 2],
    /// The queue, and who holds its lock.
    queue: Vec<Who>,
    locked: Option<Who>,
    items: u32,
    /// Whether core 0 has its interrupts masked by A.
    masked: bool,
    device: Giver,
    remote: Giver,
    expired: bool,
    cancelled: bool,
    /// How far the canceller is: of two steps.
    cancel_steps: u8,
    /// A's second node, on the token's queue, was woken.
    token_woken: bool,
}

impl State {
    fn waiter(&mut self, who: Who) -> &mut Waiter {
        &mut self.waiters[usize::from(who == B)]
    }
}

struct Protocol(Mutant);

impl Protocol {
    fn masks(&self) -> bool {
        self.0 != Mutant::NeverMasks
    }

    /// The first step of waiting, and the one after the node is linked.
    fn order(&self) -> (Step, Step) {
        match self.0 {
            Mutant::LookThenLink => (Step::Look, Step::Park),
            _ => (Step::Mask, Step::Look),
        }
    }

    /// One step of a wake-one by `who`; none while it spins for the lock.
    fn wake(&self, state: &mut State, who: Who, step: Wake) -> Option<Wake> {
        // Of those who wake only A is on the core that has interrupts.
        let masks = who == A && self.masks();
        Some(match step {
            Wake::Glance if state.queue.is_empty() => Wake::Done,
            Wake::Glance if masks => Wake::Mask,
            Wake::Glance => Wake::Lock,
            Wake::Mask => {
                state.masked = true;
                Wake::Lock
            }
            Wake::Lock => {
                state.locked.is_none().then(|| state.locked = Some(who))?;
                Wake::Unlink
            }
            Wake::Unlink if state.queue.is_empty() => {
                state.locked = None;
                state.masked &= !masks;
                Wake::Done
            }
            Wake::Unlink => {
                let first = state.queue.remove(0);
                state.waiter(first).node = Node::Woken;
                Wake::Unlock(first)
            }
            Wake::Unlock(first) => {
                state.locked = None;
                match masks {
                    true => Wake::Unmask(first),
                    false => Wake::Unpark(first),
                }
            }
            Wake::Unmask(first) => {
                state.masked = false;
                Wake::Unpark(first)
            }
            Wake::Unpark(first) => {
                self.unpark(state, first);
                Wake::Done
            }
            Wake::Done => return None,
        })
    }

    fn unpark(&self, state: &mut State, who: Who) {
        let waiter = state.waiter(who);
        waiter.permit |= self.0 != Mutant::PermitNotSticky || waiter.step == Step::Park;
    }

    fn give(&self, state: &mut State, who: Who, giver: Giver) -> Option<Giver> {
        Some(Giver::Wakes(match giver {
            Giver::Before => {
                state.items += 1;
                Wake::Glance
            }
            Giver::Wakes(step) => self.wake(state, who, step)?,
        }))
    }

    /// What A or B finds when it looks; `last` when it has no more time.
    fn look(&self, state: &mut State, who: Who, last: bool) -> Option<End> {
        if let Some(fewer) = state.items.checked_sub(1) {
            state.items = fewer;
            return Some(End::Took);
        }
        match who {
            A if state.cancelled => Some(End::Cancelled),
            A if last && state.expired => Some(End::TimedOut),
            _ => None,
        }
    }

    /// One step of A or B; none while it is parked or spins.
    fn wait(&self, state: &mut State, who: Who) -> Option<()> {
        let me = *state.waiter(who);
        let (first, linked) = self.order();
        let masks = who == A && self.masks();
        let next = match me.step {
            Step::Mask => {
                state.masked |= masks;
                Step::Lock
            }
            Step::LeaveMask => {
                state.masked |= masks;
                Step::LeaveLock
            }
            Step::Lock | Step::LeaveLock => {
                state.locked.is_none().then(|| state.locked = Some(who))?;
                match me.step {
                    Step::Lock => Step::Link,
                    _ => Step::Leave,
                }
            }
            Step::Link => {
                if me.node != Node::Waiting {
                    state.waiter(who).node = Node::Waiting;
                    state.queue.push(who);
                }
                state.token_woken &= who == B;
                Step::Unlock
            }
            Step::Unlock | Step::LeaveUnlock => {
                state.locked = None;
                match me.step {
                    Step::Unlock => Step::Unmask,
                    _ => Step::LeaveUnmask,
                }
            }
            Step::Unmask => {
                state.masked &= !masks;
                linked
            }
            Step::Look => match self.look(state, who, false) {
                Some(end) => {
                    state.waiter(who).end = Some(end);
                    Step::LeaveMask
                }
                None if linked == Step::Look => Step::Park,
                None => Step::Mask,
            },
            Step::Park => {
                if !(me.permit || who == A && state.expired) {
                    return None;
                }
                state.waiter(who).permit = false;
                Step::Awake
            }
            Step::Awake => {
                let token = who == A && (state.token_woken || state.expired);
                match me.node == Node::Waiting && !token {
                    true => Step::Park, // woken for no reason
                    false => Step::LookAgain,
                }
            }
            Step::LookAgain => match self.look(state, who, true) {
                Some(end) => {
                    state.waiter(who).end = Some(end);
                    let unasked = self.0 == Mutant::LeavesUnasked && end == End::TimedOut;
                    // B was on one queue: this look is what its wake was for.
                    match unasked || (who == B && me.node == Node::Woken) {
                        true => Step::Done,
                        false => Step::LeaveMask,
                    }
                }
                None => first,
            },
            Step::Leave => {
                state.queue.retain(|waiter| *waiter != who);
                Step::LeaveUnlock
            }
            Step::LeaveUnmask => {
                state.masked &= !masks;
                state.waiter(who).node = Node::Off;
                match me.node == Node::Woken && self.0 != Mutant::SwallowsWakeOne {
                    true => Step::HandOn(Wake::Glance),
                    false => Step::Done,
                }
            }
            Step::HandOn(Wake::Done) => Step::Done,
            Step::HandOn(step) => Step::HandOn(self.wake(state, who, step)?),
            Step::Done => return None,
        };
        state.waiter(who).step = next;
        Some(())
    }

    fn cancel(&self, state: &mut State) -> Option<()> {
        match state.cancel_steps {
            0 => state.cancelled = true,
            1 => {
                // A's node on the token's queue, whose own lock is not played here.
                if state.waiter(A).node != Node::Off {
                    state.token_woken = true;
                    self.unpark(state, A);
                }
            }
            _ => return None,
        }
        state.cancel_steps += 1;
        Some(())
    }
}

impl Parties for Protocol {
    const ALL: &'static [Who] = &[A, B, Device, Timer, Remote, Canceller];

    fn over(state: &State) -> bool {
        (state.waiters.iter()).all(|waiter| waiter.step == Step::Done && waiter.end.is_some())
            && [state.device, state.remote] == [Giver::Wakes(Wake::Done); 2]
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Who;

    fn init_states(&self) -> Vec<State> {
        let waiter = Waiter {
            step: self.order().0,
            node: Node::Off,
            permit: false,
            end: None,
        };
        vec![State {
            waiters: [waiter; 2],
            queue: Vec::new(),
            locked: None,
            items: 0,
            masked: false,
            device: Giver::Before,
            remote: Giver::Before,
            expired: false,
            cancelled: false,
            cancel_steps: 0,
            token_woken: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Who>) {
        actions.extend(able(self, state));
    }

    fn next_state(&self, state: &State, who: Who) -> Option<State> {
        let mut next = state.clone();
        let in_handler = !matches!(state.device, Giver::Before | Giver::Wakes(Wake::Done));
        match who {
            // Core 0 does one thing at a time.
            A if in_handler => None,
            A | B => self.wait(&mut next, who),
            Device if state.device == Giver::Before && state.masked => None,
            Device => {
                next.device = self.give(&mut next, Device, state.device)?;
                Some(())
            }
            Timer if state.masked || in_handler || state.expired => None,
            Timer => {
                next.expired = true;
                Some(())
            }
            Remote => {
                next.remote = self.give(&mut next, Remote, state.remote)?;
                Some(())
            }
            Canceller => self.cancel(&mut next),
        }?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            // W1, W2, W3, W11: who can go no further has arrived.
            nobody_is_stuck(),
            // W3, W8, W9.
            Property::always("everything is accounted for", |_, state: &State| {
                let taken = state.waiters.iter().filter(|w| w.end == Some(End::Took));
                !Self::over(state)
                    || (taken.count() as u32 + state.items == 2 && state.queue.is_empty())
            }),
            // W8: the node of who has left is no more.
            Property::always("who has left is off the queue", |_, state: &State| {
                let gone = |who: &Who| state.waiters[usize::from(*who == B)].step == Step::Done;
                !state.queue.iter().any(gone)
            }),
            Property::always("B has no other way out", |_, state: &State| {
                matches!(state.waiters[1].end, None | Some(End::Took))
            }),
            Property::sometimes("A takes", |_, state: &State| ends(state, End::Took)),
            Property::sometimes("A times out", |_, state: &State| ends(state, End::TimedOut)),
            Property::sometimes("A is cancelled", |_, state: &State| {
                ends(state, End::Cancelled)
            }),
        ]
    }
}

fn ends(state: &State, end: End) -> bool {
    Protocol::over(state) && state.waiters[0].end == Some(end)
}

#[test]
fn the_protocol_holds_in_every_order() {
    holds_in_every_order(Protocol(Mutant::None));
}

/// What a wrong version does wrong, by the name of the property that finds it.
fn found(mutant: Mutant) -> Vec<&'static str> {
    let checker = Protocol(mutant).checker().spawn_bfs().join();
    let wrong = (checker.discoveries().into_keys()).filter(|name| !name.starts_with("A "));
    wrong.collect()
}

#[test]
fn without_masking_a_handler_waits_for_its_own_core() {
    assert!(found(Mutant::NeverMasks).contains(&NOBODY_IS_STUCK));
}

#[test]
fn the_look_before_the_link_loses() {
    assert!(found(Mutant::LookThenLink).contains(&NOBODY_IS_STUCK));
}

#[test]
fn a_permit_must_be_sticky() {
    assert!(found(Mutant::PermitNotSticky).contains(&NOBODY_IS_STUCK));
}

#[test]
fn a_wake_one_must_be_handed_on() {
    assert!(found(Mutant::SwallowsWakeOne).contains(&NOBODY_IS_STUCK));
}

#[test]
fn who_leaves_must_ask() {
    assert!(found(Mutant::LeavesUnasked).contains(&"who has left is off the queue"));
}
