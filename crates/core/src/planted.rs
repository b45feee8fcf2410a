//! Planted bugs: negative controls for the test suite.
//!
//! A test suite that cannot catch a known bug is not testing. Protocols name, at the very place of a rule, what the
//! rule would look like if it were wrong: `if count >= quorum - usize::from(planted("rbc-echo-quorum-low"))`. In ordinary
//! builds [`planted`] is the constant `false` and nothing of this is left. Only a build with
//! `RUSTFLAGS="--cfg mellivora_planted"` has the bugs in it, all switched off but the one that the environment
//! variable `MELLIVORA_PLANTED` names. No cargo feature leads there, and without debug assertions such a build is
//! refused, so no release can be made with it by accident.

#[cfg(all(mellivora_planted, not(debug_assertions)))]
compile_error!("planted bugs are for tests: `--cfg mellivora_planted` needs a profile with debug assertions");

/// Whether the planted bug of this name is at work. Always false in ordinary builds.
#[cfg(not(mellivora_planted))]
#[doc(hidden)]
#[inline(always)]
#[must_use]
pub const fn planted(_bug: &str) -> bool {
    false
}

/// Whether the planted bug of this name is at work: the one that `MELLIVORA_PLANTED` names.
#[cfg(mellivora_planted)]
#[doc(hidden)]
#[must_use]
pub fn planted(bug: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("MELLIVORA_PLANTED").unwrap_or_default()) == bug
}
