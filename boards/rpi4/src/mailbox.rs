//! Questions to the VideoCore's firmware: the property channel of the mailbox.
//!
//! One question at a time, answered at once: memory, clock rates, board revision. Whatever would
//! set something (framebuffer, power domains) belongs to a driver that needs it. W: the
//! firmware's public notes on the "mailbox property interface".
//!
//! # Caches
//!
//! The VideoCore reads and writes the [`Message`] in memory, past the caches of the Arm cores.
//! While the calling core's data cache is off, nothing is to be done: pass [`uncached`]. Else
//! pass a function that cleans and invalidates a range to the point of coherency; it is called
//! before the question is sent (so that memory holds it, and no dirty line can be written over
//! the answer) and after the answer has come (so that no line filled by speculation hides it).
//! A message is a cache line of its own, and nothing else suffers.

use core::sync::atomic::{Ordering, fence};

use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::{ReadOnly, WriteOnly};
use tock_registers::{register_bitfields, register_structs};

register_bitfields! {
    u32,
    Status [
        FULL OFFSET(31) NUMBITS(1) [],
        EMPTY OFFSET(30) NUMBITS(1) []
    ]
}

register_structs! {
    /// Mailbox 0 is read by the Arm cores, mailbox 1 written.
    Registers {
        (0x00 => read: ReadOnly<u32>),
        (0x04 => _reserved0),
        (0x18 => read_status: ReadOnly<u32, Status::Register>),
        (0x1C => _reserved1),
        (0x20 => write: WriteOnly<u32>),
        (0x24 => _reserved2),
        (0x38 => write_status: ReadOnly<u32, Status::Register>),
        (0x3C => @END),
    }
}

/// Channel of property messages from the Arm cores to the VideoCore.
const PROPERTY: u32 = 8;
/// Where the VideoCore sees the first GiB of RAM without its own cache. W; E.
const BUS_UNCACHED: u32 = 0xC000_0000;
/// End of what the VideoCore can reach there.
const BUS_REACH: usize = 0x4000_0000;
/// Status word of a message: a question, answered, and the bit of an answered tag.
const REQUEST: u32 = 0;
const ANSWERED: u32 = 0x8000_0000;
const TAG_ANSWERED: u32 = 1 << 31;

/// Polls of the status before giving up. One takes 50 ns or more on the hardware: 0.2 s at the
/// least; the firmware answers these questions in well under a millisecond.
const PATIENCE: u32 = 1 << 22;

const TAG_BOARD_REVISION: u32 = 0x0001_0002;
const TAG_ARM_MEMORY: u32 = 0x0001_0005;
const TAG_CLOCK_RATE: u32 = 0x0003_0002;

/// Words of a message: one cache line of the Cortex-A72.
const WORDS: usize = 16;
/// Words of a message before and after the values of its one tag.
const HEAD: usize = 5;
const TAIL: usize = 1;

/// A clock that the firmware knows. W.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Clock {
    /// The PL011's.
    Uart = 2,
    /// The Arm cores'.
    Arm = 3,
    /// The VideoCore's own, and with it the mini-UART's.
    Core = 4,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The message lies outside of the first GiB, where the VideoCore could not find it.
    Unreachable,
    /// Nobody took the question, or nobody answered it.
    TimedOut,
    /// The firmware does not know the question, or has answered another way than it should.
    Refused,
}

/// Room for one question and its answer.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Message([u32; WORDS]);

const _: () = assert!(size_of::<Message>() == align_of::<Message>());

impl Message {
    /// An empty message.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; WORDS])
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}

/// The cache function for a core whose data cache is off: nothing to do.
pub fn uncached(_address: usize, _length: usize) {}

/// The mailbox. One question at a time, all cores together: `&mut`.
pub struct Mailbox {
    registers: *const Registers,
}

// SAFETY: MMIO-SHARED: the value is an address; no method cares which core calls it, and all of
// them take `&mut self`.
unsafe impl Send for Mailbox {}

impl Mailbox {
    /// The mailbox at `base`.
    ///
    /// # Safety
    /// MMIO-MAPPED holds for `base`, and MAILBOX-IDENTITY for every message that is passed.
    #[must_use]
    pub const unsafe fn new(base: usize) -> Self {
        Self {
            registers: base as *const Registers,
        }
    }

    /// RAM that the firmware has left to the Arm cores (its first range, below the VideoCore's
    /// share): start and size in bytes.
    ///
    /// # Errors
    /// See [`Error`]. This and all other questions poll: in the worst case for `PATIENCE`.
    pub fn arm_memory(
        &mut self,
        message: &mut Message,
        sync: impl Fn(usize, usize),
    ) -> Result<(u32, u32), Error> {
        let [start, size] = self.ask(TAG_ARM_MEMORY, [0, 0], message, sync)?;
        Ok((start, size))
    }

