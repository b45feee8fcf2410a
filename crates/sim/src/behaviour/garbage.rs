//! A node that sends damaged bytes. Also the one place that knows how to damage them.

use bytes::Bytes;
use mellivora_core::{Message, NodeIndex, Protocol, codec};
use rand::RngExt;

use super::{Adversary, Attack};
use crate::SimRng;

pub(super) struct Garbage<M> {
    /// Some earlier message, to splice with.
    earlier: Option<M>,
}

impl<M> Default for Garbage<M> {
    fn default() -> Self {
        Garbage { earlier: None }
    }
}

impl<P: Protocol> Adversary<P> for Garbage<P::Message> {
    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        let turns = attack.rng().random_range(0..4);
        if turns == 0 {
            attack.send(to, message.clone());
        }
        for _ in 0..turns {
            let bytes = damage(&message, self.earlier.as_ref(), attack.rng());
            let decoded = attack.send_bytes(to, bytes);
            attack.count("attack.garbage");
            attack.count(if decoded { "attack.garbage.decoded" } else { "attack.garbage.malformed" });
        }
        if self.earlier.is_none() || attack.rng().random_ratio(1, 4) {
            self.earlier = Some(message);
        }
    }
}

/// The bytes of `message`, damaged: flipped bits, changed bytes, a cut or longer tail, or the tail of `other`.
pub(super) fn damage<M: Message>(message: &M, other: Option<&M>, rng: &mut SimRng) -> Bytes {
    let mut bytes = Vec::new();
    codec::encode_into(message, &mut bytes);
    for _ in 0..rng.random_range(1..3) {
        let place = if bytes.is_empty() { 0 } else { rng.random_range(0..bytes.len()) };
        match rng.random_range(0..8) {
            0..=2 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << rng.random_range(0..8);
                }
            }
            3 | 4 => {
                if let Some(byte) = bytes.get_mut(place) {
                    // Small numbers are tags, counts and indices.
                    *byte = if rng.random() { rng.random_range(0..8) } else { rng.random() };
                }
            }
            5 => bytes.truncate(place),
            6 => bytes.extend((0..rng.random_range(1..9)).map(|_| rng.random::<u8>())),
            _ => {
                if let Some(other) = other {
                    let tail = codec::encode(other);
                    let tail = tail.get(place.min(tail.len())..).unwrap_or_default();
                    bytes.truncate(place);
                    bytes.extend_from_slice(tail);
                }
            }
        }
    }
    bytes.into()
}
