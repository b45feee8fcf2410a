//! Frames carry every message to each of its receivers, once, and keep bulk apart.

use bytes::Bytes;
use mellivora_core::codec::{self, Blob, Frame};
use mellivora_core::{Committee, Message, NodeIndex, NodeSet, To};
use mellivora_net::FrameWriter;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "Frame")]
struct Note {
    number: u32,
    body: Blob,
    modest: bool,
}

impl Message for Note {
    fn memory(&self) -> usize {
        if self.modest { 1 } else { self.body.len() + 9 }
    }
}

fn note(number: u32, len: usize, modest: bool) -> Note {
    Note { number, body: Blob(Bytes::from(vec![number as u8; len])), modest }
}

fn to(choice: u8, mask: u16, n: usize) -> To {
    match choice % 3 {
        0 => To::All,
        1 => To::Node(NodeIndex(mask % n as u16)),
        _ => To::Set((0..n as u16).filter(|i| mask >> i & 1 == 1).map(NodeIndex).collect()),
    }
}

proptest! {
    #[test]
    fn everybody_gets_what_was_meant_for_it(
        n in 1usize..8,
        pushes in prop::collection::vec((any::<u8>(), any::<u16>(), prop_oneof![0usize..50, 4000usize..70_000], any::<bool>()), 0..40),
    ) {
        let committee = Committee::with_faulty(n, 0).unwrap();
        let mut writer = FrameWriter::new(committee, NodeIndex(0));
        let mut want = vec![Vec::new(); n];
        for (number, &(choice, mask, len, modest)) in pushes.iter().enumerate() {
            let (to, message) = (to(choice, mask, n), note(number as u32, len, modest));
            committee.nodes().skip(1).filter(|&p| to.includes(p)).for_each(|p| want[p.as_usize()].push(message.clone()));
            writer.push(to, &message);
        }
        let mut got = vec![Vec::new(); n];
        for out in writer.finish() {
            prop_assert!(!out.to.is_empty() && !out.frame.is_empty());
            prop_assert!(out.frame.len() < 70_000 + FrameWriter::SMALL_FRAME_BYTES);
            let messages: Vec<Note> = codec::decode_all(&out.frame).collect::<Result<_, _>>().unwrap();
            if messages.iter().any(|m| m.body.len() >= FrameWriter::BULK_BYTES) {
                prop_assert_eq!(messages.len(), 1, "bulk travels alone");
            }
            out.to.iter().for_each(|p| got[p.as_usize()].extend(messages.iter().cloned()));
        }
        prop_assert!(got[0].is_empty());
        for (got, want) in got.iter_mut().zip(&mut want) {
            got.sort_by_key(|m| m.number);
            want.sort_by_key(|m| m.number);
            prop_assert_eq!(got, want);
        }
        prop_assert_eq!(writer.finish().count(), 0);
    }
}

#[test]
fn what_goes_to_all_is_encoded_once_and_shared() {
    let committee = Committee::new(7).unwrap();
    let mut writer = FrameWriter::new(committee, NodeIndex(3));
    (0..10).for_each(|i| writer.push(To::All, &note(i, 10, false)));
    writer.push(To::Node(NodeIndex(1)), &note(11, 10, false));
    let out: Vec<_> = writer.finish().collect();
    let mut others = committee.all();
    others.remove(NodeIndex(3));
    assert_eq!(out.iter().map(|o| o.to).collect::<Vec<_>>(), [others, NodeSet::one(NodeIndex(1))]);
}
