//! Folds executed instructions: into stretches in one function, and within each by the source
//! functions that were inlined there.

use std::collections::BTreeMap;

use super::{
    places::{Frame, Place},
    trace::Step,
};

/// How much of a chain of inlined functions is shown.
const CHAIN: usize = 3;

/// Instructions of one function without a call or return in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub core: u32,
    pub function: String,
    /// It goes on with a function that was left for another one.
    pub resumed: bool,
    pub parts: Vec<Part>,
}

impl Stretch {
    pub fn count(&self) -> usize {
        self.parts.iter().map(|part| part.count).sum()
    }
}

/// Instructions that one function of the source stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub count: usize,
    pub name: String,
    /// `name` and those that it was inlined into: `a < b < c`.
    pub chain: String,
    pub file: String,
    /// The first and the last of its lines.
    pub lines: (u32, u32),
}

/// In the order of execution; the parts of a stretch by their first instruction.
pub fn stretches(steps: &[Step], mut place: impl FnMut(u64) -> Place) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for step in steps {
        let place = place(step.pc);
        let same = |last: &Stretch| {
            last.core == step.core && last.function == place.function && place.offset > 0
        };
        if !stretches.last().is_some_and(same) {
            stretches.push(Stretch {
                core: step.core,
                function: place.function.clone(),
                resumed: place.offset > 0,
                parts: Vec::new(),
            });
        }
        if let Some(last) = stretches.last_mut() {
            add(&mut last.parts, &place);
        }
    }
    stretches
}

fn add(parts: &mut Vec<Part>, place: &Place) {
    // What is written in assembly has no frames.
    let nameless = Frame {
        name: place.function.clone(),
        file: String::new(),
        line: 0,
    };
    let frame = place.frames.first().unwrap_or(&nameless);
    let line = frame.line;
    let known = parts
        .iter_mut()
        .find(|part| part.name == frame.name && part.file == frame.file);
    if let Some(part) = known {
        part.count += 1;
        // The compiler's own instructions have line 0.
        part.lines = match (part.lines, line) {
            (lines, 0) => lines,
            ((0, 0), line) => (line, line),
            ((first, last), line) => (first.min(line), last.max(line)),
        };
        return;
    }
    let names = place.frames.iter().take(CHAIN).map(|frame| &*frame.name);
    let chain: Vec<_> = names.collect();
    parts.push(Part {
        count: 1,
        name: frame.name.clone(),
        chain: match chain.is_empty() {
            true => frame.name.clone(),
            false => chain.join(" < "),
        },
        file: frame.file.clone(),
        lines: (line, line),
    });
}

/// The instructions of each function of the source, wherever it was inlined; most first.
pub fn by_source(stretches: &[Stretch]) -> Vec<(usize, String, String)> {
    let mut sums: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for part in stretches.iter().flat_map(|stretch| &stretch.parts) {
        *sums.entry((&part.name, &part.file)).or_default() += part.count;
    }
    let mut rows: Vec<_> = sums
        .into_iter()
        .map(|((name, file), count)| (count, name.to_owned(), file.to_owned()))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two functions: at 0x10 `outer`, whose 0x14 and 0x1c were inlined from `lock`; at 0x40
    /// `vector` in assembly.
    fn place(pc: u64) -> Place {
        let frame = |name: &str, line| Frame {
            name: name.into(),
            file: "a.rs".into(),
            line,
        };
        let (function, start, frames) = match pc {
            0x14 => ("outer", 0x10, vec![frame("lock", 5), frame("outer", 2)]),
            0x1c => ("outer", 0x10, vec![frame("lock", 7), frame("outer", 2)]),
            0x18 => ("outer", 0x10, vec![frame("outer", 0)]),
            0x10..0x40 => ("outer", 0x10, vec![frame("outer", 1)]),
            _ => ("vector", 0x40, Vec::new()),
        };
        Place {
            function: function.into(),
            offset: pc - start,
            frames,
            instruction: "nop".into(),
        }
    }

    fn folded(pcs: &[u64]) -> Vec<Stretch> {
        let steps: Vec<_> = pcs.iter().map(|pc| Step { core: 0, pc: *pc }).collect();
        stretches(&steps, place)
    }

    #[test]
    fn stretches_follow_the_execution_and_parts_the_source() {
        let folded = folded(&[0x10, 0x14, 0x18, 0x1c, 0x40, 0x44, 0x20]);
        let shape: Vec<_> = folded
            .iter()
            .map(|one| (one.count(), &*one.function, one.resumed))
            .collect();
        assert_eq!(
            shape,
            [
                (4, "outer", false),
                (2, "vector", false),
                (1, "outer", true)
            ]
        );
        let parts: Vec<_> = folded[0]
            .parts
            .iter()
            .map(|part| (part.count, &*part.chain, part.lines))
            .collect();
        assert_eq!(parts, [(2, "outer", (1, 1)), (2, "lock < outer", (5, 7))]);
        assert_eq!(folded[1].parts[0].name, "vector");
    }

    #[test]
    fn a_function_that_begins_anew_is_a_new_stretch() {
        assert_eq!(folded(&[0x40, 0x44, 0x40, 0x44]).len(), 2);
    }

    #[test]
    fn nothing_is_lost_in_the_sums() {
        let folded = folded(&[0x10, 0x14, 0x18, 0x1c, 0x40, 0x44, 0x20]);
        let rows = by_source(&folded);
        assert_eq!(rows[0], (3, "outer".into(), "a.rs".into()));
        assert_eq!(rows.iter().map(|row| row.0).sum::<usize>(), 7);
    }
}
