//! Examples of mellivora. Each is a program of its own:
//!
//! | `cargo run --release --example ...` | shows |
//! |---|---|
//! | `cluster` | real input through a cluster in one process, with faulty nodes if you like |
//! | `kv` | a key-value store whose replicas agree |
//! | `byzantine` | a node that tells different things to different peers, outvoted and named |
//! | `sans_io` | the state machines driven by hand, without a runtime |

// The programs in the README and in the book's quick start compile and run, as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/src/quick-start.md")]
struct Documentation;
