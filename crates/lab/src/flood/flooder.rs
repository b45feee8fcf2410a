//! What a flooding peer says: everything that is valid enough to be kept, as large as it may be, and then some.

use bytes::Bytes;
use mellivora_agreement::{Values, Vote};
use mellivora_atomic::checkpoint::statement;
use mellivora_atomic::epoch::{EpochMessage, PerSlot};
use mellivora_atomic::header::Place;
use mellivora_atomic::{Certificate, Checkpoint, Config, Message};
use mellivora_broadcast::RbcMessage;
use mellivora_coding::{Codec, Shard};
use mellivora_core::codec::{self, Blob, List};
use mellivora_core::{Digest, Domain, Epoch, Era, Layer, NodeIndex, NodeSet, Purpose, Round, Segment};
use mellivora_crypto::{CoinShare, DecryptionProof, DecryptionShare, NodeKeys, Seed, Signature};
use mellivora_subset::bkr::Ballot;
use mellivora_subset::{Bkr, BkrMessage, Subset};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cluster::Said;

/// A faulty node that floods.
pub(super) struct Flooder {
    pub(super) me: NodeIndex,
    config: Config,
    keys: NodeKeys,
    session: Domain,
    codec: Codec,
    /// Shards of a largest payload, one per node.
    shards: Vec<Shard>,
    rng: ChaCha8Rng,
}

impl Flooder {
    pub(super) fn new(config: &Config, keys: &NodeKeys) -> Result<Self, String> {
        let codec = Codec::new(config.committee, config.limits.payload_bytes).map_err(|error| error.to_string())?;
        let payload = Bytes::from(vec![0; config.limits.payload_bytes]);
        Ok(Flooder {
            me: keys.index(),
            config: config.clone(),
            session: Domain::new(config.cluster_id(&keys.public().digest(), Bkr::NAME), Era(0)),
            keys: keys.clone(),
            shards: codec.encode(payload).map_err(|error| error.to_string())?.shards,
            codec,
            rng: ChaCha8Rng::seed_from_u64(u64::from(keys.index().0)),
        })
    }

    /// Epochs that run at the same time.
    pub(super) fn pipeline(&self) -> u64 {
        self.config.limits.pipeline
    }

    fn n(&self) -> u16 {
        self.config.committee.n() as u16
    }

    fn digest(&mut self) -> Digest {
        Digest(self.rng.random())
    }

    /// A frame with `message` in it and as much ballast as a frame may have that bulk in it keeps in memory.
    fn heavy(message: &Said, bulk: usize) -> Bytes {
        let mut frame = Vec::with_capacity(Blob::pinned(bulk));
        codec::encode_into(message, &mut frame);
        let ballast = codec::encode(&Said::Low(Epoch(0)));
        while frame.len() + ballast.len() <= Blob::pinned(bulk) {
            frame.extend_from_slice(&ballast);
        }
        frame.into()
    }

    /// A largest ECHO of some root or other.
    pub(super) fn echo(&mut self, epoch: u64, proposer: u16) -> Bytes {
        let root = self.digest();
        let Some(shard) = self.shards.get(self.me.as_usize()).cloned() else { return Bytes::new() };
        let bulk = shard.data.len();
        Self::heavy(&rbc(epoch, proposer, RbcMessage::Echo { root, shard }), bulk)
    }

    /// Hashes without bulk: the first of each kind counts, the others contradict it.
    pub(super) fn digests(&mut self, epoch: u64, proposer: u16) -> [Bytes; 3] {
        let kinds = [RbcMessage::EchoHash, RbcMessage::Ready, RbcMessage::CanDecode];
        kinds.map(|kind| frame(&rbc(epoch, proposer, kind(self.digest()))))
    }

    /// Votes of every kind for every round that is kept, and for some that are not, in all instances.
    pub(super) fn votes(&self, epoch: u64) -> Vec<Bytes> {
        let ahead = self.config.limits.rounds_ahead;
        let rounds = (1..=ahead + 2).chain([ahead * 9, u32::MAX]).map(Round);
        let all = |round| {
            let values = [Values::of(true), Values::of(false), Values::BOTH];
            let votes = [true, false]
                .into_iter()
                .flat_map(move |value| [Vote::Bval { round, value }, Vote::Aux { round, value }]);
            votes.chain(values.map(|values| Vote::Conf { round, values }))
        };
        let instances = self.config.committee.all();
        let ballots = rounds.flat_map(all).map(|vote| Ballot { vote, instances });
        ballots.map(|ballot| frame(&subset(epoch, BkrMessage::Votes(List::new(vec![ballot]))))).collect()
    }

