//! One protocol whose nodes crash and come back with their promises alone, on a schedule drawn from bytes.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_agreement::{Aba, AbaConfig};
use mellivora_broadcast::{EchoMode, Rbc, RbcConfig};
use mellivora_coding::Codec;
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, Protocol};
use mellivora_subset::{Bkr, Subset, SubsetParams};

use crate::agreement::{ROUNDS_AHEAD, keys, schedule};
use crate::input::Input;
use crate::network::Network;
use crate::promises::{Promises, of_aba, of_rbc, of_subset};

/// Crashes of one run at the most.
const CRASHES: usize = 8;

/// Promises never contradict each other, and whatever held without crashes holds with them: agreement, totality,
/// validity, one output, no false blame.
pub fn recall(data: &[u8]) -> bool {
    let mut input = Input(data);
    match input.byte() % 3 {
        0 => rbc(&mut input),
        1 => aba(&mut input),
        _ => subset(&mut input),
    }
}

fn rbc(input: &mut Input<'_>) -> bool {
    let committee = Committee::new([4, 5, 7][input.below(3)]).expect("a size that exists");
    let codec = Arc::new(Codec::new(committee, 4096).expect("this machine can run the code"));
    let proposer = if input.byte() & 1 == 0 { NodeIndex(0) } else { NodeIndex(committee.n() as u16 - 1) };
    let echo = if input.byte() & 1 == 0 { EchoMode::Full } else { EchoMode::saving(committee) };
    let payload = Bytes::from(vec![input.byte(); input.below(600)]);
    let make = |me| Rbc::new(RbcConfig { committee, me, proposer, codec: codec.clone(), echo });
    let mut network = Network::new(committee, make);
    network.promises = Some(Promises::new(of_rbc));
    if input.byte() & 1 == 1 {
        network.equivocate(make(network.byzantine()), Bytes::from_static(b"another story"), input);
    }
    let crashes =
        play(&mut network, input, make, |node, again| (node == proposer).then(|| second(again, payload.clone())));

    let honest = network.honest();
    let delivered = honest.iter().filter(|outputs| !outputs.is_empty()).count();
    assert!(delivered == 0 || delivered == honest.len(), "if one honest node delivers, all do");
    assert!(honest.iter().all(|outputs| outputs.len() <= 1), "one delivery");
    assert!(honest.windows(2).all(|pair| pair[0] == pair[1]), "all deliver the same");
    if proposer != network.byzantine() {
        let body = honest[0].first().expect("an honest proposer's payload is delivered").body.as_ref();
        assert_eq!(body.expect("an honest proposer's payload is whole").to_bytes(), payload);
    }
    delivered > 0 && crashes > 0
}

fn aba(input: &mut Input<'_>) -> bool {
    let keys = keys(input.below(3));
    let committee = keys[0].committee();
    let schedule = schedule(input.byte());
    let wishes: Vec<bool> = committee.nodes().map(|_| input.byte() & 1 == 1).collect();
    let make = |me: NodeIndex| {
        let (domain, coin) = (Domain::new(Digest([3; 32]), Era(0)), keys[me.as_usize()].coin().clone());
        Aba::new(AbaConfig { committee, me, domain, coin, schedule, rounds_ahead: ROUNDS_AHEAD })
    };
    let mut network = Network::new(committee, make);
    network.promises = Some(Promises::new(of_aba));
    if input.byte() & 1 == 1 {
        let byzantine = network.byzantine();
        network.equivocate(make(byzantine), !wishes[byzantine.as_usize()], input);
    }
    let crashes = play(&mut network, input, make, |node, _| Some(wishes[node.as_usize()]));

    let honest = network.honest();
    assert!(honest.iter().all(|outputs| outputs.len() == 1), "everybody decides, once");
    assert!(honest.windows(2).all(|pair| pair[0] == pair[1]), "everybody decides the same");
    assert!(wishes[..honest.len()].contains(&honest[0][0]), "what no honest node wished is not decided");
    assert!(network.honest_nodes().all(Protocol::is_terminated), "everybody halts");
    crashes > 0
}

