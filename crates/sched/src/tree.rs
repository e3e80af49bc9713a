//! The tree of the fair entities: who may run, and of those whose request is due first, in O(log n).
//!
//! What belongs here: the order by deadline, and keeping it balanced. What does not: what the ages
//! and deadlines are ([`crate::fair`]), and which entity is on which queue ([`crate::links`]).
//!
//! A balanced tree (Adelson-Velsky and Landis) by deadline. Beside its height each node keeps the
//! least age found in its part of the tree, as Stoica and Abdel-Wahab propose. So one way down finds
//! the earliest deadline among those that are not older than a given age: to the left if somebody
//! there is young enough, else the node itself if it is, else to the right.
//!
//! Two halves of a tree differ in height by one at most, so with 1,024 entities no way down is longer
//! than 14. Nothing here takes more than a constant number of ways up or down.

#![forbid(unsafe_code)]

use crate::links::At;
use crate::vtime::VirtualTime;

/// Fair entities by deadline, those with the same one in the order in which they came.
///
/// **TREE**: from `root`, `left` and `right` lead to each entity of the tree once, and `parent` back.
/// No link of an entity on the tree, and not `root`, leads to an entity that is not.
pub(crate) struct Tree {
    root: Option<At>,
}

/// The height of a part of the tree.
#[inline(always)]
fn height(top: Option<At>) -> u8 {
    top.map_or(0, |e| e.links.height.get())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Side {
    #[inline(always)]
    fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

#[inline(always)]
fn child(e: At, side: Side) -> Option<At> {
    match side {
        Side::Left => e.links.left.get(),
        Side::Right => e.links.right.get(),
    }
}

#[inline(always)]
fn set_child(e: At, side: Side, to: Option<At>) {
    match side {
        Side::Left => e.links.left.set(to),
        Side::Right => e.links.right.set(to),
    }
    if let Some(to) = to {
        to.links.parent.set(Some(e));
    }
}

/// Computes anew what `e` knows of its part of the tree, from its children.
#[inline(always)]
fn update(e: At) {
    let mut tallest = 0;
    let mut least = e.vruntime.get();
    if let Some(left) = e.links.left.get() {
        tallest = left.links.height.get();
        least = least.min(left.links.least.get());
    }
    if let Some(right) = e.links.right.get() {
        tallest = tallest.max(right.links.height.get());
        least = least.min(right.links.least.get());
    }
    e.links.height.set(tallest + 1);
    e.links.least.set(least);
}

impl Tree {
    pub(crate) const fn new() -> Self {
        Self { root: None }
    }

    /// Who is at the top; `None` if nobody is on the tree. O(1).
    #[inline(always)]
    pub(crate) fn root(&self) -> Option<At> {
        self.root
    }

    /// The least age of all. O(1).
    #[inline(always)]
    pub(crate) fn least(&self) -> Option<VirtualTime> {
        self.root.map(|e| e.links.least.get())
    }

    /// The one with the earliest deadline of those whose age is `time` at most. O(log n).
    #[inline]
    pub(crate) fn first_until(&self, time: VirtualTime) -> Option<At> {
        let mut at = self.root.filter(|e| e.links.least.get() <= time)?;
        // Somebody below `at` is young enough, or `at` itself is.
        loop {
            at = match at.links.left.get() {
                Some(left) if left.links.least.get() <= time => left,
                _ if at.vruntime.get() <= time => return Some(at),
                _ => at.links.right.get()?,
            };
        }
    }

    /// Puts `e`, which is nowhere, behind those with the same deadline. O(log n).
    #[inline]
    pub(crate) fn insert(&mut self, e: At) {
        let deadline = e.deadline.get();
        let mut next = self.root;
        let mut place = None;
        while let Some(at) = next {
            let side = if deadline < at.deadline.get() {
                Side::Left
            } else {
                Side::Right
            };
            place = Some((at, side));
            next = child(at, side);
        }
        e.links.left.set(None);
        e.links.right.set(None);
        e.links.height.set(1);
        e.links.least.set(e.vruntime.get());
        match place {
            None => {
                e.links.parent.set(None);
                self.root = Some(e);
            }
            Some((at, side)) => {
                set_child(at, side, Some(e));
                self.mend(Some(at));
            }
        }
    }

    /// Takes out `e`, which is on this tree. O(log n).
    #[inline]
    pub(crate) fn remove(&mut self, e: At) {
        let (left, right) = (e.links.left.get(), e.links.right.get());
        let parent = e.links.parent.get();
        let (Some(left), Some(right)) = (left, right) else {
            self.replace(parent, e, left.or(right));
            self.mend(parent);
            return;
        };
        // The next one by deadline takes its place.
        let mut heir = right;
        while let Some(before) = heir.links.left.get() {
            heir = before;
        }
        if heir != right {
            let above = heir.links.parent.get();
            if let Some(above) = above {
                set_child(above, Side::Left, heir.links.right.get());
            }
            set_child(heir, Side::Right, Some(right));
            self.take_place(heir, e, left, parent);
            self.mend(above);
        } else {
            self.take_place(heir, e, left, parent);
        }
        // Mending from below may have stopped before it came here, where the age has changed.
        self.mend(Some(heir));
    }

    /// Puts `heir` where `e` is, with what `e` knew of that part of the tree, to be mended.
    fn take_place(&mut self, heir: At, e: At, left: At, parent: Option<At>) {
        set_child(heir, Side::Left, Some(left));
        heir.links.height.set(e.links.height.get());
        heir.links.least.set(e.links.least.get());
        self.replace(parent, e, Some(heir));
    }

    /// Has `parent` (or the root) lead to `new` where it leads to `old`.
    #[inline(always)]
    fn replace(&mut self, parent: Option<At>, old: At, new: Option<At>) {
        match parent {
            Some(above) if above.links.left.get() == Some(old) => set_child(above, Side::Left, new),
            Some(above) => set_child(above, Side::Right, new),
            None => {
                self.root = new;
                if let Some(new) = new {
                    new.links.parent.set(None);
                }
            }
        }
    }

    /// Balances from `from` upwards, as far as heights or least ages change.
    fn mend(&mut self, from: Option<At>) {
        let mut next = from;
        while let Some(at) = next {
            let parent = at.links.parent.get();
            let known = (at.links.height.get(), at.links.least.get());
            let (left, right) = (height(at.links.left.get()), height(at.links.right.get()));
            let top = if left > right + 1 {
                self.lower_left(at)
            } else if right > left + 1 {
                self.lower_right(at)
            } else {
                update(at);
                at
            };
            if known == (top.links.height.get(), top.links.least.get()) {
                return;
            }
            next = parent;
        }
    }

    #[inline(never)]
    fn lower_left(&mut self, at: At) -> At {
        self.lower(at, Side::Left)
    }

    #[inline(never)]
    fn lower_right(&mut self, at: At) -> At {
        self.lower(at, Side::Right)
    }

    /// Makes the part below `at` less tall on `side`, where it is taller by two; gives its new top.
    #[inline(always)]
    fn lower(&mut self, at: At, side: Side) -> At {
        if let Some(tall) = child(at, side)
            && height(child(tall, side)) < height(child(tall, side.other()))
        {
            self.rotate(tall, side.other());
        }
        self.rotate(at, side)
    }

    /// Lifts the child of `at` on `side` to the place of `at`, which becomes its child; gives the
    /// one lifted.
    #[inline(always)]
    fn rotate(&mut self, at: At, side: Side) -> At {
        let Some(lifted) = child(at, side) else {
            return at;
        };
        let parent = at.links.parent.get();
        set_child(at, side, child(lifted, side.other()));
        self.replace(parent, at, Some(lifted));
        set_child(lifted, side.other(), Some(at));
        update(at);
        update(lifted);
        lifted
    }

    /// The entities by deadline. O(log n) to begin with, and for each step at most.
    pub(crate) fn iter(&self) -> impl Iterator<Item = At> {
        let mut next = self.root.map(leftmost);
        core::iter::from_fn(move || {
            let at = next?;
            next = after(at);
            Some(at)
        })
    }
}

/// The first of the part of the tree below `top`.
fn leftmost(top: At) -> At {
    let mut at = top;
    while let Some(before) = at.links.left.get() {
        at = before;
    }
    at
}

/// Who comes after `e`.
fn after(e: At) -> Option<At> {
    if let Some(right) = e.links.right.get() {
        return Some(leftmost(right));
    }
    let mut at = e;
    loop {
        let above = at.links.parent.get()?;
        if above.links.left.get() == Some(at) {
            return Some(above);
        }
        at = above;
    }
}

#[cfg(test)]
mod tests;
