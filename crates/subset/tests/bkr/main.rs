//! BKR: directed schedules, one node by hand, random runs under every generic attack, wire forms.

mod accounts;
mod by_hand;
mod directed;
#[path = "../support/mod.rs"]
mod support;
mod swarm;
mod wire;
