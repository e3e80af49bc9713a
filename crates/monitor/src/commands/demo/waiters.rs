//! `demo waiters`: two threads sleep on one queue, a third wakes one now and then.
//!
//! The first demonstration of the reference chapter. Each wake lets one thread go on, in the
//! order in which they came; between two wakes neither of them uses any processor time.

use super::crew::{Crew, own_record};
use crate::{
    failure::Failure,
    out::say,
    session::Session,
    show::{Count, Span},
};
use alloc::sync::Arc;
use core::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    time::Duration,
};
use layercake_kernel::{TaskCx, WaitQueue, cpu, thread::Builder, time};

const WAKES: u32 = 6;
const EVERY: Duration = Duration::from_millis(400);

/// What the threads share: slices of cake, put on the table by the third thread.
struct Table {
    /// Where the two wait for a slice.
    hungry: WaitQueue,
    slices: AtomicU32,
    /// When the last slice was put there, in ns since boot.
    served_at: AtomicU64,
    /// Where the third waits between two slices.
    rest: WaitQueue,
    closed: AtomicBool,
    /// How long the two have run in all, in ns.
    run_time: AtomicU64,
}

impl Table {
    /// Takes a slice, if there is one.
    fn take(&self) -> bool {
        self.slices
            .fetch_update(SeqCst, SeqCst, |slices| slices.checked_sub(1))
            .is_ok()
    }

    fn close(&self) {
        self.closed.store(true, SeqCst);
        self.hungry.wake_all();
        self.rest.wake_all();
    }
}

pub fn run(session: &mut Session<'_>) -> Result<(), Failure<'static>> {
    let table = Arc::new(Table {
        hungry: WaitQueue::new("demo: a slice"),
        slices: AtomicU32::new(0),
        served_at: AtomicU64::new(0),
        rest: WaitQueue::new("demo: rest"),
        closed: AtomicBool::new(false),
        run_time: AtomicU64::new(0),
    });
    say!(
        "Two threads sleep on one queue; every {} a third wakes one of them.",
        Span(EVERY)
    );
    let start = time::now();
    let mut crew = Crew::default();
    let shown = staff(&mut crew, &table).and_then(|waker| {
        let interrupted = session.pause(EVERY * (WAKES + 1));
        if interrupted.is_err() {
            table.close();
        }
        waker.join(session.cx);
        interrupted
    });
    table.close();
    crew.join(session.cx);
    shown?;

    let took = time::now().saturating_duration_since(start);
    let ran = Duration::from_nanos(table.run_time.load(SeqCst));
    say!("Each wake let one thread go on, in turn: who came first to the queue goes first.");
    say!(
        "In {} the two ran for {} together; asleep, they cost nothing.",
        Span(took),
        Span(ran)
    );
    Ok(())
}

/// Makes the two waiters, and the thread that wakes them; that one in a crew of its own.
fn staff(crew: &mut Crew, table: &Arc<Table>) -> Result<Crew, Failure<'static>> {
    for name in ["waiter-1", "waiter-2"] {
        let table = table.clone();
        crew.spawn(Builder::new(name), move |cx| eat(name, &table, cx))?;
    }
    let mut waker = Crew::default();
    let table = table.clone();
    waker.spawn(Builder::new("waker"), move |cx| serve(&table, cx))?;
    Ok(waker)
}

fn eat(name: &str, table: &Table, cx: &mut TaskCx) {
    let mut slices = 0;
    loop {
        let got = table.hungry.wait_until(cx, |_| {
            if table.take() {
                Some(true)
            } else {
                table.closed.load(SeqCst).then_some(false)
            }
        });
        if !got {
            break;
        }
        slices += 1;
        let delay = time::now()
            .as_nanos()
            .saturating_sub(table.served_at.load(SeqCst));
        say!(
            "  {name} on core {}: awake {} after the wake; {} so far; sleeps again",
            cpu::current(),
            Span(Duration::from_nanos(delay)),
            Count(slices, "slice"),
        );
    }
    let (ran, _) = own_record();
    table.run_time.fetch_add(ran.as_nanos() as u64, SeqCst);
}

fn serve(table: &Table, cx: &mut TaskCx) {
    for _ in 0..WAKES {
        let closed = || table.closed.load(SeqCst).then_some(());
        if table
            .rest
            .wait_until_deadline(cx, time::now() + EVERY, |_| closed())
            .is_ok()
        {
            return;
        }
        say!(
            "  waker on core {}: {} asleep, wakes one",
            cpu::current(),
            table.hungry.waiters()
        );
        table.served_at.store(time::now().as_nanos(), SeqCst);
        table.slices.fetch_add(1, SeqCst);
        table.hungry.wake_one();
    }
}
