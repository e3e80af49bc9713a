//! The GIC-400, an interrupt controller of architecture GICv2.
//!
//! Distributor and CPU interface: set-up, enabling, claiming, completing, software-generated
//! interrupts. What an interrupt means and who handles it belongs to the kernel.
//!
//! Registers from "ARM Generic Interrupt Controller Architecture Specification, version 2.0"
//! (GIC), chapter 4.
//!
//! A driver of our own: the library `arm-gic` (0.10) knows GICv2, but cannot say which core a
//! shared interrupt goes to (and none does after reset), overwrites the priorities of three
//! neighbours when it sets one, and takes `&mut` for what every core does at any time.
//!
//! # Groups, security, and who has been here before
//!
//! On the Pi the firmware's start code runs secure, puts all interrupts into group 1 and leaves
//! the rest to the kernel, which runs non-secure: it sees group 1 only, and bit 0 of both control
//! registers stands for group 1. The emulator's GIC has no security extension: all interrupts
//! are in group 0 and bit 0 stands for group 0. So one sequence does for both: leave the groups
//! alone (or clear them, where that has an effect), set bit 0, claim through IAR. For a kernel that
//! is itself entered at EL3, `el3.s` does first what the firmware would have done.

use core::sync::atomic::{Ordering, fence};

use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};

mod id;

use id::NONE;
pub use id::{Claim, IrqId, Trigger};

register_structs! {
    /// Registers of the distributor. Index 0 (of the arrays with one bit per interrupt; 0 and 1
    /// of those with two, 0 to 7 of those with eight) is each core's own.
    Distributor {
        (0x000 => control: ReadWrite<u32>),
        (0x004 => kind: ReadOnly<u32>),
        (0x008 => _reserved0),
        (0x080 => group: [ReadWrite<u32>; 32]),
        (0x100 => set_enable: [ReadWrite<u32>; 32]),
        (0x180 => clear_enable: [ReadWrite<u32>; 32]),
        (0x200 => set_pending: [ReadWrite<u32>; 32]),
        (0x280 => clear_pending: [ReadWrite<u32>; 32]),
        (0x300 => _reserved1),
        (0x380 => clear_active: [ReadWrite<u32>; 32]),
        (0x400 => priority: [ReadWrite<u8>; 1020]),
        (0x7FC => _reserved2),
        (0x800 => target: [ReadWrite<u8>; 1020]),
        (0xBFC => _reserved3),
        (0xC00 => config: [ReadWrite<u32>; 64]),
        (0xD00 => _reserved4),
        (0xF00 => software: WriteOnly<u32>),
        (0xF04 => _reserved5),
        (0xF10 => clear_software: [WriteOnly<u32>; 4]),
        (0xF20 => @END),
    }
}

register_structs! {
    /// Registers of the CPU interface: every core sees its own at the same address.
    Interface {
        (0x00 => control: ReadWrite<u32>),
        (0x04 => priority_mask: ReadWrite<u32>),
        (0x08 => _reserved0),
        (0x0C => acknowledge: ReadOnly<u32>),
        (0x10 => end: WriteOnly<u32>),
        (0x14 => @END),
    }
}

/// One priority for all: in the middle of what the non-secure side can give.
const PRIORITY: u8 = 0xA0;
/// Lets every priority through.
const MASK_NONE: u32 = 0xFF;

/// A GIC-400.
///
/// Methods that only write may be called by any core at any time: the registers are made so
/// that a write of one bit, byte or word acts for itself. [`set_trigger`](Gic::set_trigger) and
/// the two `init`s say who calls them when.
pub struct Gic {
    distributor: *const Distributor,
    interface: *const Interface,
}

// SAFETY: MMIO-SHARED: all methods are made of single volatile accesses to registers that act
// for themselves; those that are not say who may call them.
unsafe impl Sync for Gic {}
// SAFETY: MMIO-SHARED, as above; which core calls matters to the hardware only, and each
// method says what it does to that core.
unsafe impl Send for Gic {}

impl Gic {
    /// The controller with its distributor and CPU interface at these addresses.
    ///
    /// # Safety
    /// MMIO-MAPPED holds for both.
    #[must_use]
    pub const unsafe fn new(distributor: usize, interface: usize) -> Self {
        Self {
            distributor: distributor as *const Distributor,
            interface: interface as *const Interface,
        }
    }

