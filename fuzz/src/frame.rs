//! The frames between nodes: what is packed for a peer is what that peer reads, wherever the bytes are cut.

use bytes::Bytes;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_core::codec::{Frame, decode_all, decode_prefix, encode};
use mellivora_core::{Committee, Message, NodeIndex, NodeSet, To};
use mellivora_net::FrameWriter;
use mellivora_subset::BkrMessage;

use crate::input::Input;

type Stack = mellivora_atomic::Message<EpochMessage<BkrMessage>>;

const NODES: usize = 5;

/// Bytes choose who packs, the receivers of each message in turn, and where the frame is cut; the rest is a frame.
pub fn frame(data: &[u8]) -> bool {
    let mut input = Input(data);
    let committee = Committee::new(NODES).expect("five nodes");
    let me = NodeIndex(input.below(NODES) as u16);
    let receivers: Vec<To> = (0..4).map(|_| receivers(&mut input)).collect();
    // A few messages again and again make long frames.
    let copies = [1, 1, 3, 200][usize::from(input.byte() % 4)];
    let cut = input.below(input.0.len().max(1));
    let messages = read(&Bytes::copy_from_slice(input.0), cut);

    let mut writer = FrameWriter::new(committee, me);
    let mut expected = vec![Vec::new(); NODES];
    let mut count = 0;
    for (message, to) in (0..copies).flat_map(|_| &messages).zip(receivers.iter().cycle()) {
        writer.push(*to, message);
        for node in committee.nodes().filter(|node| *node != me && to.includes(*node)) {
            expected[node.as_usize()].push(encode(message));
            count += 1;
        }
    }
    assert_eq!(writer.messages(), count);
    let mut arrived = vec![Vec::new(); NODES];
    for out in writer.finish() {
        assert!(!out.frame.is_empty() && !out.to.is_empty(), "nothing travels for nothing");
        let beside: Vec<Stack> = decode_all(&out.frame).map(|m| m.expect("a frame is well-formed")).collect();
        let flat = Frame::from(out.frame.to_bytes());
        let inside: Vec<Stack> = decode_all(&flat).map(|m| m.expect("a frame is well-formed")).collect();
        let encoded: Vec<Bytes> = inside.iter().map(encode).collect();
        assert!(beside.iter().map(encode).eq(encoded.iter().cloned()), "how a frame is cut says nothing");
        assert_eq!(encoded.concat(), out.frame.to_bytes(), "a decoded frame encodes to itself");
        let alone = inside.len() == 1;
        let small = |bytes: &Bytes| bytes.len() < FrameWriter::BULK_BYTES;
        assert!(alone || encoded.iter().all(small), "bulk travels alone");
        let most = FrameWriter::SMALL_FRAME_BYTES + FrameWriter::BULK_BYTES;
        assert!(alone || out.frame.len() < most, "frames of small messages stay small");
        for node in out.to.iter() {
            assert!(node != me && committee.contains(node), "{node} is no receiver");
            arrived[node.as_usize()].extend(encoded.iter().cloned());
        }
    }
    assert!(writer.finish().next().is_none(), "the turn is over");
    for (arrived, expected) in arrived.iter_mut().zip(&mut expected) {
        arrived.sort_unstable();
        expected.sort_unstable();
        assert_eq!(arrived, expected, "each receiver gets what was meant for it, once");
    }
    !messages.is_empty()
}

/// Reads a frame to the first error, and again cut short: what lies before the cut is read alike.
fn read(frame: &Bytes, cut: usize) -> Vec<Stack> {
    let mut at = 0;
    let mut ends = Vec::new();
    let mut messages = Vec::new();
    let whole = Frame::from(frame.clone());
    for message in decode_all::<Stack>(&whole) {
        let one = decode_prefix::<Stack>(&frame.slice(at..));
        let Ok(message) = message else {
            assert!(one.is_err(), "one message is read as many are");
            break;
        };
        let bytes = encode(&message);
        let (_, used) = one.expect("one message is read as many are");
        assert_eq!((bytes.len(), &bytes[..]), (used, &frame[at..at + used]), "one encoding");
        at += used;
        ends.push(at);
        messages.push(message);
    }
    let short = frame.slice(..cut.min(frame.len()));
    let complete_ones = ends.iter().filter(|end| **end <= short.len()).count();
    let short_frame = Frame::from(short.clone());
    let mut read = decode_all::<Stack>(&short_frame);
    for message in &messages[..complete_ones] {
        let again = read.next().expect("it lies before the cut").expect("it is whole");
        assert_eq!(encode(&again), encode(message));
    }
    let complete = complete_ones.checked_sub(1).map_or(0, |last| ends[last]) == short.len();
    match read.next() {
        None => assert!(complete, "a message cut short does not pass for the end"),
        Some(Ok(message)) => panic!("a message out of half a message: {message:?}"),
        Some(Err(_)) => assert!(!complete && read.next().is_none(), "after an error nothing has a meaning"),
    }
    messages
}

fn receivers(input: &mut Input<'_>) -> To {
    match input.byte() % 4 {
        0 => To::All,
        1 => To::Node(NodeIndex(input.byte().into())),
        _ => {
            let bits = input.byte();
            To::Set((0..8).filter(|bit| bits >> bit & 1 == 1).map(NodeIndex).collect::<NodeSet>())
        }
    }
}

/// Bytes of memory that a message says it takes: never more than a small multiple of its encoding.
pub(crate) fn check_memory(message: &impl Message, encoded: usize) {
    let memory = message.memory();
    assert!(memory <= 1024 + 128 * encoded, "{memory} bytes of memory for {encoded} on the wire: {message:?}");
}
