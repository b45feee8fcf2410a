//! Bytes from a peer, through the codec of the whole stack and of each of its parts.

use bytes::Bytes;
use mellivora_agreement::{AbaMessage, Vote};
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::header::{EpochHeader, HeaderSlot, Outcome};
use mellivora_atomic::{Certificate, Checkpoint};
use mellivora_broadcast::{PbMessage, PrbcMessage, RbcMessage, RetrievalMessage, SpbMessage};
use mellivora_coding::{Chunk, Head, Proof, Shard};
use mellivora_core::codec::{Wire, decode, decode_all, decode_prefix, encode};
use mellivora_core::{Message, NodeSet};
use mellivora_crypto::{CoinShare, DecryptionProof, DecryptionShare, Endorsement, Seed, Signature};
use mellivora_subset::{Ballot, BkrMessage, Dumbo1Message};

use crate::frame::check_memory;

type Stack = mellivora_atomic::Message<EpochMessage<BkrMessage>>;

/// Decoding never panics, what decodes has one encoding only, and splitting a message loses no statement of it.
pub fn wire(data: &[u8]) -> bool {
    let frame = Bytes::copy_from_slice(data);
    parts(&frame);
    let mut at = 0;
    for message in decode_all::<Stack>(&frame.clone().into()) {
        let Ok(message) = message else { return at > 0 };
        let bytes = encode(&message);
        let end = at + bytes.len();
        assert_eq!(frame.get(at..end), Some(&bytes[..]), "one encoding: {message:?}");
        at = end;
        check_memory(&message, bytes.len());
        split(message);
    }
    assert_eq!(at, data.len(), "the frame is used up");
    at > 0
}

/// The same bytes as a value of each type that travels.
fn parts(frame: &Bytes) {
    messages::<AbaMessage>(frame);
    messages::<BkrMessage>(frame);
    messages::<Dumbo1Message>(frame);
    messages::<EpochMessage<BkrMessage>>(frame);
    messages::<EpochMessage<AbaMessage>>(frame);
    messages::<PbMessage>(frame);
    messages::<PrbcMessage>(frame);
    messages::<RbcMessage>(frame);
    messages::<RetrievalMessage>(frame);
    messages::<SpbMessage>(frame);
    value::<Ballot>(frame);
    value::<Certificate>(frame);
    value::<Chunk>(frame);
    value::<Endorsement>(frame);
    value::<Checkpoint>(frame);
    value::<CoinShare>(frame);
    value::<DecryptionProof>(frame);
    value::<DecryptionShare>(frame);
    value::<EpochHeader>(frame);
    value::<HeaderSlot>(frame);
    value::<Head>(frame);
    value::<NodeSet>(frame);
    value::<Outcome>(frame);
    value::<Proof>(frame);
    value::<Seed>(frame);
    value::<Shard>(frame);
    value::<Signature>(frame);
    value::<mellivora_crypto::Certificate>(frame);
    value::<Vote>(frame);
}

/// A value at the front of the bytes encodes to the bytes it was read from, and is read as a whole only from these.
fn value<T: Wire>(frame: &Bytes) -> Option<(T, usize)> {
    let (value, used) = decode_prefix::<T>(frame).ok()?;
    assert_eq!(encode(&value), frame[..used], "one encoding");
    assert_eq!(decode::<T>(frame).is_ok(), used == frame.len(), "nothing trails");
    assert!(decode::<T>(&frame.slice(..used)).is_ok(), "alone it is the same");
    Some((value, used))
}

fn messages<M: Message>(frame: &Bytes) {
    if let Some((message, used)) = value::<M>(frame) {
        check_memory(&message, used);
        split(message);
    }
}

/// Splits a message by rounds: both parts are messages, and together they say what it said.
fn split<M: Message>(message: M) {
    let statements = |message: &M| {
        let mut all = Vec::new();
        message.rounds(&mut |instance, round| all.push((instance, round)));
        all
    };
    let mut before = statements(&message);
    let (now, later) = message.split(&|instance, round| (u32::from(instance.0) ^ round.0) & 1 == 0);
    let mut after: Vec<_> = now.iter().chain(&later).flat_map(statements).collect();
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after, "splitting keeps every statement");
    for part in now.iter().chain(&later) {
        let bytes = encode(part);
        let again = decode::<M>(&bytes).expect("a part of a message is a message");
        assert_eq!(encode(&again), bytes);
    }
}
