//! The codec: golden vectors, canonical form, refusal before allocation.

use std::sync::LazyLock;

use bincode::de::{BorrowDecode, Decoder, DecoderImpl, read::SliceReader};
use bincode::{Decode, Encode};
use bytes::Bytes;
use mellivora_core::codec::{Blob, DecodeError, Frame, List, decode, decode_all, decode_prefix, encode};
use mellivora_core::{Digest, Epoch, NodeIndex, NodeSet, Round};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
struct Sample {
    epoch: Epoch,
    round: Round,
    node: NodeIndex,
    set: NodeSet,
    root: Digest,
    flag: bool,
    maybe: Option<u16>,
    bulk: Blob,
    list: List<NodeIndex, 5>,
}

fn sample() -> Sample {
    Sample {
        epoch: Epoch(1),
        round: Round(2),
        node: NodeIndex(3),
        set: [NodeIndex(0), NodeIndex(9)].into_iter().collect(),
        root: Digest([0xab; 32]),
        flag: true,
        maybe: Some(7),
        bulk: Blob(Bytes::from_static(b"badger")),
        list: List::new(vec![NodeIndex(4), NodeIndex(5)]),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn golden_vector() {
    let root = "ab".repeat(32);
    assert_eq!(
        hex(&encode(&sample())),
        format!("0000000000000001000000020003020102{root}01010007000000066261646765720000000200040005")
    );
    assert_eq!(decode::<Sample>(&encode(&sample())).unwrap(), sample());
}

#[test]
fn a_blob_that_fills_its_frame_is_a_slice_of_it() {
    for len in [1_000, 4_096, 1 << 20] {
        let value = Sample { bulk: Blob(vec![7; len].into()), ..sample() };
        let frame = encode(&value);
        let decoded: Sample = decode(&frame).unwrap();
        assert_eq!(decoded, value);
        let within = frame.as_ptr_range();
        assert!(within.contains(&decoded.bulk.as_ptr()), "{len} bytes were copied");
    }
}

/// Otherwise a peer could make others hold a large frame for the sake of a few bytes in it.
#[test]
fn a_small_blob_does_not_keep_a_large_frame_in_memory() {
    for (len, rest) in [(0, 1_000), (6, 100), (64, 1 << 20), (1_000, 126), (4_096, 4_096)] {
        let mut frame = encode(&Blob(vec![7; len].into())).to_vec();
        frame.resize(frame.len() + rest, 0);
        let frame = Bytes::from(frame);
        let (blob, _) = decode_prefix::<Blob>(&frame).unwrap();
        assert_eq!(blob, Blob(vec![7; len].into()));
        assert!(!frame.as_ptr_range().contains(&blob.as_ptr()), "{len} bytes pin {}", frame.len());
        // Nobody else holds the frame.
        drop(blob);
        assert!(frame.try_into_mut().is_ok());
    }
    assert_eq!((Blob::pinned(0), Blob::pinned(4_096), Blob::pinned(usize::MAX)), (0, 4_608, usize::MAX));
}

#[test]
fn every_truncation_and_every_trailing_byte_is_refused() {
    let frame = encode(&sample());
    for len in 0..frame.len() {
        assert!(decode::<Sample>(&frame.slice(..len)).is_err(), "cut at {len}");
    }
    let mut longer = frame.to_vec();
    longer.push(0);
    assert!(decode::<Sample>(&longer.into()).is_err());
}

#[test]
fn huge_counts_are_refused_before_any_allocation() {
    let mut bytes = u32::MAX.to_be_bytes().to_vec();
    bytes.extend_from_slice(b"short");
    let bytes = Bytes::from(bytes);
    assert!(decode::<Blob>(&bytes).is_err());
    assert!(decode::<List<u8, { u32::MAX as usize }>>(&bytes).is_err());
    assert!(decode::<List<u8, 3>>(&encode(&List::<u8, 9>::new(vec![1; 9]))).is_err());
}

#[test]
fn a_list_is_what_was_put_in_up_to_its_bound() {
    let items = [3, 1, 2];
    let list = List::<u8, 3>::new(items.to_vec());
    assert_eq!((&list[..], list.clone().into_vec()), (&items[..], items.to_vec()));
    assert_eq!(list.clone().into_iter().collect::<Vec<_>>(), items);
    assert_eq!(decode::<List<u8, 3>>(&encode(&list)), Ok(list), "exactly as many as there may be");
    assert_eq!(List::<u8, 3>::default().len(), 0);
}

#[test]
fn a_blob_is_its_bytes_and_says_how_many() {
    let blob = Blob::from(Bytes::from_static(b"badger"));
    assert_eq!((&blob[..], format!("{blob:?}")), (&b"badger"[..], "6 bytes".to_owned()));
}

/// Five blobs of six bytes, in one piece of memory.
static BLOBS: LazyLock<Bytes> = LazyLock::new(|| encode(&Blob(vec![7; 6].into())).repeat(5).into());

/// Decodes the blob that starts at `AT` of [`BLOBS`], whatever frame it is given.
#[derive(Debug)]
struct Elsewhere<const AT: usize>;

impl<const AT: usize> Decode<Frame> for Elsewhere<AT> {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let frame = decoder.context().clone();
        Blob::decode(&mut DecoderImpl::new(SliceReader::new(&BLOBS[AT..]), *decoder.config(), frame))?;
        Ok(Elsewhere)
    }
}

/// Bytes of another frame would be taken for those at the same distance from the start of this one.
#[test]
fn a_blob_decodes_only_from_its_own_frame() {
    let second = BLOBS.slice(10..20);
    assert!(decode_prefix::<Elsewhere<10>>(&second).is_ok());
    assert!(decode_prefix::<Elsewhere<0>>(&second).is_err(), "it lies before");
    assert!(decode_prefix::<Elsewhere<20>>(&second).is_err(), "it lies behind");
    assert!(decode_prefix::<Elsewhere<10>>(&second.slice(..9)).is_err(), "its last byte lies behind");
}

/// What the derives ask for, because a value may borrow from its input. None of ours does.
#[derive(Debug, PartialEq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
struct Both(NodeSet, List<NodeIndex, 5>);

#[derive(Debug, PartialEq)]
struct Borrowed(Both);

impl Decode<Frame> for Borrowed {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (bytes, frame) = (encode(&Both(sample().set, sample().list)), decoder.context().clone());
        Both::borrow_decode(&mut DecoderImpl::new(SliceReader::new(&bytes), *decoder.config(), frame)).map(Borrowed)
    }
}

