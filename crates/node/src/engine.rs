//! The atomic broadcasts that a node can run: the one place where the choice is made.

use std::fmt;
use std::str::FromStr;

use mellivora_atomic::{Atomic, Local, Samples, Source, Streams};
use mellivora_crypto::NodeKeys;
use mellivora_net::Transport;
use mellivora_subset::Subset;
use tokio::task::JoinHandle;

use crate::driver::{self, Resources};
use crate::misbehave::{self, Misbehaviour};
use crate::replica::Replica;
use crate::{Node, NodeConfig, StartError};

/// Makes the choice from a list: the variant, and the source of its slots. The name of what chooses them is the name of the
/// engine.
macro_rules! engines {
    ($($(#[$meta:meta])* $variant:ident over $source:ty;)*) => {
        /// Which atomic broadcast a cluster runs.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Engine {
            $($(#[$meta])* $variant,)*
        }

        impl Engine {
            /// All engines.
            pub const ALL: &'static [Engine] = &[$(Engine::$variant,)*];

            /// The name on command lines and in configuration files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Engine::$variant => <<$source as Source>::Subset as Subset>::NAME,)*
                }
            }

            /// Starts a node that runs this engine.
            pub(crate) fn start<T: Transport>(
                config: NodeConfig,
                keys: NodeKeys,
                seed: [u8; 32],
                transport: T,
                resources: Resources,
            ) -> Result<Node, StartError> {
                match config.engine {
                    $(Engine::$variant => start::<$source, T>(config, keys, seed, transport, resources),)*
                }
            }

            /// Starts a node that runs this engine and misbehaves.
            pub(crate) fn start_faulty<T: Transport>(
                config: &NodeConfig,
                keys: NodeKeys,
                seed: [u8; 32],
                transport: T,
                kind: Misbehaviour,
            ) -> Result<JoinHandle<()>, StartError> {
                match config.engine {
                    $(Engine::$variant => start_faulty::<$source, T>(config, keys, seed, transport, kind),)*
                }
            }
        }
    };
}

engines! {
    /// HoneyBadger: encrypted batches over the common subset of Ben-Or, Kelmer and Rabin.
    #[default]
    HoneyBadger over Samples<mellivora_subset::Bkr>;
    /// The same over the common subset of Dumbo1: a few agreements instead of n, on what an elected committee proposes.
    Dumbo1 over Samples<mellivora_subset::Dumbo1>;
    /// The same over the common subset of Dumbo2: provable reliable broadcasts, one agreement on their proofs.
    Dumbo2 over Samples<mellivora_subset::Dumbo2>;
    /// The same over the common subset of Speeding Dumbo: payloads stored by a quorum, one agreement on the certificates.
    SDumbo over Samples<mellivora_subset::SDumbo>;
    /// Dumbo-NG: streams of certified batches that never wait, and agreement on their tips.
    DumboNg over Streams;
}

fn start<P: Source, T: Transport>(
    config: NodeConfig,
    keys: NodeKeys,
    seed: [u8; 32],
    transport: T,
    resources: Resources,
) -> Result<Node, StartError>
where
    Atomic<P>: Replica,
{
    let local = Local { seed, retention_bytes: config.retention_bytes };
    let replica = Atomic::<P>::new(config.protocol.clone(), keys.clone(), local)?;
    Ok(driver::start(config, keys.index(), replica, transport, resources))
}

fn start_faulty<P: Source, T: Transport>(
    config: &NodeConfig,
    keys: NodeKeys,
    seed: [u8; 32],
    transport: T,
    kind: Misbehaviour,
) -> Result<JoinHandle<()>, StartError>
where
    Atomic<P>: Replica,
{
    let (committee, me) = (config.protocol.committee, keys.index());
    let instance = |twin: u8| {
        let mut seed = seed;
        seed[0] ^= twin;
        Atomic::<P>::new(config.protocol.clone(), keys.clone(), Local::new(seed))
    };
    let twins = (0..kind.instances()).map(instance).collect::<Result<Vec<_>, _>>()?;
    Ok(tokio::spawn(misbehave::run(kind, twins, committee, me, seed, transport)))
}

/// A name that no engine has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown protocol {name:?}: known are {}", known())]
pub struct UnknownEngine {
    name: String,
}

fn known() -> String {
    Engine::ALL.iter().map(|engine| engine.name()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        let found = Engine::ALL.iter().find(|engine| engine.name() == name);
        found.copied().ok_or_else(|| UnknownEngine { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_an_unknown_one_lists_the_known() {
        for engine in Engine::ALL {
            assert_eq!(engine.to_string().parse::<Engine>().unwrap(), *engine);
        }
        let error = "raft".parse::<Engine>().unwrap_err().to_string();
        assert_eq!(error, "unknown protocol \"raft\": known are honey-badger, dumbo1, dumbo2, sdumbo, dumbo-ng");
    }
}