    /// Puts the shared part into a known state: all shared interrupts off, not pending, not
    /// active, level-triggered, of one priority, sent to `core`; then lets interrupts through.
    ///
    /// Once, by the core that boots, before any core takes interrupts. O(number of interrupts).
    ///
    /// # Panics
    /// When `core` is not below 8, as many as a GICv2 can have.
    pub fn init_distributor(&self, core: usize) {
        let target = core_bit(core) as u8;
        let d = self.distributor();
        d.control.set(0);
        let lines = self.lines();
        for word in 1..lines / 32 {
            d.clear_enable[word].set(!0);
            d.clear_pending[word].set(!0);
            d.clear_active[word].set(!0);
            d.group[word].set(0); // without the security extension; else it has no effect
        }
        for word in 2..lines / 16 {
            d.config[word].set(0);
        }
        for line in 32..lines.min(NONE as usize) {
            d.priority[line].set(PRIORITY);
            d.target[line].set(target);
        }
        d.control.set(1);
    }

    /// Puts the calling core's part into a known state: its private interrupts off and not
    /// pending, its software-generated ones on, all of one priority; then lets interrupts
    /// through to the core. The core's own mask (`DAIF`) is not touched.
    ///
    /// Each core for itself, after [`init_distributor`](Gic::init_distributor), with its
    /// interrupts masked.
    pub fn init_core(&self) {
        let d = self.distributor();
        d.clear_enable[0].set(0xFFFF_0000);
        d.clear_active[0].set(!0);
        d.clear_pending[0].set(0xFFFF_0000);
        for register in &d.clear_software {
            register.set(!0);
        }
        d.group[0].set(0);
        for line in 0..32 {
            d.priority[line].set(PRIORITY);
        }
        d.set_enable[0].set(0x0000_FFFF);
        let i = self.interface();
        i.priority_mask.set(MASK_NONE);
        i.control.set(1);
    }

    /// Lets an interrupt through (for a private one: the calling core's). Any context.
    #[inline]
    pub fn enable(&self, irq: IrqId) {
        self.distributor().set_enable[irq.index() / 32].set(1 << (irq.index() % 32));
    }

    /// Keeps an interrupt back (for a private one: the calling core's); it may still become
    /// pending. Any context. The interrupt can arrive once more if it is on its way.
    #[inline]
    pub fn disable(&self, irq: IrqId) {
        self.distributor().clear_enable[irq.index() / 32].set(1 << (irq.index() % 32));
    }

    /// Sends a shared interrupt to `core` from now on. Any context. A private interrupt stays
    /// where it is.
    ///
    /// # Panics
    /// When `core` is not below 8.
    pub fn route(&self, irq: IrqId, core: usize) {
        if irq.is_shared() {
            self.distributor().target[irq.index()].set(core_bit(core) as u8);
        }
    }

    /// Sets how a shared interrupt is raised; a private one's is fixed. While it is disabled,
    /// and by one core at a time: 16 interrupts share a register.
    pub fn set_trigger(&self, irq: IrqId, trigger: Trigger) {
        if !irq.is_shared() {
            return;
        }
        let register = &self.distributor().config[irq.index() / 16];
        let bit = 0b10 << (irq.index() % 16 * 2);
        register.set(match trigger {
            Trigger::Level => register.get() & !bit,
            Trigger::Edge => register.get() | bit,
        });
    }

    /// Sets an interrupt's priority, 0 the most urgent, 255 never delivered (for a private one:
    /// the calling core's). Any context. The hardware keeps the upper four bits seen from the
    /// non-secure side.
    pub fn set_priority(&self, irq: IrqId, priority: u8) {
        self.distributor().priority[irq.index()].set(priority);
    }

    /// Takes the most urgent pending interrupt of this core; `None` when there is none (any
    /// more). Until it is completed, only more urgent ones come.
    ///
    /// In the calling core's interrupt handler, interrupts masked. Seven instructions with the
    /// test and its branch when the driver is a `static`, of which one reads the controller;
    /// [`complete`](Gic::complete) is one more.
    #[inline(always)]
    pub fn claim(&self) -> Option<Claim> {
        let raw = self.interface().acknowledge.get();
        // A software interrupt says "look at memory": without this the handler's loads could be
        // done before the claim, and a second, coalesced request between them would be lost.
        fence(Ordering::Acquire);
        Claim::new(raw)
    }

    /// Ends a claimed interrupt. On the core that claimed it, latest claim first.
    #[inline(always)]
    pub fn complete(&self, claim: Claim) {
        self.interface().end.set(claim.into_raw());
    }

