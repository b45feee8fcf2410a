//! The state machine.

use bytes::Bytes;
use mellivora_coding::{Contribution, LeafHash, Shard};
use mellivora_core::{Digest, Durable, Effects, Fault, FaultKind, NodeIndex, NodeSet, Protocol, To, planted};

use super::heard::{Heard, Put, RootId};
use super::job::{Done, Verdict, Work};
use super::{EchoMode, RbcConfig, RbcDone, RbcJob, RbcMessage};

/// What this node has said. Kept apart from what it has heard: this is what survives a restart.
#[derive(Debug, Default)]
struct Said {
    /// A proposal was made.
    proposed: bool,
    /// The one root that this node supports.
    echoed: Option<Digest>,
    /// This node's shard of that root.
    shard: Option<Shard>,
    /// Who was told the whole shard.
    full_to: NodeSet,
    /// Who was told the root only.
    hash_to: NodeSet,
    /// The one root that this node is READY for.
    ready: Option<Digest>,
    /// CAN_DECODE was said. Not durable.
    can_decode: bool,
}

/// One instance of reliable broadcast at one node. See the [module](super) for the protocol.
///
/// Input: the payload, at the proposer alone, at most `codec.max_payload()` bytes; any other input is ignored, and so is
/// a second one. Output: one [`Contribution`].
#[derive(Debug)]
pub struct Rbc {
    config: RbcConfig,
    said: Said,
    heard: Heard,
    /// The first valid VAL, and the hash of its shard.
    val: Option<(Digest, Shard, Option<LeafHash>)>,
    distrusted: NodeSet,
    /// A decode met a bad shard: from now on shards are verified before use.
    suspicious: bool,
    /// A decode job is on its way.
    decoding: bool,
    delivered: Option<Digest>,
    /// Rule 4 was applied, and nothing that matters to it has changed since.
    shown: bool,
    /// Something was recalled, and its consequences have not been drawn yet.
    recalled: bool,
}

impl Rbc {
    /// A fresh instance.
    pub fn new(config: RbcConfig) -> Self {
        Rbc {
            heard: Heard::new(config.committee),
            config,
            said: Said::default(),
            val: None,
            distrusted: NodeSet::EMPTY,
            suspicious: false,
            decoding: false,
            delivered: None,
            shown: false,
            recalled: false,
        }
    }

    /// Whose payload this instance broadcasts.
    pub fn proposer(&self) -> NodeIndex {
        self.config.proposer
    }

    /// The commitment of what was delivered, if anything was. The contribution itself is handed out and not kept.
    pub fn delivered(&self) -> Option<Digest> {
        self.delivered
    }

    /// The root that this node supports, if any.
    pub fn supported(&self) -> Option<Digest> {
        self.said.echoed
    }

    /// Has shards of these nodes verified before use from now on: they were blamed for a bad shard, in any instance.
    /// Whom this instance blames is told as [`FaultKind::InvalidShard`].
    pub fn distrust(&mut self, nodes: NodeSet) {
        if !planted("rbc-distrust-ignored") {
            self.distrusted = self.distrusted.union(&nodes);
        }
    }

    /// Bytes of memory that this instance holds, shards and payload included. Frames that slices pin count by the
    /// slice.
    pub fn memory(&self) -> usize {
        let own = self.said.shard.as_ref().map_or(0, Shard::memory);
        let val = self.val.as_ref().map_or(0, |(_, shard, _)| shard.memory());
        size_of::<Self>() + own + val + self.heard.memory()
    }

    fn me(&self) -> NodeIndex {
        self.config.me
    }

