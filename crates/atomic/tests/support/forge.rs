//! What only a Byzantine node makes: contributions that nobody honest would make, ciphertexts that do not fit their
//! seed, decryption shares that are shifted, checkpoints and certificates of one's choice.

use blstrs::{G1Affine, G1Projective, G2Projective};
use bytes::Bytes;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use group::prime::PrimeCurveAffine;
use mellivora_atomic::checkpoint::statement;
use mellivora_atomic::epoch::{EpochMessage, PerSlot};
use mellivora_atomic::{Certificate, Checkpoint, Config, Message};
use mellivora_broadcast::RbcMessage;
use mellivora_coding::Codec;
use mellivora_core::codec::List;
use mellivora_core::{Digest, Domain, Epoch, Era, Layer, NodeIndex, Purpose, Round, Segment, hash::HashKey};
use mellivora_crypto::{DecryptionShare, NodeKeys, Seed, Suite, sealed_digest};
use mellivora_subset::{Bkr, BkrMessage, Subset};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

pub(crate) type Said = Message<EpochMessage<BkrMessage>>;

/// The domain of a cluster.
pub(crate) fn session(config: &Config, keys: &NodeKeys) -> Domain {
    Domain::new(config.cluster_id(&keys.public().digest(), Bkr::NAME), Era(0))
}

/// The label of what `proposer` contributes to `epoch`.
pub(crate) fn label(config: &Config, keys: &NodeKeys, epoch: u64, proposer: u16) -> Digest {
    let epoch = session(config, keys).child(Segment::epoch(Epoch(epoch)));
    let slot = epoch.child(Segment::of(Layer::Slot, NodeIndex(proposer)));
    slot.statement(Purpose::Encryption, Round(0)).digest()
}

/// A list of transactions, as it travels in the clear and under encryption.
pub(crate) fn framed(list: &[&[u8]]) -> Vec<u8> {
    let mut bytes = (list.len() as u32).to_le_bytes().to_vec();
    list.iter().for_each(|transaction| bytes.extend((transaction.len() as u32).to_le_bytes()));
    list.iter().for_each(|transaction| bytes.extend(*transaction));
    bytes
}

/// An honest ciphertext for the slot of `proposer` in `epoch`: header, then sealed payload.
pub(crate) fn sealed(config: &Config, keys: &NodeKeys, epoch: u64, proposer: u16, payload: &[u8]) -> Vec<u8> {
    let label = label(config, keys, epoch, proposer);
    let mut payload = payload.to_vec();
    let scheme = keys.encryption().expect("the suite encrypts");
    let mut ciphertext = scheme.seal(&label, &Seed([epoch as u8; 32]), &mut payload);
    ciphertext.extend(payload);
    ciphertext
}

/// What a message of an epoch looks like.
pub(crate) fn in_epoch(epoch: u64, message: EpochMessage<BkrMessage>) -> Said {
    Message::Epoch { epoch: Epoch(epoch), message }
}

/// A message of the broadcast of `proposer`.
pub(crate) fn rbc(epoch: u64, proposer: u16, message: RbcMessage) -> Said {
    in_epoch(epoch, EpochMessage::Subset(BkrMessage::Rbc { proposer: NodeIndex(proposer), message }))
}

/// The shards of a contribution, one message per node.
pub(crate) fn vals(config: &Config, epoch: u64, proposer: u16, contribution: Bytes) -> Vec<Said> {
    let codec = Codec::new(config.committee, config.limits.payload_bytes).unwrap();
    let encoded = codec.encode(contribution).unwrap();
    let val = |shard| rbc(epoch, proposer, RbcMessage::Val { root: encoded.commitment, shard });
    encoded.shards.into_iter().map(val).collect()
}

/// Decryption shares for slots of an epoch.
pub(crate) fn shares(epoch: u64, shares: &[(u16, DecryptionShare)]) -> Said {
    let shares = shares.iter().map(|(slot, share)| (NodeIndex(*slot), *share));
    in_epoch(epoch, EpochMessage::Shares(PerSlot::new(shares.collect())))
}

/// A signed checkpoint of any digest.
pub(crate) fn checkpoint(config: &Config, keys: &NodeKeys, epoch: u64, digest: Digest) -> Checkpoint {
    let signature = keys.sign(&statement(&session(config, keys), Epoch(epoch), &digest));
    Checkpoint { epoch: Epoch(epoch), digest, signature }
}

