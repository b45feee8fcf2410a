//! Directed schedules: each rule at the point where it matters, played message by message.

use mellivora_adversary::Stage;
use mellivora_agreement::{Ckps, CkpsMessage, Mvba};
use mellivora_core::{FaultKind, NodeIndex};

use crate::support::*;

type Net = Stage<Ckps>;

const X: &str = "ok, this is x";

fn puppet(seed: u64) -> Puppet {
    Puppet { me: 3, n: 4, seed }
}

/// Delivers messages of these kinds, whoever sent them, that go to one of these nodes.
fn deliver(net: &mut Net, kinds: &[&str], to: &[u16]) -> usize {
    net.deliver(|_, parcel| to.contains(&parcel.to.0) && kinds.contains(&kind(&parcel.message).0))
}

/// Delivers what the Byzantine node 3 has said.
fn deliver_lies(net: &mut Net) {
    net.deliver(|_, parcel| parcel.from.0 == 3);
}

fn pending(net: &Net, wanted: &str) -> usize {
    net.pending.iter().filter(|parcel| kind(&parcel.message).0 == wanted).count()
}

fn votes_of(net: &Net, node: u16, candidate: u16) -> Vec<bool> {
    let votes = net.pending.iter().filter(|parcel| parcel.from.0 == node).filter_map(|parcel| match parcel.message {
        CkpsMessage::Vote { candidate: about, yes } if about.0 == candidate => Some(yes),
        _ => None,
    });
    votes.collect()
}

fn entered(net: &Net, node: u16, candidate: u16) -> Option<bool> {
    net.node(node).agreement(NodeIndex(candidate)).and_then(|aba| aba.estimate())
}

/// Node 3 comes first and is Byzantine. Its value was sent to nodes 0 and 1 alone, and they alone have its certificate.
/// Its commitment, which names it, is endorsed by them and shown to them. Everybody knows the order, and has voted.
fn certified_for_two() -> (Net, Puppet) {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), puppet(seed));
    net.say(3, &[0, 1], z.send(X));
    deliver_lies(&mut net);
    // The honest nodes name each other.
    deliver(&mut net, &["value", "final"], &[0, 1, 2]);
    net.say(3, &[0, 1], z.finish(X, &[0, 1, 3]));
    net.say(3, &[0, 1], z.commits(&[0, 1, 3]));
    deliver_lies(&mut net);
    assert!([0, 1].iter().all(|&node| net.node(node).endorsed_commitment(NodeIndex(3))));
    net.say(3, &[0, 1], z.committed(&[0, 1, 3], &[0, 1, 3]));
    deliver(&mut net, &["commitment", "committed", "share"], &[0, 1, 2]);
    for node in 0..3 {
        assert_eq!(net.node(node).order()[0], NodeIndex(3));
        assert_eq!(votes_of(&net, node, 3), vec![node != 2; 2], "node {node}");
    }
    (net, z)
}

#[test]
fn a_value_that_fails_the_predicate_is_endorsed_by_nobody() {
    let (mut net, z) = (stage(4, &[3], 1), puppet(1));
    net.say(3, &[0], z.send("not ok"));
    net.say(3, &[1], z.send(X));
    deliver_lies(&mut net);
    assert!(!net.node(0).endorsed(NodeIndex(3)) && net.node(1).endorsed(NodeIndex(3)));
    assert_eq!(net.faults(0), [(3, FaultKind::UnjustifiedValue)]);
}

#[test]
fn a_commitment_is_endorsed_by_those_who_hold_every_certificate_that_it_names() {
    let (mut net, z) = (stage(4, &[3], 1), puppet(1));
    net.say(3, &[0, 1], z.send(X));
    net.say(3, &[0], z.commits(&[0, 1, 3]));
    deliver_lies(&mut net);
    deliver(&mut net, &["value", "final"], &[0, 1, 2]);
    let certified = |net: &Net| net.node(0).certified();
    assert_eq!(certified(&net), set(&[0, 1, 2]));
    assert!(!net.node(0).endorsed_commitment(NodeIndex(3)), "it has seen no certificate of node 3's value");
    net.say(3, &[0], z.shown(X, &[0, 1, 3]));
    deliver_lies(&mut net);
    assert!(net.node(0).endorsed_commitment(NodeIndex(3)));
    assert!(net.faults(0).is_empty());
}

