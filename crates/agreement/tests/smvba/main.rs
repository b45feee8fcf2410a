//! Agreement on a value: sMVBA.

mod support;
mod swarm;
