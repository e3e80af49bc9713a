//! Known wrong versions of the protocol, for models only: a check that rejects none is no check.
//!
//! Under `--cfg loom` one of them can be switched on by the environment variable
//! `LAYERCAKE_MUTANT`; every other build compiles `mutant!(..)` to `false`. Each is put where the
//! shipped code does it right, so that the models reject the wrong version of the very type that
//! ships.

/// Whether the shipped code is to do the named thing wrong.
macro_rules! mutant {
    ($name:ident) => {{
        #[cfg(loom)]
        let on = $crate::mutant::is_on(stringify!($name));
        #[cfg(not(loom))]
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
