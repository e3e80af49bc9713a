//! Known wrong versions of the protocol, for tests of the tests only: a check that rejects none is
//! no check.
//!
//! Under `--cfg loom` one of them can be switched on by the environment variable
//! `LAYERCAKE_MUTANT`; in an image with the feature `mutants`, by [`switch_on`]. Every other build
//! compiles `mutant!(..)` to `false`. Each is put where the shipped code does it right, so that
//! the models, and the torture in the emulator, reject the wrong version of the very type that
//! ships.

/// Whether the shipped code is to do the named thing wrong.
macro_rules! mutant {
    ($name:ident) => {{
        #[cfg(loom)]
        let on = $crate::mutant::is_on(stringify!($name));
        #[cfg(all(feature = "mutants", not(loom)))]
        let on = {
            const ID: u32 = $crate::mutant::id(stringify!($name));
            $crate::mutant::is_on(ID)
        };
        #[cfg(not(any(feature = "mutants", loom)))]
        let on = false;
        on
    }};
}
pub(crate) use mutant;

#[cfg(loom)]
extern crate std;

/// Whether `name` is the mutant of this process.
#[cfg(loom)]
pub(crate) fn is_on(name: &str) -> bool {
    use std::{env, string::String, sync::OnceLock};
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    NAME.get_or_init(|| env::var("LAYERCAKE_MUTANT").ok())
        .as_deref()
        == Some(name)
}

#[cfg(all(feature = "mutants", not(loom)))]
pub use switch::switch_on;
#[cfg(all(feature = "mutants", not(loom)))]
pub(crate) use switch::{id, is_on};

#[cfg(all(feature = "mutants", not(loom)))]
mod switch {
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

    /// The mutant that is on, as a number; 0 is none.
    static ON: AtomicU32 = AtomicU32::new(0);

    /// Makes the crate wrong in the named way from now on. A name that is no mutant does nothing.
    pub fn switch_on(name: &str) {
        ON.store(id(name), Relaxed);
    }

    pub(crate) fn is_on(id: u32) -> bool {
        ON.load(Relaxed) == id
    }

    /// The name as a number other than 0: FNV-1a (Fowler, Noll, Vo).
    pub(crate) const fn id(name: &str) -> u32 {
        let (bytes, mut hash, mut at) = (name.as_bytes(), 0x811c_9dc5_u32, 0);
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        hash | 1
    }
}
