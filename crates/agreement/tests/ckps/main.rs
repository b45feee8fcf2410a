//! Agreement on a value: the protocol of Cachin, Kursawe, Petzold and Shoup.

mod cross;
mod directed;
mod support;
mod swarm;
#[path = "../values/mod.rs"]
mod values;
mod wire;
