//! Those who stand in a row: the intrusive list of the waiters of a queue, and of the items of work.
//!
//! Only the links belong here. Who stands in which row, and who may touch it when, is in [`crate::queue`]
//! and [`crate::channel`], and in `layercake-work`. Not a public interface: it may change in any release.
//!
//! A list of our own because a wake is hardly more than taking the first node off one, and an item goes
//! on one and comes off it for every run: that is six and twelve instructions here, seventeen and
//! twenty-six in a library whose lists check what our protocols rule out.

use core::cell::Cell;
use core::iter;
use core::ptr::NonNull;

/// The neighbours of an element. They mean nothing while it is on no list.
pub struct Links<T> {
    next: Cell<Option<NonNull<T>>>,
    prev: Cell<Option<NonNull<T>>>,
}

impl<T> Links<T> {
    /// Of one that is on no list.
    pub const fn new() -> Self {
        Self {
            next: Cell::new(None),
            prev: Cell::new(None),
        }
    }
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What can be on a [`List`].
///
/// # Safety
///
/// LIST-LINKS: the links are the same ones each time. Other threads touch those of an element that is on
/// a list only while they have that list; so a list may go to another thread with all that is on it.
pub unsafe trait Linked: Sized {
    /// Its neighbours.
    fn links(&self) -> &Links<Self>;
}

/// Elements in a row.
///
/// LIST-PINNED: an element on the list is alive and stays where it is until it is off it; that is promised
/// for each that is put on, and is why the links may be followed. The pointers that come off are those
/// that were put on: whoever takes one off may reach by it what could be reached by it then.
pub struct List<T: Linked> {
    first: Option<NonNull<T>>,
    last: Option<NonNull<T>>,
}

// SAFETY: LIST-LINKS: who has the list has the links of all that is on it, and nobody else has.
unsafe impl<T: Linked> Send for List<T> {}

impl<T: Linked> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Linked> List<T> {
    /// With nobody on it.
    pub const fn new() -> Self {
        Self {
            first: None,
            last: None,
        }
    }

    /// Whether nobody is on it.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The first.
    #[inline(always)]
    pub fn first(&self) -> Option<&T> {
        // SAFETY: LIST-PINNED: it is on this list.
        self.first.map(|first| unsafe { first.as_ref() })
    }

    /// All of them, from the first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: LIST-PINNED: they are on this list.
        let follow = |one: Option<NonNull<T>>| one.map(|one| unsafe { one.as_ref() });
        iter::successors(self.first(), move |one| follow(one.links().next.get()))
    }

    /// Adds `one` as the last.
    ///
    /// # Safety
    ///
    /// LIST-PINNED: it is on no list, and stays alive and where it is until it has been taken off this
    /// one.
    #[inline(always)]
    pub unsafe fn push_back(&mut self, one: NonNull<T>) {
        // SAFETY: LIST-PINNED, by the caller's promise.
        unsafe { self.link(self.last, one, None) };
    }

    /// Adds `one` as the first.
    ///
    /// # Safety
    ///
    /// As for [`push_back`](List::push_back).
    pub unsafe fn push_front(&mut self, one: NonNull<T>) {
        // SAFETY: LIST-PINNED, by the caller's promise.
        unsafe { self.link(None, one, self.first) };
    }

    /// Adds `one` behind those at the front that are `earlier`. O(these).
    ///
    /// # Safety
    ///
    /// As for [`push_back`](List::push_back).
    pub unsafe fn insert_behind(&mut self, one: NonNull<T>, earlier: impl Fn(&T) -> bool) {
        let (mut prev, mut next) = (None, self.first);
        while let Some(other) = next {
            // SAFETY: LIST-PINNED: it is on this list.
            let it = unsafe { other.as_ref() };
            if !earlier(it) {
                break;
            }
            (prev, next) = (next, it.links().next.get());
        }
        // SAFETY: LIST-PINNED, by the caller's promise; the other two are neighbours on this list.
        unsafe { self.link(prev, one, next) };
    }

    /// Takes the first off.
    #[inline(always)]
    pub fn pop_front(&mut self) -> Option<NonNull<T>> {
        let one = self.first?;
        // SAFETY: LIST-PINNED: it is on this list.
        let next = unsafe { one.as_ref() }.links().next.get();
        // SAFETY: as above, or it is nobody.
        unsafe { self.join(None, next) };
        Some(one)
    }

    /// Takes them off, from the first on, as long as `takes` says so. What it says so of may be gone when
    /// it returns. O(those taken off).
    #[inline(always)]
    pub fn pop_while(&mut self, mut takes: impl FnMut(NonNull<T>) -> bool) {
        let mut left = self.first;
        while let Some(one) = left {
            // SAFETY: LIST-PINNED: it is on this list, and not given away yet.
            let next = unsafe { one.as_ref() }.links().next.get();
            if !takes(one) {
                break;
            }
            left = next;
        }
        // Once for all of them: with every one it would be four instructions for each.
        // SAFETY: LIST-PINNED: it is on this list, or it is nobody.
        unsafe { self.join(None, left) };
    }

