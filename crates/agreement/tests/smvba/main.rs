//! Agreement on a value: sMVBA.

mod directed;
mod support;
mod swarm;
#[path = "../values/mod.rs"]
mod values;
mod wire;
