//! What must not compile, and what must: each case of `contexts/` is a program. W12 and L1.
//!
//! The expected messages are those of the toolchain that `rust-toolchain.toml` names; after a
//! change of it, `TRYBUILD=overwrite cargo test -p layercake-sync --test contexts` writes them
//! anew, to be read before they are committed.
#![cfg(not(any(loom, miri)))]

#[test]
fn contexts() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/contexts/fail/*.rs");
    cases.pass("tests/contexts/pass/*.rs");
}
