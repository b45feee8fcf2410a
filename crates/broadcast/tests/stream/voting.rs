//! When a node votes, and what it takes for certified: one node at a time.

use bytes::Bytes;
use mellivora_broadcast::{CertifiedTip, StreamInput, StreamMessage, StreamOutput, Tip};
use mellivora_core::codec::Blob;
use mellivora_core::{Committee, Digest, Durable, FaultKind, Layer, NodeSet, Purpose, Round, Segment, To};
use mellivora_crypto::{Certificate, Statement};

use crate::support::{
    Chain, MAX, certificate, certified, domain, endorsement, extend, grown, hand, ideal, node, payload, proposal, told,
    tree, vote, votes,
};

/// Slot 1 is another one, the rest is alike.
fn fork(slots: u8) -> Chain {
    Chain::of([payload(99)].into_iter().chain((2..=slots).map(payload)))
}

fn bare(previous: &Tip, payload: &Bytes) -> StreamMessage {
    StreamMessage::Proposal { previous: *previous, certificate: None, payload: Blob(payload.clone()) }
}

#[test]
fn a_batch_is_recorded_before_it_is_voted_for() {
    let chain = Chain::new(1);
    let mut hand = hand(4, 2, 3);
    hand.receive(0, chain.proposal(4, 1));
    assert!(hand.seen.outputs.is_empty(), "hashing is a job");
    hand.run_jobs();
    let [(record_to, Durable::Yes, StreamMessage::Record(previous, record)), (to, Durable::Yes, mine)] =
        &hand.seen.sent[..]
    else {
        panic!("the record, then the promise: {:?}", hand.seen.sent)
    };
    assert_eq!((*record_to, *previous, &record.0), (To::Node(node(2)), Tip::GENESIS, &chain.payloads[0]));
    assert_eq!((*to, mine), (To::Node(node(0)), &vote(4, 2, &chain.tips[1])));
    assert_eq!(hand.seen.outputs, [StreamOutput::Voted(chain.tips[1])]);
}

#[test]
fn a_slot_gets_one_vote() {
    let (chain, other) = (Chain::new(1), fork(1));
    let mut hand = hand(4, 2, 3);
    told(&mut hand, [chain.proposal(4, 1), chain.proposal(4, 1), other.proposal(4, 1)]);
    assert_eq!(votes(&hand), [chain.tips[1]]);
    assert_eq!(hand.faults(), [(0, FaultKind::ConflictingValue)]);
}

#[test]
fn a_vote_needs_a_founded_predecessor() {
    let (chain, other) = (Chain::new(3), fork(3));
    let mut hand = hand(4, 2, 3);
    told(&mut hand, [bare(&chain.tips[1], &chain.payloads[1]), bare(&other.tips[2], &other.payloads[2])]);
    assert_eq!(votes(&hand), [], "nothing is known of what comes before");
    told(&mut hand, [chain.proposal(4, 1)]);
    // Slot 2 was kept, and is founded now; slot 3 covers another slot 2.
    assert_eq!(votes(&hand), chain.tips[1..=2]);
    assert_eq!(hand.faults(), []);
}

#[test]
fn base_is_compared_by_digest() {
    let (chain, other) = (Chain::new(2), fork(2));
    for (proposed, founded) in [(&other, false), (&chain, true)] {
        let mut hand = hand(4, 1, 3);
        hand.input(StreamInput::Ordered(chain.tips[1]));
        told(&mut hand, [bare(&proposed.tips[1], &proposed.payloads[1])]);
        assert_eq!(votes(&hand).len(), usize::from(founded), "slot 1 is ordered with one digest only");
    }
    // The same digest, with a lie about the last batch that is not empty.
    let mut hand = hand(4, 1, 3);
    hand.input(StreamInput::Ordered(chain.tips[1]));
    told(&mut hand, [bare(&Tip { full: 0, ..chain.tips[1] }, &chain.payloads[1])]);
    assert_eq!(votes(&hand), []);
}

