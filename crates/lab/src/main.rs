//! `cargo xtask`: the campaigns of the adversary lab.

fn main() {}
