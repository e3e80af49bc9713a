//! What an address in the image stands for: its function, the source functions that were inlined
//! there, and the instruction.

use std::path::{Path, PathBuf};

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use object::{Object, ObjectSection};

use super::{disassembly::disassembled, trace::Meter};
use crate::{
    build::elf::{self, Elf, Symbol},
    error::{Error, Result, fail},
    workspace,
};

type Slice<'data> = EndianSlice<'data, LittleEndian>;

/// In the name of what the compiler makes of a boxed closure.
const SHIM: &str = "vtable.shim";

/// A function of the source, and the line in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub name: String,
    /// From the workspace's root on; whole for what is outside.
    pub file: String,
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The function that was compiled, and how far into it this is.
    pub function: String,
    pub offset: u64,
    /// The functions of this workspace, the innermost first: the last is or calls for `function`.
    pub frames: Vec<Frame>,
    pub instruction: String,
}

pub struct Places<'data> {
    symbols: Vec<Symbol>,
    context: addr2line::Context<Slice<'data>>,
    /// Address and contents of what can be executed.
    code: Vec<(u64, &'data [u8])>,
}

impl<'data> Places<'data> {
    /// Reads the ELF that `path` is, for sentences.
    pub fn new(bytes: &'data [u8], path: &Path) -> Result<Self> {
        let elf = elf::parse(bytes, path)?;
        let unreadable = |error: String| {
            Error::new(format!(
                "{} has no sound debug information: {error}",
                path.display()
            ))
        };
        let section = |id: addr2line::gimli::SectionId| {
            let data = elf.section_by_name(id.name()).map(|section| section.data());
            let data = data
                .transpose()
                .map_err(|error| unreadable(error.to_string()))?;
            Ok::<_, Error>(EndianSlice::new(data.unwrap_or_default(), LittleEndian))
        };
        let context = addr2line::Context::from_dwarf(Dwarf::load(section)?)
            .map_err(|error| unreadable(error.to_string()))?;
        Ok(Self {
            symbols: elf::symbols(&elf)
                .into_iter()
                .filter(|symbol| symbol.is_code)
                .collect(),
            context,
            code: code(&elf),
        })
    }

    /// Where the function whose name ends so begins and ends.
    pub fn function(&self, name: &str) -> Result<std::ops::Range<u64>> {
        let ends = |symbol: &&Symbol| {
            let before = symbol.name.strip_suffix(name);
            before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
        };
        match self.symbols.iter().find(ends) {
            Some(symbol) => Ok(symbol.address..symbol.address + symbol.size),
            None => fail(format!("the benchmark image has no function {name}")),
        }
    }

    pub fn meter(&self) -> Result<Meter> {
        Ok(Meter {
            begin: self.function("meter::begin")?,
            end: self.function("meter::end")?,
            lap: self.function("meter::lap")?,
        })
    }

    pub fn at(&self, pc: u64) -> Place {
        let after = self.symbols.partition_point(|symbol| symbol.address <= pc);
        let symbol = after.checked_sub(1).map(|index| &self.symbols[index]);
        let frames = self.frames(pc);
        let outermost = || frames.last().map(|frame| frame.name.clone());
        let function = symbol.map(|symbol| &*symbol.name).unwrap_or("?");
        Place {
            // A closure that is called by way of a table has a name that says nothing.
            function: match function.contains(SHIM) {
                true => outermost().unwrap_or_else(|| short(function)),
                false => short(function),
            },
            offset: symbol.map_or(0, |symbol| pc - symbol.address),
            frames,
            instruction: self.instruction(pc),
        }
    }

    fn frames(&self, pc: u64) -> Vec<Frame> {
        let Ok(mut iterator) = self.context.find_frames(pc).skip_all_loads() else {
            return Vec::new();
        };
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = iterator.next() {
            let location = frame.location.as_ref();
            let Some(file) = location.and_then(|location| own(location.file?)) else {
                continue;
            };
            let name = frame
                .function
                .as_ref()
                .and_then(|name| name.raw_name().ok());
            let name = name.map_or("?".into(), |raw| {
                short(&format!("{:#}", rustc_demangle::demangle(&raw)))
            });
            let line = location.and_then(|location| location.line).unwrap_or(0);
            frames.push(Frame { name, file, line });
        }
        frames
    }