#[test]
fn to_borrow_is_to_decode() {
    let (borrowed, _) = decode_prefix::<Borrowed>(&Bytes::new()).unwrap();
    assert_eq!(borrowed, Borrowed(Both(sample().set, sample().list)));
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
struct Bulky(u32, Blob, Digest, Blob, List<Blob, 3>);

/// Blobs as long as listed, each of bytes of its own.
fn bulky(lengths: &[usize]) -> Bulky {
    let blob = |at: usize| Blob(vec![at as u8 + 1; lengths.get(at).copied().unwrap_or_default()].into());
    let list = (2..lengths.len().min(5)).map(blob).collect();
    Bulky(7, blob(0), Digest([9; 32]), blob(1), List::new(list))
}

#[test]
fn bulk_stands_beside_its_frame_and_is_shared() {
    for lengths in [vec![1 << 20, 10], vec![10, 4_096], vec![0, 0, 0, 5_000, 1], vec![4_095, 4_095], vec![5_000; 5]] {
        let sent = bulky(&lengths);
        let frame = Frame::of(&sent);
        let flat = encode(&sent);
        assert_eq!((frame.len(), frame.to_bytes()), (flat.len(), flat.clone()), "the same bytes on the wire");
        assert_eq!(frame.parts().collect::<Vec<_>>().concat(), flat);
        assert!(frame.parts().all(|part| !part.is_empty()));
        let read: Vec<Bulky> = decode_all(&frame).map(Result::unwrap).collect();
        assert_eq!(read.as_slice(), std::slice::from_ref(&sent));
        let blobs =
            |bulky: &Bulky| [bulky.1.clone(), bulky.3.clone()].into_iter().chain(bulky.4.to_vec()).collect::<Vec<_>>();
        for (got, had) in blobs(&read[0]).iter().zip(blobs(&sent)).filter(|(got, _)| !got.is_empty()) {
            assert_eq!(got.as_ptr() == had.as_ptr(), got.len() >= Frame::BESIDE, "{} bytes", got.len());
        }
        let arrived = Frame::from(flat);
        assert_eq!(decode_all::<Bulky>(&arrived).map(Result::unwrap).collect::<Vec<_>>(), [sent]);
    }
    assert!(Frame::default().is_empty() && Frame::default().parts().next().is_none());
}

/// A frame is read as what it was written as; as anything else it is malformed, and nobody panics.
#[test]
fn what_stands_beside_is_taken_by_nothing_else() {
    let frame = Frame::of(&bulky(&[5_000, 3]));
    assert!(decode_all::<(u32, u32, u32)>(&frame).count() > 0);
    let other = decode_all::<(Digest, Blob)>(&frame).collect::<Vec<_>>();
    assert!(other.iter().any(Result::is_err), "{other:?}");
    // A length that does not fit the bulk.
    let short = decode_all::<(u16, Blob)>(&frame).collect::<Vec<_>>();
    assert!(short.iter().any(Result::is_err), "{short:?}");
}

#[test]
fn a_frame_of_many_ends_at_the_first_malformed_one() {
    let mut frame = encode(&NodeSet::first(3)).to_vec();
    frame.extend_from_slice(&encode(&NodeSet::first(9)));
    frame.extend_from_slice(&[1, 0, 1, 1]);
    let seen: Vec<_> = decode_all::<NodeSet>(&frame.into()).collect();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1], Ok(NodeSet::first(9)));
    assert!(seen[2].is_err());
}