    /// Takes `one` off.
    ///
    /// # Safety
    ///
    /// LIST-LINKS: it is on this list.
    pub unsafe fn remove(&mut self, one: &T) {
        let links = one.links();
        // SAFETY: LIST-PINNED: its neighbours are on this list.
        unsafe { self.join(links.prev.get(), links.next.get()) };
    }

    /// Puts `one` between two neighbours, or at an end.
    ///
    /// # Safety
    ///
    /// As for [`push_back`](List::push_back); `prev` and `next` are neighbours on this list.
    #[inline(always)]
    unsafe fn link(&mut self, prev: Option<NonNull<T>>, one: NonNull<T>, next: Option<NonNull<T>>) {
        // SAFETY: LIST-PINNED, by the caller's promise: all that there are stay where they are.
        unsafe {
            self.join(prev, Some(one));
            self.join(Some(one), next);
        }
    }

    /// Makes neighbours of two; of one alone, the end of the list on its side.
    ///
    /// # Safety
    ///
    /// LIST-PINNED: they are on this list, or are put on it by this.
    #[inline(always)]
    unsafe fn join(&mut self, prev: Option<NonNull<T>>, next: Option<NonNull<T>>) {
        match prev {
            // SAFETY: LIST-PINNED, by the caller's promise.
            Some(prev) => unsafe { prev.as_ref() }.links().next.set(next),
            None => self.first = next,
        }
        match next {
            // SAFETY: LIST-PINNED, by the caller's promise.
            Some(next) => unsafe { next.as_ref() }.links().prev.set(prev),
            None => self.last = prev,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 4;

    struct One {
        number: usize,
        links: Links<Self>,
    }

    // SAFETY: LIST-LINKS: they are one thread's.
    unsafe impl Linked for One {
        fn links(&self) -> &Links<Self> {
            &self.links
        }
    }

    fn row() -> [One; LEN] {
        core::array::from_fn(|number| One {
            number,
            links: Links::default(),
        })
    }

    /// Who is on it; the links say the same both ways, and the ends are ends.
    fn on(list: &List<One>) -> impl Iterator<Item = usize> {
        let mut prev = None;
        for one in list.iter() {
            assert_eq!(one.links.prev.get(), prev);
            prev = Some(NonNull::from(one));
        }
        assert_eq!(list.last, prev);
        assert_eq!(list.is_empty(), prev.is_none());
        let first = list.iter().next().map(|one| one.number);
        assert_eq!(list.first().map(|one| one.number), first);
        list.iter().map(|one| one.number)
    }

    #[test]
    fn each_way_off_and_back_keeps_the_row() {
        // Each set of elements that is taken out of the middle, put back, and then taken from the front.
        for set in 0_u32..1 << LEN {
            let row = row();
            let chosen = |n: &usize| set & 1 << n != 0;
            let mut list = List::default();
            for (n, one) in row.iter().enumerate() {
                // SAFETY: it stays in its place, and is on no list.
                unsafe { list.push_back(NonNull::from(one)) };
                assert!(on(&list).eq(0..=n));
            }
            for n in (0..LEN).filter(chosen) {
                // SAFETY: it is on the list.
                unsafe { list.remove(&row[n]) };
                assert!(on(&list).eq((0..LEN).filter(|m| *m > n || !chosen(m))));
            }
            for n in (0..LEN).filter(chosen).rev() {
                // SAFETY: it is off the list again, and nobody else has it.
                unsafe { list.insert_behind(NonNull::from(&row[n]), |other| other.number < n) };
                assert!(on(&list).eq((0..LEN).filter(|m| *m >= n || !chosen(m))));
            }
            for (n, one) in row.iter().enumerate() {
                assert_eq!(list.pop_front(), Some(NonNull::from(one)));
                assert!(on(&list).eq(n + 1..LEN));
            }
            assert_eq!(list.pop_front(), None);
        }
    }

    #[test]
    fn the_front_goes_in_one_sweep_and_comes_back_to_the_front() {
        for count in 0..=LEN {
            let row = row();
            let mut list = List::new();
            for one in row.iter().rev() {
                // SAFETY: it stays in its place, and is on no list.
                unsafe { list.push_front(NonNull::from(one)) };
                assert!(on(&list).eq(one.number..LEN));
            }
            let mut taken = 0;
            list.pop_while(|one| {
                // SAFETY: it is in its place.
                assert_eq!(unsafe { one.as_ref() }.number, taken);
                let takes = taken < count;
                taken += usize::from(takes);
                takes
            });
            assert_eq!(taken, count);
            assert!(on(&list).eq(count..LEN));
        }
    }
}