/// A certificate with the signatures of `signers`, in this order, repetitions included.
pub(crate) fn certificate(
    config: &Config,
    keys: &[NodeKeys],
    epoch: u64,
    digest: Digest,
    signers: &[u16],
) -> Certificate {
    let sign = |&node: &u16| {
        let keys = &keys[usize::from(node)];
        (NodeIndex(node), checkpoint(config, keys, epoch, digest).signature)
    };
    Certificate { epoch: Epoch(epoch), digest, signatures: List::new(signers.iter().map(sign).collect()) }
}

/// How a ciphertext is wrong although its header checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fraud {
    /// The seed that comes out is not the one that the header was made with, whoever combines.
    WrongSeed,
    /// The shares of honest nodes give no seed at all; with the *shifted* share of the proposer's accomplice, combined
    /// with that of one honest node, the seed comes out and the payload authenticates.
    TwoFaced {
        /// Whose share is shifted.
        liar: u16,
        /// With whose share it works.
        victim: u16,
    },
    /// Seed and header are right, the payload does not authenticate.
    Unopenable,
}

/// A fraudulent ciphertext whose header checks, and the shifted share of [`Fraud::TwoFaced`]. Thresholds of two only.
///
/// Written out from the formulas of the two schemes, so that nothing of the code under attack helps to make it.
pub(crate) fn fraud(
    config: &Config,
    keys: &[NodeKeys],
    (epoch, proposer): (u64, u16),
    fraud: Fraud,
    payload: &[u8],
) -> (Bytes, Option<DecryptionShare>) {
    let label = label(config, &keys[0], epoch, proposer);
    match keys[0].public().suite() {
        Suite::Ristretto255 => ristretto(keys, &label, fraud, payload),
        Suite::Bls12381 => bls(keys, &label, fraud, payload),
        other => panic!("{other} does not encrypt"),
    }
}

/// x / (x - y) of the points of two nodes: the weight of the first one's share.
fn weight<F>(liar: u16, victim: u16, of: impl Fn(u64) -> F) -> (F, F)
where
    F: std::ops::Sub<Output = F> + Copy,
{
    let (x, y) = (of(u64::from(liar) + 1), of(u64::from(victim) + 1));
    (y, y - x)
}

fn seeded(purpose: &'static str, label: &Digest, seed: &Seed) -> blake3::Hasher {
    let mut hasher = HashKey::new(purpose).hasher();
    hasher.update(&label.0).update(&seed.0);
    hasher
}

fn xor(seed: &Seed, pad: &blake3::Hasher) -> [u8; 32] {
    let pad = pad.finalize();
    std::array::from_fn(|i| seed.0[i] ^ pad.as_bytes()[i])
}

fn aead(label: &Digest, bound: &[&[u8]], seed: &Seed, fraud: Fraud, payload: &[u8]) -> Vec<u8> {
    let key = seeded("mellivora/v1 kem payload key", label, seed).finalize();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let aad = [&label.0[..], &bound.concat()].concat();
    let mut sealed = payload.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::from(aad), &mut sealed).unwrap();
    if fraud == Fraud::Unopenable {
        sealed[0] ^= 1;
    }
    sealed
}

