//! The heap: pieces that fit and do not overlap, figures that add up, errors that are found.

mod common;

use common::{Host, OPS, histories, task};
use layercake_mem::{Heap, TooSmall};
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout};
use std::sync::Arc;

const SIZE: usize = 1 << 16;

/// A heap over memory of its own. `Heap` leaks nothing, so this does.
fn heap(size: usize) -> &'static Heap<Host> {
    let heap = Box::leak(Box::new(Heap::new()));
    let memory = Box::leak(vec![0u64; size / 8].into_boxed_slice());
    // SAFETY: HEAP-OWNED: leaked, so nobody else's.
    unsafe { heap.init(&mut task(), memory.as_mut_ptr().cast(), size) }.unwrap();
    heap
}

struct Piece {
    at: *mut u8,
    layout: Layout,
    fill: u8,
}

impl Piece {
    fn check(&self) -> bool {
        // SAFETY: HEAP-PIECE: it is live.
        let bytes = unsafe { std::slice::from_raw_parts(self.at, self.layout.size()) };
        bytes.iter().all(|b| *b == self.fill)
    }
}

#[derive(Clone, Debug)]
enum Op {
    Alloc(usize, u32),
    Free(usize),
    Realloc(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![4 => 1usize..200, 1 => 1usize..9000];
    prop_oneof![
        3 => (size.clone(), 0u32..9).prop_map(|(s, a)| Op::Alloc(s, a)),
        2 => (0usize..30).prop_map(Op::Free),
        2 => (0usize..30, size).prop_map(|(n, s)| Op::Realloc(n, s)),
    ]
}

proptest! {
    #![proptest_config(histories(300))]

    #[test]
    fn pieces_keep_what_is_written_to_them(ops in proptest::collection::vec(op(), 0..OPS)) {
        let heap = heap(SIZE);
        let mut pieces: Vec<Piece> = Vec::new();
        for (step, op) in ops.into_iter().enumerate() {
            let fill = step as u8;
            match op {
                Op::Alloc(size, align) => {
                    let layout = Layout::from_size_align(size, 1 << align).unwrap();
                    // SAFETY: the size is not 0.
                    let at = unsafe { heap.alloc(layout) };
                    if !at.is_null() {
                        prop_assert_eq!(at.addr() % layout.align(), 0);
                        // SAFETY: HEAP-PIECE: it is that long.
                        unsafe { at.write_bytes(fill, size) };
                        pieces.push(Piece { at, layout, fill });
                    }
                }
                Op::Free(n) if n < pieces.len() => {
                    let piece = pieces.swap_remove(n);
                    prop_assert!(piece.check());
                    // SAFETY: HEAP-PIECE: it is live, and forgotten.
                    unsafe { heap.dealloc(piece.at, piece.layout) };
                }
                Op::Realloc(n, size) if n < pieces.len() => {
                    let piece = &mut pieces[n];
                    // SAFETY: HEAP-PIECE: it is live; the size is not 0.
                    let at = unsafe { heap.realloc(piece.at, piece.layout, size) };
                    if !at.is_null() {
                        let kept = piece.layout.size().min(size);
                        piece.at = at;
                        piece.layout = Layout::from_size_align(kept, piece.layout.align()).unwrap();
                        prop_assert!(piece.check());
                        piece.layout = Layout::from_size_align(size, piece.layout.align()).unwrap();
                        piece.fill = fill;
                        // SAFETY: HEAP-PIECE: it is that long.
                        unsafe { at.write_bytes(fill, size) };
                    }
                }
                Op::Free(_) | Op::Realloc(..) => {}
            }
            let stats = heap.stats(&mut task());
            prop_assert_eq!(stats.live, pieces.len());
            prop_assert_eq!(stats.used, pieces.iter().map(|p| p.layout.size()).sum::<usize>());
            prop_assert!(stats.total == SIZE && stats.free() == SIZE - stats.used);
        }
        for piece in pieces {
            prop_assert!(piece.check());
            // SAFETY: HEAP-PIECE: it is live, and forgotten.
            unsafe { heap.dealloc(piece.at, piece.layout) };
        }
        // All of it is one piece again.
        let most = Layout::from_size_align(SIZE - 2048, 8).unwrap();
        // SAFETY: the size is not 0.
        let all = unsafe { heap.alloc(most) };
        prop_assert!(!all.is_null());
    }
}

#[test]
fn without_memory_every_allocation_fails() {
    let heap = Heap::<Host>::new();
    // SAFETY: the size is not 0.
    assert!(unsafe { heap.alloc(Layout::new::<u64>()) }.is_null());
    let mut little = [0u8; 16];
    // SAFETY: HEAP-OWNED: `little` outlives the heap.
    let refused = unsafe { heap.init(&mut task(), little.as_mut_ptr(), little.len()) };
    assert_eq!(refused, Err(TooSmall));
    assert_eq!(heap.stats(&mut task()).total, 0);
}

#[test]
fn more_than_there_is_is_refused() {
    let heap = heap(SIZE);
    for size in [SIZE, isize::MAX as usize - 7] {
        let layout = Layout::from_size_align(size, 8).unwrap();
        // SAFETY: the size is not 0.
        assert!(unsafe { heap.alloc(layout) }.is_null());
    }
}

#[cfg(debug_assertions)]
mod marks {
    use super::{SIZE, heap};
    use std::alloc::{GlobalAlloc, Layout};

    #[test]
    #[should_panic(expected = "freed twice")]
    fn a_double_free_is_found() {
        let (heap, layout) = (heap(SIZE), Layout::new::<[u64; 5]>());
        // SAFETY: HEAP-PIECE: the second `dealloc` is the error that must be found before anything
        // is changed.
        unsafe {
            let at = heap.alloc(layout);
            let _keeps_it_from_the_end = heap.alloc(layout);
            heap.dealloc(at, layout);
            heap.dealloc(at, layout);
        }
    }

    #[test]
    #[should_panic(expected = "past its end")]
    fn a_write_past_the_end_is_found() {
        let (heap, layout) = (heap(SIZE), Layout::from_size_align(13, 1).unwrap());
        // SAFETY: HEAP-PIECE: the byte behind it belongs to the heap's mark, and is the error that
        // must be found.
        unsafe {
            let at = heap.alloc(layout);
            at.write_bytes(0xff, 14);
            heap.dealloc(at, layout);
        }
    }
}

#[test]
fn threads_share_it() {
    let heap = heap(1 << 18);
    let rounds = if cfg!(miri) { 20 } else { 2_000 };
    let go = Arc::new(std::sync::Barrier::new(4));
    let threads: Vec<_> = (0..4u8)
        .map(|id| {
            let go = go.clone();
            std::thread::spawn(move || {
                go.wait();
                for round in 0..rounds {
                    let layout = Layout::from_size_align(1 + round % 500, 8).unwrap();
                    // SAFETY: HEAP-PIECE: allocated, written within, freed once.
                    unsafe {
                        let at = heap.alloc(layout);
                        assert!(!at.is_null());
                        at.write_bytes(id, layout.size());
                        assert!(at.read() == id && at.add(layout.size() - 1).read() == id);
                        heap.dealloc(at, layout);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let stats = heap.stats(&mut task());
    assert_eq!((stats.used, stats.live), (0, 0));
}
