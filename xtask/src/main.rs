//! Builds, runs and tests Layercake.
fn main() {}