#[test]
fn a_certificate_with_its_batch_founds_a_vote() {
    let chain = Chain::new(3);
    let mut voter = hand(4, 2, 3);
    // Slot 1 never comes, so slot 2 is only kept.
    told(&mut voter, [chain.proposal(4, 2)]);
    assert_eq!(votes(&voter), []);
    told(&mut voter, [chain.proposal(4, 3)]);
    assert_eq!(votes(&voter), [chain.tips[3]]);
    let recorded = |message: &StreamMessage| match message {
        StreamMessage::Record(previous, _) => Some(previous.slot + 1),
        _ => None,
    };
    let records: Vec<u64> = voter.seen.sent.iter().filter_map(|(.., message)| recorded(message)).collect();
    assert_eq!(records, [2, 3], "whoever signs slot 3 holds slot 2 as well");
    // Without the batch, without the certificate, with that of another place: no vote.
    let other = Chain::of([payload(1), payload(77), payload(3)]);
    let with = |certificate| StreamMessage::Proposal {
        previous: chain.tips[2],
        certificate,
        payload: Blob(chain.payloads[2].clone()),
    };
    for messages in [
        vec![chain.proposal(4, 3)],
        vec![chain.proposal(4, 2), with(None)],
        vec![chain.proposal(4, 2), with(Some(certificate(4, &other.tips[2])))],
        vec![other.proposal(4, 2), chain.proposal(4, 3)],
    ] {
        let mut hand = hand(4, 2, 3);
        told(&mut hand, messages);
        assert_eq!(votes(&hand), []);
    }
}

#[test]
fn what_lies_beyond_the_window_is_dropped() {
    let chain = Chain::new(6);
    let mut hand = hand(4, 2, 2);
    told(&mut hand, [chain.proposal(4, 1), chain.proposal(4, 2), chain.proposal(4, 3)]);
    assert_eq!(votes(&hand), chain.tips[1..=2]);
    assert_eq!(hand.faults(), [], "an earlier incarnation may have said that it knows more");
    hand.input(StreamInput::Ordered(chain.tips[1]));
    assert_eq!(votes(&hand).len(), 2, "it was not kept");
    told(&mut hand, [chain.proposal(4, 4)]);
    assert_eq!(hand.faults(), [(0, FaultKind::BeyondWindow)]);
    told(&mut hand, [chain.proposal(4, 3)]);
    assert_eq!(votes(&hand), chain.tips[1..=3]);
    // What is ordered is past.
    hand.input(StreamInput::Ordered(chain.tips[5]));
    told(&mut hand, [chain.proposal(4, 4), chain.proposal(4, 5), chain.proposal(4, 6)]);
    assert_eq!(votes(&hand).last(), Some(&chain.tips[6]));
    assert_eq!(votes(&hand).len(), 4);
    assert_eq!(hand.faults().len(), 1);
}

#[test]
fn the_base_never_goes_back() {
    let (chain, other) = (Chain::new(4), fork(4));
    let mut hand = hand(4, 2, 1);
    hand.input(StreamInput::Ordered(chain.tips[3]));
    hand.input(StreamInput::Ordered(chain.tips[2]));
    hand.input(StreamInput::Ordered(other.tips[3]));
    assert_eq!(hand.node.base(), chain.tips[3]);
    told(&mut hand, [other.proposal(4, 3), other.proposal(4, 4), chain.proposal(4, 3)]);
    assert_eq!(votes(&hand), [], "another chain than the ordered one");
}

#[test]
fn empty_batches_keep_full() {
    let chain = Chain::of([payload(1), Bytes::new(), Bytes::new(), payload(4), Bytes::new()]);
    assert_eq!(chain.tips.iter().map(|tip| tip.full).collect::<Vec<_>>(), [0, 1, 1, 1, 4, 4]);
    let mut hand = hand(4, 2, 5);
    let mut full = Vec::new();
    for slot in 1..=5 {
        told(&mut hand, [chain.proposal(4, slot)]);
        full.push(hand.node.full());
    }
    assert_eq!(votes(&hand), chain.tips[1..]);
    // An own vote tells nothing: its slot may never be certified. The certificate that comes with the next proposal does.
    assert_eq!(full, [0, 1, 1, 1, 4]);
    // So does a certified place, and what is ordered is no news.
    let mut learner = crate::support::hand(4, 3, 5);
    told(&mut learner, [StreamMessage::Tip(certified(4, &chain.tips[3]))]);
    assert_eq!(learner.node.full(), 1);
    learner.input(StreamInput::Ordered(chain.tips[3]));
    assert!(learner.node.full() <= learner.node.base().slot);
}

