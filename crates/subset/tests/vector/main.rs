//! Dumbo2 and sDumbo: directed schedules, random runs under every generic attack, wire forms.

mod directed;
mod pacing;
#[path = "../support/mod.rs"]
mod support;
mod swarm;
mod wire;
