//! How much memory a peer can make a node hold: the formula, layer by layer.
//!
//! Every figure is for one peer, so f faulty peers cost a node at most f times as much as it holds without them. The
//! constants of the cluster decide; nothing depends on how much a peer sends or for how long.
//!
//! | layer | what a peer can fill | bound |
//! |---|---|---|
//! | [`early`](Bounds::early) | its room for epochs that do not run yet | `(W + 1) * S * 9/8` |
//! | [`running`](Bounds::running) | its slots in the instances of P epochs: a shard per broadcast and one of its own, votes, hashes, shares | `P * ((n + 1) * shard + n * small)` |
//! | [`proposals`](Bounds::proposals) | its own broadcast: the shards that others show of it, what is decoded, what is opened | `P * (n * shard + 2 * payload + 32 * B/n)` |
//! | [`closing`](Bounds::closing) | a checkpoint per open epoch, one certificate to check | `(W + 2) * 128 + (f + 1) * 80 + 256` |
//! | [`dedup`](Bounds::dedup) | the transactions that it got ordered in D epochs | `(D + 1) * B/n * 48` |
//! | [`catch_up`](Bounds::catch_up) | one answer per contribution that this node asked it for, only while it catches up | `n * payload` |
//! | [`serving`](Bounds::serving) | one contribution and one header on their way to it | `2 * payload + 32 KiB` |
//!
//! * `payload` is [`Limits::payload_bytes`] and the eighth by which a frame may exceed the bulk in it;
//! * `shard` is the largest shard, with the same eighth and 512 bytes for its proof and its place;
//! * `small` is 6 KiB for the votes, hashes and roots of one instance, and 512 bytes for each of the R + 1 rounds ahead;
//! * `S` is all that an honest node says in one epoch: [`honest_epoch`].
//!
//! An engine with streams holds beside that, of the [stream](Bounds::stream) of each peer, `(window + P * share) * (payload +
//! (n + 2) * 64 + 1 KiB)`: batches above what is ordered and those of open epochs, each with a certificate and what its
//! retrieval notes; `share` is what one epoch orders of a stream, at most 256 / n.
//!
//! Three pools are not per peer: batches that are kept for whoever lags ([`Local::retention_bytes`](crate::Local), and
//! never less than the P open epochs); what was found valid of certificates and what waits to be verified with others,
//! [`Remembering::MEMORY`](mellivora_crypto::Remembering::MEMORY) at the most, whatever is sent; and the queue of own
//! submissions. Links are the driver's.

use mellivora_core::codec::Blob;
use mellivora_core::{Committee, Limits};

use crate::Config;

/// Bytes of memory that an honest node's messages of one epoch take, at the most: a shard for each of n + 1 statements
/// about bulk, and 16 KiB of votes, hashes and shares per instance.
pub const fn honest_epoch(committee: Committee, limits: &Limits) -> usize {
    let shard = limits.shard_bytes(committee).next_multiple_of(1024) + Limits::MESSAGE_OVERHEAD;
    (committee.n() + 1) * shard + committee.n() * (16 << 10)
}

/// The bytes that one peer can make a node hold. See the [module page](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Messages of epochs that do not run here yet.
    pub early: usize,
    /// What it says in the epochs that run.
    pub running: usize,
    /// What it proposes in them.
    pub proposals: usize,
    /// Checkpoints and certificates.
    pub closing: usize,
    /// Committed transactions that are remembered.
    pub dedup: usize,
    /// Answers to requests for batches that this node lacks.
    pub catch_up: usize,
    /// Batches that it asked for.
    pub serving: usize,
}

impl Bounds {
    /// The bytes of the most that one shard takes.
    pub fn shard(config: &Config) -> usize {
        let len = config.limits.shard_bytes(config.committee).next_multiple_of(1024);
        Blob::pinned(len) + 512
    }