#[test]
fn a_digest_pins_the_whole_prefix_and_a_signature_the_rest() {
    let (chain, other) = (Chain::new(3), fork(3));
    for slot in 1..=3 {
        assert_ne!(chain.tips[slot].digest, other.tips[slot].digest);
        assert_eq!(chain.header(slot).digest(slot as u64), chain.tips[slot].digest);
    }
    let tip = chain.tips[2];
    assert_ne!(
        tip.digest,
        Tip { full: 0, ..chain.tips[1] }.extend(&tree(&chain.payloads[1]).commitment(), true).digest
    );
    let tips = [tip, Tip { slot: 3, ..tip }, Tip { full: 1, ..tip }, Tip { digest: Digest([1; 32]), ..tip }];
    let signed = tips.map(|tip| tip.statement(&domain()));
    for (i, (one, tip)) in signed.iter().zip(tips).enumerate() {
        assert!(signed.iter().skip(i + 1).all(|other| one != other));
        let slot = domain().child(Segment { layer: Layer::Slot, index: tip.slot });
        assert_eq!(one.domain, slot.statement(Purpose::StreamVote, Round(0)));
    }
}

#[test]
fn certificates_of_proposals_and_tips_are_checked_together() {
    let chain = Chain::new(4);
    let mut hand = hand(4, 2, 3);
    for slot in 1..=3 {
        hand.receive(0, chain.proposal(4, slot));
    }
    hand.receive(0, StreamMessage::Tip(certified(4, &chain.tips[3])));
    hand.receive(0, StreamMessage::Tip(certified(4, &chain.tips[3])));
    hand.run_jobs();
    assert_eq!(hand.jobs_run, 3, "three hashes");
    assert!(grown(&hand.seen.outputs).is_empty(), "checking waits for the end of the turn");
    hand.flush();
    hand.run_jobs();
    assert_eq!(hand.jobs_run, 4);
    assert_eq!(grown(&hand.seen.outputs), chain.tips[1..=3]);
    for slot in 1..=3 {
        assert_eq!(hand.node.certified_up_to(slot), Some(&certified(4, &chain.tips[slot as usize])));
    }
    told(&mut hand, [StreamMessage::Tip(certified(4, &chain.tips[3]))]);
    assert_eq!(hand.jobs_run, 4, "what is known is not checked again");
    hand.input(StreamInput::Ordered(chain.tips[2]));
    assert_eq!(hand.node.certified_up_to(2), None, "above the base");
    assert_eq!(hand.node.certified_up_to(u64::MAX).map(|certified| certified.tip), Some(chain.tips[3]));
    hand.input(StreamInput::Ordered(chain.tips[4]));
    assert_eq!(hand.node.certified_up_to(u64::MAX), None);
}