fn subset(input: &mut Input<'_>) -> bool {
    let keys = keys(input.below(2));
    let committee = keys[0].committee();
    let codec = Arc::new(Codec::new(committee, 4096).expect("this machine can run the code"));
    let echo = if input.byte() & 1 == 0 { EchoMode::Full } else { EchoMode::saving(committee) };
    let coin_schedule = schedule(input.byte());
    let payload = |node: NodeIndex| Bytes::from(vec![node.0 as u8; 40 * usize::from(node.0)]);
    let make = |me: NodeIndex| {
        let domain = Domain::new(Digest([4; 32]), Era(0));
        let keys = &keys[me.as_usize()];
        let (coin, certificates) = (keys.coin().clone(), keys.certificates());
        let (codec, rounds_ahead) = (codec.clone(), ROUNDS_AHEAD);
        Bkr::new(SubsetParams { committee, me, domain, coin, certificates, codec, echo, coin_schedule, rounds_ahead })
    };
    let mut network = Network::new(committee, make);
    network.promises = Some(Promises::new(of_subset));
    if input.byte() & 1 == 1 {
        network.equivocate(make(network.byzantine()), Bytes::from_static(b"another story"), input);
    }
    let crashes = play(&mut network, input, make, |node, again| Some(second(again, payload(node))));

    let honest = network.honest();
    assert!(honest.iter().all(|outputs| outputs.len() == 1), "everybody outputs, once");
    assert!(honest.windows(2).all(|pair| pair[0] == pair[1]), "everybody outputs the same");
    assert!(honest[0][0].len() >= committee.quorum(), "a quorum of contributions");
    for (node, contribution) in honest[0][0].iter().filter(|(node, _)| *node != network.byzantine()) {
        let body = contribution.body.as_ref().expect("an honest contribution is whole");
        assert_eq!(body.to_bytes(), payload(*node), "what an honest node put in comes out");
    }
    crashes > 0
}

/// A payload, or what its user thinks of after a restart: too late, because the first one was promised.
pub(crate) fn second(again: bool, payload: Bytes) -> Bytes {
    if again { Bytes::from_static(b"second thoughts") } else { payload }
}

/// Runs to the end with crashes. What a node has output before a crash, it outputs again. Returns the number of crashes.
pub(crate) fn play<P>(
    network: &mut Network<P>,
    input: &mut Input<'_>,
    make: impl Fn(NodeIndex) -> P,
    wish: impl Fn(NodeIndex, bool) -> Option<P::Input>,
) -> usize
where
    P: Protocol,
    P::Output: PartialEq + Debug,
{
    let (crashes, former) = crash_and_come_back(network, input, make, wish);
    for (former, outputs) in former.iter().zip(network.honest()) {
        assert!(former.iter().all(|output| outputs.contains(output)), "{former:?} before a crash, {outputs:?} after");
    }
    crashes
}

/// Runs to the end; honest nodes crash and come back when the bytes say so. A node that comes back gets an input again.
/// Returns the number of crashes, and what each honest node had output before them.
pub(crate) fn crash_and_come_back<P: Protocol>(
    network: &mut Network<P>,
    input: &mut Input<'_>,
    make: impl Fn(NodeIndex) -> P,
    wish: impl Fn(NodeIndex, bool) -> Option<P::Input>,
) -> (usize, Vec<Vec<P::Output>>) {
    network.repeats = true;
    let honest = network.honest().len();
    let mut former: Vec<Vec<P::Output>> = (0..honest).map(|_| Vec::new()).collect();
    let start = |network: &mut Network<P>, node: NodeIndex, again: bool, input: &mut Input<'_>| {
        if let Some(value) = wish(node, again) {
            network.input(node, value, input);
        }
    };
    for node in network.committee().nodes() {
        start(network, node, false, input);
    }
    let mut crashes = 0;
    loop {
        if crashes < CRASHES && !input.is_empty() && input.byte().is_multiple_of(8) {
            let node = NodeIndex(input.below(honest) as u16);
            if network.down().contains(node) {
                network.restart(node, make(node), input);
                start(network, node, true, input);
            } else {
                crashes += 1;
                former[node.as_usize()].extend(network.crash(node));
            }
        }
        if network.step(input) {
            continue;
        }
        let Some(node) = network.down().iter().next() else { break };
        network.restart(node, make(node), input);
        start(network, node, true, input);
    }
    (crashes, former)
}