    fn receive_val(&mut self, from: NodeIndex, root: Digest, shard: Shard, fx: &mut dyn Effects<Self>) {
        if from != self.config.proposer && !planted("rbc-val-of-anyone") {
            return fx.fault(Fault::new(from, FaultKind::NotTheProposer));
        }
        if let Some((first, ..)) = &self.val {
            if *first != root && !planted("rbc-second-val-unnoticed") {
                fx.fault(Fault::new(from, FaultKind::ConflictingVal));
            }
            return;
        }
        let leaf = self.config.codec.verify(&root, self.me(), &shard);
        if leaf.is_none() && !planted("rbc-val-unproven") {
            return fx.fault(Fault::new(from, FaultKind::InvalidShard));
        }
        self.val = Some((root, shard, leaf));
        self.echo(fx);
    }

    /// Rule for VAL: support its root, unless another is supported already.
    fn echo(&mut self, fx: &mut dyn Effects<Self>) {
        let Some((root, shard, _)) = &self.val else { return };
        let other = self.said.echoed.is_some_and(|echoed| echoed != *root);
        if other || self.delivered.is_some() && planted("rbc-late-val-ignored") {
            return;
        }
        let root = *root;
        self.said.echoed = Some(root);
        self.said.shard.get_or_insert_with(|| shard.clone());
        let committee = self.config.committee;
        let first = self.config.echo.full_receivers(committee, self.me());
        self.send_full(first, fx);
        let rest = committee.all().difference(&self.said.full_to).difference(&self.said.hash_to);
        if !rest.is_empty() {
            self.said.hash_to = self.said.hash_to.union(&rest);
            fx.send(To::Set(rest), Durable::Yes, RbcMessage::EchoHash(root));
        }
        if let Some(id) = self.heard.find(&root) {
            self.advance(id, fx);
        }
    }

    /// Sends the whole shard to those of `to` who have not got it.
    fn send_full(&mut self, to: NodeSet, fx: &mut dyn Effects<Self>) {
        let (Some(root), Some(shard)) = (self.said.echoed, &self.said.shard) else { return };
        let fresh = to.difference(&self.said.full_to);
        if fresh.is_empty() {
            return;
        }
        self.said.full_to = self.said.full_to.union(&fresh);
        let to = if fresh == self.config.committee.all() { To::All } else { To::Set(fresh) };
        fx.send(to, Durable::Yes, RbcMessage::Echo { root, shard: shard.clone() });
    }

    fn receive_echo(&mut self, from: NodeIndex, root: Digest, shard: Option<Shard>, fx: &mut dyn Effects<Self>) {
        if shard.as_ref().is_some_and(|shard| !self.config.codec.is_plausible(from, shard)) {
            return fx.fault(Fault::new(from, FaultKind::InvalidShard));
        }
        let leaf = match &self.val {
            // This node's own shard was hashed when its VAL came.
            Some((valid, _, leaf)) if from == self.me() && *valid == root => *leaf,
            _ => None,
        };
        match self.heard.put_echo(from, root, shard, leaf) {
            (Put::Fresh, Some(id)) => self.advance(id, fx),
            (Put::Conflict, _) => fx.fault(Fault::new(from, FaultKind::ConflictingEcho)),
            _ => {}
        }
    }

    fn receive_ready(&mut self, from: NodeIndex, root: Digest, fx: &mut dyn Effects<Self>) {
        match self.heard.put_ready(from, root) {
            (Put::Fresh, Some(id)) => self.advance(id, fx),
            (Put::Conflict, _) => fx.fault(Fault::new(from, FaultKind::ConflictingReady)),
            _ => {}
        }
    }

