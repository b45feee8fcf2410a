//! What the encapsulations of all suites share: keys derived from the seed, and the sealing of the payload.
//!
//! A seed encrypts one payload under one label, so the key of the cipher is used once and its nonce is constant.
//! AES-GCM does not commit to its key, and need not: the seed is committed to by the encapsulation, which is recomputed
//! at opening.

use mellivora_core::{Digest, hash::HashKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::Seed;

const PAYLOAD_KEY: HashKey = HashKey::new("mellivora/v1 kem payload key");

/// Bytes by which sealing makes a payload longer.
pub const TAG_BYTES: usize = 16;

/// A hasher over a label and a seed, for what a suite derives from the two.
pub(crate) fn seeded(purpose: HashKey, label: &Digest, seed: &Seed) -> blake3::Hasher {
    let mut hasher = purpose.hasher();
    hasher.update(label.as_ref());
    hasher.update(&seed.0);
    hasher
}

/// The seed hidden, or uncovered, by the pad that an encapsulated element gives.
pub(crate) fn mask(seed: &[u8; 32], pad: &blake3::Hasher) -> [u8; 32] {
    let pad = pad.finalize();
    std::array::from_fn(|i| seed[i] ^ pad.as_bytes()[i])
}

fn payload_key(label: &Digest, seed: &Seed) -> Option<LessSafeKey> {
    let key = Zeroizing::new(*seeded(PAYLOAD_KEY, label, seed).finalize().as_bytes());
    UnboundKey::new(&AES_256_GCM, key.as_ref()).ok().map(LessSafeKey::new)
}

/// Seals a payload in place with AES-256-GCM; its last [`TAG_BYTES`] bytes are room for the tag. `bound` is the part of
/// the header that is fixed before the payload is sealed.
pub(crate) fn seal(label: &Digest, bound: &[&[u8]], seed: &Seed, payload: &mut [u8]) {
    let sealed =
        payload_key(label, seed).zip(payload.split_last_chunk_mut::<TAG_BYTES>()).and_then(|(key, (text, room))| {
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad(label, bound)), text).ok()?;
            room.copy_from_slice(tag.as_ref());
            Some(())
        });
    // The key has the right length, callers leave room, and no payload comes near the 64 GiB that the cipher refuses.
    // Should it refuse all the same, nothing readable may leave.
    if sealed.is_none() {
        payload.fill(0);
    }
}

/// Opens a sealed payload in place; `None` if it does not authenticate.
pub(crate) fn open(label: &Digest, bound: &[&[u8]], seed: &Seed, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let key = payload_key(label, seed)?;
    let aad = Aad::from(aad(label, bound));
    let length = key.open_in_place(Nonce::assume_unique_for_key([0; 12]), aad, &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

fn aad(label: &Digest, bound: &[&[u8]]) -> Vec<u8> {
    let mut aad = label.0.to_vec();
    bound.iter().for_each(|part| aad.extend_from_slice(part));
    aad
}