    /// Coin shares of every round that is kept; only the real coins of the schedule take any.
    pub(super) fn coin_shares(&mut self, epoch: u64, instance: u16) -> Vec<Bytes> {
        let (ahead, coin) = (self.config.limits.rounds_ahead, self.keys.coin().clone());
        let rounds = (1..=ahead + 1).chain([u32::MAX]).map(Round);
        let name = self.digest();
        let share = |round| CoinShare::from_bytes(coin.share(&name).as_bytes()).map(|share| (round, share));
        let instance = NodeIndex(instance);
        let message = |(round, share)| frame(&subset(epoch, BkrMessage::Share { instance, round, share }));
        rounds.filter_map(share).map(message).collect()
    }

    /// Decryption shares for every slot, requests for proofs, and proofs.
    pub(super) fn decryption(&mut self, epoch: u64) -> Vec<Bytes> {
        let mut bytes = [0; 96];
        self.rng.fill_bytes(&mut bytes);
        let (share, proof) = (DecryptionShare::from_bytes(&bytes[..32]), DecryptionProof::from_bytes(&bytes));
        let (Some(share), Some(proof)) = (share, proof) else { return Vec::new() };
        let slots = || self.config.committee.nodes();
        let shares = PerSlot::new(slots().map(|slot| (slot, share)).collect());
        let proofs = PerSlot::new(slots().map(|slot| (slot, share, proof)).collect());
        let prove = EpochMessage::Prove(self.config.committee.all());
        [EpochMessage::Shares(shares), prove, EpochMessage::Proofs(proofs)]
            .map(|message| frame(&Message::Epoch { epoch: Epoch(epoch), message }))
            .into()
    }

    /// A contribution of the largest size and number of transactions that is valid, all of them new: one frame per node.
    pub(super) fn proposal(&mut self, epoch: u64) -> Vec<Bytes> {
        let limits = self.config.limits;
        let count = self.config.proposal_size();
        let room = limits.payload_bytes.saturating_sub(512 + 4 + 4 * count);
        let each = (room / count).min(limits.transaction_bytes);
        self.contribution(epoch, count, each)
    }

    /// A contribution of as many transactions as are valid, all of them new and short.
    pub(super) fn many(&mut self, epoch: u64) -> Vec<Bytes> {
        self.contribution(epoch, self.config.proposal_size(), 8)
    }

    /// A contribution of so many transactions of so many bytes.
    fn contribution(&mut self, epoch: u64, count: usize, each: usize) -> Vec<Bytes> {
        let mut payload = (count as u32).to_le_bytes().to_vec();
        (0..count).for_each(|_| payload.extend((each as u32).to_le_bytes()));
        let table = payload.len();
        payload.resize(table + count * each, 0);
        self.rng.fill_bytes(&mut payload[table..]);
        let domain = self.session.child(Segment::epoch(Epoch(epoch)));
        let label = domain.child(Segment::of(Layer::Slot, self.me)).statement(Purpose::Encryption, Round(0)).digest();
        let Some(scheme) = self.keys.encryption().filter(|_| self.config.encryption.encrypts(Epoch(epoch))) else {
            return self.vals(epoch, payload.into());
        };
        let mut ciphertext = scheme.seal(&label, &Seed(self.rng.random()), &mut payload);
        ciphertext.extend(payload);
        self.vals(epoch, ciphertext.into())
    }

    fn vals(&self, epoch: u64, contribution: Bytes) -> Vec<Bytes> {
        let Ok(encoded) = self.codec.encode(contribution) else { return Vec::new() };
        let root = encoded.commitment;
        let val = |shard: Shard| {
            let bulk = shard.data.len();
            Self::heavy(&rbc(epoch, self.me.0, RbcMessage::Val { root, shard }), bulk)
        };
        encoded.shards.into_iter().map(val).collect()
    }

    /// Checkpoints of an invented history, certificates of it, and announcements of being behind.
    pub(super) fn closing(&mut self, low: u64) -> Vec<Bytes> {
        let window = self.config.limits.epochs_ahead;
        let mut frames = Vec::new();
        for epoch in low..=low + window + 1 {
            let (epoch, digest) = (Epoch(epoch), self.digest());
            let signature = self.keys.sign(&statement(&self.session, epoch, &digest));
            frames.push(frame(&Message::Checkpoint(Checkpoint { epoch, digest, signature })));
            let signers = self.config.committee.nodes().take(self.config.committee.one_honest());
            let signatures = signers.map(|node| (node, if node == self.me { signature } else { Signature([7; 64]) }));
            let signatures = List::new(signatures.collect());
            let epoch = Epoch(epoch.0 + 1_000);
            frames.push(frame(&Message::Certificate(Certificate { epoch, digest, signatures })));
        }
        frames.extend((0..8).map(|_| frame(&Message::Low(Epoch(0)))));
        frames
    }

