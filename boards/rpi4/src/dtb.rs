//! What the kernel wants to know from a device tree that the firmware (or the emulator) hands
//! over in x0: the RAM, and the command line.
//!
//! Anything may be in that register, and anything at the address in it. Whatever is wrong is an
//! [`Error`] with a sentence for the log, and the board goes on with what it knows otherwise; it
//! is never a panic. The format is read by `dtoolkit`, which checks the whole blob before anything
//! in it is looked at. Devices are not found by the tree: this board knows where its devices are.

use core::fmt;
use core::ops::Range;

use dtoolkit::error::FdtErrorKind;
use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};

use crate::memory::{self, Memory};

/// Largest tree that is read: the boot protocol of 64-bit Arm kernels allows no larger one.
pub const MAX_SIZE: usize = 2 << 20;

/// First bytes of a tree, and where its size stands.
const MAGIC: [u8; 4] = [0xD0, 0x0D, 0xFE, 0xED];
const PREFIX: usize = 8;

/// What the emulator (and old firmware) puts into x0 when it has no tree: the address of a list
/// of "tags".
const ATAGS: u64 = 0x100;

/// Why a device tree is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// x0 is 0 or the address of a tag list: nobody meant to hand over a tree.
    None,
    /// The address is not a multiple of 8.
    Unaligned,
    /// It is not in RAM, at least not wholly.
    OutOfReach,
    /// There is something else.
    NoTree,
    /// Its size is less than that of a header, or more than [`MAX_SIZE`].
    Size(u32),
    /// It does not keep to the format.
    Format(FdtErrorKind),
    /// A memory node or reservation has no address range that makes sense.
    Range,
    /// What it says about memory cannot be used.
    Memory(memory::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none was handed over"),
            Self::Unaligned => f.write_str("its address is not a multiple of 8"),
            Self::OutOfReach => f.write_str("it does not lie in memory"),
            Self::NoTree => f.write_str("there is no device tree at its address"),
            Self::Size(size) => write!(f, "its size, {size} bytes, is out of range"),
            Self::Format(kind) => write!(f, "it is damaged: {kind}"),
            Self::Range => f.write_str("a memory range in it makes no sense"),
            Self::Memory(error) => write!(f, "it is of no use: {error}"),
        }
    }
}

impl From<memory::Error> for Error {
    fn from(error: memory::Error) -> Self {
        Self::Memory(error)
    }
}

/// Size of the tree that begins with these bytes.
fn size(prefix: [u8; PREFIX]) -> Result<usize, Error> {
    let (magic, size) = prefix.split_at(4);
    if magic != MAGIC {
        return Err(Error::NoTree);
    }
    let size = size.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte));
    if size as usize > MAX_SIZE || size as usize <= PREFIX {
        return Err(Error::Size(size));
    }
    Ok(size as usize)
}

/// The bytes of the tree that the boot code found in x0, when they lie wholly in `ram`.
///
/// # Errors
/// [`Error`] up to `Size`; the bytes themselves are not looked at.
///
/// # Safety
/// DTB-BYTES: whatever lies in `ram` can be read, and if there is a tree at `x0`, nobody writes
/// to it for as long as the slice is used.
pub unsafe fn at(x0: u64, ram: Range<u64>) -> Result<&'static [u8], Error> {
    match x0 {
        0 | ATAGS => return Err(Error::None),
        _ if !x0.is_multiple_of(8) => return Err(Error::Unaligned),
        _ => {}
    }
    let available = match ram.contains(&x0) {
        true => ram.end - x0,
        false => return Err(Error::OutOfReach),
    };
    if available < PREFIX as u64 {
        return Err(Error::OutOfReach);
    }
    let start = x0 as usize as *const u8;
    // SAFETY: DTB-BYTES: in `ram`, as just looked.
    let size = size(unsafe { start.cast::<[u8; PREFIX]>().read() })?;
    if available < size as u64 {
        return Err(Error::OutOfReach);
    }
    // SAFETY: DTB-BYTES: in `ram`, and written by nobody.
    Ok(unsafe { core::slice::from_raw_parts(start, size) })
}

