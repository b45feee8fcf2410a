//! Agreement on a value: sMVBA.

mod directed;
mod support;
mod swarm;
mod wire;
