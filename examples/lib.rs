//! Examples of mellivora. Each is a program of its own:
//!
//! | `cargo run --release --example ...` | shows |
//! |---|---|
//! | `cluster` | real input through a cluster in one process, with faulty nodes if you like |
//! | `kv` | a key-value store whose replicas agree |
//! | `byzantine` | a node that tells different things to different peers, outvoted and named |
//! | `sans_io` | the state machines driven by hand, without a runtime |
