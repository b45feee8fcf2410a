//! An idealised threshold encryption: keyed hashes that everybody in a test knows.
//!
//! It keeps the contract of [`EncryptionScheme`] (label and sealed part are bound, f + 1 right shares open, wrong ones
//! are told apart by proof or by the seed) at the cost of a few hashes. It hides nothing from anybody, so it must never
//! leave tests. Shares do not prove themselves, as in the default suite, so the way with proofs is walked.

use std::sync::Arc;

use mellivora_core::{Committee, Digest, NodeIndex, hash::HashKey};
use mellivora_crypto::{DecryptionProof, DecryptionShare, EncryptionScheme, Seed, TAG_BYTES};

const PAD: HashKey = HashKey::new("mellivora/test cipher pad");
const BOUND: HashKey = HashKey::new("mellivora/test cipher bound");
const SHARE: HashKey = HashKey::new("mellivora/test cipher share");
const PROOF: HashKey = HashKey::new("mellivora/test cipher proof");
const STREAM: HashKey = HashKey::new("mellivora/test cipher stream");
const TAG: HashKey = HashKey::new("mellivora/test cipher tag");

/// One node's part of an idealised threshold encryption.
#[derive(Clone, Debug)]
pub struct IdealCipher {
    committee: Committee,
    me: NodeIndex,
}

impl IdealCipher {
    /// The part of `me`, as protocols want it.
    pub fn scheme(committee: Committee, me: NodeIndex) -> Arc<dyn EncryptionScheme> {
        Arc::new(IdealCipher { committee, me })
    }

    /// A header is the seed under a pad that follows from the label, then what binds the seed to label and sealed part.
    fn header(label: &Digest, seed: &Seed, sealed: &Digest) -> Vec<u8> {
        let pad = PAD.digest(label.as_ref());
        let hidden: [u8; 32] = std::array::from_fn(|i| seed.0[i] ^ pad.0[i]);
        let bound = BOUND.digest_parts(&[label.as_ref(), &hidden, sealed.as_ref()]);
        [hidden, bound.0].concat()
    }

    fn hidden(header: &[u8]) -> Option<[u8; 32]> {
        (header.len() == 64).then(|| header.first_chunk().copied()).flatten()
    }

    fn share_of(header: &[u8], node: NodeIndex) -> [u8; 32] {
        SHARE.digest_parts(&[header, &node.0.to_be_bytes()]).0
    }

    fn stream(label: &Digest, seed: &Seed, text: &mut [u8]) {
        let mut hasher = STREAM.hasher();
        hasher.update(label.as_ref()).update(&seed.0);
        let mut pad = vec![0; text.len()];
        hasher.finalize_xof().fill(&mut pad);
        text.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
    }

    fn tag(label: &Digest, seed: &Seed, text: &[u8]) -> [u8; TAG_BYTES] {
        let digest = TAG.digest_parts(&[label.as_ref(), &seed.0, text]).0;
        std::array::from_fn(|i| digest[i])
    }
}

impl EncryptionScheme for IdealCipher {
    fn header_bytes(&self) -> usize {
        64
    }

    fn seal_in_place(&self, label: &Digest, seed: &Seed, payload: &mut [u8]) -> (Vec<u8>, Digest) {
        if let Some((text, room)) = payload.split_last_chunk_mut::<TAG_BYTES>() {
            Self::stream(label, seed, text);
            *room = Self::tag(label, seed, text);
        }
        let sealed = mellivora_crypto::sealed_digest([&payload[..]]);
        (Self::header(label, seed, &sealed), sealed)
    }

    fn check(&self, label: &Digest, header: &[u8], sealed: &Digest) -> bool {
        Self::hidden(header)
            .is_some_and(|hidden| header[32..] == BOUND.digest_parts(&[label.as_ref(), &hidden, sealed.as_ref()]).0)
    }

    fn share(&self, header: &[u8]) -> Option<DecryptionShare> {
        Self::hidden(header)?;
        DecryptionShare::from_bytes(&Self::share_of(header, self.me))
    }

    fn prove(&self, label: &Digest, header: &[u8], sealed: &Digest) -> Option<DecryptionProof> {
        let me = self.me.0.to_be_bytes();
        let digest = PROOF.digest_parts(&[label.as_ref(), header, sealed.as_ref(), &me]);
        DecryptionProof::from_bytes(digest.as_ref())
    }