proptest! {
    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        if let Ok(value) = decode::<Sample>(&bytes) {
            prop_assert_eq!(encode(&value), bytes.clone());
        }
        if let Ok(value) = decode::<NodeSet>(&bytes) {
            prop_assert_eq!(encode(&value), bytes);
        }
    }

    #[test]
    fn a_flipped_byte_decodes_to_something_else_or_not_at_all(at in 0usize..88, flip in 1u8..) {
        let mut bytes = encode(&sample()).to_vec();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(value) = decode::<Sample>(&bytes.clone().into()) {
            prop_assert_ne!(&value, &sample());
            prop_assert_eq!(encode(&value), Bytes::from(bytes));
        }
    }
}

/// An enum with a tag of its own, as protocols write theirs.
#[derive(Debug, PartialEq)]
struct Tagged(u8);

impl Encode for Tagged {
    fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
        bincode::enc::write::Writer::write(encoder.writer(), &[self.0])
    }
}

impl Decode<Frame> for Tagged {
    fn decode<D: bincode::de::Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, bincode::error::DecodeError> {
        match mellivora_core::codec::read_tag(decoder)? {
            tag @ (0..=4 | 200) => Ok(Tagged(tag)),
            _ => mellivora_core::codec::unknown_tag(),
        }
    }
}

#[test]
fn a_tag_is_one_byte_and_unknown_ones_are_refused() {
    for tag in 0..=255 {
        let decoded = decode::<Tagged>(&encode(&tag));
        assert_eq!(decoded.ok(), matches!(tag, 0..=4 | 200).then_some(Tagged(tag)), "{tag}");
    }
    assert!(decode::<Tagged>(&Bytes::new()).is_err());
}
