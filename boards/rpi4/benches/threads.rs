//! A thread's whole life.

use crate::{crew, meter};
use layercake_kernel::TaskCx;

/// Spawn a higher thread with an empty function on this core, which runs and ends; join and reap.
pub fn spawn_join(cx: &mut TaskCx, _: u32) {
    while meter::wants_more() {
        meter::begin();
        crew::spawn(1, |_| {}).join(cx);
        meter::end();
    }
}
