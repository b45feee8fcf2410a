//! Certificates: proof that a certain number of nodes have signed the same statement.
//!
//! What a suite offers to protocols is a [`CertificateScheme`]. Signatures on one statement ([`Endorsement`]s) are
//! collected and put together to a [`Certificate`], which convinces everybody who knows the committee's keys.
//!
//! # What it guarantees
//!
//! * A certificate counts *exactly* the required number of distinct members, each of which has signed this very
//!   statement: session, era, instance, round, purpose and digest. A signer who is listed twice is listed once.
//! * Single and batch verification agree on every input, so what one node accepts every node accepts.
//! * Nothing is blamed on a node but an endorsement that does not verify.
//!
//! Certificates are made with keys of their own. A quorum certificate made with a threshold key of f + 1 shares, such as
//! the coin's, could be forged by f + 1 nodes.

use std::fmt;

use bincode::{Decode, Encode};
use bytes::Bytes;
use mellivora_core::codec::{self, DecodeError, Decoder, EncodeError, Encoder, Frame, Reader, Writer};
use mellivora_core::{Digest, Domain, NodeIndex, NodeSet, hash::HashKey};

/// What is signed: a digest in a domain. Both sides compute the domain from what they know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Statement {
    /// Session, era, instance, round and purpose.
    pub domain: Domain,
    /// What is said in it.
    pub digest: Digest,
}

impl Statement {
    /// Bytes of the encoding that goes under signatures.
    pub const WIDTH: usize = Domain::WIDTH + 32;

    /// The encoding that goes under signatures.
    pub fn to_bytes(&self) -> [u8; Self::WIDTH] {
        let mut bytes = [0; Self::WIDTH];
        let (domain, digest) = bytes.split_at_mut(Domain::WIDTH);
        domain.copy_from_slice(&self.domain.to_bytes());
        digest.copy_from_slice(&self.digest.0);
        bytes
    }
}

/// One node's signature on a statement: opaque bytes, at most [`Endorsement::MAX_BYTES`], not known to be valid.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endorsement {
    len: u8,
    bytes: [u8; Endorsement::MAX_BYTES],
}

impl Endorsement {
    /// The largest endorsement of any scheme.
    pub const MAX_BYTES: usize = 64;

    /// An endorsement of these bytes; `None` when there are more than any scheme uses.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut endorsement = Endorsement { len: u8::try_from(bytes.len()).ok()?, bytes: [0; Self::MAX_BYTES] };
        endorsement.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(endorsement)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        // Nothing makes a value with a greater length.
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for Endorsement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endorsement of {} bytes", self.len)
    }
}

impl Encode for Endorsement {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        encoder.writer().write(&[self.len])?;
        encoder.writer().write(self.as_bytes())
    }
}

impl Decode<Frame> for Endorsement {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let len = codec::read_tag(decoder)?;
        let mut bytes = [0; Self::MAX_BYTES];
        let Some(target) = bytes.get_mut(..usize::from(len)) else {
            return Err(DecodeError::Other("an endorsement longer than any scheme's"));
        };
        decoder.reader().read(target)?;
        Ok(Endorsement { len, bytes })
    }
}

mellivora_core::borrow_decode!(Endorsement);

/// Endorsements of one statement put together: who signed, and the scheme's proof that they did. Not known to be valid
/// until [`CertificateScheme::verify`] says so; what it is about is known from the context and never travels.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// The nodes whose endorsements are in it.
    pub signers: NodeSet,
    proof: Bytes,
}

impl Certificate {
    /// The largest proof of any scheme: one signature of 64 bytes for each member of the largest committee.
    pub const MAX_PROOF: usize = NodeSet::CAPACITY * Endorsement::MAX_BYTES;

    /// A certificate of these signers; `None` when the proof is larger than any scheme's.
    pub fn new(signers: NodeSet, proof: Bytes) -> Option<Self> {
        (proof.len() <= Self::MAX_PROOF).then_some(Certificate { signers, proof })
    }

    /// One whose proof is the list of these endorsements, in ascending order of nodes; `None` if a node comes twice.
    pub fn list(mut endorsements: Vec<(NodeIndex, Endorsement)>) -> Option<Self> {
        endorsements.sort_unstable_by_key(|(node, _)| *node);
        let signers: NodeSet = endorsements.iter().map(|(node, _)| *node).collect();
        let bytes = endorsements.iter().map(|(_, endorsement)| endorsement.as_bytes());
        let proof: Vec<u8> = bytes.flatten().copied().collect();
        Certificate::new(signers, proof.into()).filter(|certificate| certificate.signers.len() == endorsements.len())
    }

    /// What [`list`](Self::list) was made of, if each endorsement has `width` bytes, not 0; `None` if the proof is no such
    /// list.
    pub fn listed(&self, width: usize) -> Option<Vec<(NodeIndex, Endorsement)>> {
        if self.proof.len() != self.signers.len() * width {
            return None;
        }
        let parts = self.signers.iter().zip(self.proof.chunks_exact(width));
        parts.map(|(node, bytes)| Some((node, Endorsement::from_bytes(bytes)?))).collect()
    }

