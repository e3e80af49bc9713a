//! What the kernel asks of a board. The board implements it; the kernel never names a board.

use core::ops::Range;

/// The number of an interrupt at the board's interrupt controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IrqId(pub u32);

/// An interrupt that was taken from the controller and must be given back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which interrupt.
    pub irq: IrqId,
    /// What the controller wants back.
    pub raw: u32,
}

/// What a range of memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// Memory that the kernel may use as it likes.
    Ram,
    /// Memory that must be readable but not used (a device tree, the spin table).
    Reserved,
    /// Device registers.
    Device,
    /// Memory shared with a device, not cached.
    Uncached,
}

/// The most ranges that [`Platform::memory`] may name.
pub const REGIONS: usize = 24;

/// Where memory is: page-aligned ranges that do not overlap.
pub type MemoryMap = heapless::Vec<(Range<usize>, Region), REGIONS>;

/// Bytes that came before the console was set up.
pub type EarlyInput = heapless::Vec<u8, 64>;

/// The console's serial port.
pub trait Uart: Sync {
    /// Writes a byte, waiting until the port takes it. Usable from the first instruction on.
    fn put(&self, byte: u8);
    /// Writes a byte if the port takes it now.
    fn try_put(&self, byte: u8) -> bool;
    /// Takes a received byte.
    fn get(&self) -> Option<u8>;
    /// Says whether to interrupt when bytes have come, and when there is room to write.
    fn set_interrupts(&self, receive: bool, transmit: bool);
    /// Bytes that the port itself lost since the last call, at the least.
    fn take_lost(&self) -> u32;
    /// Its interrupt.
    fn irq(&self) -> IrqId;
    /// Waits until everything written has left the port.
    fn flush(&self);
}

/// The part of the interrupt controller that every interrupt and every wake of another core goes
/// through. [`entry!`](crate::entry) links the board's directly, so that it costs no indirect call.
pub trait IrqController {
    /// Takes the most urgent pending interrupt of the calling core. None: it went away. What was
    /// stored before the interrupt was enabled or raised by software is visible after this.
    fn claim(&self) -> Option<Claim>;

    /// Says that a claimed interrupt has been handled.
    fn complete(&self, claim: Claim);

    /// Raises software interrupt `number` (0 to 15) on `core`; earlier stores are visible there.
    fn send_sgi(&self, core: usize, number: u32);
}

/// A board: everything that the kernel cannot know.
pub trait Platform: IrqController + Sync {
    /// What the machine is called.
    fn name(&self) -> &str;

    /// Sets the console's port up. Called once, on the first core, before anything is printed.
    /// Returns what the port had received until then.
    fn init_console(&self) -> EarlyInput;

    /// The console's port.
    fn uart(&self) -> &dyn Uart;

    /// Where memory is. `hint` is what the firmware left for the kernel (a device tree's address,
    /// or anything at all); called once on the first core, with the first GiB readable. Says in
    /// words where the answer came from.
    fn memory(&self, hint: usize) -> (MemoryMap, &'static str);

    /// Sets the interrupt controller up for the whole machine; all interrupts disabled.
    fn init_irqs(&self);

    /// Sets the interrupt controller up for the calling core.
    fn init_core_irqs(&self);

    /// Lets `irq` through, to the first core (or to the calling one if it is private).
    fn enable(&self, irq: IrqId);

    /// Keeps `irq` from coming again.
    fn disable(&self, irq: IrqId);

    /// Starts `core` at physical address `entry`.
    fn start_core(&self, core: usize, entry: usize);

    /// Looks at an instruction at fault before the kernel does; returns true if it is one that
    /// the board tried on purpose. The kernel then goes on behind it, with x0 = -1.
    fn expected_fault(&self, address: usize) -> bool;

    /// Starts the machine anew.
    fn reboot(&self) -> !;

    /// Switches the machine off; `code` is for an emulator to end with.
    fn poweroff(&self, code: u8) -> !;

    /// Ends after a panic: an emulator ends with `code`, a machine rests with its last words on
    /// the console.
    fn halt(&self, code: u8) -> !;
}

static PLATFORM: spin::Once<&'static dyn Platform> = spin::Once::new();

/// The board that the kernel was started on.
///
/// # Panics
///
/// Before [`crate::start`].
#[inline]
pub fn get() -> &'static dyn Platform {
    *PLATFORM.get().expect("the kernel has no board yet")
}

/// The board, or none before [`crate::start`].
pub fn try_get() -> Option<&'static dyn Platform> {
    PLATFORM.get().copied()
}

/// Takes the board; called once, by [`crate::start`].
pub(crate) fn set(platform: &'static dyn Platform) {
    PLATFORM.call_once(|| platform);
}
