//! From the first line of Rust to the first thread, on the first core and on the others.

use crate::sync::TaskCx;
use crate::thread;
use crate::time;
use crate::{
    config, console, cpu, irq, kprintln, logger, memory, platform, run_queue, system_work,
};
use core::time::Duration;
use layercake_arch_arm64 as arch;

/// How long a core may take from its release until it is up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Defines where the boot code enters the kernel, and links the board's interrupt controller:
/// `entry!(&BOARD, main)`, with a `&'static` [`Platform`](platform::Platform) and a `fn(&mut TaskCx)` that is the first thread.
#[macro_export]
macro_rules! entry {
    ($platform:expr, $main:expr) => {
        #[unsafe(no_mangle)]
        extern "C" fn __kernel_primary(hint: usize) -> ! {
            // SAFETY: BOOT: the boot code jumps here, once, on the first core.
            unsafe { $crate::start($platform, hint, $main) }
        }

        #[unsafe(no_mangle)]
        fn __kernel_irq_claim() -> Option<$crate::platform::Claim> {
            $crate::platform::IrqController::claim($platform)
        }

        #[unsafe(no_mangle)]
        fn __kernel_irq_complete(claim: $crate::platform::Claim) {
            $crate::platform::IrqController::complete($platform, claim)
        }

        #[unsafe(no_mangle)]
        fn __kernel_irq_send_sgi(core: usize, number: u32) {
            $crate::platform::IrqController::send_sgi($platform, core, number)
        }
    };
}

/// Starts the kernel: brings everything up, starts the other cores, and runs `main` as the first
/// thread. `hint` is what the firmware left in x0.
///
/// # Safety
///
/// Invariant **BOOT**: called once, by the boot code on the first core, with interrupts masked.
pub unsafe fn start(
    platform: &'static dyn platform::Platform,
    hint: usize,
    main: fn(&mut TaskCx),
) -> ! {
    // SAFETY: BOOT: first of all on this core.
    unsafe { cpu::core(0).install() };
    let early = platform.init_console();
    platform::set(platform);
    time::init();
    logger::init();
    kprintln!(
        "\nLayercake {} on {}",
        env!("CARGO_PKG_VERSION"),
        platform.name()
    );
    memory::init(platform.memory(hint));
    platform.init_irqs();
    irq::init_core();
    cpu::set_online(0);
    start_others();
    memory::unmap_null();
    console::init_interrupts(&early);
    if let Err(why) = system_work::init() {
        panic!("the system's workers could not be started: {why}");
    }
    match thread::Builder::new("main").essential().spawn(main) {
        Ok(handle) => handle.detach(),
        Err(why) => panic!("the first thread could not be started: {why}"),
    }
    run_queue::idle_loop()
}

fn start_others() {
    let wanted = 1..config::CORES;
    let platform = platform::get();
    for core in wanted.clone() {
        platform.start_core(core, arch::boot::secondary_entry());
    }
    let end = time::now_ns() + PATIENCE.as_nanos() as u64;
    let all = (1_u32 << config::CORES) - 1;
    while cpu::online_mask() != all && time::now_ns() < end {
        core::hint::spin_loop();
    }
    for core in wanted.filter(|c| cpu::online_mask() & (1 << c) == 0) {
        log::warn!("core {core} did not come up");
    }
    log::info!("{} of {} cores are up", cpu::count(), config::CORES);
}

/// Where the boot code enters the kernel on every other core.
#[unsafe(no_mangle)]
extern "C" fn __kernel_secondary(core: usize) -> ! {
    // SAFETY: BOOT: first of all on this core.
    unsafe { cpu::core(core).install() };
    memory::activate();
    irq::init_core();
    cpu::set_online(core);
    run_queue::idle_loop()
}
