//! Dumbo-NG: what it orders under the simulator, and its rules on schedules played by hand.

#[path = "../support/mod.rs"]
mod support;

mod ordering;
mod playing;
mod progress;
mod rules;

use mellivora_atomic::{Config, DumboNg, Streams};
use mellivora_crypto::Suite;
use mellivora_sim::{Builder, Simulation};

fn builder(config: &Config, seed: u64) -> Builder<DumboNg> {
    support::builder_of::<Streams>(config, seed)
}

fn build(builder: Builder<DumboNg>, config: &Config) -> Simulation<DumboNg> {
    support::build_of(builder, config, Suite::Ristretto255)
}
