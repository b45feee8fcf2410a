//! Checkpoints and certificates: how nodes tell each other that they hold a batch.
//!
//! f + 1 equal signatures over a state digest are a certificate: at least one honest node holds the batch of that
//! epoch, and with it every batch before. A checkpoint travels over an authenticated link, so whoever only counts
//! senders need not verify its signature; the f + 1 signatures of a certificate are verified once, when it is put
//! together and when it is received.

use bincode::{Decode, Encode};
use mellivora_core::codec::{Frame, List};
use mellivora_core::{Committee, Digest, Domain, Epoch, NodeIndex, NodeSet, Purpose, Round, Segment, planted};
use mellivora_crypto::{PublicKeys, Signature};

/// A node's signed statement that it holds the batch of `epoch`, with this state digest.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct Checkpoint {
    /// The epoch.
    pub epoch: Epoch,
    /// Its state digest.
    pub digest: Digest,
    /// Signature over [`statement`].
    pub signature: Signature,
}

/// Proof that an honest node holds the batches of all epochs up to `epoch`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct Certificate {
    /// The newest epoch it covers.
    pub epoch: Epoch,
    /// State digest of that epoch.
    pub digest: Digest,
    /// Exactly f + 1 signatures of distinct nodes, ascending.
    pub signatures: List<(NodeIndex, Signature), { NodeSet::CAPACITY }>,
}

/// The bytes that a checkpoint signs: the domain with session, era and epoch, then the state digest.
pub fn statement(session: &Domain, epoch: Epoch, digest: &Digest) -> Vec<u8> {
    let domain = session.child(Segment::epoch(epoch)).statement(Purpose::Checkpoint, Round(0));
    let mut bytes = if planted("sig-domain-unbound") { Vec::new() } else { domain.to_bytes().to_vec() };
    bytes.extend_from_slice(if planted("close-digest-unsigned") { &[0; 32] } else { &digest.0 });
    bytes
}

impl Certificate {
    /// Whether the certificate has exactly f + 1 valid signatures of distinct members.
    pub fn verify(&self, session: &Domain, keys: &PublicKeys) -> bool {
        let committee = keys.committee();
        let signers: NodeSet = self.signatures.iter().map(|(node, _)| *node).collect();
        let ascending = self.signatures.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let ascending = ascending || planted("close-signers-twice");
        let count = if planted("close-signers-twice") { self.signatures.len() } else { signers.len() };
        let members = self.signatures.iter().all(|(node, _)| committee.contains(*node));
        if !ascending || !members || count != committee.one_honest() - usize::from(planted("close-f-signers")) {
            return false;
        }
        let statement = statement(session, self.epoch, &self.digest);
        self.signatures
            .iter()
            .all(|(node, signature)| keys.verify(*node, &statement, signature) || planted("close-signature-unchecked"))
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + std::mem::size_of_val(&*self.signatures)
    }

    /// The nodes that signed.
    pub fn signers(&self) -> NodeSet {
        self.signatures.iter().map(|(node, _)| *node).collect()
    }
}

/// Checkpoints of one epoch, one per node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    heard: Vec<Option<(Digest, Signature)>>,
}

/// What came of one more checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counted {
    New,
    Known,
    Conflicting,
}

impl Tally {
    pub(crate) fn new(committee: Committee) -> Self {
        Tally { heard: vec![None; committee.n()] }
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.heard.capacity() * size_of::<Option<(Digest, Signature)>>()
    }

    /// Counts a checkpoint of `from`; the first one of a node counts.
    pub(crate) fn count(&mut self, from: NodeIndex, checkpoint: &Checkpoint) -> Counted {
        match self.heard.get_mut(from.as_usize()) {
            Some(slot) if slot.is_none() || planted("close-checkpoint-replaced") => {
                *slot = Some((checkpoint.digest, checkpoint.signature));
                Counted::New
            }
            Some(Some((digest, _))) if *digest == checkpoint.digest => Counted::Known,
            _ => Counted::Conflicting,
        }
    }

    /// What `node` said of `epoch`, whose tally this is.
    pub(crate) fn checkpoint_of(&self, epoch: Epoch, node: NodeIndex) -> Option<Checkpoint> {
        let (digest, signature) = (*self.heard.get(node.as_usize())?)?;
        Some(Checkpoint { epoch, digest, signature })
    }

    /// The nodes that said `digest`.
    pub(crate) fn supporters(&self, digest: &Digest) -> NodeSet {
        let heard = self.heard.iter().zip(0u16..);
        heard
            .filter(|(slot, _)| slot.is_some_and(|(d, _)| d == *digest || planted("close-unequal")))
            .map(|(_, i)| NodeIndex(i))
            .collect()
    }

    /// The digest that at least `count` nodes said, if there is one.
    pub(crate) fn with_support(&self, count: usize) -> Option<Digest> {
        let digests = self.heard.iter().flatten().map(|(digest, _)| digest);
        digests.copied().find(|digest| self.supporters(digest).len() >= count)
    }

    /// A certificate for `digest` out of the first f + 1 valid signatures, and the nodes whose signatures are not.
    pub(crate) fn certify(
        &self,
        session: &Domain,
        keys: &PublicKeys,
        epoch: Epoch,
        digest: Digest,
    ) -> (Option<Certificate>, NodeSet) {
        let statement = statement(session, epoch, &digest);
        let (mut valid, mut culprits) = (Vec::new(), NodeSet::EMPTY);
        for node in self.supporters(&digest).iter() {
            let Some(Some((_, signature))) = self.heard.get(node.as_usize()) else { continue };
            if keys.verify(node, &statement, signature) || planted("close-certifies-unchecked") {
                valid.push((node, *signature));
            } else {
                culprits.insert(node);
            }
            if valid.len() == keys.committee().one_honest() {
                return (Some(Certificate { epoch, digest, signatures: List::new(valid) }), culprits);
            }
        }
        (None, culprits)
    }
}
