//! Keys, domains and parameters of protocol instances.

use std::sync::Arc;

use bytes::Bytes;
use mellivora::agreement::CoinSchedule;
use mellivora::atomic::{Atomic, Config, HoneyBadger, Local, Source};
use mellivora::broadcast::{EchoMode, Rbc, RbcConfig};
use mellivora::coding::Codec;
use mellivora::core::{Committee, Digest, Domain, Epoch, Era, Layer, Limits, NodeIndex, Segment};
use mellivora::crypto::{NodeKeys, Suite, deal_nodes};
use mellivora::subset::{Bkr, Subset, SubsetParams};
use mellivora::{EncryptionSchedule, StartError};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// A committee that tolerates as many faulty nodes as possible.
///
/// # Panics
///
/// If there is none of this size. Benchmarks name sizes that exist.
pub fn committee(nodes: usize) -> Committee {
    Committee::new(nodes).unwrap_or_else(|error| panic!("{error}"))
}

/// Keys of a committee, the same ones every time.
///
/// # Panics
///
/// If dealing fails, which would be a defect.
pub fn keys(suite: Suite, committee: Committee) -> Vec<NodeKeys> {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    deal_nodes(suite, committee, &mut rng).unwrap_or_else(|error| panic!("{error}"))
}

/// A code for payloads of up to 64 MiB.
///
/// # Panics
///
/// If this machine lacks the instructions that the build uses.
pub fn codec(committee: Committee) -> Arc<Codec> {
    Arc::new(Codec::new(committee, 64 << 20).unwrap_or_else(|error| panic!("{error}")))
}

/// The domain of the `number`-th run of an instance.
pub fn domain(number: u64) -> Domain {
    Domain::new(Digest([7; 32]), Era(0)).child(Segment::epoch(Epoch(number)))
}

/// One reliable broadcast at one node, with full echoes.
pub fn rbc(codec: &Arc<Codec>, proposer: NodeIndex, me: NodeIndex) -> Rbc {
    Rbc::new(RbcConfig { committee: codec.committee(), me, proposer, codec: codec.clone(), echo: EchoMode::Full })
}

/// One common subset at one node.
pub fn bkr(codec: &Arc<Codec>, keys: &NodeKeys, number: u64) -> Bkr {
    Bkr::new(SubsetParams {
        committee: codec.committee(),
        me: keys.index(),
        domain: domain(number).child(Segment::only(Layer::Subset)),
        coin: keys.coin().clone(),
        certificates: keys.certificates(),
        codec: codec.clone(),
        echo: EchoMode::Full,
        coin_schedule: CoinSchedule::default(),
        rounds_ahead: 6,
    })
}

/// Limits of a cluster whose nodes each propose up to `count` transactions of `size` bytes: the defaults, raised where
/// need be.
///
/// # Errors
///
/// When no cluster can have such limits.
pub fn limits(count: usize, size: usize) -> Result<Limits, StartError> {
    let default = Limits::default();
    // Framing, the header and tag of a ciphertext.
    let payload = count.saturating_mul(size.saturating_add(4)).saturating_add(Limits::MESSAGE_OVERHEAD);
    let transaction_bytes = default.transaction_bytes.max(size);
    let limits = Limits {
        payload_bytes: default.payload_bytes.max(payload).max(transaction_bytes + Limits::MESSAGE_OVERHEAD),
        transaction_bytes,
        transactions: default.transactions.max(count),
        ..default
    };
    limits.check().map_err(mellivora::atomic::ConfigError::from)?;
    Ok(limits)
}

/// Configuration of a cluster in which each of `proposers` nodes proposes its even part of `batch` transactions of
/// `size` bytes.
///
/// # Errors
///
/// When no cluster can have such limits.
pub fn config(
    committee: Committee,
    proposers: usize,
    batch: usize,
    size: usize,
    encryption: EncryptionSchedule,
) -> Result<Config, StartError> {
    let part = batch.div_ceil(proposers.max(1));
    let config = Config::new(committee).limits(limits(part, size)?).encryption(encryption);
    // A node takes floor(B / n); rounding up here lets the first nodes take the odd ones.
    Ok(config.batch_size(part.max(1) * committee.n()))
}

/// All nodes of an atomic broadcast at genesis.
///
/// # Panics
///
/// If the configuration does not fit the keys.
pub fn honey_badgers(config: &Config, keys: &[NodeKeys]) -> Vec<HoneyBadger<Bkr>> {
    engines(config, keys)
}

/// The nodes of a cluster of any engine.
///
/// # Panics
///
/// If the configuration does not fit the keys.
pub fn engines<P: Source>(config: &Config, keys: &[NodeKeys]) -> Vec<Atomic<P>> {
    let node = |keys: &NodeKeys| {
        let seed = *blake3::hash(&keys.index().0.to_be_bytes()).as_bytes();
        Atomic::new(config.clone(), keys.clone(), Local::new(seed)).unwrap_or_else(|error| panic!("{error}"))
    };
    keys.iter().map(node).collect()
}

/// `len` bytes without a pattern.
pub fn payload(len: usize) -> Bytes {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&len.to_be_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}
