//! What a debug build adds to each piece of the heap: a mark behind it, by which a double free and
//! a write past the end are seen when the piece is freed.
//!
//! A release build has none of this: [`MARK`] is 0 bytes there.

use core::alloc::Layout;

/// The bytes of the mark.
pub(crate) const MARK: usize = if cfg!(debug_assertions) {
    size_of::<usize>()
} else {
    0
};

/// Differs from piece to piece, so that a copied mark is no mark.
fn live_mark(piece: *mut u8) -> usize {
    piece.addr() ^ 0x5bd1_e995_usize.rotate_left(7)
}

/// The layout with room for the mark. `None` if that is more than there can be.
#[inline(always)]
pub(crate) fn with_mark(layout: Layout) -> Option<Layout> {
    if MARK == 0 {
        return Some(layout);
    }
    let size = layout.size().checked_add(MARK)?;
    Layout::from_size_align(size, layout.align()).ok()
}

/// Marks a piece of `size` bytes as handed out.
///
/// # Safety
///
/// **HEAP-PIECE**: `piece` has `size + MARK` bytes that the caller may write.
#[inline(always)]
pub(crate) unsafe fn set(piece: *mut u8, size: usize) {
    if MARK != 0 {
        // SAFETY: HEAP-PIECE.
        unsafe {
            piece
                .add(size)
                .cast::<usize>()
                .write_unaligned(live_mark(piece));
        }
    }
}

/// Checks that a piece of `size` bytes is handed out, and marks it as not.
///
/// # Panics
///
/// In a debug build, if it is not: freed twice, freed with another size, or written past its end.
///
/// # Safety
///
/// **HEAP-PIECE**: `piece` has `size + MARK` bytes that the caller may write.
#[inline(always)]
pub(crate) unsafe fn clear(piece: *mut u8, size: usize) {
    if MARK != 0 {
        // SAFETY: HEAP-PIECE.
        let mark = unsafe { piece.add(size).cast::<usize>() };
        // SAFETY: HEAP-PIECE.
        let found = unsafe { mark.read_unaligned() };
        assert!(
            found == live_mark(piece),
            "heap: {piece:p} ({size} bytes) freed twice, with a wrong size, or written past its end"
        );
        // SAFETY: HEAP-PIECE.
        unsafe { mark.write_unaligned(0) };
    }
}