    /// The bounds under this configuration, for one peer.
    pub fn per_peer(config: &Config) -> Self {
        let (committee, limits) = (config.committee, &config.limits);
        let (n, count) = (committee.n(), |number: u64| usize::try_from(number).unwrap_or(usize::MAX));
        let (ahead, pipeline) = (count(limits.epochs_ahead), count(limits.pipeline));
        let shard = Self::shard(config);
        let payload = Blob::pinned(limits.payload_bytes);
        let small = (6 << 10) + 512 * (limits.rounds_ahead as usize).saturating_add(1);
        let horizon = count(config.dedup_epochs.saturating_add(1));
        let proposal = config.proposal_size();
        Bounds {
            early: Blob::pinned(honest_epoch(committee, limits)).saturating_mul(ahead.saturating_add(1)),
            running: pipeline.saturating_mul((n + 1) * shard + n * small),
            proposals: pipeline.saturating_mul(n * shard + 2 * payload + 32 * proposal),
            closing: ahead.saturating_add(2).saturating_mul(128) + committee.one_honest() * 80 + 256,
            dedup: horizon.saturating_mul(proposal).saturating_mul(48),
            catch_up: n * payload,
            serving: 2 * payload + (32 << 10),
        }
    }

    /// The bytes that the stream of one peer can make a node hold, in an engine with streams.
    pub fn stream(config: &Config) -> usize {
        let (committee, limits) = (config.committee, &config.limits);
        let share = crate::dumbo_ng::share(committee, limits.stream_window);
        let slots = limits.stream_window.saturating_add(limits.pipeline.saturating_mul(share));
        let slot = Blob::pinned(limits.payload_bytes) + (committee.n() + 2) * 64 + (1 << 10);
        usize::try_from(slots).unwrap_or(usize::MAX).saturating_mul(slot)
    }

    /// All layers of the state machine together.
    pub fn total(&self) -> usize {
        let Bounds { early, running, proposals, closing, dedup, catch_up, serving } = *self;
        [early, running, proposals, closing, dedup, catch_up, serving].into_iter().fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// The table in the book, in MiB, with payloads of 32 MiB and of 1 MiB.
    #[test]
    fn the_worked_out_figures_are_those_of_the_book() {
        let figures = |n, payload| {
            let limits = Limits { payload_bytes: payload * MIB, transaction_bytes: 64 << 10, ..Limits::default() };
            let bounds = Bounds::per_peer(&Config::new(Committee::new(n).unwrap()).limits(limits));
            let Bounds { early, running, proposals, dedup, catch_up, serving, .. } = bounds;
            [early, running, proposals, dedup, catch_up, serving, bounds.total()].map(|bytes| bytes.div_ceil(MIB))
        };
        assert_eq!(figures(4, 32), [451, 181, 289, 1, 144, 73, 1136]);
        assert_eq!(figures(16, 32), [512, 205, 337, 1, 576, 73, 1701]);
        assert_eq!(figures(64, 32), [538, 215, 354, 1, 2304, 73, 3482]);
        assert_eq!(figures(4, 1), [15, 6, 10, 1, 5, 3, 37]);
        assert_eq!(figures(16, 1), [18, 7, 11, 1, 18, 3, 56]);
        assert_eq!(figures(64, 1), [23, 8, 12, 1, 72, 3, 117]);
    }

    #[test]
    fn a_stream_holds_its_window_and_what_open_epochs_ordered_of_it() {
        let limits = Limits { payload_bytes: MIB, transaction_bytes: 64 << 10, ..Limits::default() };
        let bytes = |n| Bounds::stream(&Config::new(Committee::new(n).unwrap()).limits(limits)).div_ceil(MIB);
        // 8 + 2 * 8 batches of 9/8 MiB; 8 + 2 * 4 where an epoch takes four of each stream.
        assert_eq!((bytes(4), bytes(64)), (28, 19));
    }

    #[test]
    fn no_limit_makes_the_formula_overflow() {
        let limits = Limits { payload_bytes: 1 << 30, epochs_ahead: 1 << 16, pipeline: 1 << 16, ..Limits::default() };
        let config = Config::new(Committee::new(256).unwrap()).limits(limits).dedup_epochs(u64::MAX);
        assert!(Bounds::per_peer(&config).total() > 1 << 50);
    }
}