    /// Draws every consequence of what is known about one root.
    fn advance(&mut self, id: RootId, fx: &mut dyn Effects<Self>) {
        let committee = self.config.committee;
        let root = self.heard.root(id);
        let (digest, ready) = (root.digest, root.ready.len());
        let off = |bug| usize::from(planted(bug));
        let twice = root.full.len() * off("rbc-echo-counted-twice");
        let quorum = committee.quorum() + off("rbc-echo-quorum-high") - off("rbc-echo-quorum-low");
        let supported = root.supporters.len() + twice >= quorum;
        let one_honest = committee.one_honest() + committee.f() * off("rbc-no-amplification");
        if self.said.ready.is_none() && (supported || ready + off("rbc-amplification-at-f") >= one_honest) {
            self.said.ready = Some(digest);
            fx.send(To::All, Durable::Yes, RbcMessage::Ready(digest));
        }
        let strong = if planted("rbc-delivery-without-ready") { 0 } else { committee.strong() };
        let certain = ready + off("rbc-delivery-at-2f") >= strong;
        let too_late = planted("rbc-rule-4-cancelled") && self.delivered.is_some();
        if certain && !self.shown && self.said.echoed == Some(digest) && !planted("rbc-no-rule-4") && !too_late {
            // Rule 4. Before delivery, and whether or not there is one. A later CAN_DECODE takes nothing back.
            self.shown = true;
            let needy = committee.all().difference(&self.heard.can_decode(&digest));
            self.send_full(needy, fx);
        }
        if self.delivered.is_some() {
            return;
        }
        match &self.heard.root(id).outcome {
            None => {
                if planted("rbc-can-decode-early") && self.heard.root(id).full.len() >= committee.data_shards() {
                    self.say_can_decode(digest, fx);
                }
                self.decode(id, fx);
            }
            Some(_) => {
                self.say_can_decode(digest, fx);
                if certain {
                    self.delivered = Some(digest);
                    let body = self.heard.close(id);
                    fx.output(Contribution { commitment: digest, body });
                }
            }
        }
    }

    /// Rule 3.
    fn say_can_decode(&mut self, root: Digest, fx: &mut dyn Effects<Self>) {
        if self.said.can_decode || self.config.echo == EchoMode::Full {
            return;
        }
        let committee = self.config.committee;
        let hash_only = committee.all().difference(&self.config.echo.full_senders(committee, self.me()));
        self.said.can_decode = true;
        if !hash_only.is_empty() {
            fx.send(To::Set(hash_only), Durable::No, RbcMessage::CanDecode(root));
        }
    }

    /// Starts decoding if there are enough shards that may be used.
    fn decode(&mut self, id: RootId, fx: &mut dyn Effects<Self>) {
        let k = self.config.committee.data_shards();
        let full = self.heard.root(id).full;
        if self.decoding || full.len() < k {
            return;
        }
        let verified = self.heard.verified(id);
        let usable = if self.suspicious { verified } else { full.difference(&self.distrusted).union(&verified) };
        // Whoever is not trusted is looked at only when the others are not enough.
        let verify_first = usable.len() < k;
        let lowest = usable.iter().take(k).collect::<NodeSet>();
        // Verified shards beyond the k, as a rule this node's own, save the hash of theirs.
        let among = if verify_first { full } else { lowest.union(&verified) };
        let shards = self.heard.candidates(id, &among);
        self.decoding = true;
        let (codec, root) = (self.config.codec.clone(), self.heard.root(id).digest);
        fx.job(RbcJob(Work::Decode { codec, root, shards, verify_first }));
    }

    fn decoded(&mut self, root: Digest, verdict: Verdict, fx: &mut dyn Effects<Self>) {
        self.decoding = false;
        let Some(id) = self.heard.find(&root) else { return };
        for (node, leaf) in verdict.verified {
            self.heard.mark_verified(id, node, leaf);
        }
        for node in verdict.bad.iter() {
            self.suspicious = !planted("rbc-suspicion-forgotten");
            self.heard.drop_bad(id, node);
            let culprit = if planted("rbc-wrong-culprit") { self.config.proposer } else { node };
            fx.fault(Fault::new(culprit, FaultKind::InvalidShard));
        }
        let open = self.delivered.is_none() && self.heard.root(id).outcome.is_none();
        if let Some(outcome) = verdict.outcome.filter(|_| open) {
            if outcome.is_none() {
                fx.fault(Fault::new(self.config.proposer, FaultKind::NotACodeword));
            }
            self.heard.settle(id, outcome);
        }
        // Another root may have been waiting for its turn.
        self.advance_all(fx);
    }

    fn advance_all(&mut self, fx: &mut dyn Effects<Self>) {
        for id in self.heard.ids() {
            self.advance(id, fx);
        }
    }
}

