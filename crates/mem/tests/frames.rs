//! Frames against a model: a map from frame to whether it is free.

mod common;

use common::{Host, OPS, histories, task};
use layercake_mem::bitmap_allocator::BitAlloc256;
use layercake_mem::{AddError, FRAME_SIZE, Frames, FreeError, Stats};
use proptest::prelude::*;
use std::collections::BTreeMap;

type Small = Frames<Host, BitAlloc256>;

fn add(frames: &Small, start: usize, end: usize) -> Result<(), AddError> {
    // SAFETY: MEM-OWNED: the frames are numbers here; nobody touches them.
    unsafe { frames.add_range(&mut task(), start * FRAME_SIZE, end * FRAME_SIZE) }
}

fn free(frames: &Small, start: usize, count: usize) -> Result<(), FreeError> {
    // SAFETY: MEM-RETURNED: as in `add`.
    unsafe { frames.free(&mut task(), start * FRAME_SIZE, count) }
}

#[derive(Clone, Debug)]
enum Op {
    Add(usize, usize),
    Alloc(usize, u32),
    FreeNth(usize),
    FreeAny(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => (0usize..260, 0usize..80).prop_map(|(s, n)| Op::Add(s, s + n)),
        4 => (0usize..12, 0u32..5).prop_map(|(n, a)| Op::Alloc(n, a)),
        3 => (0usize..40).prop_map(Op::FreeNth),
        1 => (0usize..260, 0usize..8).prop_map(|(s, n)| Op::FreeAny(s, n)),
    ]
}

proptest! {
    #![proptest_config(histories(500))]

    #[test]
    fn does_what_a_map_of_frames_does(ops in proptest::collection::vec(op(), 0..OPS)) {
        let frames = Small::new();
        let mut is_free: BTreeMap<usize, bool> = BTreeMap::new();
        let mut held: Vec<(usize, usize)> = Vec::new();
        for op in ops {
            match op {
                Op::Add(start, end) => {
                    let expected = if start == end {
                        Err(AddError::Empty)
                    } else if end > 256 {
                        Err(AddError::Beyond)
                    } else if (start..end).any(|f| is_free.contains_key(&f)) {
                        Err(AddError::Overlap)
                    } else {
                        is_free.extend((start..end).map(|f| (f, true)));
                        Ok(())
                    };
                    prop_assert_eq!(add(&frames, start, end), expected);
                }
                Op::Alloc(count, align) => {
                    let got = frames.alloc_aligned(&mut task(), count, FRAME_SIZE << align);
                    let fits = |start: usize| {
                        (start..start + count).all(|f| is_free.get(&f) == Some(&true))
                    };
                    let possible = count > 0 && (0..256).step_by(1 << align).any(fits);
                    prop_assert_eq!(got.is_some(), possible);
                    if let Some(address) = got {
                        prop_assert_eq!(address % (FRAME_SIZE << align), 0);
                        let start = address / FRAME_SIZE;
                        prop_assert!(fits(start));
                        is_free.extend((start..start + count).map(|f| (f, false)));
                        held.push((start, count));
                    }
                }
                Op::FreeNth(n) if n < held.len() => {
                    let (start, count) = held.swap_remove(n);
                    // A part that was freed on its own already makes this a double free.
                    let expected = if (start..start + count).any(|f| is_free[&f]) {
                        Err(FreeError::DoubleFree)
                    } else {
                        is_free.extend((start..start + count).map(|f| (f, true)));
                        Ok(())
                    };
                    prop_assert_eq!(free(&frames, start, count), expected);
                    prop_assert_eq!(free(&frames, start, count), Err(FreeError::DoubleFree));
                }
                Op::FreeNth(_) => {}
                Op::FreeAny(start, count) => {
                    let range = start..start + count;
                    let expected = if count == 0 {
                        Err(FreeError::Misaligned)
                    } else if range.clone().any(|f| !is_free.contains_key(&f)) {
                        Err(FreeError::Foreign)
                    } else if range.clone().any(|f| is_free[&f]) {
                        Err(FreeError::DoubleFree)
                    } else {
                        is_free.extend(range.map(|f| (f, true)));
                        Ok(())
                    };
                    prop_assert_eq!(free(&frames, start, count), expected);
                }
            }
            let used = is_free.values().filter(|free| !**free).count();
            prop_assert_eq!(frames.stats(&mut task()), Stats {
                total: is_free.len() * FRAME_SIZE,
                used: used * FRAME_SIZE,
                live: used,
            });
        }
    }
}

#[test]
fn ranges_lose_their_ragged_ends() {
    let frames = Small::new();
    // SAFETY: MEM-OWNED: numbers only.
    unsafe {
        frames
            .add_range(&mut task(), 1, 3 * FRAME_SIZE - 1)
            .unwrap();
        let none = frames.add_range(&mut task(), 5 * FRAME_SIZE + 1, 6 * FRAME_SIZE);
        assert_eq!(none, Err(AddError::Empty));
        let backwards = frames.add_range(&mut task(), usize::MAX, 0);
        assert_eq!(backwards, Err(AddError::Empty));
    }
    assert_eq!(frames.alloc(&mut task(), 1), Some(FRAME_SIZE));
    assert_eq!(frames.alloc(&mut task(), 1), None);
}

#[test]
fn bad_requests_are_answered_not_obeyed() {
    let frames = Small::new();
    add(&frames, 0, 16).unwrap();
    assert_eq!(frames.alloc(&mut task(), 0), None);
    assert_eq!(frames.alloc(&mut task(), usize::MAX), None);
    assert_eq!(frames.alloc_aligned(&mut task(), 1, 3), None);
    assert!(
        frames
            .alloc_aligned(&mut task(), 1, 1 << (usize::BITS - 2))
            .is_none_or(|a| a == 0)
    );
    // SAFETY: MEM-RETURNED: nothing is freed.
    let odd = unsafe { frames.free(&mut task(), 1, 1) };
    assert_eq!(odd, Err(FreeError::Misaligned));
    // SAFETY: MEM-RETURNED: nothing is freed.
    let far = unsafe { frames.free(&mut task(), 0, usize::MAX) };
    assert_eq!(far, Err(FreeError::Foreign));
}

#[test]
fn there_is_an_end_to_separate_ranges() {
    let frames = Small::new();
    for i in 0..32 {
        add(&frames, 4 * i, 4 * i + 1).unwrap();
    }
    assert_eq!(add(&frames, 200, 201), Err(AddError::TooMany));
    add(&frames, 1, 4).unwrap(); // joins two ranges, so that there is room for one more
    add(&frames, 200, 201).unwrap();
    assert_eq!(frames.alloc(&mut task(), 5), Some(0));
}