#[test]
fn a_commitment_to_less_than_a_quorum_or_to_strangers_is_refused() {
    for named in [&[0, 1][..], &[0, 1, 2, 4], &[]] {
        let (mut net, z) = (stage(4, &[3], 1), puppet(1));
        deliver(&mut net, &["value", "final"], &[0, 1, 2]);
        net.say(3, &[0], z.commits(named));
        deliver_lies(&mut net);
        assert!(!net.node(0).endorsed_commitment(NodeIndex(3)), "{named:?}");
        assert_eq!(net.faults(0), [(3, FaultKind::UnjustifiedValue)], "{named:?}");
    }
}

#[test]
fn no_share_of_the_coin_before_a_quorum_of_commitments() {
    let mut net = stage(4, &[3], 1);
    // All but the last certificate of a commitment.
    net.deliver(|_, parcel| !matches!(kind(&parcel.message), ("committed", 2) | ("share", _)));
    assert!((0..2).all(|node| !net.node(node).gate_is_open()));
    let of_the_others =
        |net: &Net| net.pending.iter().filter(|p| p.from.0 != 2 && kind(&p.message).0 == "share").count();
    assert_eq!(of_the_others(&net), 0, "the order can be known while sets can still be chosen");
    deliver(&mut net, &["committed"], &[0, 1, 2]);
    assert!(of_the_others(&net) > 0);
}

#[test]
fn a_certificate_that_proves_nothing_certifies_nothing() {
    let (mut net, z) = (stage(4, &[3], 1), puppet(1));
    let shown = |value: &str, signers: &[u16], root_of: &str| CkpsMessage::Certificate {
        candidate: NodeIndex(3),
        root: root(root_of),
        certificate: z.certificate(value, signers),
    };
    // Too few signers, another root.
    net.say(3, &[0], shown(X, &[0, 3], X));
    net.say(3, &[1], shown(X, &[0, 1, 3], "ok, this is y"));
    deliver_lies(&mut net);
    for node in [0, 1] {
        assert!(!net.node(node).certified().contains(NodeIndex(3)), "node {node}");
        assert_eq!(net.faults(node), [(3, FaultKind::InvalidProposalCertificate)], "node {node}");
    }
    // One that does is taken, from somebody else.
    net.say(2, &[0], shown(X, &[0, 1, 3], X));
    deliver(&mut net, &["certificate"], &[0]);
    assert!(net.node(0).certified().contains(NodeIndex(3)));
}

#[test]
fn a_yes_counts_only_with_its_certificate() {
    let seed = seed_with(4, &[3, 0]);
    let (mut net, z) = (stage(4, &[3], seed), puppet(seed));
    deliver(&mut net, &["value", "final", "commitment", "committed", "share"], &[0, 1, 2]);
    // Node 3 never had a value. It says that it is certified all the same, and node 1's no arrives.
    net.say(3, &[0], CkpsMessage::Vote { candidate: NodeIndex(3), yes: true });
    deliver_lies(&mut net);
    net.deliver(|_, p| (p.from.0, p.to.0) == (1, 0) && kind(&p.message).0 == "vote");
    assert!(net.node(0).agreement(NodeIndex(3)).is_none(), "two votes count, of three that came");
    assert!(net.pending.iter().all(|p| p.to.0 != 3), "a Byzantine node has no instance");
    net.say(3, &[0], z.shown(X, &[3]));
    net.deliver_all();
    for node in 0..3 {
        assert_eq!(net.outputs(node), [input(NodeIndex(0))], "node {node}");
    }
}

