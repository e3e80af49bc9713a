//! Nodes in a row: the intrusive list of a queue.
//!
//! Only the links belong here. Who waits for what, and who may touch a list when, is in
//! [`crate::queue`].
//!
//! A list of our own because a wake is hardly more than taking the first node off one: that is six
//! instructions here, and seventeen in a library whose lists check what our protocol rules out.

use crate::host::Host;
use crate::node::Node;
use core::cell::Cell;
use core::ptr::NonNull;

/// A node's neighbours. They mean nothing while it is on no list.
pub(crate) struct Links<H: Host> {
    next: Cell<Option<NonNull<Node<H>>>>,
    prev: Cell<Option<NonNull<Node<H>>>>,
}

impl<H: Host> Links<H> {
    pub const fn new() -> Self {
        Self {
            next: Cell::new(None),
            prev: Cell::new(None),
        }
    }
}

/// Nodes in their order of arrival.
///
/// NODE-PINNED: a node on the list stays where it is until it is off it; that, promised to `push_back`
/// and `push_front`, is why the links may be followed.
pub(crate) struct List<H: Host> {
    first: Option<NonNull<Node<H>>>,
    last: Option<NonNull<Node<H>>>,
}

// SAFETY: NODE-LOCK. Whoever has the list holds the lock that it is under, and what it links is touched
// by its owner only under the same lock; handles (`H::Task`) may be used from any thread.
unsafe impl<H: Host> Send for List<H> {}

impl<H: Host> List<H> {
    pub const fn new() -> Self {
        Self {
            first: None,
            last: None,
        }
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The node that came first.
    #[inline(always)]
    pub fn first(&self) -> Option<&Node<H>> {
        // SAFETY: NODE-PINNED: it is on this list.
        self.first.map(|node| unsafe { node.as_ref() })
    }

    /// Adds `node` as the last one. Who takes it off gets this pointer, and may reach by it what could be
    /// reached by it here.
    ///
    /// # Safety
    ///
    /// NODE-PINNED: it is on no list, and stays where it is until it has been taken off this one.
    #[inline(always)]
    pub unsafe fn push_back(&mut self, node: NonNull<Node<H>>) {
        // SAFETY: NODE-PINNED, by the caller's promise.
        let links = unsafe { &node.as_ref().links };
        links.next.set(None);
        links.prev.set(self.last);
        let node = Some(node);
        match self.last {
            // SAFETY: NODE-PINNED: it is on this list.
            Some(last) => unsafe { last.as_ref() }.links.next.set(node),
            None => self.first = node,
        }
        self.last = node;
    }

    /// Adds `node` as the first one.
    ///
    /// # Safety
    ///
    /// As for [`push_back`](List::push_back).
    pub unsafe fn push_front(&mut self, node: &Node<H>) {
        node.links.prev.set(None);
        node.links.next.set(self.first);
        let node = Some(NonNull::from(node));
        match self.first {
            // SAFETY: NODE-PINNED: it is on this list.
            Some(first) => unsafe { first.as_ref() }.links.prev.set(node),
            None => self.last = node,
        }
        self.first = node;
    }

    /// Takes the first node off.
    #[inline(always)]
    pub fn pop_front(&mut self) -> Option<NonNull<Node<H>>> {
        let node = self.first?;
        // SAFETY: NODE-PINNED: it is on this list.
        let next = unsafe { node.as_ref() }.links.next.get();
        self.first = next;
        match next {
            // SAFETY: NODE-PINNED: it is on this list.
            Some(next) => unsafe { next.as_ref() }.links.prev.set(None),
            None => self.last = None,
        }
        Some(node)
    }

    /// Takes nodes off, from the first on, as long as `takes` says so. What it says so of may be gone
    /// when it returns.
    #[inline(always)]
    pub fn pop_while(&mut self, mut takes: impl FnMut(NonNull<Node<H>>) -> bool) {
        let mut left = self.first;
        while let Some(node) = left {
            // SAFETY: NODE-PINNED: it is on this list, and not given away yet.
            let next = unsafe { node.as_ref() }.links.next.get();
            if !takes(node) {
                break;
            }
            left = next;
        }
        // Once for all of them: with every node it would be four instructions for each.
        self.first = left;
        match left {
            // SAFETY: NODE-PINNED: it is on this list.
            Some(first) => unsafe { first.as_ref() }.links.prev.set(None),
            None => self.last = None,
        }
    }

    /// Takes `node` off.
    ///
    /// # Safety
    ///
    /// NODE-LOCK: it is on this list.
    pub unsafe fn remove(&mut self, node: &Node<H>) {
        let (prev, next) = (node.links.prev.get(), node.links.next.get());
        match prev {
            // SAFETY: NODE-PINNED: it is on this list.
            Some(prev) => unsafe { prev.as_ref() }.links.next.set(next),
            None => self.first = next,
        }
        match next {
            // SAFETY: NODE-PINNED: it is on this list.
            Some(next) => unsafe { next.as_ref() }.links.prev.set(prev),
            None => self.last = prev,
        }
    }
}
