//! Walking the chain of frame records: who called whom, from a frame pointer.

use core::ops::Range;

/// Calls `found` with each return address, innermost first, at most `most` of them.
///
/// A frame record is two words: the caller's frame pointer, and the return address. The walk
/// ends at a null pointer, at one that is not aligned, that does not lie within one of `stacks`,
/// or that does not go up: so a smashed stack cannot lead it astray.
///
/// # Safety
///
/// Invariant **STACK-READABLE**: all of `stacks` is mapped and stays so.
pub unsafe fn walk(
    frame: usize,
    stacks: &[Range<usize>],
    most: usize,
    mut found: impl FnMut(usize),
) {
    let mut frame = frame;
    for _ in 0..most {
        let inside = |s: &Range<usize>| s.contains(&frame) && s.contains(&(frame + 15));
        if frame == 0 || !frame.is_multiple_of(8) || !stacks.iter().any(inside) {
            return;
        }
        // SAFETY: STACK-READABLE; aligned and inside, as just checked.
        let [caller, address] = unsafe { *(frame as *const [usize; 2]) };
        if address == 0 {
            return;
        }
        found(address);
        // A record of another stack (an emergency stack's caller) may lie lower; one on the same
        // stack may not.
        let same = |s: &Range<usize>| s.contains(&frame) && s.contains(&caller);
        if caller <= frame && stacks.iter().any(same) {
            return;
        }
        frame = caller;
    }
}

/// The frame pointer of the caller.
#[inline(always)]
pub fn frame_pointer() -> usize {
    let fp: usize;
    // SAFETY: reading the register has no effect.
    unsafe { core::arch::asm!("mov {}, x29", out(reg) fp, options(nostack, nomem)) }
    fp
}
