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
//! alone, set bit 0, claim through IAR. A kernel that is itself entered at EL3 on a GIC *with*
//! the security extension calls [`Gic::yield_to_non_secure`] on each core first.

use core::sync::atomic::{Ordering, fence};

use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};

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

/// First number that is no interrupt: 1020 to 1023 say why there is none.
const NONE: u32 = 1020;
/// Bits of IAR with the interrupt's number; above them the sender of a software interrupt.
const NUMBER: u32 = 0x3FF;
/// One priority for all: in the middle of what the non-secure side can give.
const PRIORITY: u8 = 0xA0;
/// Lets every priority through.
const MASK_NONE: u32 = 0xFF;
/// GICD_TYPER: the security extension is there.
const SECURITY_EXTENSION: u32 = 1 << 10;

/// An interrupt's number, below 1020.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IrqId(u16);

impl IrqId {
    /// Software-generated interrupt `n`: one core sends it to another.
    ///
    /// # Panics
    /// When `n` is not below 16.
    #[must_use]
    pub const fn sgi(n: u32) -> Self {
        assert!(n < 16, "there are 16 software-generated interrupts");
        Self(n as u16)
    }

    /// Private peripheral interrupt `n` as the device tree counts: each core has its own.
    ///
    /// # Panics
    /// When `n` is not below 16.
    #[must_use]
    pub const fn ppi(n: u32) -> Self {
        assert!(n < 16, "there are 16 private peripheral interrupts");
        Self(16 + n as u16)
    }

    /// Shared peripheral interrupt `n` as the device tree counts.
    ///
    /// # Panics
    /// When `n` is not below 988.
    #[must_use]
    pub const fn spi(n: u32) -> Self {
        assert!(n < NONE - 32, "there are 988 shared peripheral interrupts");
        Self(32 + n as u16)
    }

    /// The interrupt with this number, if there can be one.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number < NONE {
            Some(Self(number as u16))
        } else {
            None
        }
    }

    /// The number, as GIC registers count: 0 to 15 software, 16 to 31 private, 32.. shared.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    const fn index(self) -> usize {
        self.0 as usize
    }

    const fn is_shared(self) -> bool {
        self.0 >= 32
    }
}

/// How a shared interrupt is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// As long as the line is up. All of this board's devices.
    Level,
    /// When the line goes up.
    Edge,
}

/// An interrupt that this core has claimed and not yet completed.
///
/// It holds all that the controller said, not the number alone: a software-generated interrupt
/// must be completed with its sender in the upper bits, or stays active for ever on a real
/// GIC-400 (the emulator forgives that).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a claimed interrupt that is not completed blocks all others of this core"]
pub struct Claim(u32);

impl Claim {
    /// Which interrupt it is.
    #[inline(always)]
    #[must_use]
    pub const fn id(&self) -> IrqId {
        IrqId((self.0 & NUMBER) as u16)
    }

    /// The core that sent it, for a software-generated interrupt; else 0.
    #[inline(always)]
    #[must_use]
    pub const fn sender(&self) -> usize {
        (self.0 >> 10 & 0b111) as usize
    }

    /// The value as the controller gave it, for keeping where types are lost (a plain word in a
    /// platform's interface). The claim goes on living in it.
    #[inline(always)]
    #[must_use]
    pub const fn into_raw(self) -> u32 {
        self.0
    }

    /// The claim that [`into_raw`](Claim::into_raw) turned into `raw`.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}

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

    /// Hands all interrupts to the non-secure side: for a core that is still at EL3, on its way
    /// down, when no firmware has done it. Does nothing on a GIC without the security extension,
    /// such as the emulator's.
    ///
    /// Every core for itself (its private interrupts are its own), `first` on one of them.
    /// Callable before the MMU is on.
    pub fn yield_to_non_secure(&self, first: bool) {
        let d = self.distributor();
        if d.kind.get() & SECURITY_EXTENSION == 0 {
            return;
        }
        d.group[0].set(!0);
        if first {
            for word in 1..self.lines() / 32 {
                d.group[word].set(!0);
            }
        }
        // Seen from the secure side the mask's upper half belongs to non-secure interrupts: a
        // mask below it would let none through, and non-secure writes could not raise it.
        self.interface().priority_mask.set(MASK_NONE);
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
    /// In the calling core's interrupt handler, interrupts masked. Nine instructions with the
    /// test, and one access to the controller.
    #[inline(always)]
    pub fn claim(&self) -> Option<Claim> {
        let raw = self.interface().acknowledge.get();
        // A software interrupt says "look at memory": without this the handler's loads could be
        // done before the claim, and a second, coalesced request between them would be lost.
        fence(Ordering::Acquire);
        if raw & NUMBER < NONE {
            Some(Claim(raw))
        } else {
            None
        }
    }

    /// Ends a claimed interrupt. On the core that claimed it, latest claim first.
    #[inline(always)]
    pub fn complete(&self, claim: Claim) {
        self.interface().end.set(claim.0);
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
