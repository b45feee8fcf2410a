//! Certificates, made up, mutated and whole: exactly f + 1 genuine signatures of distinct members are accepted.

use bytes::Bytes;
use mellivora_atomic::Certificate;
use mellivora_atomic::checkpoint::statement;
use mellivora_core::codec::{List, decode, encode};
use mellivora_core::{Committee, Digest, Domain, Epoch, Era, NodeIndex};
use mellivora_crypto::{NodeKeys, Signature, Suite};

use crate::input::Input;
use crate::keys::dealt;

/// Size and fault bound; no fault bound here is above the largest possible.
const COMMITTEES: [(usize, usize); 6] = [(4, 1), (1, 0), (4, 0), (5, 1), (7, 2), (7, 1)];
const SESSION: Domain = Domain::new(Digest([9; 32]), Era(0));
const EPOCH: Epoch = Epoch(5);
const DIGEST: Digest = Digest([6; 32]);

/// Bytes choose a committee, and then signatures, or the certificate's whole encoding.
pub fn certificate(data: &[u8]) -> bool {
    let mut input = Input(data);
    let (n, f) = COMMITTEES[input.below(COMMITTEES.len())];
    let committee = Committee::with_faulty(n, f).expect("a committee that exists");
    let keys = dealt(Suite::default(), committee);
    let certificate = if input.byte() & 1 == 1 {
        // From bytes that may be anything, such as an honest certificate with changes.
        let mut bytes = encode(&honest(keys)).to_vec();
        match input.byte() % 3 {
            0 => bytes = input.0.to_vec(),
            1 => bytes.truncate(input.below(bytes.len() + 1)),
            _ => {}
        }
        for _ in 0..input.below(4) {
            if !bytes.is_empty() {
                let at = input.below(bytes.len());
                bytes[at] ^= input.byte();
            }
        }
        let bytes = Bytes::from(bytes);
        let Ok(certificate) = decode::<Certificate>(&bytes) else { return false };
        assert_eq!(encode(&certificate), bytes, "one encoding");
        certificate
    } else {
        let count = input.below(n + 2);
        let signatures = (0..count).map(|_| signature(keys, &mut input)).collect();
        Certificate { epoch: EPOCH, digest: DIGEST, signatures: List::new(signatures) }
    };

    let genuine = |(node, signature): &(NodeIndex, Signature)| {
        let key = keys.get(node.as_usize());
        key.is_some_and(|key| *signature == sign(key, &SESSION, certificate.epoch, &certificate.digest))
    };
    let ascending = certificate.signatures.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let sound = certificate.signatures.len() == f + 1 && ascending && certificate.signatures.iter().all(genuine);
    let verified = certificate.verify(&SESSION, keys[0].public());
    assert_eq!(verified, sound, "f + 1 distinct nodes really signed, or it is refused: {certificate:?}");
    if verified {
        assert_eq!(certificate.signers().len(), f + 1);
        for other in [Domain::new(Digest([8; 32]), Era(0)), Domain::new(Digest([9; 32]), Era(1))] {
            assert!(!certificate.verify(&other, keys[0].public()), "another session or era");
        }
    }
    verified
}

fn honest(keys: &[NodeKeys]) -> Certificate {
    let signers = &keys[..keys[0].committee().one_honest()];
    let signatures = signers.iter().map(|key| (key.index(), sign(key, &SESSION, EPOCH, &DIGEST))).collect();
    Certificate { epoch: EPOCH, digest: DIGEST, signatures: List::new(signatures) }
}

fn sign(key: &NodeKeys, session: &Domain, epoch: Epoch, digest: &Digest) -> Signature {
    key.sign(&statement(session, epoch, digest))
}

/// A signature, genuine or wrong in one of the ways there are, and the node that is said to have made it.
fn signature(keys: &[NodeKeys], input: &mut Input<'_>) -> (NodeIndex, Signature) {
    let place = input.below(keys.len());
    let mut node = NodeIndex(place as u16);
    let (mut session, mut epoch, mut digest, mut key) = (SESSION, EPOCH, DIGEST, &keys[place]);
    let kind = input.byte() % 16;
    match kind {
        1 => key = &keys[input.below(keys.len())],
        2 => epoch = Epoch(input.byte().into()),
        3 => digest = Digest([input.byte(); 32]),
        4 => session.session = Digest([input.byte(); 32]),
        5 => session.era = Era(input.byte().into()),
        6 => node = NodeIndex(input.word()),
        _ => {}
    }
    let signature = sign(key, &session, epoch, &digest);
    if kind != 7 {
        return (node, signature);
    }
    let mut bytes = encode(&signature).to_vec();
    let at = input.below(bytes.len());
    bytes[at] ^= input.byte();
    (node, decode(&bytes.into()).expect("a signature of the same length"))
}