    /// Requests for everything that may be there.
    pub(super) fn requests(&self, low: u64) -> Vec<Bytes> {
        let epochs = || (low.saturating_sub(64)..low + 2).map(Epoch);
        let headers = epochs().map(|epoch| frame(&Message::FetchHeader(epoch)));
        let slots = epochs().flat_map(|epoch| self.config.committee.nodes().map(move |index| (epoch, index)));
        headers.chain(slots.map(|(epoch, index)| frame(&Message::FetchSlot(epoch, Place(index.0))))).collect()
    }

    /// An answer that nobody asked for.
    pub(super) fn answer(&self, epoch: u64, slot: u16) -> Bytes {
        let body = Blob(vec![5; self.config.limits.payload_bytes].into());
        frame(&Message::Slot(Epoch(epoch), Place(slot), body))
    }

    /// What is refused: malformed, of instances that do not exist, beyond the window.
    pub(super) fn refused(&mut self, low: u64) -> Vec<Bytes> {
        let far = low + self.config.limits.epochs_ahead;
        let mut frames = Vec::new();
        for epoch in [far + 1, far + 1_000, u64::MAX] {
            frames.push(frame(&rbc(epoch, 0, RbcMessage::Ready(self.digest()))));
            frames.push(self.echo(epoch, 1));
        }
        for instance in [self.n(), 255, u16::MAX] {
            frames.push(frame(&rbc(low, instance, RbcMessage::Ready(self.digest()))));
        }
        let stray = NodeSet::first(NodeSet::CAPACITY).difference(&self.config.committee.all());
        frames.push(frame(&Message::Epoch { epoch: Epoch(low), message: EpochMessage::Prove(stray) }));
        for len in [1, 40, 3_000, 60_000] {
            let mut noise = vec![0; len];
            self.rng.fill_bytes(&mut noise);
            frames.push(noise.into());
        }
        let whole = self.echo(low, 0);
        frames.push(whole.slice(..whole.len() / 2));
        frames
    }

    /// What a flooder sends when it cares for numbers rather than for room: small messages of every kind, most of which
    /// repeat or contradict others.
    pub(super) fn small(&mut self, low: u64) -> Bytes {
        let epoch = low + self.rng.random_range(0..self.config.limits.epochs_ahead + 2);
        let proposer = self.rng.random_range(0..self.n());
        let (digest, round) = (self.digest(), Round(self.rng.random_range(1..20)));
        let value = self.rng.random();
        let vote = |vote| {
            let instances = self.config.committee.all();
            subset(epoch, BkrMessage::Votes(List::new(vec![Ballot { vote, instances }])))
        };
        match self.rng.random_range(0..12) {
            0 => frame(&rbc(epoch, proposer, RbcMessage::Ready(digest))),
            1 => frame(&rbc(epoch, proposer, RbcMessage::EchoHash(digest))),
            2 => frame(&rbc(epoch, proposer, RbcMessage::CanDecode(digest))),
            3 => frame(&vote(Vote::Bval { round, value })),
            4 => frame(&vote(Vote::Aux { round, value })),
            5 => frame(&vote(Vote::Conf { round, values: Values::BOTH })),
            6 => {
                let share = CoinShare::from_bytes(&[digest.0[0]; 128]);
                let share = share.map(|share| BkrMessage::Share { instance: NodeIndex(proposer), round, share });
                share.map_or_else(Bytes::new, |share| frame(&subset(epoch, share)))
            }
            7 => self.decryption(epoch).swap_remove(self.rng.random_range(0..3)),
            8 => frame(&Message::Low(Epoch(low.saturating_sub(1)))),
            9 => frame(&Message::FetchSlot(Epoch(epoch.saturating_sub(9)), Place(proposer))),
            10 => {
                frame(&Message::Checkpoint(Checkpoint { epoch: Epoch(epoch), digest, signature: Signature([1; 64]) }))
            }
            _ => {
                let mut noise = vec![0; self.rng.random_range(1..400)];
                self.rng.fill_bytes(&mut noise);
                noise.into()
            }
        }
    }
}

fn frame(message: &Said) -> Bytes {
    codec::encode(message)
}

fn subset(epoch: u64, message: BkrMessage) -> Said {
    Message::Epoch { epoch: Epoch(epoch), message: EpochMessage::Subset(message) }
}

fn rbc(epoch: u64, proposer: u16, message: RbcMessage) -> Said {
    subset(epoch, BkrMessage::Rbc { proposer: NodeIndex(proposer), message })
}