    fn self_proving(&self) -> bool {
        false
    }

    fn verify(
        &self,
        label: &Digest,
        header: &[u8],
        sealed: &Digest,
        from: NodeIndex,
        share: &DecryptionShare,
        proof: Option<&DecryptionProof>,
    ) -> bool {
        let digest = PROOF.digest_parts(&[label.as_ref(), header, sealed.as_ref(), &from.0.to_be_bytes()]);
        share.as_bytes() == Self::share_of(header, from)
            && proof.is_some_and(|proof| proof.as_bytes() == digest.as_ref())
    }

    fn combine(&self, label: &Digest, header: &[u8], shares: &[(NodeIndex, DecryptionShare)]) -> Option<Seed> {
        let right = |(from, share): &(NodeIndex, DecryptionShare)| share.as_bytes() == Self::share_of(header, *from);
        let enough = shares.len() == self.committee.one_honest() && shares.iter().all(right);
        let hidden = Self::hidden(header).filter(|_| enough)?;
        let pad = PAD.digest(label.as_ref());
        Some(Seed(std::array::from_fn(|i| hidden[i] ^ pad.0[i])))
    }

    fn matches(&self, label: &Digest, header: &[u8], seed: &Seed) -> bool {
        let pad = PAD.digest(label.as_ref());
        Self::hidden(header).is_some_and(|hidden| (0..32).all(|i| hidden[i] ^ pad.0[i] == seed.0[i]))
    }

    fn unseal(&self, label: &Digest, header: &[u8], seed: &Seed, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        Self::hidden(header)?;
        let (text, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>()?;
        if *tag != Self::tag(label, seed, text) {
            return None;
        }
        Self::stream(label, seed, text);
        let length = text.len();
        sealed.truncate(length);
        Some(sealed)
    }

    fn judge(&self, _: &Digest, header: &[u8], _: &Seed, from: NodeIndex, share: &DecryptionShare) -> bool {
        share.as_bytes() == Self::share_of(header, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_contract_of_a_threshold_encryption() {
        let committee = Committee::new(4).unwrap();
        let nodes: Vec<_> = committee.nodes().map(|me| IdealCipher::scheme(committee, me)).collect();
        let (label, other, seed) = (Digest([1; 32]), Digest([2; 32]), Seed([3; 32]));
        let mut sealed = b"a secret".to_vec();
        let header = nodes[0].seal(&label, &seed, &mut sealed);
        let digest = mellivora_crypto::sealed_digest([&sealed[..]]);
        assert_eq!((header.len(), sealed.len()), (nodes[0].header_bytes(), 8 + TAG_BYTES));
        assert!(nodes[1].check(&label, &header, &digest));
        assert!(!nodes[1].check(&other, &header, &digest) && !nodes[1].check(&label, &header, &Digest([9; 32])));
        assert!(!nodes[1].check(&label, &header[1..], &digest));
        let share = |i: u16| (NodeIndex(i), nodes[usize::from(i)].share(&header).unwrap());
        let proof = nodes[2].prove(&label, &header, &digest).unwrap();
        assert!(nodes[0].verify(&label, &header, &digest, NodeIndex(2), &share(2).1, Some(&proof)));
        assert!(!nodes[0].verify(&label, &header, &digest, NodeIndex(1), &share(2).1, Some(&proof)));
        assert!(!nodes[0].verify(&label, &header, &digest, NodeIndex(2), &share(2).1, None));
        assert_eq!(nodes[3].combine(&label, &header, &[share(2)]), None);
        assert_eq!(nodes[3].combine(&label, &header, &[share(2), (NodeIndex(1), share(2).1)]), None);
        assert_eq!(nodes[3].combine(&label, &header, &[share(2), share(1)]), Some(seed));
        assert!(nodes[3].matches(&label, &header, &seed) && !nodes[3].matches(&label, &header, &Seed([4; 32])));
        assert!(nodes[3].judge(&label, &header, &seed, NodeIndex(1), &share(1).1));
        assert!(!nodes[3].judge(&label, &header, &seed, NodeIndex(2), &share(1).1));
        assert_eq!(nodes[3].unseal(&label, &header, &seed, sealed.clone()).as_deref(), Some(&b"a secret"[..]));
        sealed[0] ^= 1;
        assert_eq!(nodes[3].unseal(&label, &header, &seed, sealed), None);
    }
}
