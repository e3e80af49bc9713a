//! The `kernel8` image: puts the board, the kernel and the monitor together.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", no_main)]

#[cfg(target_os = "none")]
mod image {
    use board_rpi4::{BOARD, script};
    use layercake_kernel::{TaskCx, entry};

    entry!(&BOARD, main);

    fn main(cx: &mut TaskCx) {
        layercake_monitor::run(cx, script::from_host().as_deref())
    }
}

/// The image is for the Pi; on a host there is nothing to run.
#[cfg(not(target_os = "none"))]
fn main() {}
