//! Binary agreement and the common subset on schedules drawn from bytes.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_agreement::{Aba, AbaConfig, CoinSchedule};
use mellivora_broadcast::EchoMode;
use mellivora_coding::Codec;
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, Protocol};
use mellivora_crypto::{NodeKeys, Suite};
use mellivora_subset::{Bkr, Subset, SubsetParams};

use crate::input::Input;
use crate::keys::dealt;
use crate::network::Network;

const SIZES: [usize; 3] = [4, 5, 7];
/// The rule that senders hold rounds back belongs to the outbox, which does not run here; so nothing is out of reach.
pub(crate) const ROUNDS_AHEAD: u32 = 64;

/// The keys of a committee of 4, 5 or 7 nodes.
pub fn keys(size: usize) -> &'static [NodeKeys] {
    dealt(Suite::default(), Committee::new(SIZES[size]).expect("a size that exists"))
}

pub(crate) fn schedule(byte: u8) -> CoinSchedule {
    if byte & 1 == 0 { CoinSchedule::Fixed10Real } else { CoinSchedule::AlwaysReal }
}

/// Agreement, validity, termination, no false blame.
pub fn aba(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(SIZES.len()));
    let committee = keys[0].committee();
    let choice = input.byte();
    let schedule = schedule(choice);
    let wishes: Vec<bool> = committee.nodes().map(|_| input.byte() & 1 == 1).collect();

    let make = |me: NodeIndex| {
        Aba::new(AbaConfig {
            committee,
            me,
            domain: Domain::new(Digest([3; 32]), Era(0)),
            coin: keys[me.as_usize()].coin().clone(),
            schedule,
            rounds_ahead: ROUNDS_AHEAD,
        })
    };
    let mut network = Network::new(committee, make);
    if choice & 2 != 0 {
        let byzantine = network.byzantine();
        network.equivocate(make(byzantine), !wishes[byzantine.as_usize()], &mut input);
    }
    for (node, wish) in committee.nodes().zip(&wishes) {
        network.input(node, *wish, &mut input);
    }
    network.run(&mut input);

    let honest = network.honest();
    assert!(honest.iter().all(|outputs| outputs.len() == 1), "everybody decides, once");
    assert!(honest.windows(2).all(|pair| pair[0] == pair[1]), "everybody decides the same");
    let decision = honest[0][0];
    assert!(wishes[..honest.len()].contains(&decision), "what no honest node wished is not decided");
    assert!(network.honest_nodes().all(Protocol::is_terminated), "everybody halts");
    true
}

/// Agreement, size, validity, totality, no false blame.
pub fn subset(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(SIZES.len()));
    let committee = keys[0].committee();
    let codec = Arc::new(Codec::new(committee, 4096).expect("this machine can run the code"));
    let echo = if input.byte() & 1 == 0 { EchoMode::Full } else { EchoMode::saving(committee) };
    let choice = input.byte();
    let coin_schedule = schedule(choice);
    let payload = |node: NodeIndex| Bytes::from(vec![node.0 as u8; 40 * usize::from(node.0)]);

    let make = |me: NodeIndex| {
        Bkr::new(SubsetParams {
            committee,
            me,
            domain: Domain::new(Digest([4; 32]), Era(0)),
            coin: keys[me.as_usize()].coin().clone(),
            certificates: keys[me.as_usize()].certificates(),
            codec: codec.clone(),
            echo,
            coin_schedule,
            rounds_ahead: ROUNDS_AHEAD,
        })
    };
    let mut network = Network::new(committee, make);
    if choice & 2 != 0 {
        network.equivocate(make(network.byzantine()), Bytes::from_static(b"another story"), &mut input);
    }
    for node in committee.nodes() {
        network.input(node, payload(node), &mut input);
    }
    network.run(&mut input);

    let honest = network.honest();
    assert!(honest.iter().all(|outputs| outputs.len() == 1), "everybody outputs, once");
    assert!(honest.windows(2).all(|pair| pair[0] == pair[1]), "everybody outputs the same");
    let chosen = &honest[0][0];
    assert!(chosen.len() >= committee.quorum(), "a quorum of contributions");
    assert!(chosen.windows(2).all(|pair| pair[0].0 < pair[1].0), "in ascending order");
    for (node, contribution) in chosen.iter().filter(|(node, _)| *node != network.byzantine()) {
        let body = contribution.body.as_ref().expect("an honest contribution is whole");
        assert_eq!(body.to_bytes(), payload(*node), "what an honest node put in comes out");
    }
    true
}
