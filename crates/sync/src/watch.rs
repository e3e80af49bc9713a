//! What a lock tells about itself: the one of the two ways that this build has. What they say is in
//! their files; both have the same names and signatures.

#[cfg(not(all(feature = "classes", not(loom))))]
mod off;
#[cfg(all(feature = "classes", not(loom)))]
mod on;

#[cfg(not(all(feature = "classes", not(loom))))]
pub(crate) use off::*;
#[cfg(all(feature = "classes", not(loom)))]
pub(crate) use on::*;
