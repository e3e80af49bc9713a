//! The tree against a sorted list: order, links, balance and least ages after each step.

extern crate std;

use super::*;
use crate::links::EntityRef;
use crate::{CpuSet, Entity, Priority};
use proptest::prelude::*;
use std::vec::Vec;

const ENTITIES: usize = if cfg!(miri) { 12 } else { 40 };
/// Few different keys, so that many are equal.
const KEYS: i64 = 16;

/// A point on either side of where virtual time wraps.
fn point(key: i64) -> VirtualTime {
    VirtualTime::ZERO.plus(key - KEYS / 2)
}

struct Forest {
    handles: Vec<EntityRef>,
    _entities: Vec<Entity>,
    tree: Tree,
    /// Who should be on the tree, in order: deadline, age, index.
    model: Vec<(i64, i64, usize)>,
}

impl Forest {
    fn new(entities: usize) -> Self {
        let one = |_| Entity::new(Priority::NORMAL, CpuSet::ALL);
        let entities: Vec<Entity> = (0..entities).map(one).collect();
        Self {
            handles: entities.iter().map(EntityRef::of_test).collect(),
            _entities: entities,
            tree: Tree::new(),
            model: Vec::new(),
        }
    }

    fn at(&self, e: usize) -> At {
        self.handles[e].at()
    }

    fn insert(&mut self, e: usize, deadline: i64, age: i64) {
        let at = self.at(e);
        at.deadline.set(point(deadline));
        at.vruntime.set(point(age));
        self.tree.insert(at);
        let place = self.model.partition_point(|m| m.0 <= deadline);
        self.model.insert(place, (deadline, age, e));
    }

    fn remove(&mut self, place: usize) {
        let (_, _, e) = self.model.remove(place);
        self.tree.remove(self.at(e));
    }

    /// Checks the links, the balance and the least ages below `top`; gives height and least.
    fn check_part(top: At) -> (u8, VirtualTime) {
        let mut least = top.vruntime.get();
        let mut heights = [0, 0];
        for (side, height) in [Side::Left, Side::Right].into_iter().zip(&mut heights) {
            if let Some(below) = child(top, side) {
                assert!(below.links.parent.get() == Some(top));
                let part = Self::check_part(below);
                *height = part.0;
                least = least.min(part.1);
            }
        }
        assert!(heights[0].abs_diff(heights[1]) <= 1, "out of balance");
        let height = heights[0].max(heights[1]) + 1;
        assert_eq!(top.links.height.get(), height);
        assert_eq!(top.links.least.get(), least);
        (height, least)
    }

    fn check(&self) {
        if let Some(root) = self.tree.root() {
            assert!(root.links.parent.get().is_none());
            Self::check_part(root);
        }
        let there = self.tree.iter().take(self.handles.len() + 1);
        assert!(there.eq(self.model.iter().map(|m| self.at(m.2))));
        let least = self.model.iter().map(|m| m.1).min();
        assert_eq!(self.tree.least(), least.map(point));
    }

    fn check_first(&self, age: i64) {
        let first = self.model.iter().find(|m| m.1 <= age);
        let first = first.map(|m| self.at(m.2));
        assert!(self.tree.first_until(point(age)) == first);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn as_a_sorted_list(
        ops in proptest::collection::vec(
            (0..ENTITIES, 0..KEYS, 0..KEYS, any::<bool>()),
            0..if cfg!(miri) { 60 } else { 250 },
        ),
    ) {
        let mut forest = Forest::new(ENTITIES);
        for (e, deadline, age, first) in ops {
            let there = forest.model.iter().position(|m| m.2 == e);
            let young = forest.model.iter().position(|m| m.1 <= age);
            match (there, young) {
                // Now and then the one that would be picked, else any.
                (_, Some(place)) if first && deadline < KEYS / 4 => forest.remove(place),
                (Some(place), _) => forest.remove(place),
                (None, _) => forest.insert(e, deadline, age),
            }
            forest.check();
            for age in -1..=KEYS {
                forest.check_first(age);
            }
        }
    }
}

/// Neither rising, falling nor equal keys make it deeper than it should be.
#[test]
fn a_thousand_are_fourteen_deep_at_most() {
    let many = if cfg!(miri) { 64 } else { 1024 };
    for step in [-1, 0, 1] {
        let mut forest = Forest::new(many);
        for e in 0..many {
            forest.insert(e, e as i64 * step, e as i64 * step);
        }
        forest.check();
        assert!(height(forest.tree.root()) <= 14);
        while forest.model.len() > 1 {
            forest.remove(0);
            if forest.model.len() % 64 == 1 {
                forest.check();
            }
        }
    }
}
