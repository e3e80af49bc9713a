//! What a thread does by itself: the basic test of Thread-Metric, for comparison with the others.

use crate::meter;
use core::hint::black_box;
use layercake_kernel::TaskCx;

/// One pass over an array of words. The kernel has no part in it, so each pass costs the same
/// unless something interrupts it.
pub fn processing(_: &mut TaskCx, _: u32) {
    let mut words = [0_u32; 1024];
    let mut pass = 0;
    while meter::wants_more() {
        meter::begin();
        for word in black_box(&mut words) {
            *word = word.wrapping_add(pass) ^ *word;
        }
        meter::end();
        pass += 1;
    }
}
