//! What the fuzz targets do, as plain functions of bytes, so that the committed corpus replays on stable Rust.
//!
//! A target panics when a property is broken. Its result says whether the input got past the first refusal: a corpus
//! of which nothing does tests nothing, and `tests/corpus.rs` fails.

pub mod agreement;
pub mod atomic;
pub mod broadcast;
pub mod catch_up;
pub mod certificate;
pub mod closing;
pub mod coding;
pub mod config;
pub mod crypto;
pub mod frame;
pub mod input;
pub mod keyfile;
pub mod keys;
pub mod mvba;
pub mod network;
pub mod promises;
pub mod provable;
pub mod recall;
pub mod restart;
pub mod transactions;
pub mod wire;

/// A target: its name, which is also the name of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets.
pub const TARGETS: &[Target] = &[
    ("aba", agreement::aba),
    ("atomic", atomic::atomic),
    ("catch_up", catch_up::catch_up),
    ("certificate", certificate::certificate),
    ("ciphertext", crypto::ciphertext),
    ("ckps", mvba::ckps),
    ("closing", closing::closing),
    ("coding", coding::coding),
    ("coin", crypto::coin),
    ("config", config::config),
    ("dumbo_ng", atomic::dumbo_ng),
    ("frame", frame::frame),
    ("keyfile", keyfile::keyfile),
    ("mvba", mvba::mvba),
    ("provable", provable::provable),
    ("rbc", broadcast::rbc),
    ("recall", recall::recall),
    ("restart", restart::restart),
    ("subset", agreement::subset),
    ("transactions", transactions::transactions),
    ("wire", wire::wire),
];

/// The body of a target's binary: under a fuzzer the entry point of libFuzzer, otherwise a `main` that replays the
/// files named on its command line.
#[macro_export]
macro_rules! target {
    ($run:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            $run(data);
        });

        #[cfg(not(fuzzing))]
        fn main() {
            for file in std::env::args().skip(1) {
                let data = std::fs::read(&file).unwrap_or_else(|error| panic!("cannot read {file}: {error}"));
                println!("{file}: {}", if $run(&data) { "accepted" } else { "refused" });
            }
        }
    };
}
