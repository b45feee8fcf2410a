//! What things are called, counted and hashed as: forms that people read and forms that other versions rely on.

use mellivora_core::hash::HashKey;
use mellivora_core::{
    Committee, CommitteeError, Digest, Domain, Epoch, Era, Fault, FaultKind, FaultLog, Layer, NodeIndex, NodeSet, Path,
    Purpose, Round, Segment,
};

#[test]
fn thresholds_of_small_committees_are_the_textbook_ones() {
    // n, f, n - f, f + 1, 2f + 1, n - 2f
    for (n, f, quorum, one_honest, strong, data) in [
        (1, 0, 1, 1, 1, 1),
        (3, 0, 3, 1, 1, 3),
        (4, 1, 3, 2, 3, 2),
        (6, 1, 5, 2, 3, 4),
        (7, 2, 5, 3, 5, 3),
        (16, 5, 11, 6, 11, 6),
    ] {
        let c = Committee::new(n).unwrap();
        assert_eq!((c.n(), c.f(), c.quorum()), (n, f, quorum));
        assert_eq!((c.one_honest(), c.strong(), c.data_shards(), c.parity_shards()), (one_honest, strong, data, 2 * f));
        assert_eq!(c.nodes().len(), n);
        assert_eq!(c.nodes().collect::<NodeSet>(), c.all());
        for node in 0..20 {
            assert_eq!(c.contains(NodeIndex(node)), usize::from(node) < n);
        }
    }
    let c = Committee::with_faulty(10, 2).unwrap();
    assert_eq!((c.quorum(), c.one_honest(), c.strong(), c.data_shards()), (8, 3, 5, 6));
    assert_eq!(Committee::with_faulty(10, 4), Err(CommitteeError::TooManyFaulty { nodes: 10, faulty: 4, max: 3 }));
    assert_eq!(Committee::new(257), Err(CommitteeError::TooLarge { nodes: 257 }));
    assert_eq!(format!("{c:?}"), "Committee(n = 10, f = 2)");
}

#[test]
fn sets_of_nodes_behave_like_sets() {
    use std::collections::BTreeSet;
    let set = |step: u16, from: u16| (from..256).step_by(step.into()).collect::<BTreeSet<u16>>();
    let samples = [set(1, 256), set(1, 0), set(3, 1), set(5, 0), set(64, 63), set(7, 130), set(300, 77)];
    let mask = |set: &BTreeSet<u16>| set.iter().map(|&node| NodeIndex(node)).collect::<NodeSet>();
    let back = |set: NodeSet| set.iter().map(|node| node.0).collect::<BTreeSet<u16>>();
    for a in &samples {
        assert_eq!(back(mask(a)), *a);
        assert_eq!((mask(a).len(), mask(a).is_empty()), (a.len(), a.is_empty()));
        for node in 0..300 {
            assert_eq!(mask(a).contains(NodeIndex(node)), a.contains(&node));
        }
        for b in &samples {
            assert_eq!(back(mask(a).union(&mask(b))), a | b);
            assert_eq!(back(mask(a).intersection(&mask(b))), a & b);
            assert_eq!(back(mask(a).difference(&mask(b))), a - b);
            assert_eq!(mask(a).is_subset(&mask(b)), a.is_subset(b));
        }
    }
    assert_eq!(NodeSet::CAPACITY, 256);
    for node in [0, 1, 63, 64, 255] {
        assert_eq!(back(NodeSet::one(NodeIndex(node))), BTreeSet::from([node]));
        let first: BTreeSet<u16> = (0..node).collect();
        assert_eq!(back(NodeSet::first(node.into())), first);
    }
    assert_eq!(NodeSet::first(1_000).len(), 256);
    assert_eq!(format!("{:?}", mask(&samples[4])), "{63, 127, 191, 255}");
}

