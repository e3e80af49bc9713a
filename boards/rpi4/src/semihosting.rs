//! Calls to a host that watches over the machine: the emulator, or a debugger on a probe.
//!
//! What the kernel wants from it: an exit code, and the command line that was given to the
//! emulator. Files and a console of the host are not used.
//!
//! A call is the instruction `hlt #0xf000`. Where nobody watches it is an undefined instruction,
//! so it stands in the whole kernel at one place only, at the label `__semihosting_call`: an
//! exception handler that is entered for that address (class "unknown", 0) writes -1 to x0, adds 4
//! to the return address and goes back, and every function here says "no host". This is why the
//! calls are not a library's, which puts the instruction into each of its callers.
//!
//! Source of the numbers: "Semihosting for AArch32 and AArch64" (Arm), chapters 5 and 6.

use core::ffi::CStr;

/// Operation numbers.
const SYS_TIME: usize = 0x11;
const SYS_GET_CMDLINE: usize = 0x15;
const SYS_EXIT_EXTENDED: usize = 0x20;

/// Reason for an exit: the application ended of its own will (ADP_Stopped_ApplicationExit).
const APPLICATION_EXIT: usize = 0x20026;

/// What a call returns that failed, and what an exception handler returns for the host that is
/// not there.
const FAILED: isize = -1;

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
core::arch::global_asm!(
    ".pushsection .text.__semihosting_call, \"ax\"",
    ".balign 4",
    ".global __semihosting_call",
    ".type __semihosting_call, %function",
    "__semihosting_call:",
    "hlt #0xf000",
    "ret",
    ".size __semihosting_call, . - __semihosting_call",
    ".popsection",
);

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
unsafe extern "C" {
    /// Makes a call. Its address is that of the `hlt`.
    ///
    /// # Safety
    /// `block` is what `operation` asks for: SEMIHOSTING-BLOCK.
    fn __semihosting_call(operation: usize, block: *mut usize) -> isize;
}

/// Address of the instruction that a fault handler forgives: see the module's head.
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
#[must_use]
pub fn call_address() -> usize {
    __semihosting_call as *const () as usize
}

/// Nobody watches over a program on the host.
///
/// # Safety
/// None needed; the signature is that of the other one.
#[cfg(not(all(target_arch = "aarch64", target_os = "none")))]
unsafe fn __semihosting_call(_operation: usize, _block: *mut usize) -> isize {
    FAILED
}

/// Whether a host is there to answer: it is asked for the time. Any context in which the fault
/// of an unanswered call can be handled, so not before the exception vectors are set.
#[must_use]
pub fn is_present() -> bool {
    // SAFETY: SEMIHOSTING-BLOCK: this operation takes none, the parameter must be 0.
    unsafe { __semihosting_call(SYS_TIME, core::ptr::null_mut()) != FAILED }
}

/// Ends the emulator with this exit code. Returns only when there is no host that would.
/// Context: as [`is_present`].
pub fn exit(code: u8) {
    let mut block = [APPLICATION_EXIT, usize::from(code)];
    // SAFETY: SEMIHOSTING-BLOCK: two words, reason and code.
    unsafe { __semihosting_call(SYS_EXIT_EXTENDED, block.as_mut_ptr()) };
}

/// Why there is no command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no host, it has no command line to give, or the buffer was too short for it: a
    /// host does not say which.
    None,
    /// The host's answer is not text.
    Garbled,
}

/// The command line that the host has for the kernel, written into `buffer` with a zero at its
/// end. QEMU: the `arg=` values of `-semihosting-config`, separated by spaces. Context: as
/// [`is_present`].
///
/// # Errors
/// See [`Error`].
pub fn command_line(buffer: &mut [u8]) -> Result<&str, Error> {
    let mut block = [buffer.as_mut_ptr().expose_provenance(), buffer.len()];
    // SAFETY: SEMIHOSTING-BLOCK: two words, address and length of a buffer that is ours.
    if unsafe { __semihosting_call(SYS_GET_CMDLINE, block.as_mut_ptr()) } == FAILED {
        return Err(Error::None);
    }
    // Looked for in what the host wrote; its word for the length (block[1]) is not relied on.
    let text = CStr::from_bytes_until_nul(buffer).map_err(|_| Error::Garbled)?;
    text.to_str().map_err(|_| Error::Garbled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_host_every_call_comes_back() {
        assert!(!is_present());
        exit(3);
        assert_eq!(command_line(&mut [0; 8]), Err(Error::None));
    }
}
