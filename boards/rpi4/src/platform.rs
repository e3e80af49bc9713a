//! The board as the kernel wants it: its drivers behind the kernel's `Platform`.
//!
//! Only glue belongs here. What a device is and does is in its own module.

use crate::gic::Gic;
use crate::gpio::{ConsolePins, Gpio};
use crate::mailbox::{Clock, Mailbox, Message};
use crate::memory::Memory;
use crate::memory_map as at;
use crate::mini_uart::MiniUart;
use crate::pl011::Pl011;
use crate::watchdog::Watchdog;
use crate::{dtb, semihosting, spin_table};
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};
use layercake_arch_arm64::cache;
use layercake_kernel::platform::{
    Claim, EarlyInput, IrqController, IrqId, MemoryMap, Platform, Region, Uart,
};

core::arch::global_asm!(
    include_str!("el3.s"),
    GICD = const at::GICD,
    GICC = const at::GICC,
);

/// Bits per second of the console.
const BAUD: u32 = 115_200;

/// Which UART is the console: `layercake.toml`'s `console_uart`.
const MINI: bool = match option_env!("LAYERCAKE_CONSOLE_UART") {
    Some(name) => match name.as_bytes() {
        b"mini" => true,
        b"pl011" => false,
        _ => panic!("LAYERCAKE_CONSOLE_UART is neither pl011 nor mini"),
    },
    None => false,
};

/// What the early page table maps as normal memory: where a device tree can be read.
const READABLE: Range<u64> = 0..0x4000_0000;

/// The Raspberry Pi 4.
pub struct Pi4 {
    pl011: Pl011,
    mini: MiniUart,
    gpio: Gpio,
    gic: Gic,
    watchdog: Watchdog,
    lost: AtomicU32,
}

impl core::fmt::Debug for Pi4 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pi4")
    }
}

/// The one board that there is.
// SAFETY: MMIO-MAPPED: these are the board's addresses, mapped as device memory by the early page
// table and by the final ones.
pub static BOARD: Pi4 = unsafe {
    Pi4 {
        pl011: Pl011::new(at::PL011),
        mini: MiniUart::new(at::AUX),
        gpio: Gpio::new(at::GPIO),
        gic: Gic::new(at::GICD, at::GICC),
        watchdog: Watchdog::new(at::POWER),
        lost: AtomicU32::new(0),
    }
};

impl Pi4 {
    fn port(&self) -> &dyn crate::uart::Uart {
        if MINI { &self.mini } else { &self.pl011 }
    }
}

/// The mailbox's buffer is in the data cache; the VideoCore is not.
fn sync(address: usize, length: usize) {
    cache::clean_invalidate(address..address + length);
}

/// A mailbox, for one question. Only the first core asks, before the others run.
fn mailbox() -> Mailbox {
    // SAFETY: MMIO-MAPPED as for `BOARD`; MAILBOX-IDENTITY: memory is mapped to itself.
    unsafe { Mailbox::new(at::MAILBOX) }
}

impl Platform for Pi4 {
    fn name(&self) -> &str {
        "Raspberry Pi 4"
    }

    fn init_console(&self) -> EarlyInput {
        let (pins, clock, default) = if MINI {
            (
                ConsolePins::MiniUart,
                Clock::Core,
                MiniUart::DEFAULT_CLOCK_HZ,
            )
        } else {
            (ConsolePins::Pl011, Clock::Uart, Pl011::DEFAULT_CLOCK_HZ)
        };
        let rate = mailbox()
            .clock_rate(clock, &mut Message::new(), sync)
            .unwrap_or(default);
        self.gpio.route_console(pins);
        // A clock for which there is no divisor leaves the port as the firmware set it up.
        self.port().init(rate, BAUD).unwrap_or_default()
    }

    fn uart(&self) -> &dyn Uart {
        self
    }

    fn memory(&self, hint: usize) -> (MemoryMap, &'static str) {
        let (ram, tree, origin) = find_memory(hint as u64);
        let mut map = MemoryMap::new();
        let mut add = |range: Range<u64>, region| {
            let range = range.start as usize..range.end as usize;
            map.push((range, region))
                .expect("more ranges than `Memory` keeps and three");
        };
        ram.iter().for_each(|range| add(range, Region::Ram));
        add(at::FIRMWARE_PAGE, Region::Reserved);
        if let Some(tree) = tree {
            add(tree, Region::Reserved);
        }
        let devices = at::PERIPHERALS;
        add(devices.start as u64..devices.end as u64, Region::Device);
        (map, origin)
    }