    /// The scheme's bytes.
    pub fn proof(&self) -> &[u8] {
        &self.proof
    }

    /// Bytes of memory, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.proof.len()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?}, {} bytes)", self.signers, self.proof.len())
    }
}

impl Encode for Certificate {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.signers.encode(encoder)?;
        // The bound on proofs fits.
        (self.proof.len() as u16).encode(encoder)?;
        encoder.writer().write(&self.proof)
    }
}

impl Decode<Frame> for Certificate {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let signers = NodeSet::decode(decoder)?;
        let len = usize::from(u16::decode(decoder)?);
        let Some(proof) = decoder.reader().peek_read(len) else {
            return Err(DecodeError::UnexpectedEnd { additional: len });
        };
        if len > signers.len() * Endorsement::MAX_BYTES {
            return Err(DecodeError::Other("a certificate with more proof than signers"));
        }
        let proof = Bytes::copy_from_slice(proof);
        decoder.reader().consume(len);
        Ok(Certificate { signers, proof })
    }
}

mellivora_core::borrow_decode!(Certificate);

/// Something that is to be verified: that a statement was signed, by one node or by exactly so many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// What is said to have been signed.
    pub statement: Statement,
    /// By whom.
    pub proof: ClaimProof,
}

/// By whom a [`Claim`] says its statement was signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimProof {
    /// By one node.
    One(NodeIndex, Endorsement),
    /// By exactly `required` nodes.
    Many {
        /// How many it takes.
        required: usize,
        /// The certificate.
        certificate: Certificate,
    },
}

const CLAIM: HashKey = HashKey::new("mellivora/v1 claim");

impl Claim {
    /// That `node` has signed.
    pub const fn one(statement: Statement, node: NodeIndex, endorsement: Endorsement) -> Self {
        Claim { statement, proof: ClaimProof::One(node, endorsement) }
    }

    /// That exactly `required` nodes have signed.
    pub const fn many(statement: Statement, required: usize, certificate: Certificate) -> Self {
        Claim { statement, proof: ClaimProof::Many { required, certificate } }
    }

    /// A name of this very claim: two that differ in anything have different ones.
    pub fn digest(&self) -> Digest {
        let statement = self.statement.to_bytes();
        match &self.proof {
            ClaimProof::One(node, endorsement) => {
                CLAIM.digest_parts(&[&statement, &node.0.to_be_bytes(), endorsement.as_bytes()])
            }
            ClaimProof::Many { required, certificate } => {
                let signers = codec::encode(&certificate.signers);
                CLAIM.digest_parts(&[&statement, &(*required as u64).to_be_bytes(), &signers, certificate.proof()])
            }
        }
    }

    /// How many signatures it rests on, by its form.
    pub fn signatures(&self) -> usize {
        match &self.proof {
            ClaimProof::One(..) => 1,
            ClaimProof::Many { certificate, .. } => certificate.signers.len(),
        }
    }

    /// Bytes of memory, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + match &self.proof {
                ClaimProof::One(..) => 0,
                ClaimProof::Many { certificate, .. } => certificate.proof.len(),
            }
    }
}

/// What came of a set of endorsements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assembly {
    /// The certificate, if enough of the endorsements were valid.
    pub certificate: Option<Certificate>,
    /// Nodes whose endorsements were found invalid. Those that were not needed may not have been looked at.
    pub culprits: NodeSet,
}

/// How nodes sign statements and prove to others who has signed.
pub trait CertificateScheme: Send + Sync + fmt::Debug {
    /// This node's endorsement of a statement. Deterministic.
    fn endorse(&self, statement: &Statement) -> Endorsement;

    /// Puts endorsements of distinct nodes together to a certificate of exactly `required` signers, which is valid if
    /// there is one. There is none of nobody. Never panics, whatever the endorsements hold.
    fn assemble(&self, statement: &Statement, required: usize, endorsements: &[(NodeIndex, Endorsement)]) -> Assembly;

    /// The endorsements that a claim comes down to: it holds exactly if each of them, claimed [alone](Claim::one), holds.
    /// `None` for what cannot be taken apart or is refuted by its form; [`verify`](Self::verify) tells about that.
    ///
    /// A scheme that takes claims apart makes them so that [`Certificate::list`] puts valid endorsements together.
    fn endorsements(&self, claim: &Claim) -> Option<Vec<(NodeIndex, Endorsement)>> {
        let _ = claim;
        None
    }

    /// Whose endorsements [`endorse`](Self::endorse) makes, if the scheme takes claims apart.
    fn signer(&self) -> Option<NodeIndex> {
        None
    }

    /// A claim that [`verify`](Self::verify) will be asked about soon. A scheme may verify it together with others that are
    /// asked about before.
    fn announce(&self, claim: &Claim) {
        let _ = claim;
    }

    /// Whether every claim holds: each certificate has exactly the required number of distinct members as signers, at
    /// least one, and every signature is valid. True for no claims. One call for many is cheaper than one for each.
    fn verify(&self, claims: &[Claim]) -> bool;
}