/// Certificates that prove nothing about this place, with what is wrong.
fn forged(n: usize, tip: &Tip) -> Vec<(&'static str, CertifiedTip)> {
    let quorum = Committee::new(n).unwrap().quorum();
    let (first, right) = (NodeSet::first(quorum), tip.statement(&domain()));
    let with = |certificate| CertifiedTip { tip: *tip, certificate };
    let of = |signers, statement: Statement| with(ideal(n).certificate_of(signers, &statement));
    let path = |i| domain().path.child(mellivora_core::Segment::of(mellivora_core::Layer::Stream, node(i)));
    let elsewhere = mellivora_core::Domain { path: path(1), ..domain() };
    let mut forged = vec![
        ("another instance", of(first, tip.statement(&elsewhere))),
        ("another purpose", of(first, Statement { domain: domain().statement(Purpose::Stored, Round(0)), ..right })),
        (
            "another round",
            of(first, Statement { domain: right.domain.statement(right.domain.purpose, Round(1)), ..right }),
        ),
        ("another digest", of(first, Tip { digest: Digest([8; 32]), ..*tip }.statement(&domain()))),
        ("another slot", of(first, Tip { slot: tip.slot + 1, ..*tip }.statement(&domain()))),
        ("another full", of(first, Tip { full: tip.full - 1, ..*tip }.statement(&domain()))),
        ("below the quorum", of(NodeSet::first(quorum - 1), right)),
        ("above the quorum", of(NodeSet::first(quorum + 1), right)),
        ("nobody", of(NodeSet::EMPTY, right)),
        ("no proof", with(Certificate::new(first, Bytes::new()).unwrap())),
        ("strangers", of((0..quorum).map(|i| node(n + i)).collect(), right)),
    ];
    // The same signature under two names: a signer who is listed twice.
    let one = endorsement(n, 0, tip).as_bytes().repeat(quorum);
    forged.push(("one signer for all", with(Certificate::new(first, one.into()).unwrap())));
    forged
}

#[test]
fn certificates_that_prove_nothing_are_a_fault_and_get_no_second_try() {
    let chain = Chain::new(3);
    for n in [4, 5, 7, 10] {
        for (what, forged) in forged(n, &chain.tips[2]) {
            let in_proposal = StreamMessage::Proposal {
                previous: forged.tip,
                certificate: Some(forged.certificate.clone()),
                payload: Blob(chain.payloads[2].clone()),
            };
            for message in [StreamMessage::Tip(forged), in_proposal] {
                let mut hand = hand(n, 1, 3);
                told(&mut hand, [message]);
                assert_eq!(hand.faults(), [(0, FaultKind::InvalidCertificate)], "{what}, n {n}");
                assert!(hand.seen.outputs.is_empty() && votes(&hand).is_empty(), "{what}, n {n}");
                let before = hand.jobs_run;
                told(&mut hand, [StreamMessage::Tip(certified(n, &chain.tips[2]))]);
                assert_eq!(hand.jobs_run, before, "an honest proposer sends none: {what}");
            }
        }
    }
}

#[test]
fn one_bad_certificate_does_not_spoil_those_of_its_turn() {
    let chain = Chain::new(3);
    let mut hand = hand(4, 1, 3);
    hand.receive(0, chain.proposal(4, 2));
    let (_, bad) = forged(4, &chain.tips[2]).remove(0);
    hand.receive(0, StreamMessage::Tip(bad));
    hand.flush();
    hand.run_jobs();
    assert_eq!(grown(&hand.seen.outputs), [chain.tips[1]]);
    assert_eq!(hand.faults(), [(0, FaultKind::InvalidCertificate)]);
}

#[test]
fn only_the_proposer_speaks_for_its_stream() {
    let chain = Chain::new(2);
    let mut hand = hand(4, 1, 3);
    hand.receive(2, chain.proposal(4, 1));
    hand.receive(2, StreamMessage::Tip(certified(4, &chain.tips[1])));
    hand.receive(2, vote(4, 2, &chain.tips[1]));
    hand.receive(2, StreamMessage::Record(Tip::GENESIS, Blob(chain.payloads[0].clone())));
    hand.receive(7, chain.proposal(4, 1));
    let kinds = [
        FaultKind::NotTheProposer,
        FaultKind::NotTheProposer,
        FaultKind::UnexpectedEndorsement,
        FaultKind::MalformedMessage,
    ];
    assert_eq!(hand.faults(), kinds.map(|kind| (2, kind)));
    assert!(hand.seen.jobs.is_empty());
}