#[test]
fn whoever_a_certified_commitment_names_gets_a_one_from_everybody() {
    let (mut net, _) = certified_for_two();
    // Two votes no: node 2's own, and one of node 3, which has shown its commitment to the others only.
    net.say(3, &[2], CkpsMessage::Vote { candidate: NodeIndex(3), yes: false });
    deliver_lies(&mut net);
    assert_eq!(entered(&net, 2, 3), None, "two votes are no quorum");
    deliver(&mut net, &["vote", "ask", "certificate"], &[0, 1, 2]);
    assert!((0..3).all(|node| entered(&net, node, 3) == Some(true)), "a quorum of votes without a yes");
}

#[test]
fn a_node_that_saw_nothing_of_the_chosen_value_gets_it() {
    let (mut net, _) = certified_for_two();
    assert!(!net.node(2).certified().contains(NodeIndex(3)));
    net.deliver_all();
    for node in 0..3 {
        assert_eq!(net.outputs(node), [X], "node {node}");
    }
}

#[test]
fn a_decision_alone_tells_a_node_that_knows_no_coin() {
    let mut net = stage(4, &[], seed_with(4, &[2]));
    // Node 3 gets what it needs to be useful to the others, and nothing that comes after.
    net.deliver(|_, p| p.to.0 != 3 || matches!(kind(&p.message).0, "value" | "commitment"));
    assert!((0..3).all(|node| net.outputs(node).len() == 1));
    assert!(net.node(3).order().is_empty());
    assert_eq!(net.node(3).chosen(), None);
    // The others have output and still answer: with their votes on what is chosen, its certificate, its value.
    deliver(&mut net, &["aba", "ask", "certificate", "retrieval"], &[0, 1, 2, 3]);
    assert!(net.node(3).order().is_empty());
    assert_eq!(net.node(3).chosen(), Some(NodeIndex(2)));
    assert_eq!(net.outputs(3), [input(NodeIndex(2))]);
}

#[test]
fn a_node_that_has_output_still_shows_the_certificate_and_the_value() {
    let seed = seed_with(4, &[2]);
    let mut net = stage(4, &[], seed);
    // Node 3 hears of values and commitments only, and not of node 2's value.
    let early = |p: &mellivora_adversary::Parcel<CkpsMessage>| {
        matches!(kind(&p.message), ("value", 0 | 1 | 3) | ("commitment", _))
    };
    net.deliver(|_, p| p.to.0 != 3 || early(p));
    assert!((0..3).all(|node| net.node(node).decision().is_some()));
    // It hears the binary agreement on node 2, and what it asks for is answered.
    deliver(&mut net, &["aba", "ask", "certificate", "retrieval"], &[0, 1, 2, 3]);
    assert_eq!(net.outputs(3), [input(NodeIndex(2))]);
}

#[test]
fn a_crash_does_not_take_a_certificate_back_that_was_vouched_for() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), puppet(seed));
    net.say(3, &[0, 1], z.send(X));
    deliver_lies(&mut net);
    net.say(3, &[0], z.finish(X, &[0, 1, 3]));
    deliver(&mut net, &["value", "final"], &[0, 1, 2]);
    net.say(3, &[0], z.commits(&[0, 1, 3]));
    deliver_lies(&mut net);
    assert!(net.node(0).endorsed_commitment(NodeIndex(3)));
    net.restart(0, ckps(4, 0, seed));
    assert!(net.node(0).certified().contains(NodeIndex(3)), "it has endorsed a commitment that names node 3");
    net.input(0, input(NodeIndex(0)));
    // Node 3 shows its certificate to nobody again.
    for from in [1, 3] {
        net.say(from, &[0], Puppet { me: from, ..puppet(seed) }.share());
    }
    deliver(&mut net, &["share"], &[0]);
    assert_eq!(votes_of(&net, 0, 3), [true, true]);
}

