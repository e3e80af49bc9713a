//! The `kernel8` image: puts the board, the kernel and the monitor together.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", no_main)]

#[cfg(target_os = "none")]
mod image {
    use board_rpi4::BOARD;
    use layercake_kernel::TaskCx;

    layercake_kernel::entry!(&BOARD, main);

    fn main(cx: &mut TaskCx) {
        loop { layercake_kernel::kprintln!("tick"); layercake_kernel::time::sleep(cx, core::time::Duration::from_secs(1)); }
    }
}

/// The image is for the Pi; on a host there is nothing to run.
#[cfg(not(target_os = "none"))]
fn main() {}