/// A device tree that keeps to the format.
#[derive(Clone, Copy, Debug)]
pub struct DeviceTree<'a> {
    tree: Fdt<'a>,
}

impl<'a> DeviceTree<'a> {
    /// The tree in these bytes, checked from end to end. O(length).
    ///
    /// # Errors
    /// [`Error::NoTree`], [`Error::Size`], [`Error::Format`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let prefix = bytes.first_chunk().ok_or(Error::NoTree)?;
        let tree = bytes.get(..size(*prefix)?).ok_or(Error::OutOfReach)?;
        match Fdt::new(tree) {
            Ok(tree) => Ok(Self { tree }),
            Err(error) => Err(Error::Format(error.kind)),
        }
    }

    /// RAM that is in `window`, that the tree does not reserve, and that is not in `taken` (the
    /// kernel's image, the tree's own bytes, the firmware's page).
    ///
    /// Counts every `memory` node, which may overlap; the reservation block; and the children of
    /// `/reserved-memory` with an address. A reservation that says a size alone is a wish, and
    /// passed over. The VideoCore's share is in no `memory` node to begin with.
    ///
    /// O(nodes), with a list of [`memory::MOST`] ranges on the stack.
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::Memory`]. A tree that is wrong in one range is not believed in
    /// the others.
    pub fn memory(&self, window: Range<u64>, taken: &[Range<u64>]) -> Result<Memory, Error> {
        let mut memory = Memory::default();
        for node in self
            .tree
            .root()
            .children()
            .filter(is_memory)
            .filter(is_enabled)
        {
            for_each_range(&node, |range| memory.add(range))?;
        }
        memory.clip(window)?;
        for entry in self.tree.memory_reservations() {
            memory.remove(checked(entry.address(), entry.size())?)?;
        }
        if let Some(parent) = self.tree.find_node("/reserved-memory") {
            for node in parent.children().filter(is_enabled) {
                for_each_range(&node, |range| memory.remove(range))?;
            }
        }
        for range in taken {
            memory.remove(range.clone())?;
        }
        Ok(memory.not_empty()?)
    }

    /// The kernel's command line (`bootargs` in `/chosen`), when there is one and it is text.
    /// O(nodes).
    #[must_use]
    pub fn command_line(&self) -> Option<&'a str> {
        self.tree
            .find_node("/chosen")?
            .property("bootargs")?
            .value_as()
            .ok()
    }

    /// The board's name for people, when there is one and it is text.
    #[must_use]
    pub fn model(&self) -> Option<&'a str> {
        self.tree.root().property("model")?.value_as().ok()
    }
}

fn is_memory(node: &FdtNode<'_>) -> bool {
    match node.property("device_type") {
        Some(kind) => kind.value() == b"memory\0",
        None => node.name_without_address() == "memory",
    }
}

fn is_enabled(node: &FdtNode<'_>) -> bool {
    node.property("status")
        .is_none_or(|s| matches!(s.value(), b"okay\0" | b"ok\0"))
}

/// Calls `act` with each range of the node's `reg`.
fn for_each_range(
    node: &FdtNode<'_>,
    mut act: impl FnMut(Range<u64>) -> Result<(), memory::Error>,
) -> Result<(), Error> {
    let Some(ranges) = node.reg().map_err(|_| Error::Range)? else {
        return Ok(());
    };
    for range in ranges {
        let address = range.address().map_err(|_| Error::Range)?;
        let size = range.size().map_err(|_| Error::Range)?;
        act(checked(address, size)?)?;
    }
    Ok(())
}

fn checked(address: u64, size: u64) -> Result<Range<u64>, Error> {
    Ok(address..address.checked_add(size).ok_or(Error::Range)?)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // lists of one range are meant
mod tests;
