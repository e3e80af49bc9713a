//! The steps of switching, waking, pulling and ending as a small machine, every order of them: nobody
//! runs on a stack that another core still uses (W10), and every thread is in one place (S2, S3).
//!
//! Here the protocol of the kernel's `run_queue` is checked, not the code that ships, which needs the
//! machine: that a core holds the lock of its run queue until it is off the stack that it leaves, and
//! that whoever makes a thread runnable takes the lock of the core that the thread ran on last. The
//! code is checked in the emulator (`boards/rpi4/tests/torture.rs`, `thread_torture.rs`).
//!
//! Two cores, two threads, and two wakers, who may be interrupts or other cores. A stack is as good as
//! its thread: it has the thread's number.
#![cfg(not(miri))]

use stateright::{Checker, Model, Property};

const CORES: usize = 2;
const THREADS: usize = 2;
const WAKERS: usize = 2;

/// A known wrong version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mutant {
    None,
    /// The lock is free as soon as the thread is marked as parked, before its stack is left.
    FreesLockEarly,
    /// Who wakes a thread takes the lock of the core that it goes to alone.
    SkipsHomeLock,
    /// The stack of a thread that ends is taken for another once its function is over.
    ReusesStackEarly,
    /// An unpark of a thread that was unparked already makes it runnable once more.
    WakesTwice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Permit {
    Running,
    Notified,
    Parked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Alive,
    /// Its function is over.
    Done,
    /// It is off its stack, too.
    Gone,
}

/// The next step of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// It runs whose stack it is on, or idles.
    Run,
    /// It has its lock, to park the thread that it runs.
    Mark,
    /// The thread that it runs has to go: who is next?
    Pick,
    /// That one is; but it is on the old stack still.
    Switch(Option<usize>),
    /// It is on the new stack, and has left that of this thread.
    Finish(Option<usize>),
    /// It has taken this thread from the other core.
    Pulled(usize),
}

/// The next step of a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Waker {
    Nothing,
    /// It has changed PARKED, so it is to make this thread runnable.
    Owns(usize),
    /// On that core.
    Puts(usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    step: [Step; CORES],
    /// Whose stack each core is on; none: its own, on which it idles.
    on: [Option<usize>; CORES],
    queue: [Vec<usize>; CORES],
    /// Whether somebody has the lock for longer than a step.
    locked: [bool; CORES],
    permit: [Permit; THREADS],
    life: [Life; THREADS],
    /// Where each ran last.
    home: [usize; THREADS],
    waker: [Waker; WAKERS],
    wakes_left: u8,
    ends_left: u8,
    /// For the properties that something does happen.
    moved: bool,
    reused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Park(usize),
    Yield(usize),
    End(usize),
    /// An idle core looks at its queue, or at the other's.
    Wake(usize),
    Pull(usize),
    Go(usize),
    Unpark(usize, usize),
    /// The waker's next step; it may choose this core.
    Place(usize, usize),
    /// A new thread in place of one that has ended, on this core.
    Spawn(usize, usize),
}

struct Protocol(Mutant);

