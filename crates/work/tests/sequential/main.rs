//! What any sequence of calls does, against a model so simple that it is right by looking at it:
//! one thread, two queues, three items, delays and a clock; items do things while they run, too.
//!
//! Here is the comparison, and nothing else: the calls are in `calls.rs`, the model is in `model.rs`, and
//! what ships is called in `real.rs`.
#![cfg(not(loom))]

mod calls;
#[path = "../support/clock.rs"]
mod clock;
#[path = "../../../wait/tests/support/like_std.rs"]
mod like_std;
mod model;
mod real;

use calls::{a_callers_call, scripts};
use clock::CLOCK;
use layercake_wait::Instant;
use layercake_wait::host::std::enter;
use model::Model;
use proptest::prelude::*;
use real::Real;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 6 } else { 2_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_does_what_the_model_does(
        scripts in scripts(),
        calls in prop::collection::vec(a_callers_call(), 0..40),
    ) {
        let mut model = Model::default();
        for (item, script) in model.items.iter_mut().zip(&scripts) {
            item.script = script.clone();
        }
        let real = Real::new(&scripts);
        // The clock of the case before has not gone back; a deadline of 0 is said as 1.
        let begin = CLOCK.get() + 1;
        CLOCK.set(begin);
        model.now = begin;
        enter(|cx| {
            for call in calls {
                model.call(call);
                real.call(call, cx);
            }
        });
        prop_assert_eq!(&model.log, &*real.log.lock().unwrap());
        for (model, real) in model.queues.iter().zip(real.queues) {
            let report = real.report();
            prop_assert_eq!(report.pending, model.list.len());
            let counts = (report.queued, report.ran, report.coalesced, report.cancelled);
            prop_assert_eq!(counts, (model.queued, model.ran, model.coalesced, model.cancelled));
        }
        let report = real.delays.report();
        let delays = &model.delays;
        prop_assert_eq!(report.delayed, delays.list.len());
        let next = model.first_delayed().map(|(_, at)| Instant::from_nanos(at));
        prop_assert_eq!(report.next, next);
        let counts = (report.came, report.handed_over, report.coalesced, report.cancelled);
        let expected = (delays.came, delays.handed_over, delays.coalesced, delays.cancelled);
        prop_assert_eq!(counts, expected);
        let items = std::mem::take(&mut *real.items.lock().unwrap());
        for (model, item) in model.items.iter().zip(items) {
            let pending = model.pending_on.is_some() || model.delayed.is_some();
            prop_assert_eq!(pending, item.is_pending());
            item.cancel();
            // Every reference that a queue held was given up.
            prop_assert!(Arc::into_inner(item).is_some());
        }
    }
}