#[test]
fn things_read_as_people_write_them() {
    assert_eq!((format!("{}", NodeIndex(3)), format!("{:?}", NodeIndex(3))), ("3".to_owned(), "node 3".to_owned()));
    let digest = Digest(std::array::from_fn(|i| i as u8 * 7));
    let hex = "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9";
    assert_eq!(
        (digest.to_hex(), format!("{digest}"), format!("{digest:?}")),
        (hex.to_owned(), hex.to_owned(), "00070e15..".to_owned())
    );
    assert_eq!(digest.as_ref(), &digest.0);
    let path = Path::ROOT.child(Segment::epoch(Epoch(4))).child(Segment::of(Layer::Rbc, NodeIndex(2)));
    let fault = Fault { path, ..Fault::new(NodeIndex(2), FaultKind::InvalidShard) };
    let code = FaultKind::InvalidShard.code();
    let text = format!("node 2: InvalidShard (F{code:02}) in Epoch 4 / Rbc 2");
    assert_eq!((format!("{fault}"), format!("{fault:?}")), (text.clone(), text));
    assert_eq!(format!("{:?}", Path::ROOT), "(root)");
    assert_eq!((Epoch(7).next(), Round(7).plus(3), Era(u64::MAX).next()), (Epoch(8), Round(10), Era(u64::MAX)));
}

#[test]
fn hashing_is_keyed_blake3_and_parts_cannot_slide() {
    let key = HashKey::new("mellivora/v1 test");
    let mut padded = [0; 32];
    padded[..17].copy_from_slice(b"mellivora/v1 test");
    let expected = |input: &[u8]| Digest(*blake3::keyed_hash(&padded, input).as_bytes());
    assert_eq!(key.digest(b"input"), expected(b"input"));
    let mut hasher = key.hasher();
    hasher.update(b"in").update(b"put");
    assert_eq!(*hasher.finalize().as_bytes(), expected(b"input").0);
    assert_eq!(key.digest_parts(&[b"ab", b"c"]), expected(b"\x02\0\0\0\0\0\0\0ab\x01\0\0\0\0\0\0\0c"));
    assert_ne!(key.digest_parts(&[b"ab", b"c"]), key.digest_parts(&[b"a", b"bc"]));
}

#[test]
fn a_domain_is_encoded_in_fixed_width_and_in_this_order() {
    let path = Path::ROOT.child(Segment::epoch(Epoch(0x0102))).child(Segment::of(Layer::Aba, NodeIndex(5)));
    let domain = Domain { path, ..Domain::new(Digest([0xaa; 32]), Era(3)) }.statement(Purpose::Coin, Round(9));
    let (epoch, aba) = (Layer::Epoch as u8, Layer::Aba as u8);
    let expected: Vec<u8> = [
        &[0xaa; 32][..],
        &[0, 0, 0, 0, 0, 0, 0, 3],
        &[epoch, 0, 0, 0, 0, 0, 0, 1, 2],
        &[aba, 0, 0, 0, 0, 0, 0, 0, 5],
        &[0; 18],
        &[0, 0, 0, 9],
        &[Purpose::Coin as u8],
    ]
    .concat();
    assert_eq!((domain.to_bytes().to_vec(), Domain::WIDTH), (expected, 81));
    assert_eq!(domain.digest(), HashKey::new("mellivora/v1 domain").digest(&domain.to_bytes()));
}

#[test]
fn a_fault_older_than_a_full_log_is_only_counted() {
    let mut log = FaultLog::default();
    let fault = |node, epoch| Fault::new(NodeIndex(node), FaultKind::InvalidShard).inside(Segment::epoch(Epoch(epoch)));
    for epoch in 10..10 + FaultLog::CAPACITY as u64 {
        assert!(log.record(fault(1, epoch)));
    }
    assert!(!log.record(fault(1, 9)), "older than everything that is kept");
    assert!(!log.record(fault(1, 10)), "kept already");
    assert_eq!(log.iter().next().and_then(|fault| fault.path.epoch()), Some(Epoch(10)));
    assert!(log.record(fault(1, 5_000)), "newer: the oldest makes room");
    assert_eq!(log.iter().next().and_then(|fault| fault.path.epoch()), Some(Epoch(11)));
    assert_eq!(log.iter().count(), FaultLog::CAPACITY);
    assert_eq!(log.counts().next(), Some((NodeIndex(1), FaultKind::InvalidShard, FaultLog::CAPACITY as u64 + 3)));
}
