//! Any commitment whatsoever, codeword or not: every set of k verified shards has the same outcome.
//!
//! The tree is built here once more from its documented form, so the target also checks that form.

use bytes::Bytes;
use mellivora_coding::{Codec, Decoded, Proof, Shard};
use mellivora_core::codec::{Blob, List, decode, encode};
use mellivora_core::{Committee, Digest, NodeIndex, hash::HashKey};

use crate::input::Input;

const LEAF: HashKey = HashKey::new("mellivora/v1 coding leaf");
const NODE: HashKey = HashKey::new("mellivora/v1 coding node");
const ROOT: HashKey = HashKey::new("mellivora/v1 coding root");
const SIZES: [usize; 6] = [1, 4, 5, 6, 7, 10];
const MAX_PAYLOAD: usize = 10_000;

/// Bytes choose a committee, a payload, and changes to its shards; the proposer commits to what comes out.
pub fn coding(data: &[u8]) -> bool {
    let mut input = Input(data);
    let committee = Committee::new(SIZES[input.below(SIZES.len())]).expect("a size that exists");
    let codec = Codec::new(committee, MAX_PAYLOAD).expect("this machine can run the code");
    let claimed = input.below(MAX_PAYLOAD + 2);
    let len = input.below(claimed.min(MAX_PAYLOAD) + 1);
    let changes = input.below(4);
    let changes: Vec<_> = (0..changes).map(|_| (input.below(committee.n()), input.word(), input.byte())).collect();
    let choices: Vec<_> = (0..4).map(|_| input.word()).collect();

    // The payload is what is left, repeated: that costs the fuzzer no bytes.
    let filler = if input.is_empty() { &[0][..] } else { input.0 };
    let payload: Bytes = filler.iter().copied().cycle().take(len).collect::<Vec<_>>().into();
    let encoded = codec.encode(payload.clone()).expect("within the bound");
    let mut leaves: Vec<Vec<u8>> = encoded.shards.iter().map(|shard| shard.data.to_vec()).collect();
    for &(node, at, by) in &changes {
        let leaf = &mut leaves[node];
        let at = usize::from(at) % leaf.len();
        leaf[at] ^= by;
    }
    // A wrong length is a lie only if the shards still have the length that goes with it; others are refused below.
    let honest = claimed == len && leaves.iter().zip(&encoded.shards).all(|(leaf, shard)| leaf[..] == shard.data[..]);

    let (commitment, shards) = commit(&codec, committee, claimed, &leaves);
    let verified: Vec<_> = committee
        .nodes()
        .zip(&shards)
        .filter_map(|(node, shard)| Some((node, shard, Some(codec.verify(&commitment, node, shard)?))))
        .collect();
    for (node, shard, _) in &verified {
        assert_eq!(decode::<Shard>(&encode(*shard)).as_ref(), Ok(*shard), "a shard survives the wire");
        let other = NodeIndex((node.0 + 1) % committee.n() as u16);
        if codec.verify(&commitment, other, shard).is_some() {
            assert_eq!(shard.data, shards[other.as_usize()].data, "an index has one shard");
        }
    }
    if verified.len() < committee.n() {
        assert!(verified.is_empty() && !honest, "the length is refused for all shards alike");
        return false;
    }

    let all = codec.decode(&commitment, &verified);
    match &all {
        Decoded::Match(body) if honest => assert_eq!(body.to_bytes(), payload),
        Decoded::Match(body) => assert_eq!(codec.commit(body), Ok(commitment), "what matches is canonical"),
        Decoded::Mismatch => assert!(!honest, "an honest codeword always decodes"),
        Decoded::TooFew => panic!("all shards are there"),
    }
    if honest {
        assert_eq!(commitment, encoded.commitment, "the form is the documented one");
    }
    for choice in choices {
        // Drop 2f shards, counted from a place that the bytes choose, by a step that they choose.
        let (start, step) = (usize::from(choice & 0xff), 1 + usize::from(choice >> 8) % committee.n());
        let mut kept: Vec<_> = verified.clone();
        for i in 0..committee.parity_shards() {
            kept.remove((start + i * step) % kept.len());
        }
        assert_eq!(codec.decode(&commitment, &kept), all, "every choice of k shards has the same outcome");
        kept.pop();
        assert_eq!(codec.decode(&commitment, &kept), Decoded::TooFew);
    }
    true
}

/// Commits to arbitrary leaves, as a Byzantine proposer can.
pub fn commit(codec: &Codec, committee: Committee, len: usize, leaves: &[Vec<u8>]) -> (Digest, Vec<Shard>) {
    let mut levels = vec![leaves.iter().map(|leaf| LEAF.digest(leaf)).collect::<Vec<_>>()];
    while let Some(level) = levels.last().filter(|level| level.len() > 1) {
        let up = |pair: &[Digest]| match pair {
            [left, right] => NODE.digest(&[left.0, right.0].concat()),
            lone => lone[0],
        };
        let next = level.chunks(2).map(up).collect();
        levels.push(next);
    }
    let root = levels.last().expect("there is a leaf")[0];
    let numbers = [committee.n(), committee.data_shards(), codec.shard_len(len), len];
    let mut sealed: Vec<u8> = numbers.iter().flat_map(|&number| (number as u32).to_be_bytes()).collect();
    sealed.extend_from_slice(&root.0);
    let shards = leaves.iter().enumerate().map(|(i, leaf)| {
        let below_root = &levels[..levels.len() - 1];
        let path = below_root.iter().enumerate().filter_map(|(h, level)| level.get((i >> h) ^ 1).copied()).collect();
        Shard { proof: Proof { len: len as u32, path: List::new(path) }, data: Blob(leaf.clone().into()) }
    });
    (ROOT.digest(&sealed), shards.collect())
}
