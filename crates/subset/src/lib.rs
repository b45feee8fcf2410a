//! Asynchronous common subset (ACS): every node contributes, and all agree on whose contributions count.
//!
//! One trait, [`Subset`]; which implementation runs is chosen by configuration.
//!
//! | module | protocol |
//! |---|---|
//! | [`bkr`] | Ben-Or, Kelmer, Rabin 1994, as in HoneyBadger: n reliable broadcasts, n binary agreements |
//! | [`dumbo1`] | Guo et al. 2020: n reliable broadcasts; index sets and binary agreements of an elected committee |
//! | [`vector`] | Dumbo2 (2020) and sDumbo (2022): n provable broadcasts, one agreement on a vector of their proofs |
//!
//! # What every implementation guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1 and a network that delivers late and in any order:
//!
//! * *agreement*: all honest nodes output the same list of (node, contribution), in ascending order of nodes;
//! * *size*: at least n - f entries, at least n - 2f of them of honest nodes;
//! * *validity*: an entry of an honest node holds what that node put in;
//! * *totality*: when all honest nodes have put something in, every honest node outputs. One that has output goes on
//!   helping; an instance is freed when its epoch closes, which is its parent's decision.

mod agreements;
mod ballots;
pub mod bkr;
mod broadcasts;
pub mod dumbo1;
pub mod vector;

use std::sync::Arc;

use bytes::Bytes;
use mellivora_agreement::CoinSchedule;
use mellivora_broadcast::EchoMode;
use mellivora_coding::{Body, Codec, Contribution};
use mellivora_core::{Committee, Digest, Domain, NodeIndex, NodeSet, Protocol};
use mellivora_crypto::{CertificateScheme, CoinScheme};

pub use ballots::{Ballot, Bundle, MAX_BALLOTS};
pub use bkr::{Bkr, BkrMessage};
pub use dumbo1::{Dumbo1, Dumbo1Message};
pub use vector::{Dumbo2, SDumbo, VectorMessage};

/// What a common subset is made from, the same for every implementation.
#[derive(Clone, Debug)]
pub struct SubsetParams {
    /// The nodes that take part.
    pub committee: Committee,
    /// This node.
    pub me: NodeIndex,
    /// The domain of this instance. No two instances may share one.
    pub domain: Domain,
    /// This node's part in the common coin.
    pub coin: Arc<dyn CoinScheme>,
    /// How nodes sign, where the protocol rests on signatures.
    pub certificates: Arc<dyn CertificateScheme>,
    /// The erasure code, shared by all instances.
    pub codec: Arc<Codec>,
    /// How broadcasts spread shards.
    pub echo: EchoMode,
    /// Where the coins of binary agreement come from.
    pub coin_schedule: CoinSchedule,
    /// Rounds of binary agreement beyond a node's own whose messages it keeps: R.
    pub rounds_ahead: u32,
}

/// A common subset of one epoch at one node.
///
/// The input is this node's contribution, at most one; it may come late, after others have started the instance, and a
/// node without one helps all the same. The output comes once.
pub trait Subset: Protocol<Input = Bytes, Output = Vec<(NodeIndex, Contribution)>> {
    /// The stable name of the atomic broadcast over this subset, as on the command line. It is part of the cluster id.
    const NAME: &'static str;

    /// A fresh instance.
    fn new(params: SubsetParams) -> Self;

    /// The commitment that a contribution with this payload has; `None` for one that cannot be contributed. Whoever
    /// fetches a contribution from elsewhere checks it by this.
    fn commit(codec: &Codec, body: &Body) -> Option<Digest> {
        codec.commit(body).ok()
    }

    /// Whether it is settled here whose contributions the output holds. From then on nobody can change the choice,
    /// although contributions themselves may still be on their way.
    fn decided(&self) -> bool;

    /// Tells the instance about nodes that sent invalid shards elsewhere: it checks what they send before use.
    fn distrust(&mut self, nodes: NodeSet);

    /// A contribution that arrived here and was not handed out yet, chosen or not.
    fn contribution(&self, proposer: NodeIndex) -> Option<&Contribution>;

    /// Whether a node that has nothing to contribute should say so now. A choice that goes by who comes first should hear
    /// it only after somebody's contribution: else it chooses those who have nothing, and the others begin anew.
    fn takes_nothing(&self) -> bool {
        true
    }

    /// What a slot of the output is, where it is not simply the contribution of the node with its number.
    fn origin(&self, slot: NodeIndex) -> Option<Origin> {
        let _ = slot;
        None
    }

    /// Bytes held, about.
    fn memory(&self) -> usize;
}

/// Where a slot comes from that has a name of its own.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Who proposed it.
    pub proposer: NodeIndex,
    /// Its name for ever, whichever epoch it is ordered in.
    pub domain: Domain,
    /// Whether it is encrypted, if it is not empty.
    pub encrypted: bool,
}
