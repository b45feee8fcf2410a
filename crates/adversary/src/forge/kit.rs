//! What a forger has at hand: its keys, its memory, its dice.

use std::sync::Arc;

use mellivora_agreement::CoinSchedule;
use mellivora_coding::Codec;
use mellivora_core::{Committee, Digest, Domain, Epoch, Layer, NodeIndex, NodeSet, Segment};
use mellivora_crypto::{CoinScheme, NodeKeys};
use mellivora_sim::SimRng;
use rand::{RngExt, SeedableRng};

use super::{epoch, proposal, rbc, share, streams, vote};
use crate::Strategy;

/// What a Byzantine node knows beside its messages. Everything is optional; more of it makes better lies.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// Its keys: checkpoints and certificates are signed with them, decryption shares are made with them.
    pub keys: Option<NodeKeys>,
    /// Its part in the coin. Not needed beside `keys`.
    pub coin: Option<Arc<dyn CoinScheme>>,
    /// The domain that the outermost protocol was made with: the session of an atomic broadcast, the domain of a lone
    /// subset, agreement or coin.
    pub domain: Option<Domain>,
    /// Where coins come from.
    pub coin_schedule: CoinSchedule,
}

impl Tools {
    pub(super) fn coin(&self) -> Option<&Arc<dyn CoinScheme>> {
        self.coin.as_ref().or_else(|| self.keys.as_ref().map(NodeKeys::coin))
    }
}

/// Which instance a message belongs to: the epoch, the node whose broadcast or agreement it is, and of which layer. What
/// does not exist in a protocol is zero or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The epoch.
    pub epoch: Epoch,
    /// The proposer.
    pub instance: NodeIndex,
    /// What the proposer has several of.
    pub layer: Option<Layer>,
}

impl Default for Place {
    fn default() -> Self {
        Place { epoch: Epoch(0), instance: NodeIndex(0), layer: None }
    }
}

/// The state of one forger, for all layers.
pub struct Kit {
    strategy: Strategy,
    committee: Committee,
    me: NodeIndex,
    rng: SimRng,
    tools: Tools,
    place: Place,
    domain: Option<Domain>,
    /// One half of the nodes.
    side: NodeSet,
    strikes: u64,
    budget: u32,
    /// Where the messages of a subset belong below it.
    within: Option<Layer>,
    codec: Option<Arc<Codec>>,
    pub(super) broadcast: rbc::Memory,
    pub(super) proposals: proposal::Memory,
    pub(super) votes: vote::Memory,
    pub(super) shares: share::Memory,
    pub(super) epochs: epoch::Memory,
    pub(super) streams: streams::Memory,
}

impl Kit {
    /// Messages that a forger says beside the instance's own, at the most.
    const BUDGET: u32 = 2_000;

    pub(crate) fn new(strategy: Strategy, seed: u64, committee: Committee, me: NodeIndex, tools: Tools) -> Self {
        let mut rng = SimRng::seed_from_u64(seed);
        // Forgers that work together divide the nodes alike, and draw differently otherwise.
        let mut side: NodeSet = committee.nodes().filter(|_| rng.random()).collect();
        let others = committee.all().difference(&NodeSet::one(me));
        if side.intersection(&others).is_empty() || others.is_subset(&side) {
            side = committee.nodes().filter(|node| node.0 % 2 == 0).collect();
        }
        rng.set_stream(1 + u64::from(me.0));
        Kit {
            strategy,
            committee,
            me,
            rng,
            domain: tools.domain,
            tools,
            place: Place::default(),
            side,
            strikes: 0,
            budget: Self::BUDGET,
            within: None,
            codec: None,
            broadcast: rbc::Memory::default(),
            proposals: proposal::Memory::default(),
            votes: vote::Memory::default(),
            shares: share::Memory::default(),
            epochs: epoch::Memory::default(),
            streams: streams::Memory::default(),
        }
    }

    /// The same kit for a protocol with an only child: see [`Forge::WITHIN`](super::Forge::WITHIN).
    pub(crate) fn within(self, within: Option<Layer>) -> Self {
        Kit { within, ..self }
    }

    /// What it does.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Who it is.
    pub fn me(&self) -> NodeIndex {
        self.me
    }

    /// The committee.
    pub fn committee(&self) -> Committee {
        self.committee
    }

    /// All other nodes.
    pub fn others(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        self.committee.all().difference(&NodeSet::one(self.me)).iter()
    }

    /// Which of two halves a node belongs to; neither is empty where there are two other nodes.
    pub fn side(&self, node: NodeIndex) -> bool {
        self.side.contains(node)
    }

    /// Its dice.
    pub fn rng(&mut self) -> &mut SimRng {
        &mut self.rng
    }

    /// Its keys and the like.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Where the message at hand belongs.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The domain of the instance that the message at hand belongs to, if the tools tell.
    pub fn domain(&self) -> Option<Domain> {
        self.domain
    }

    /// Something wrong leaves the node.
    pub fn strike(&mut self) {
        self.strikes += 1;
    }

    pub(crate) fn take_strikes(&mut self) -> u64 {
        std::mem::take(&mut self.strikes)
    }

    /// Whether one more message beside the instance's own may be said. Floods have an end.
    pub fn spend(&mut self) -> bool {
        let may = self.budget > 0;
        self.budget -= u32::from(may);
        may
    }

    /// Acts inside an epoch.
    pub fn in_epoch<R>(&mut self, epoch: Epoch, act: impl FnOnce(&mut Kit) -> R) -> R {
        let outer = self.place;
        self.place.epoch = epoch;
        let result = self.inside(Segment::epoch(epoch), act);
        self.place = outer;
        result
    }

    /// Acts at a numbered place that is no epoch, such as a slot of a stream.
    pub(super) fn at_number<R>(&mut self, number: Epoch, act: impl FnOnce(&mut Kit) -> R) -> R {
        let outer = self.place;
        self.place.epoch = number;
        let result = act(self);
        self.place = outer;
        result
    }

    /// Acts inside the subset of an epoch.
    pub(super) fn in_subset<R>(&mut self, act: impl FnOnce(&mut Kit) -> R) -> R {
        let within = self.within;
        self.inside(Segment::only(Layer::Subset), |kit| match within {
            Some(layer) => kit.inside(Segment::only(layer), act),
            None => act(kit),
        })
    }

    /// Acts inside the instance of a node.
    pub fn in_instance<R>(&mut self, segment: Segment, instance: NodeIndex, act: impl FnOnce(&mut Kit) -> R) -> R {
        let outer = self.place;
        self.place.instance = instance;
        self.place.layer = Some(segment.layer);
        let result = self.inside(segment, act);
        self.place = outer;
        result
    }

    /// Acts one level further in.
    pub fn inside<R>(&mut self, segment: Segment, act: impl FnOnce(&mut Kit) -> R) -> R {
        let outer = self.domain;
        self.domain = outer.map(|domain| domain.child(segment));
        let result = act(self);
        self.domain = outer;
        result
    }

    /// A random digest.
    pub fn digest(&mut self) -> Digest {
        Digest(self.rng.random())
    }

    /// The code of the committee, without a limit on payloads.
    pub(super) fn codec(&mut self) -> Option<Arc<Codec>> {
        if self.codec.is_none() {
            self.codec = Codec::new(self.committee, Codec::MAX_PAYLOAD).ok().map(Arc::new);
        }
        self.codec.clone()
    }
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit").field("strategy", &self.strategy).field("me", &self.me).finish_non_exhaustive()
    }
}