impl Protocol for Rbc {
    type Input = Bytes;
    type Output = Contribution;
    type Message = RbcMessage;
    type Job = RbcJob;

    fn input(&mut self, payload: Bytes, fx: &mut dyn Effects<Self>) {
        let codec = &self.config.codec;
        if self.me() == self.config.proposer && !self.said.proposed && payload.len() <= codec.max_payload() {
            self.said.proposed = true;
            fx.job(RbcJob(Work::Encode { codec: codec.clone(), payload }));
        }
    }

    fn receive(&mut self, from: NodeIndex, message: RbcMessage, fx: &mut dyn Effects<Self>) {
        if !self.config.committee.contains(from) {
            return;
        }
        match message {
            RbcMessage::Val { root, shard } => self.receive_val(from, root, shard, fx),
            RbcMessage::Echo { root, shard } => self.receive_echo(from, root, Some(shard), fx),
            RbcMessage::EchoHash(root) => self.receive_echo(from, root, None, fx),
            RbcMessage::Ready(root) => self.receive_ready(from, root, fx),
            RbcMessage::CanDecode(root) => {
                if self.heard.put_can_decode(from, root) == Put::Conflict {
                    fx.fault(Fault::new(from, FaultKind::ConflictingCanDecode));
                }
            }
        }
    }

    fn done(&mut self, done: RbcDone, fx: &mut dyn Effects<Self>) {
        match done.0 {
            Done::Decoded { root, verdict } => self.decoded(root, verdict, fx),
            Done::Encoded(None) => {}
            Done::Encoded(Some(encoded)) => {
                let root = encoded.commitment;
                let id = self.heard.intern(root);
                self.heard.settle(id, Some(encoded.body));
                for (to, shard) in self.config.committee.nodes().zip(encoded.shards) {
                    fx.send(To::Node(to), Durable::Yes, RbcMessage::Val { root, shard });
                }
                self.advance(id, fx);
            }
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        if std::mem::take(&mut self.recalled) {
            self.echo(fx);
            self.advance_all(fx);
        }
    }

    fn recall(&mut self, to: To, message: RbcMessage) {
        self.recalled = true;
        let (me, named) = (self.me(), self.named(&to));
        match message {
            RbcMessage::Val { root, shard } => {
                self.said.proposed = !planted("rbc-recall-forgets-proposal");
                if named.contains(me) && self.val.is_none() {
                    self.val = Some((root, shard, None));
                }
            }
            RbcMessage::Echo { .. } | RbcMessage::EchoHash(_) if planted("rbc-recall-forgets-echo") => {}
            RbcMessage::Echo { root, shard } => {
                self.said.echoed = Some(root);
                self.said.full_to = self.said.full_to.union(&named);
                if named.contains(me) {
                    self.heard.put_echo(me, root, Some(shard.clone()), None);
                }
                self.said.shard = Some(shard);
            }
            RbcMessage::EchoHash(root) => {
                self.said.echoed = Some(root);
                self.said.hash_to = self.said.hash_to.union(&named);
            }
            RbcMessage::Ready(root) => {
                self.said.ready = Some(root);
                self.heard.put_ready(me, root);
            }
            // Not durable, so never logged.
            RbcMessage::CanDecode(_) => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        if !planted("rbc-old-incarnation") {
            self.heard.forget_can_decode(peer);
        }
        self.shown = false;
        if let Some(id) = self.said.echoed.and_then(|root| self.heard.find(&root)) {
            self.advance(id, fx);
        }
    }

    /// Always false: an instance that has delivered may still be asked for its shard. It is freed when its epoch closes.
    fn is_terminated(&self) -> bool {
        false
    }
}

impl Rbc {
    fn named(&self, to: &To) -> NodeSet {
        match to {
            To::All => self.config.committee.all(),
            To::Node(node) => NodeSet::one(*node),
            To::Set(set) => *set,
        }
    }
}