/// The public encryption key of the committee, as the key file shows it.
fn group_key(keys: &[NodeKeys]) -> Vec<u8> {
    let file = keys[0].public().to_file();
    let (_, table) = file.split_once("[encryption]\ngroup = \"").unwrap();
    let (hex, _) = table.split_once('"').unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The seed that the header claims to be made with.
const SEED: Seed = Seed([7; 32]);

fn ristretto(keys: &[NodeKeys], label: &Digest, fraud: Fraud, payload: &[u8]) -> (Bytes, Option<DecryptionShare>) {
    let scalar = |hasher: &blake3::Hasher| {
        let mut wide = [0; 64];
        hasher.finalize_xof().fill(&mut wide);
        (Scalar::from_bytes_mod_order_wide(&wide), RistrettoPoint::from_uniform_bytes(&wide))
    };
    let y = CompressedRistretto(group_key(keys).try_into().unwrap()).decompress().unwrap();
    let second = scalar(&HashKey::new("mellivora/v1 tdh2-g2").hasher()).1;
    let (r, _) = scalar(&seeded("mellivora/v1 tdh2 r", label, &SEED));
    let u = RistrettoPoint::mul_base(&r).compress().0;
    let ub = (second * r).compress().0;
    let shift = RistrettoPoint::mul_base(&Scalar::from(99u64));
    let v = match fraud {
        Fraud::WrongSeed | Fraud::TwoFaced { .. } => y * r + shift,
        Fraud::Unopenable => y * r,
    };
    let mut pad = HashKey::new("mellivora/v1 tdh2 pad").hasher();
    pad.update(&label.0).update(&u).update(v.compress().as_bytes());
    let c = xor(&SEED, &pad);
    let sealed = aead(label, &[&u, &ub, &c], &SEED, fraud, payload);
    let s = Scalar::from(12_345u64);
    let (w, wb) = (RistrettoPoint::mul_base(&s).compress().0, (second * s).compress().0);
    let mut challenge = HashKey::new("mellivora/v1 tdh2 challenge").hasher();
    for part in [&label.0, &c, &sealed_digest([&sealed[..]]).0, &u, &ub, &w, &wb] {
        challenge.update(part);
    }
    let z = (s + r * scalar(&challenge).0).to_bytes();
    let header = [u, ub, w, wb, z, c].concat();
    let shifted = if let Fraud::TwoFaced { liar, victim } = fraud {
        let right = keys[usize::from(liar)].encryption().unwrap().share(&header).unwrap();
        let right = CompressedRistretto(right.as_bytes().try_into().unwrap()).decompress().unwrap();
        // lambda * (right + offset) = lambda * right + shift.
        let (above, below) = weight(liar, victim, Scalar::from);
        let share = right + shift * (below * above.invert());
        DecryptionShare::from_bytes(share.compress().as_bytes())
    } else {
        None
    };
    ([header, sealed].concat().into(), shifted)
}

fn bls(keys: &[NodeKeys], label: &Digest, fraud: Fraud, payload: &[u8]) -> (Bytes, Option<DecryptionShare>) {
    let g1 = |bytes: &[u8]| G1Projective::from(G1Affine::from_compressed(bytes.try_into().unwrap()).unwrap());
    let y = g1(&group_key(keys)[..48]);
    let mut stream = seeded("mellivora/v1 bls kem r", label, &SEED).finalize_xof();
    let r = loop {
        let mut bytes = [0; 32];
        stream.fill(&mut bytes);
        bytes[31] &= 0x7f;
        if let Some(scalar) = Option::<blstrs::Scalar>::from(blstrs::Scalar::from_bytes_le(&bytes)) {
            break scalar;
        }
    };
    let generator = G1Projective::from(G1Affine::generator());
    let shift = generator * blstrs::Scalar::from(99);
    let u = (generator * r).to_compressed();
    let v = match fraud {
        Fraud::WrongSeed | Fraud::TwoFaced { .. } => y * r + shift,
        Fraud::Unopenable => y * r,
    };
    let mut pad = HashKey::new("mellivora/v1 bls kem pad").hasher();
    pad.update(&label.0).update(&u).update(&v.to_compressed());
    let c = xor(&SEED, &pad);
    let sealed = aead(label, &[&u, &c], &SEED, fraud, payload);
    let tuple = [&label.0[..], &u, &c, &sealed_digest([&sealed[..]]).0].concat();
    let base = G2Projective::hash_to_curve(&tuple, b"MELLIVORA-V1-KEM-BLS12381G2_XMD:SHA-256_SSWU_RO_", &[]);
    let header = [&u[..], &(base * r).to_compressed(), &c].concat();
    let shifted = if let Fraud::TwoFaced { liar, victim } = fraud {
        let right = keys[usize::from(liar)].encryption().unwrap().share(&header).unwrap();
        let (above, below) = weight(liar, victim, blstrs::Scalar::from);
        let inverse = Option::<blstrs::Scalar>::from(group::ff::Field::invert(&above)).unwrap();
        let share = g1(right.as_bytes()) + shift * (below * inverse);
        DecryptionShare::from_bytes(&share.to_compressed())
    } else {
        None
    };
    ([header, sealed].concat().into(), shifted)
}