    /// Rate of a clock, in Hz, as the firmware believes it set.
    ///
    /// # Errors
    /// See [`Error`]; `Refused` also when the firmware says 0, its word for "no such clock".
    pub fn clock_rate(
        &mut self,
        clock: Clock,
        message: &mut Message,
        sync: impl Fn(usize, usize),
    ) -> Result<u32, Error> {
        match self.ask(TAG_CLOCK_RATE, [clock as u32, 0], message, sync)? {
            [_, 0] => Err(Error::Refused),
            [_, rate] => Ok(rate),
        }
    }

    /// The board's revision code.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn board_revision(
        &mut self,
        message: &mut Message,
        sync: impl Fn(usize, usize),
    ) -> Result<u32, Error> {
        let [revision] = self.ask(TAG_BOARD_REVISION, [0], message, sync)?;
        Ok(revision)
    }

    /// Asks with one tag whose question and answer have `N` words.
    fn ask<const N: usize>(
        &mut self,
        tag: u32,
        values: [u32; N],
        message: &mut Message,
        sync: impl Fn(usize, usize),
    ) -> Result<[u32; N], Error> {
        const { assert!(N + HEAD + TAIL <= WORDS) };
        let bytes = (N * 4) as u32;
        let mut words = [0; WORDS]; // what follows the tag is its end: a zero
        words[..HEAD].copy_from_slice(&[size_of::<Message>() as u32, REQUEST, tag, bytes, bytes]);
        words[HEAD..HEAD + N].copy_from_slice(&values);
        message.0 = words;

        let address = (&raw mut *message).expose_provenance();
        if address >= BUS_REACH {
            return Err(Error::Unreachable);
        }
        sync(address, size_of::<Message>());
        self.exchange(address as u32 | BUS_UNCACHED | PROPERTY)?;
        sync(address, size_of::<Message>());

        // SAFETY: the message is ours; volatile, because somebody else has written it.
        let words = unsafe { (&raw const message.0).read_volatile() };
        let answered = words[4] & TAG_ANSWERED != 0 && words[4] & !TAG_ANSWERED >= bytes;
        if words[1] != ANSWERED || words[2] != tag || !answered {
            return Err(Error::Refused);
        }
        let mut answer = [0; N];
        answer.copy_from_slice(&words[HEAD..HEAD + N]);
        Ok(answer)
    }

    /// Sends a word and waits until it comes back, throwing away what else comes (answers to
    /// questions that were given up).
    fn exchange(&mut self, word: u32) -> Result<(), Error> {
        // SAFETY: MMIO-MAPPED, promised to `new`.
        let registers = unsafe { &*self.registers };
        poll(|| !registers.write_status.is_set(Status::FULL))?;
        fence(Ordering::SeqCst); // the message is in memory before the word says so
        registers.write.set(word);
        loop {
            poll(|| !registers.read_status.is_set(Status::EMPTY))?;
            if registers.read.get() == word {
                fence(Ordering::SeqCst); // and its answer is read after the word came back
                return Ok(());
            }
        }
    }
}

/// Waits until `ready`, for as long as `PATIENCE`.
fn poll(ready: impl Fn() -> bool) -> Result<(), Error> {
    for _ in 0..PATIENCE {
        if ready() {
            return Ok(());
        }
    }
    Err(Error::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_nobody_empties_times_out() {
        let mut block = [0_u32; 16];
        block[0x38 / 4] = 1 << 31;
        let base = block.as_mut_ptr().expose_provenance();
        // SAFETY: MMIO-MAPPED: the block is as large as the registers and outlives the driver;
        // the word is never sent, so no message is touched by anybody else.
        let mut mailbox = unsafe { Mailbox::new(base) };
        assert_eq!(mailbox.exchange(PROPERTY), Err(Error::TimedOut));
        block[0x38 / 4] = 0;
        block[0x18 / 4] = 1 << 30;
        assert_eq!(mailbox.exchange(PROPERTY), Err(Error::TimedOut));
        assert_eq!(block[0x20 / 4], PROPERTY);
    }

    #[test]
    fn a_message_out_of_reach_is_not_sent() {
        let mut message = Message::new();
        if (&raw const message).addr() < BUS_REACH {
            return; // a host that has its stack there
        }
        // SAFETY: no register is touched before the address is checked.
        let mut mailbox = unsafe { Mailbox::new(0) };
        assert_eq!(
            mailbox.board_revision(&mut message, uncached),
            Err(Error::Unreachable)
        );
    }
}
