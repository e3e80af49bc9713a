//! Items in a row: the intrusive list on which they wait for their turn.
//!
//! Only the links belong here. Which item is on which list, and when, is in [`crate::lists`] and
//! [`crate::leave`].
//!
//! A list of our own because an item goes on one and comes off it for every run: that is twelve
//! instructions here, and twenty-six in a library whose lists check what our protocol rules out.

use crate::item::Item;
use core::cell::Cell;
use core::iter;
use core::ptr::NonNull;
use layercake_wait::Host;

/// An item's neighbours. They mean nothing while it is on no list.
pub(crate) struct Links<H: Host> {
    next: Cell<Option<NonNull<Item<H>>>>,
    prev: Cell<Option<NonNull<Item<H>>>>,
}

impl<H: Host> Links<H> {
    pub(crate) const fn new() -> Self {
        Self {
            next: Cell::new(None),
            prev: Cell::new(None),
        }
    }
}

/// Items in the order of their tickets.
///
/// QUEUE-LOCK and OWNED: an item on the list is alive and stays where it is until it is off it, and its
/// links are touched by whoever has this list only. That is promised for each that is put on, and is why
/// the links may be followed. The pointers are those that were put on, so they are good for all of the
/// item's `Work`.
pub(crate) struct List<H: Host> {
    first: Option<NonNull<Item<H>>>,
    last: Option<NonNull<Item<H>>>,
}

impl<H: Host> List<H> {
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            last: None,
        }
    }

    /// The items, from the first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item<H>> {
        // SAFETY: OWNED: they are on this list.
        let follow = |item: Option<NonNull<Item<H>>>| item.map(|item| unsafe { item.as_ref() });
        iter::successors(follow(self.first), move |item| {
            follow(item.links.next.get())
        })
    }

    /// Adds `item` as the last one.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK, OWNED: it is on no list, and stays alive and where it is until it has been taken off
    /// this one.
    #[inline(always)]
    pub(crate) unsafe fn push_back(&mut self, item: NonNull<Item<H>>) {
        // SAFETY: OWNED, by the caller's promise.
        unsafe { self.link(self.last, item, None) };
    }

    /// Adds `item` behind those at the front that are `earlier`.
    ///
    /// # Safety
    ///
    /// As for [`push_back`](List::push_back).
    pub(crate) unsafe fn insert_behind(
        &mut self,
        item: NonNull<Item<H>>,
        earlier: impl Fn(&Item<H>) -> bool,
    ) {
        let (mut prev, mut next) = (None, self.first);
        while let Some(other) = next {
            // SAFETY: OWNED: it is on this list.
            let it = unsafe { other.as_ref() };
            if !earlier(it) {
                break;
            }
            (prev, next) = (next, it.links.next.get());
        }
        // SAFETY: OWNED, by the caller's promise; the other two are neighbours on this list.
        unsafe { self.link(prev, item, next) };
    }

    /// Puts `item` between two neighbours, or at an end.
    ///
    /// # Safety
    ///
    /// As for [`push_back`](List::push_back); `prev` and `next` are neighbours on this list.
    #[inline(always)]
    unsafe fn link(
        &mut self,
        prev: Option<NonNull<Item<H>>>,
        item: NonNull<Item<H>>,
        next: Option<NonNull<Item<H>>>,
    ) {
        // SAFETY: OWNED, by the caller's promise: all that there are stay where they are.
        unsafe {
            self.join(prev, Some(item));
            self.join(Some(item), next);
        }
    }

    /// Takes the first item off.
    #[inline(always)]
    pub(crate) fn pop_front(&mut self) -> Option<NonNull<Item<H>>> {
        let item = self.first?;
        // SAFETY: OWNED: it is on this list.
        let next = unsafe { item.as_ref() }.links.next.get();
        // SAFETY: OWNED: it is on this list.
        unsafe { self.join(None, next) };
        Some(item)
    }

    /// Takes `item` off.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK: it is on this list.
    pub(crate) unsafe fn remove(&mut self, item: &Item<H>) {
        // SAFETY: OWNED: its neighbours are on this list.
        unsafe { self.join(item.links.prev.get(), item.links.next.get()) };
    }

    /// Makes neighbours of two items; of one alone, the end of the list on its side.
    ///
    /// # Safety
    ///
    /// OWNED: they are on this list, or are put on it by this.
    #[inline(always)]
    unsafe fn join(&mut self, prev: Option<NonNull<Item<H>>>, next: Option<NonNull<Item<H>>>) {
        match prev {
            // SAFETY: OWNED, by the caller's promise.
            Some(prev) => unsafe { prev.as_ref() }.links.next.set(next),
            None => self.first = next,
        }
        match next {
            // SAFETY: OWNED, by the caller's promise.
            Some(next) => unsafe { next.as_ref() }.links.prev.set(prev),
            None => self.last = prev,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use layercake_wait::host::std::StdHost;

    const LEN: usize = 4;

    fn tickets(list: &List<StdHost>) -> impl Iterator<Item = u64> {
        // SAFETY: nobody else has the list.
        list.iter().map(|item| unsafe { item.ticket() })
    }

    /// Whether the links say the same both ways, and the ends are ends.
    fn is_sound(list: &List<StdHost>) -> bool {
        let mut prev = None;
        for item in list.iter() {
            if item.links.prev.get() != prev {
                return false;
            }
            prev = Some(NonNull::from(item));
        }
        list.last == prev
    }

    #[test]
    fn each_way_off_and_back_keeps_the_row() {
        // Each set of items that is taken out of the middle, put back, and then taken from the front.
        for set in 0_u32..1 << LEN {
            let items: [Item<StdHost>; LEN] = core::array::from_fn(|n| {
                let item = Item::new("item", |_, _, _| {});
                // SAFETY: nobody else has the item.
                unsafe { item.set_ticket(n as u64) };
                item
            });
            let chosen = |n: &usize| set & 1 << n != 0;
            let mut list = List::new();
            for item in &items {
                // SAFETY: it stays in its place, and is on no list.
                unsafe { list.push_back(NonNull::from(item)) };
                assert!(is_sound(&list));
            }
            for n in (0..LEN).filter(chosen) {
                // SAFETY: it is on the list.
                unsafe { list.remove(&items[n]) };
                assert!(is_sound(&list));
            }
            let left = (0..LEN).filter(|n| !chosen(n)).map(|n| n as u64);
            assert!(tickets(&list).eq(left));
            for n in (0..LEN).filter(chosen).rev() {
                // SAFETY: it is off the list again, and nobody else has it.
                unsafe {
                    let earlier = |other: &Item<StdHost>| other.ticket() < n as u64;
                    list.insert_behind(NonNull::from(&items[n]), earlier);
                }
                assert!(is_sound(&list));
            }
            assert!(tickets(&list).eq(0..LEN as u64));
            for item in &items {
                assert_eq!(list.pop_front(), Some(NonNull::from(item)));
                assert!(is_sound(&list));
            }
            assert_eq!(list.pop_front(), None);
        }
    }
}