    fn instruction(&self, pc: u64) -> String {
        let bytes = self.code.iter().find_map(|(start, bytes)| {
            let at = usize::try_from(pc.checked_sub(*start)?).ok()?;
            bytes.get(at..at + 4)
        });
        let Some(bytes) = bytes else {
            return "?".into();
        };
        disassembled([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

fn code<'data>(elf: &Elf<'data>) -> Vec<(u64, &'data [u8])> {
    let executable = |section: &_| elf::has(section, object::elf::SHF_EXECINSTR);
    let sections = elf.sections().filter(executable);
    sections
        .filter_map(|section| Some((section.address(), section.data().ok()?)))
        .collect()
}

/// The path within the workspace, if it is in it.
fn own(file: &str) -> Option<String> {
    let root = workspace::root();
    let file = PathBuf::from(file);
    let within = match file.is_absolute() {
        true => file.strip_prefix(root).ok()?.to_path_buf(),
        false if root.join(&file).is_file() => file,
        false => return None,
    };
    Some(within.display().to_string())
}

/// The last two parts of a path, without what is in angle brackets:
/// `<layercake_wait::queue::WaitQueue<H>>::wake_one` is `WaitQueue::wake_one`.
pub fn short(path: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in split(path) {
        let name = match part
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
        {
            // `<Type>` or `<Type as Trait>` in front; `<T>` behind a name says nothing.
            Some(_) if !parts.is_empty() => continue,
            Some(inner) => {
                let subject = inner.split(" as ").next().unwrap_or(inner);
                split(subject.trim_start_matches(['&', '*']))
                    .pop()
                    .unwrap_or_default()
            }
            None => part,
        };
        let plain = name.split('<').next().unwrap_or_default().to_owned();
        if !plain.is_empty() {
            parts.push(plain);
        }
    }
    // A closure is part of the function that it is written in.
    parts.retain(|part| !part.starts_with('{'));
    parts[parts.len().saturating_sub(2)..].join("::")
}

/// At each `::` that is outside of angle brackets.
fn split(path: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth, mut before) = (Vec::new(), String::new(), 0_i32, ' ');
    for letter in path.chars() {
        match letter {
            '<' => depth += 1,
            // `->` in the type of a function is no bracket.
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        part.push(letter);
        if depth == 0 && part.ends_with("::") {
            part.truncate(part.len() - 2);
            parts.push(std::mem::take(&mut part));
        }
        before = letter;
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_to_type_and_function() {
        for (long, cut) in [
            ("layercake_kernel::thread::yield_now", "thread::yield_now"),
            (
                "<layercake_wait::queue::WaitQueue<H>>::wake_one",
                "WaitQueue::wake_one",
            ),
            (
                "layercake_wait::queue::WaitQueue<H>::wake_one",
                "WaitQueue::wake_one",
            ),
            ("<a::Host as b::Host>::park", "Host::park"),
            (
                "<&mut a::Guard<'_, T, fn() -> U> as core::ops::Drop>::drop",
                "Guard::drop",
            ),
            ("a::b::c::<d::E>", "b::c"),
            ("a::run::{closure#0}", "a::run"),
            ("a::run::{{closure}}::{{closure}}", "a::run"),
            ("__vectors", "__vectors"),
        ] {
            assert_eq!(short(long), cut);
        }
    }

    #[test]
    fn only_files_of_the_workspace_are_own() {
        let file = "xtask/src/main.rs";
        assert_eq!(own(file).as_deref(), Some(file));
        let whole = workspace::root().join(file);
        assert_eq!(own(&whole.display().to_string()).as_deref(), Some(file));
        assert_eq!(own("/rustc/0/library/core/src/cell.rs"), None);
        assert_eq!(own("library/core/src/cell.rs"), None);
    }
}