    /// Raises software-generated interrupt `irq` on `core` (which may be the calling one). What
    /// the caller has stored before is visible to that core's handler. Any context.
    ///
    /// # Panics
    /// When `irq` is not a software-generated interrupt, or `core` is not below 8.
    #[inline(always)]
    pub fn send_sgi(&self, core: usize, irq: IrqId) {
        assert!(irq.number() < 16);
        fence(Ordering::Release);
        self.distributor()
            .software
            .set(core_bit(core) << 16 | irq.number());
    }

    /// Raises software-generated interrupt `irq` on all cores but this. Otherwise as
    /// [`send_sgi`](Gic::send_sgi).
    ///
    /// # Panics
    /// When `irq` is not a software-generated interrupt.
    pub fn send_sgi_to_others(&self, irq: IrqId) {
        assert!(irq.number() < 16);
        fence(Ordering::Release);
        self.distributor().software.set(0b01 << 24 | irq.number());
    }

    /// Number of interrupts that this controller has, a multiple of 32.
    fn lines(&self) -> usize {
        (self.distributor().kind.get() as usize % 32 + 1) * 32
    }

    #[inline(always)]
    fn distributor(&self) -> &Distributor {
        // SAFETY: MMIO-MAPPED, promised to `new`.
        unsafe { &*self.distributor }
    }

    #[inline(always)]
    fn interface(&self) -> &Interface {
        // SAFETY: MMIO-MAPPED, promised to `new`.
        unsafe { &*self.interface }
    }
}

#[inline(always)]
fn core_bit(core: usize) -> u32 {
    assert!(core < 8);
    1 << core
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory in the place of the distributor: what is written stays, nothing happens by itself.
    #[repr(align(4))]
    struct Block([u8; 0x1000]);

    impl Block {
        fn word(&self, offset: usize) -> u32 {
            u32::from_le_bytes(self.0[offset..offset + 4].try_into().unwrap())
        }
    }

    /// A controller with 256 interrupts.
    fn with_gic(act: impl FnOnce(&Gic)) -> Block {
        let mut block = Block([0; 0x1000]);
        block.0[4] = 7;
        let base = block.0.as_mut_ptr().expose_provenance();
        // SAFETY: MMIO-MAPPED: the block is as large as the registers and outlives the driver.
        act(&unsafe { Gic::new(base, base + 0xF40) });
        block
    }

    #[test]
    fn all_shared_interrupts_get_a_target_and_a_priority() {
        let block = with_gic(|gic| gic.init_distributor(2));
        assert_eq!(block.0[0x820..0x900], [1 << 2; 256 - 32]);
        assert_eq!(block.0[0x420..0x500], [PRIORITY; 256 - 32]);
        assert_eq!(
            block.0[0x800..0x820],
            [0; 32],
            "private ones have no target"
        );
        assert_eq!(
            block.0[0x900..0xBFC],
            [0; 0x2FC],
            "there are no more interrupts"
        );
        assert_eq!(block.word(0), 1);
    }

    #[test]
    fn one_interrupt_is_one_bit_or_byte() {
        let irq = IrqId::spi(121);
        let block = with_gic(|gic| {
            gic.enable(irq);
            gic.route(irq, 3);
            gic.route(IrqId::ppi(14), 3);
            gic.set_priority(irq, 0x80);
            gic.set_trigger(irq, Trigger::Edge);
        });
        assert_eq!(block.word(0x100 + 4 * 4), 1 << (153 - 128));
        assert_eq!(block.0[0x800 + 153], 1 << 3);
        assert_eq!(
            block.0[0x800..0xC00]
                .iter()
                .filter(|byte| **byte != 0)
                .count(),
            1
        );
        assert_eq!(block.0[0x400 + 153], 0x80);
        assert_eq!(block.word(0xC00 + 9 * 4), 0b10 << 18);
    }

    #[test]
    fn software_interrupts_name_their_target() {
        let block = with_gic(|gic| gic.send_sgi(3, IrqId::sgi(5)));
        assert_eq!(block.word(0xF00), 1 << 19 | 5);
        let block = with_gic(|gic| gic.send_sgi_to_others(IrqId::sgi(5)));
        assert_eq!(block.word(0xF00), 1 << 24 | 5);
    }

    #[test]
    #[should_panic(expected = "core < 8")]
    fn there_is_no_core_8() {
        with_gic(|gic| gic.send_sgi(8, IrqId::sgi(0)));
    }
}