#[test]
fn a_restarted_node_votes_as_before() {
    let (mut net, z) = certified_for_two();
    let seed = z.seed;
    // Node 2 has voted no. It restarts, sees the certificate, and learns the coin again.
    net.pending.clear();
    net.restart(2, ckps(4, 2, seed));
    net.say(3, &[2], z.shown(X, &[0, 1, 3]));
    for from in [0, 3] {
        net.say(from, &[2], Puppet { me: from, ..puppet(seed) }.share());
    }
    deliver(&mut net, &["certificate", "share"], &[2]);
    assert!(net.node(2).certified().contains(NodeIndex(3)) && !net.node(2).order().is_empty());
    assert_eq!(votes_of(&net, 2, 3), [] as [bool; 0], "it has said no already");
}

#[test]
fn a_node_votes_on_nobody_before_it_has_committed_itself() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), puppet(seed));
    // Node 0 knows the order before it knows a quorum of certified values.
    for from in [1, 3] {
        net.say(from, &[0], Puppet { me: from, ..puppet(seed) }.share());
    }
    deliver(&mut net, &["share"], &[0]);
    assert_eq!(net.node(0).order()[0], NodeIndex(3));
    assert_eq!(pending(&net, "vote"), 0, "it may still name node 3");
    net.say(3, &[0, 1], z.send(X));
    net.say(3, &[0], z.finish(X, &[0, 1, 3]));
    deliver_lies(&mut net);
    deliver(&mut net, &["value", "final"], &[0, 1, 2]);
    assert_eq!(votes_of(&net, 0, 3), [true, true]);
}

#[test]
fn a_no_on_whom_the_voter_has_named_is_a_fault_and_does_not_count() {
    let seed = seed_with(4, &[0]);
    for named_first in [true, false] {
        let (mut net, z) = (stage(4, &[3], seed), puppet(seed));
        deliver(&mut net, &["value", "final", "commitment", "committed", "share"], &[0, 1, 2]);
        let denial = CkpsMessage::Vote { candidate: NodeIndex(0), yes: false };
        let lies = if named_first { [z.commits(&[0, 1, 2]), denial] } else { [denial, z.commits(&[0, 1, 2])] };
        lies.into_iter().for_each(|lie| net.say(3, &[1], lie));
        deliver_lies(&mut net);
        assert_eq!(net.faults(1), [(3, FaultKind::InvalidVote)], "the commitment first: {named_first}");
        net.deliver(|_, p| (p.from.0, p.to.0) == (2, 1) && kind(&p.message).0 == "vote");
        assert!(net.node(1).agreement(NodeIndex(0)).is_none(), "two votes count, of three that came");
        net.deliver_all();
        assert!((0..3).all(|node| net.outputs(node) == [input(NodeIndex(0))]));
    }
}

#[test]
fn two_votes_of_one_sender_are_a_fault_and_count_once() {
    let seed = seed_with(4, &[3]);
    let (mut net, _) = (stage(4, &[3], seed), puppet(seed));
    deliver(&mut net, &["value", "final", "commitment", "committed", "share"], &[0, 1, 2]);
    let says = |yes| CkpsMessage::Vote { candidate: NodeIndex(3), yes };
    for yes in [false, false, true] {
        net.say(3, &[0], says(yes));
    }
    deliver_lies(&mut net);
    assert_eq!(net.faults(0), [(3, FaultKind::ConflictingVote)]);
    assert!(net.node(0).agreement(NodeIndex(3)).is_none(), "two votes count: its own and one of node 3");
}

#[test]
fn messages_about_strangers_and_from_strangers_do_nothing() {
    let (mut net, z) = (stage(4, &[3], 1), puppet(1));
    let about = CkpsMessage::Vote { candidate: NodeIndex(4), yes: true };
    net.say(3, &[0], about.clone());
    net.say(4, &[0], about);
    net.say(4, &[0], z.share());
    net.deliver(|_, p| p.from.0 >= 3);
    assert_eq!(net.faults(0), [(3, FaultKind::UnknownInstance)]);
}
