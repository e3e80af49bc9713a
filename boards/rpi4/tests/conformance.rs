//! The kernel as a host of `layercake-wait`: that crate's own suite for hosts, on threads of the
//! kernel (W2, W9, and what `Host` asks for besides).
//@ timeout: 60
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use layercake_kernel::wait;
use support::*;

kernel_tests!(the_kernel_keeps_what_waiting_asks_for);

wait::host_conformance!(mod suite, layercake_kernel::Host, |body: fn(&mut TaskCx)| {
    let thread = thread::spawn("conformance", Priority::default(), body);
    thread.expect("a thread for the suite").detach();
});

fn the_kernel_keeps_what_waiting_asks_for(cx: &mut TaskCx) {
    suite::all(cx);
}