    fn init_irqs(&self) {
        self.gic.init_distributor(0);
    }

    fn init_core_irqs(&self) {
        self.gic.init_core();
    }

    fn enable(&self, irq: IrqId) {
        if let Some(irq) = crate::gic::IrqId::new(irq.0) {
            self.gic.enable(irq);
        }
    }

    fn disable(&self, irq: IrqId) {
        if let Some(irq) = crate::gic::IrqId::new(irq.0) {
            self.gic.disable(irq);
        }
    }

    fn start_core(&self, core: usize, entry: usize) {
        let clean = |address, length| cache::clean_invalidate(address..address + length);
        // SAFETY: SPIN-WORDS: the kernel starts each core once, with its own boot code; what that
        // reads before its caches are on is part of the image, which nobody has written to since
        // the firmware loaded it.
        unsafe { spin_table::release(core, entry, clean) };
    }

    fn expected_fault(&self, address: usize) -> bool {
        address == semihosting::call_address()
    }

    fn reboot(&self) -> ! {
        self.watchdog.reboot();
        rest()
    }

    fn poweroff(&self, code: u8) -> ! {
        semihosting::exit(code);
        self.watchdog.power_off();
        rest()
    }

    fn halt(&self, code: u8) -> ! {
        semihosting::exit(code);
        rest()
    }
}

impl IrqController for Pi4 {
    #[inline]
    fn claim(&self) -> Option<Claim> {
        let claim = self.gic.claim()?;
        Some(Claim {
            irq: IrqId(claim.id().number()),
            raw: claim.into_raw(),
        })
    }

    #[inline]
    fn complete(&self, claim: Claim) {
        self.gic.complete(crate::gic::Claim::from_raw(claim.raw));
    }

    #[inline]
    fn send_sgi(&self, core: usize, number: u32) {
        self.gic.send_sgi(core, crate::gic::IrqId::sgi(number));
    }
}

impl Uart for Pi4 {
    fn put(&self, byte: u8) {
        self.port().put(byte);
    }

    fn try_put(&self, byte: u8) -> bool {
        self.port().try_put(byte)
    }

    fn get(&self) -> Option<u8> {
        self.port().read()
    }

    fn set_interrupts(&self, receive: bool, transmit: bool) {
        self.port().set_interrupts(receive, transmit);
    }

    fn take_lost(&self) -> u32 {
        let now = self.port().rx_errors().lost_at_least() as u32;
        now.wrapping_sub(self.lost.swap(now, Ordering::Relaxed))
    }

    fn irq(&self) -> IrqId {
        IrqId(if MINI { at::IRQ_AUX } else { at::IRQ_PL011 }.number())
    }

    fn flush(&self) {
        self.port().flush();
    }
}

fn rest() -> ! {
    loop {
        layercake_arch_arm64::wait::for_interrupt();
    }
}

/// What the device tree at `hint` says about memory; without one what the firmware says; else what
/// every Pi 4 has. With it, where the tree is.
fn find_memory(hint: u64) -> (Memory, Option<Range<u64>>, &'static str) {
    match from_tree(hint) {
        Ok((memory, tree)) => return (memory, Some(tree), "by the device tree"),
        Err(dtb::Error::None) => {}
        Err(why) => log::warn!("the device tree at {hint:#x} is not used: {why}"),
    }
    let taken = [at::FIRMWARE_PAGE];
    let told = mailbox().arm_memory(&mut Message::new(), sync);
    if let Ok((start, size)) = told
        && let Ok(memory) = Memory::of(u64::from(start)..u64::from(start) + u64::from(size), &taken)
    {
        return (memory, None, "by the firmware");
    }
    let memory = Memory::of(at::RAM_DEFAULT, &taken).expect("the default is not empty");
    (memory, None, "what every Pi 4 has at the least")
}

fn from_tree(hint: u64) -> Result<(Memory, Range<u64>), dtb::Error> {
    // SAFETY: DTB-BYTES: the early page table maps all of it, and the kernel has used none of it
    // yet but its own image, which no tree can be in: there is none in it when it is loaded.
    let bytes = unsafe { dtb::at(hint, READABLE)? };
    let tree = dtb::DeviceTree::new(bytes)?;
    let end = (hint + bytes.len() as u64).next_multiple_of(0x1000);
    let range = hint / 0x1000 * 0x1000..end;
    let memory = tree.memory(at::RAM_WINDOW, &[at::FIRMWARE_PAGE, range.clone()])?;
    Ok((memory, range))
}