#[test]
fn what_cannot_be_is_malformed() {
    let chain = Chain::new(2);
    let tip = chain.tips[1];
    let beyond = vec![1; MAX + 1].into();
    let impossible = [
        proposal(4, &Tip { slot: 0, ..tip }, &payload(1)),
        proposal(4, &Tip { full: 1, ..Tip::GENESIS }, &payload(1)),
        proposal(4, &Tip { full: 2, ..tip }, &payload(1)),
        proposal(4, &Tip { slot: u64::MAX, ..tip }, &payload(1)),
        StreamMessage::Proposal {
            previous: Tip::GENESIS,
            certificate: Some(certificate(4, &Tip::GENESIS)),
            payload: Blob(payload(1)),
        },
        StreamMessage::Tip(certified(4, &Tip::GENESIS)),
        StreamMessage::Tip(certified(4, &Tip { full: 2, ..tip })),
        StreamMessage::Tip(certified(4, &Tip { slot: u64::MAX, ..tip })),
    ];
    for message in impossible {
        let mut hand = hand(4, 1, u64::MAX);
        told(&mut hand, [message]);
        assert_eq!(hand.faults(), [(0, FaultKind::MalformedMessage)]);
        assert_eq!(hand.jobs_run, 0);
    }
    let mut hand = hand(4, 1, 3);
    told(&mut hand, [proposal(4, &Tip::GENESIS, &beyond)]);
    assert_eq!(hand.faults(), [(0, FaultKind::Oversized)]);
}

#[test]
fn certificates_far_ahead_take_the_room_of_one() {
    let chain = Chain::new(60);
    let mut hand = hand(4, 1, 2);
    let mut memory = Vec::new();
    for slot in 10..=60 {
        told(&mut hand, [StreamMessage::Tip(certified(4, &chain.tips[slot]))]);
        memory.push(hand.node.memory());
    }
    assert!(memory.windows(2).all(|pair| pair[0] == pair[1]), "{memory:?}");
    // All in one turn: one check.
    let before = hand.jobs_run;
    let mut other = crate::support::hand(4, 1, 2);
    (10..=60).for_each(|slot| other.receive(0, StreamMessage::Tip(certified(4, &chain.tips[slot]))));
    other.flush();
    other.run_jobs();
    assert_eq!((before, other.jobs_run), (51, 1));
    assert_eq!(other.node.certified_up_to(u64::MAX).map(|newest| newest.tip), Some(chain.tips[60]));
    assert_eq!(other.node.certified_up_to(59), None);
}

#[test]
fn floods_keep_memory_constant() {
    let (n, window) = (7, 3);
    let mut hand = hand(n, 1, window);
    let flood = |hand: &mut crate::by_hand::Hand<_>, round: u8| {
        let chain = Chain::of((1..=8).map(|slot| payload(round.wrapping_mul(7).wrapping_add(slot))));
        for from in (0..n).filter(|from| *from != 1) {
            for slot in 1..=8 {
                hand.receive(from, chain.proposal(n, slot));
                hand.receive(from, vote(n, from, &chain.tips[slot]));
                hand.receive(from, StreamMessage::Record(chain.tips[slot], Blob(vec![round; MAX].into())));
                hand.receive(from, StreamMessage::Ask(slot as u64, chain.tips[slot].digest));
                let root = chain.tips[slot].digest;
                let request = mellivora_broadcast::RetrievalMessage::Request(
                    root,
                    mellivora_core::codec::List::new(vec![round.into(), u32::MAX]),
                );
                hand.receive(from, StreamMessage::Retrieval(slot as u64, request));
                let headers = mellivora_core::codec::List::new(vec![chain.header(slot)]);
                hand.receive(from, StreamMessage::Headers(root, headers));
            }
        }
        hand.flush();
        hand.run_jobs();
        hand.seen.faults.clear();
        hand.take_sent();
    };
    flood(&mut hand, 0);
    let after_one = hand.node.memory();
    (1..40).for_each(|round| flood(&mut hand, round));
    assert_eq!(hand.node.memory(), after_one);
    let bound = window as usize * (2 * 1300 + n * 600 + 2000) + 3000;
    assert!(after_one <= bound, "{after_one} bytes of {bound}");
    let last = extend(&Tip::GENESIS, &payload(1));
    hand.input(StreamInput::Ordered(Tip { slot: 3, ..last }));
    hand.input(StreamInput::Release(3));
    assert!(hand.node.memory() < 2000, "{}", hand.node.memory());
}
