//! This crate's lock words for types of other crates, which name a trait of their own.
//!
//! Such a trait knows no contexts: whoever calls it shows no token, and nothing keeps its guards
//! in order. So an adapter cannot promise what a [`SpinLock`](crate::SpinLock) does, and each
//! says what its user has to see to.

#[cfg(feature = "lock-api")]
mod unmasked;
#[cfg(feature = "lock-api")]
pub use unmasked::Unmasked;

#[cfg(feature = "mutex-traits")]
mod scoped;
#[cfg(feature = "mutex-traits")]
pub use scoped::ScopedIrqOff;

#[cfg(feature = "critical-section")]
mod critical;
#[cfg(feature = "critical-section")]
pub use critical::{CriticalSection, critical_section};