impl Protocol {
    fn may_be_spawned(&self, life: Life) -> bool {
        life == Life::Gone || life == Life::Done && self.0 == Mutant::ReusesStackEarly
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            step: [Step::Run; CORES],
            on: [Some(0), None],
            queue: [vec![1], vec![]],
            locked: [false; CORES],
            permit: [Permit::Running; THREADS],
            life: [Life::Alive; THREADS],
            home: [0; THREADS],
            waker: [Waker::Nothing; WAKERS],
            wakes_left: 3,
            ends_left: 1,
            moved: false,
            reused: false,
        }]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        for core in 0..CORES {
            let other = CORES - 1 - core;
            let free = !s.locked[core];
            match (s.step[core], s.on[core]) {
                (Step::Run, Some(_)) if free => {
                    actions.extend([Action::Park(core), Action::Yield(core)]);
                    if s.ends_left > 0 {
                        actions.push(Action::End(core));
                    }
                }
                (Step::Run, None) => {
                    if free && !s.queue[core].is_empty() {
                        actions.push(Action::Wake(core));
                    }
                    if !s.locked[other] && !s.queue[other].is_empty() {
                        actions.push(Action::Pull(core));
                    }
                }
                (Step::Run, _) => {}
                (Step::Pulled(_), _) if !free => {}
                _ => actions.push(Action::Go(core)),
            }
        }
        for (n, waker) in s.waker.iter().enumerate() {
            match *waker {
                Waker::Nothing if s.wakes_left > 0 => {
                    actions.extend((0..THREADS).map(|thread| Action::Unpark(n, thread)));
                }
                Waker::Nothing => {}
                Waker::Owns(thread) => {
                    if self.0 == Mutant::SkipsHomeLock || !s.locked[s.home[thread]] {
                        actions.extend((0..CORES).map(|core| Action::Place(n, core)));
                    }
                }
                Waker::Puts(_, core) => {
                    if !s.locked[core] {
                        actions.push(Action::Place(n, core));
                    }
                }
            }
        }
        for thread in 0..THREADS {
            let cores = (0..CORES).filter(|core| !s.locked[*core]);
            if self.may_be_spawned(s.life[thread]) {
                actions.extend(cores.map(|core| Action::Spawn(thread, core)));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut s = last.clone();
        match action {
            Action::Park(core) => {
                s.locked[core] = true;
                s.step[core] = Step::Mark;
            }
            Action::Yield(core) => {
                s.locked[core] = true;
                s.queue[core].extend(s.on[core]);
                s.step[core] = Step::Pick;
            }
            Action::End(core) => {
                s.locked[core] = true;
                s.life[s.on[core]?] = Life::Done;
                s.ends_left -= 1;
                s.step[core] = Step::Pick;
            }
            Action::Wake(core) => {
                s.locked[core] = true;
                s.step[core] = Step::Pick;
            }
            Action::Pull(core) => {
                // Under the other's lock, from here to its end.
                let thread = s.queue[CORES - 1 - core].pop()?;
                s.home[thread] = core;
                s.step[core] = Step::Pulled(thread);
            }
            Action::Go(core) => self.go(&mut s, core)?,
            Action::Unpark(n, thread) => {
                s.wakes_left -= 1;
                let parked = s.permit[thread] == Permit::Parked;
                if parked {
                    s.permit[thread] = Permit::Running;
                } else {
                    s.permit[thread] = Permit::Notified;
                }
                if parked || self.0 == Mutant::WakesTwice {
                    s.waker[n] = Waker::Owns(thread);
                }
            }
            Action::Place(n, core) => match s.waker[n] {
                // Under the lock of the core that it ran on last: it is off its stack.
                Waker::Owns(thread) if s.home[thread] == core => {
                    s.queue[core].push(thread);
                    s.waker[n] = Waker::Nothing;
                }
                Waker::Owns(thread) => {
                    s.home[thread] = core;
                    s.waker[n] = Waker::Puts(thread, core);
                }
                Waker::Puts(thread, core) => {
                    s.queue[core].push(thread);
                    s.waker[n] = Waker::Nothing;
                }
                Waker::Nothing => return None,
            },
            Action::Spawn(thread, core) => {
                s.life[thread] = Life::Alive;
                s.permit[thread] = Permit::Running;
                s.home[thread] = core;
                s.queue[core].push(thread);
                s.reused = true;
            }
        }
        Some(s)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("W10: no stack is used twice", |_, s: &State| {
                (0..THREADS).all(|thread| s.cores_on(thread) <= 1)
            }),
            Property::always("S2: nobody is queued twice", |_, s: &State| {
                (0..THREADS).all(|thread| s.queued(thread) <= 1)
            }),
            Property::always("S2, S3: everybody is in one place", |_, s: &State| {
                !s.is_quiet()
                    || (0..THREADS).all(|thread| {
                        let parked = s.permit[thread] == Permit::Parked;
                        let gone = s.life[thread] == Life::Gone;
                        let places = s.cores_on(thread) + s.queued(thread);
                        places + usize::from(parked) + usize::from(gone) == 1
                    })
            }),
            Property::sometimes("a thread runs elsewhere", |_, s: &State| s.moved),
            Property::sometimes("a stack is another's", |_, s: &State| s.reused),
        ]
    }
}

impl Protocol {
    /// The next step of a core that is not free to choose.
    fn go(&self, s: &mut State, core: usize) -> Option<()> {
        s.step[core] = match s.step[core] {
            Step::Run => return None,
            Step::Mark => {
                let thread = s.on[core]?;
                if s.permit[thread] == Permit::Notified {
                    s.permit[thread] = Permit::Running;
                    s.locked[core] = false;
                    Step::Run
                } else {
                    s.permit[thread] = Permit::Parked;
                    s.locked[core] = self.0 != Mutant::FreesLockEarly;
                    Step::Pick
                }
            }
            Step::Pick => {
                let next = (!s.queue[core].is_empty()).then(|| s.queue[core].remove(0));
                if next.is_some() && next == s.on[core] {
                    s.locked[core] = false;
                    Step::Run
                } else {
                    Step::Switch(next)
                }
            }
            Step::Switch(next) => {
                let left = s.on[core];
                s.on[core] = next;
                s.moved |= next.is_some() && core != 0;
                Step::Finish(left)
            }
            Step::Finish(left) => {
                s.locked[core] = false;
                if let Some(left) = left
                    && s.life[left] == Life::Done
                {
                    s.life[left] = Life::Gone;
                }
                Step::Run
            }
            Step::Pulled(thread) => {
                s.queue[core].push(thread);
                Step::Run
            }
        };
        Some(())
    }
}

impl State {
    fn cores_on(&self, thread: usize) -> usize {
        self.on.iter().filter(|on| **on == Some(thread)).count()
    }

    fn queued(&self, thread: usize) -> usize {
        let all = self.queue.iter().flatten();
        all.filter(|queued| **queued == thread).count()
    }

    /// Whether nobody is amidst anything.
    fn is_quiet(&self) -> bool {
        self.step.iter().all(|step| *step == Step::Run)
            && self.waker.iter().all(|waker| *waker == Waker::Nothing)
    }
}

#[test]
fn no_stack_is_used_twice_in_any_order() {
    let checker = Protocol(Mutant::None).checker().spawn_dfs().join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

/// Whether a wrong version is found to break a property whose name begins like this.
fn breaks(mutant: Mutant, name: &str) -> bool {
    let checker = Protocol(mutant).checker().spawn_bfs().join();
    let mut found = checker.discoveries().into_keys();
    found.any(|found| found.starts_with(name))
}

#[test]
fn the_lock_must_be_held_over_the_switch() {
    assert!(breaks(Mutant::FreesLockEarly, "W10"));
}

#[test]
fn a_waker_must_wait_for_the_core_that_is_left() {
    assert!(breaks(Mutant::SkipsHomeLock, "W10"));
}

#[test]
fn a_stack_is_reused_when_it_was_left() {
    assert!(breaks(Mutant::ReusesStackEarly, "W10"));
}

#[test]
fn only_who_changes_parked_makes_runnable() {
    assert!(breaks(Mutant::WakesTwice, "S2"));
}
