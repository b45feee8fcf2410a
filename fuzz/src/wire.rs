//! Bytes from a peer, through the codec of the whole stack.

use bytes::Bytes;
use mellivora_core::Message;
use mellivora_core::codec::{decode, decode_all, encode};
use mellivora_subset::BkrMessage;

type Stack = mellivora_atomic::Message<BkrMessage>;

/// Decoding never panics, what decodes has one encoding only, and splitting a message loses no statement of it.
pub fn wire(data: &[u8]) -> bool {
    let frame = Bytes::copy_from_slice(data);
    let mut at = 0;
    for message in decode_all::<Stack>(&frame) {
        let Ok(message) = message else { return at > 0 };
        let bytes = encode(&message);
        let end = at + bytes.len();
        assert_eq!(frame.get(at..end), Some(&bytes[..]), "one encoding: {message:?}");
        at = end;

        let statements = |message: &Stack| {
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
            let again = decode::<Stack>(&bytes).expect("a part of a message is a message");
            assert_eq!(encode(&again), bytes);
        }
    }
    assert_eq!(at, data.len(), "the frame is used up");
    at > 0
}
