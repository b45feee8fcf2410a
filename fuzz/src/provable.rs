//! Provable broadcasts on a schedule drawn from bytes, with crashes, and an honest or a Byzantine proposer.

// What sDumbo does with one proposal, as the tests of the broadcasts have it.
#[path = "../../crates/broadcast/tests/common/dispersal.rs"]
mod dispersal;

use std::sync::Arc;

use bytes::Bytes;
use mellivora_broadcast::{EchoMode, PbConfig, Prbc, PrbcConfig, PrbcOutput, RbcConfig};
use mellivora_coding::Codec;
use mellivora_core::{Digest, Domain, Era, NodeIndex};

use crate::agreement::keys;
use crate::input::Input;
use crate::network::Network;
use crate::promises::{Promises, of_pb, of_prbc};
use crate::recall::{crash_and_come_back, play, second};
use dispersal::{Dispersal, DispersalMessage, DispersalOutput};

/// PRBC: what holds for reliable broadcast, and a proof everywhere or nowhere. PB with retrieval: certificates of one
/// root, and whoever has one gets the payload. Promises never contradict each other.
pub fn provable(data: &[u8]) -> bool {
    let mut input = Input(data);
    match input.byte() % 2 {
        0 => prbc(&mut input),
        _ => pb(&mut input),
    }
}

fn domain() -> Domain {
    Domain::new(Digest([6; 32]), Era(0))
}

fn prbc(input: &mut Input<'_>) -> bool {
    let keys = keys(input.below(3));
    let committee = keys[0].committee();
    let codec = Arc::new(Codec::new(committee, 4096).expect("this machine can run the code"));
    let proposer = if input.byte() & 1 == 0 { NodeIndex(0) } else { NodeIndex(committee.n() as u16 - 1) };
    let echo = if input.byte() & 1 == 0 { EchoMode::Full } else { EchoMode::saving(committee) };
    let payload = Bytes::from(vec![input.byte(); input.below(600)]);
    let make = |me: NodeIndex| {
        let rbc = RbcConfig { committee, me, proposer, codec: codec.clone(), echo };
        Prbc::new(PrbcConfig { rbc, domain: domain(), certificates: keys[me.as_usize()].certificates() })
    };
    let mut network = Network::new(committee, make);
    network.promises = Some(Promises::new(of_prbc));
    if input.byte() & 1 == 1 {
        network.equivocate(make(network.byzantine()), Bytes::from_static(b"another story"), input);
    }
    play_prbc(&mut network, input, make, proposer, &payload);

    let roots = |outputs: &[PrbcOutput], proofs: bool| -> Vec<Digest> {
        let root = |output: &PrbcOutput| match output {
            PrbcOutput::Delivered(contribution) => (!proofs).then_some(contribution.commitment),
            PrbcOutput::Proven { root, .. } => proofs.then_some(*root),
        };
        outputs.iter().filter_map(root).collect()
    };
    let honest = network.honest();
    let first = roots(&honest[0], false);
    assert!(first.len() <= 1, "one delivery");
    for outputs in honest {
        assert_eq!(roots(outputs, false), first, "all deliver the same, or nothing");
        assert_eq!(roots(outputs, true), first, "and have a proof of it");
    }
    if proposer != network.byzantine() {
        let whole = |output: &PrbcOutput| match output {
            PrbcOutput::Delivered(contribution) => contribution.body.as_ref().map(|body| body.to_bytes()),
            PrbcOutput::Proven { .. } => None,
        };
        let delivered = honest[0].iter().find_map(whole);
        assert_eq!(delivered.as_ref(), Some(&payload), "an honest proposer's payload is delivered");
    }
    !first.is_empty()
}

/// Deliveries are the same after a crash as before; proofs may have other signers.
fn play_prbc(
    network: &mut Network<Prbc>,
    input: &mut Input<'_>,
    make: impl Fn(NodeIndex) -> Prbc,
    proposer: NodeIndex,
    payload: &Bytes,
) {
    let wish = |node, again| (node == proposer).then(|| second(again, payload.clone()));
    let (_, former) = crash_and_come_back(network, input, make, wish);
    for (former, outputs) in former.iter().zip(network.honest()) {
        for output in former.iter().filter(|output| matches!(output, PrbcOutput::Delivered(_))) {
            assert!(outputs.contains(output), "{output:?} before a crash, {outputs:?} after");
        }
    }
}

fn pb(input: &mut Input<'_>) -> bool {
    let keys = keys(input.below(3));
    let committee = keys[0].committee();
    let choice = input.byte();
    let proposer = if choice & 1 == 0 { NodeIndex(0) } else { NodeIndex(committee.n() as u16 - 1) };
    // One chunk, or some.
    let len = input.below(600) + if choice & 2 == 0 { 0 } else { 150_000 };
    let payload = Bytes::from(vec![input.byte(); len]);
    let make = |me: NodeIndex| {
        Dispersal::new(PbConfig {
            committee,
            me,
            proposer,
            domain: domain(),
            certificates: keys[me.as_usize()].certificates(),
            max_payload: 200_000,
            announce: true,
        })
    };
    let mut network = Network::new(committee, make);
    network.promises = Some(Promises::new(|to, message: &DispersalMessage| match message {
        DispersalMessage::Pb(message) => of_pb(to, message),
        DispersalMessage::Retrieval(_) => Vec::new(),
    }));
    if input.byte() & 1 == 1 {
        network.equivocate(make(network.byzantine()), Bytes::from_static(b"another story"), input);
    }
    let wish = |node, again| (node == proposer).then(|| second(again, payload.clone()));
    let honest_proposer = proposer != network.byzantine();
    if honest_proposer {
        play(&mut network, input, make, wish);
    } else {
        // A node that crashes may not be told again: a certificate is not for all.
        crash_and_come_back(&mut network, input, make, wish);
    }

    let mut roots = Vec::new();
    for outputs in network.honest() {
        match &outputs[..] {
            [] => assert!(!honest_proposer, "what an honest proposer says is certified for all"),
            [DispersalOutput::Certified(root), DispersalOutput::Payload(tree)] => {
                assert_eq!(tree.commitment(), *root, "the payload is the certified one");
                assert!(!honest_proposer || tree.body().to_bytes() == payload);
                roots.push(*root);
            }
            other => panic!("a certificate, and then its payload: {other:?}"),
        }
    }
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]), "one root is certified");
    network.honest_nodes().any(Dispersal::fetched)
}
