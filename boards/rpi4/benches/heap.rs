//! The heap, empty and full.

use crate::crew::Random;
use crate::meter;
use alloc::alloc::{alloc, dealloc};
use alloc::vec::Vec;
use core::alloc::Layout;
use core::hint::black_box;
use layercake_kernel::TaskCx;

/// Memory of `size` bytes; aligned to 16.
fn take(size: usize) -> *mut u8 {
    let layout = Layout::from_size_align(size, 16).expect("a small size");
    // SAFETY: ALLOC: the layout has a size.
    let memory = unsafe { alloc(layout) };
    assert!(!memory.is_null(), "the heap is full");
    black_box(memory)
}

/// Gives back what [`take`] gave for the same size.
fn give_back(memory: *mut u8, size: usize) {
    let layout = Layout::from_size_align(size, 16).expect("a small size");
    // SAFETY: ALLOC: from `take`, with the same layout.
    unsafe { dealloc(memory, layout) }
}

/// Allocate 128 bytes and free them.
pub fn alloc_free_128(_: &mut TaskCx, _: u32) {
    while meter::wants_more() {
        meter::begin();
        give_back(take(128), 128);
        meter::end();
    }
}

/// With `size` objects of 16 to 256 bytes: free one of them, allocate another in its place.
pub fn alloc_free(_: &mut TaskCx, size: u32) {
    let mut random = Random::new();
    let mut bytes = move || 16 + random.below(241) as usize;
    let mut objects: Vec<(*mut u8, usize)> = Vec::with_capacity(size as usize);
    for _ in 0..size {
        let bytes = bytes();
        objects.push((take(bytes), bytes));
    }
    let mut which = Random::new();
    while meter::wants_more() {
        let at = which.below(size.into()) as usize;
        let (old, new) = (objects[at], bytes());
        meter::begin();
        give_back(old.0, old.1);
        let memory = take(new);
        meter::end();
        objects[at] = (memory, new);
    }
    for (memory, bytes) in objects {
        give_back(memory, bytes);
    }
}
