//! Directed schedules: the attacks that break the published protocol, played message by message.

use mellivora_adversary::Parcel;
use mellivora_agreement::smvba::{Halt, HaltProof, Origin, Vote};
use mellivora_agreement::{Mvba, Smvba, SmvbaMessage};
use mellivora_broadcast::spb::VALUE;
use mellivora_broadcast::{SpbMessage, Stage};
use mellivora_core::{Digest, FaultKind, NodeIndex, Round};

use crate::support::*;

type Net = mellivora_adversary::Stage<Smvba>;

const X: &str = "ok, this is x";
const Y: &str = "ok, and this is y";

fn digest(value: &str) -> Digest {
    VALUE.digest(value.as_bytes())
}

/// Delivers messages of these kinds in this view that go to one of these nodes.
fn deliver(net: &mut Net, view: u32, kinds: &[&str], to: &[u16]) -> usize {
    net.deliver(|_, parcel| {
        to.contains(&parcel.to.0) && kinds.contains(&kind(&parcel.message).1) && kind(&parcel.message).0 == view
    })
}

fn endorsed(net: &Net, node: u16, view: u32, proposer: u16) -> Option<Digest> {
    net.node(node).broadcast(Round(view), NodeIndex(proposer)).and_then(|spb| spb.endorsed())
}

/// View 1 of four nodes, led by the Byzantine node 3. Node 0 decides x by votes, alone. Nodes 1 and 2 end the view with
/// x as the value to propose, and have heard nothing of the decision.
fn decided_at_one_node() -> (Net, Puppet) {
    let seed = seed_with(4, &[3, 0]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    // All three find x acceptable, and nobody is shown the certificate of that in time.
    net.say(3, &[0, 1, 2], z.send(1, X, Origin::Input, vec![]));
    deliver(&mut net, 1, &["spb"], &[0, 1, 2]);
    assert!((0..3).all(|node| endorsed(&net, node, 1, 3) == Some(digest(X))));
    let lock = z.lock(1, digest(X), &[0, 1, 3]);
    // Three broadcasts are finished: the coin is tossed, and node 3 leads.
    deliver(&mut net, 1, &["share"], &[0, 1, 2]);
    assert!((0..3).all(|node| net.node(node).leader(Round(1)) == Some(NodeIndex(3))));
    // Node 3 shows its lock to nodes 0 and 1, which vote yes. Node 2 hears three times no.
    net.say(3, &[0, 1], z.prevote_yes(1, 3, digest(X), lock.clone()));
    net.deliver(|_, p| p.from.0 == 3 && kind(&p.message) == (1, "prevote"));
    net.say(3, &[2], z.prevote_no(1, 3));
    deliver(&mut net, 1, &["prevote"], &[2]);
    deliver(&mut net, 1, &["prevote"], &[0, 1]);
    // Yes of 0, 1 and 3 at node 0: it decides.
    net.say(3, &[0], z.vote_yes(1, 3, digest(X), lock));
    net.deliver(|_, p| p.to.0 == 0 && p.from.0 != 2 && kind(&p.message) == (1, "vote"));
    assert_eq!(net.outputs(0), [X]);
    assert!(matches!(net.node(0).halt().map(|halt| &halt.proof), Some(HaltProof::Seen(_))));
    // Yes of 1, no of 2 and 3 at nodes 1 and 2: they adopt x.
    net.say(3, &[1, 2], z.vote_no(1, 3, &[0, 2, 3]));
    net.deliver(|_, p| p.to.0 != 0 && p.from.0 != 0 && kind(&p.message) == (1, "vote"));
    assert!([1, 2].iter().all(|&node| net.node(node).view() == Round(2) && net.outputs(node).is_empty()));
    (net, z)
}

/// The same, and view 2 has elected node 0, which has halted: nodes 1 and 2 are in view 3, and hold NVC(2).
fn no_value_in_view_2() -> (Net, Puppet) {
    let (mut net, z) = decided_at_one_node();
    let seen = z.lock(1, digest(X), &[0, 1, 3]);
    let origin = Origin::Lock { view: Round(1), leader: NodeIndex(3), certificate: seen };
    net.say(3, &[1, 2], z.send(2, X, origin, vec![]));
    for proposer in [1, 2] {
        for stage in [Stage::Lock, Stage::Finish] {
            net.say(3, &[proposer], z.endorse(2, proposer, stage, digest(X)));
        }
    }
    deliver(&mut net, 2, &["spb"], &[1, 2]);
    net.say(3, &[1, 2], z.of_spb(2, 3, SpbMessage::Lock(digest(X), z.lock(2, digest(X), &[1, 2, 3]))));
    deliver(&mut net, 2, &["spb"], &[1, 2]);
    net.say(3, &[1, 2], z.of_spb(2, 3, SpbMessage::Finish(digest(X), z.finish(2, digest(X), &[1, 2, 3]))));
    deliver(&mut net, 2, &["spb", "share"], &[1, 2]);
    assert!([1, 2].iter().all(|&node| net.node(node).leader(Round(2)) == Some(NodeIndex(0))));
    net.say(3, &[1, 2], z.prevote_no(2, 0));
    deliver(&mut net, 2, &["prevote"], &[1, 2]);
    net.say(3, &[1, 2], z.vote_no(2, 0, &[1, 2, 3]));
    deliver(&mut net, 2, &["vote"], &[1, 2]);
    assert!([1, 2].iter().all(|&node| net.node(node).view() == Round(3)));
    (net, z)
}

#[test]
fn a_no_certificate_of_the_last_view_alone_justifies_nothing() {
    let (mut net, z) = no_value_in_view_2();
    let no_value = z.certificate(&[1, 2, 3], &names(4).no_value_statement(Round(2), NodeIndex(0)));
    // What the published rule accepts: y is an input, and view 2 had no value. Nothing is said about view 1.
    net.say(3, &[1, 2], z.send(3, Y, Origin::Input, vec![(NodeIndex(0), no_value.clone())]));
    deliver(&mut net, 3, &["spb"], &[1, 2]);
    for node in [1, 2] {
        assert_eq!(endorsed(&net, node, 3, 3), None, "an honest signature on y");
        assert!(net.faults(node).contains(&(3, FaultKind::UnjustifiedValue)));
    }
    // Nor does a certificate of view 2 stand in for one of view 1.
    let (mut net, z) = no_value_in_view_2();
    let twice = vec![(NodeIndex(3), no_value.clone()), (NodeIndex(0), no_value)];
    net.say(3, &[1, 2], z.send(3, Y, Origin::Input, twice));
    deliver(&mut net, 3, &["spb"], &[1, 2]);
    assert!([1, 2].iter().all(|&node| endorsed(&net, node, 3, 3).is_none()));
}

#[test]
fn what_is_decided_stays_the_only_value_that_can_be_proposed() {
    let (mut net, _) = no_value_in_view_2();
    net.deliver_all();
    for node in 0..3 {
        assert_eq!(net.outputs(node), [X], "node {node}");
    }
}

#[test]
fn fewer_votes_than_a_quorum_end_no_view() {
    let seed = seed_with(4, &[3, 0]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    deliver(&mut net, 1, &["spb"], &[0, 1, 2]);
    deliver(&mut net, 1, &["share"], &[0, 1, 2]);
    // Nobody holds a lock of node 3's, and node 2 says so; so does node 3, to it alone.
    deliver(&mut net, 1, &["prevote"], &[0, 1, 2]);
    net.say(3, &[2], z.vote_no(1, 3, &[0, 1, 2]));
    net.deliver(|_, p| p.from.0 == 3);
    assert_eq!(net.node(2).view(), Round(1), "two of four have voted");
    deliver(&mut net, 1, &["vote"], &[2]);
    assert_eq!(net.node(2).view(), Round(2));
}

#[test]
fn a_quorum_of_prevotes_without_a_lock_justifies_nothing() {
    let (mut net, z) = decided_at_one_node();
    // Nodes 0, 2 and 3 have signed that they held no lock, and x is decided all the same.
    let no_locks = z.certificate(&[0, 2, 3], &names(4).no_lock_statement(Round(1), NodeIndex(3)));
    net.say(3, &[1, 2], z.send(2, Y, Origin::Input, vec![(NodeIndex(3), no_locks)]));
    deliver(&mut net, 2, &["spb"], &[1, 2]);
    for node in [1, 2] {
        assert_eq!(endorsed(&net, node, 2, 3), None, "an honest signature on y");
        assert!(net.faults(node).contains(&(3, FaultKind::UnjustifiedValue)));
    }
}

#[test]
fn the_lock_of_somebody_who_did_not_lead_justifies_nothing() {
    let (mut net, z) = decided_at_one_node();
    // Node 1's input was found acceptable by all in view 1, but node 3 led it.
    let own = String::from_utf8(input(NodeIndex(1)).to_vec()).unwrap();
    let certificate = z.certificate(&[0, 1, 2], &z.spb(1, 1, Stage::Lock, digest(&own)));
    let origin = Origin::Lock { view: Round(1), leader: NodeIndex(1), certificate };
    net.say(3, &[2], z.send(2, &own, origin, vec![]));
    deliver(&mut net, 2, &["spb"], &[2]);
    assert_eq!(endorsed(&net, 2, 2, 3), None);
    assert!(net.faults(2).contains(&(3, FaultKind::UnjustifiedValue)));
}

#[test]
fn nobody_signs_in_a_broadcast_of_a_view_whose_leader_it_knows() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    net.say(3, &[0, 1], z.send(1, X, Origin::Input, vec![]));
    deliver(&mut net, 1, &["spb", "share"], &[0, 1, 2]);
    assert!((0..3).all(|node| net.node(node).leader(Round(1)) == Some(NodeIndex(3))));
    // Too late for node 2 to endorse, and too late for the others to take the lock.
    net.say(3, &[2], z.send(1, X, Origin::Input, vec![]));
    net.say(3, &[0, 1, 2], z.of_spb(1, 3, SpbMessage::Lock(digest(X), z.lock(1, digest(X), &[0, 1, 3]))));
    deliver(&mut net, 1, &["spb"], &[0, 1, 2]);
    assert_eq!(endorsed(&net, 2, 1, 3), None);
    for node in 0..3 {
        let spb = net.node(node).broadcast(Round(1), NodeIndex(3)).unwrap();
        assert!(spb.is_abandoned() && spb.lock().is_none(), "node {node}");
    }
}

/// Node 0 alone is shown enough to toss the coin and to decide: three FINISHes and a share. What it is shown by node 3
/// never reaches the others.
fn coin_shown_to_one_node() -> Net {
    let seed = seed_with(4, &[3, 1]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    net.say(3, &[0, 1, 2], z.send(1, X, Origin::Input, vec![]));
    // The broadcasts of nodes 0 and 1 finish; FINISH of both and of node 3 reach node 0 only; node 2's is held up.
    let of = |p: &Parcel<SmvbaMessage>, wanted: &[u16]| matches!(&p.message, SmvbaMessage::Spb { proposer, .. } if wanted.contains(&proposer.0));
    let is_finish =
        |p: &Parcel<SmvbaMessage>| matches!(&p.message, SmvbaMessage::Spb { message: SpbMessage::Finish(..), .. });
    net.deliver(|_, p| of(p, &[0, 1, 3]) && (!is_finish(p) || p.to.0 == 0));
    net.say(3, &[0, 1], z.of_spb(1, 3, SpbMessage::Lock(digest(X), z.lock(1, digest(X), &[0, 1, 3]))));
    net.deliver(|_, p| of(p, &[3]));
    net.say(3, &[0], z.of_spb(1, 3, SpbMessage::Finish(digest(X), z.finish(1, digest(X), &[0, 1, 3]))));
    net.say(3, &[0], z.share(1));
    net.deliver(|_, p| p.to.0 == 0 && p.from.0 == 3);
    net
}

#[test]
fn finishes_and_shares_that_only_one_node_was_shown_hang_nobody() {
    let mut net = coin_shown_to_one_node();
    assert_eq!(net.outputs(0), [X]);
    assert!([1, 2].iter().all(|&node| net.node(node).leader(Round(1)).is_none()));
    net.deliver_all();
    for node in 0..3 {
        assert_eq!(net.outputs(node), [X], "node {node}");
    }
}

#[test]
fn a_decision_alone_tells_a_node_that_knows_no_coin() {
    // Nothing but node 0's HALT, and the answers to what is asked because of it, ever arrives at node 2 from now on.
    let mut net = coin_shown_to_one_node();
    net.deliver(|_, p| matches!(kind(&p.message).1, "halt" | "leader" | "value") && p.to.0 != 1 && p.from.0 != 1);
    assert_eq!(net.outputs(2), [X]);
}

#[test]
fn a_lock_that_was_shown_to_one_node_only_reaches_all_votes() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    // Node 2 never gets the value from its proposer, and endorses nothing; the lock goes to node 0 alone.
    net.say(3, &[0, 1], z.send(1, X, Origin::Input, vec![]));
    net.deliver(|_, p| p.from.0 == 3);
    net.say(3, &[0], z.of_spb(1, 3, SpbMessage::Lock(digest(X), z.lock(1, digest(X), &[0, 1, 3]))));
    net.deliver(|_, p| p.from.0 == 3);
    deliver(&mut net, 1, &["spb", "share"], &[0, 1, 2]);
    net.deliver_all();
    for node in 0..3 {
        assert_eq!(net.outputs(node), [X], "node {node}");
    }
}

#[test]
fn a_crash_between_the_second_signature_and_the_prevote_loses_no_lock() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    net.say(3, &[0, 1], z.send(1, X, Origin::Input, vec![]));
    net.say(3, &[0, 1], z.of_spb(1, 3, SpbMessage::Lock(digest(X), z.lock(1, digest(X), &[0, 1, 3]))));
    net.deliver(|_, p| p.from.0 == 3);
    net.restart(0, smvba(4, NodeIndex(0), seed));
    net.input(0, input(NodeIndex(0)));
    deliver(&mut net, 1, &["spb", "share"], &[0, 1, 2]);
    let said =
        |net: &Net| {
            net.pending.iter().any(|p| p.from.0 == 0 && kind(&p.message) == (1, "prevote") && {
            let SmvbaMessage::Prevote { prevote, .. } = &p.message else { return false };
            matches!(prevote, mellivora_agreement::smvba::Prevote::Yes { digest: said, .. } if *said == digest(X))
        })
        };
    assert!(said(&net), "the lock was signed for, and is gone");
    net.deliver_all();
    assert!((0..3).all(|node| net.outputs(node) == [X]));
}

#[test]
fn a_node_that_has_said_prevote_signs_nothing_in_that_view_after_a_restart() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    net.say(3, &[0, 1], z.send(1, X, Origin::Input, vec![]));
    deliver(&mut net, 1, &["spb", "share"], &[0, 1, 2]);
    // It has said that it holds no lock of node 3's.
    // After the restart the lock comes before node 0 has found out again who leads.
    net.hold_jobs(|job| format!("{job:?}").contains("Leader {"));
    net.restart(0, smvba(4, NodeIndex(0), seed));
    assert_eq!(net.node(0).leader(Round(1)), None);
    net.say(3, &[0], z.send(1, X, Origin::Input, vec![]));
    net.say(3, &[0], z.of_spb(1, 3, SpbMessage::Lock(digest(X), z.lock(1, digest(X), &[0, 1, 3]))));
    net.deliver(|_, p| p.from.0 == 3);
    net.release_jobs();
    assert_eq!(net.node(0).leader(Round(1)), Some(NodeIndex(3)));
    assert!(net.node(0).broadcast(Round(1), NodeIndex(3)).unwrap().lock().is_none());
}

#[test]
fn a_value_that_fails_the_predicate_or_has_a_forged_certificate_is_endorsed_by_nobody() {
    let seed = seed_with(4, &[0]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    net.say(3, &[0], z.send(1, "not ok", Origin::Input, vec![]));
    // One signer twice, two signers for three, another view's, another stage's.
    let statement = |view, stage| z.spb(view, 3, stage, digest(X));
    net.say(3, &[1, 2], z.send(1, X, Origin::Input, vec![]));
    net.deliver(|_, p| p.from.0 == 3);
    assert_eq!(endorsed(&net, 0, 1, 3), None);
    assert!(net.faults(0).contains(&(3, FaultKind::UnjustifiedValue)));
    let forged =
        [z.certificate(&[1, 3], &statement(1, Stage::Lock)), z.certificate(&[1, 2, 3], &statement(2, Stage::Lock))];
    for (node, certificate) in [(1, &forged[0]), (2, &forged[1])] {
        net.say(3, &[node], z.of_spb(1, 3, SpbMessage::Lock(digest(X), certificate.clone())));
    }
    let locked = z.lock(1, digest(X), &[1, 2, 3]);
    net.say(3, &[1], z.of_spb(1, 3, SpbMessage::Finish(digest(X), locked)));
    net.say(3, &[2], z.of_spb(1, 3, SpbMessage::Finish(digest(X), z.finish(1, digest(X), &[3]))));
    net.deliver(|_, p| p.from.0 == 3);
    for node in [1, 2] {
        let spb = net.node(node).broadcast(Round(1), NodeIndex(3)).unwrap();
        assert!(spb.lock().is_none(), "node {node}");
        assert!(net.faults(node).contains(&(3, FaultKind::InvalidProposalCertificate)), "node {node}");
    }
    for node in [1, 2] {
        assert!(net.node(node).broadcast(Round(1), NodeIndex(3)).unwrap().finish().is_none(), "node {node}");
    }
}

#[test]
fn no_share_of_the_coin_before_a_quorum_of_finishes() {
    let seed = seed_with(4, &[0]);
    let mut net = stage(4, &[3], seed);
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    let shares = |net: &Net| net.pending.iter().filter(|p| kind(&p.message) == (1, "share")).count();
    // Two of the three broadcasts that can finish do.
    net.deliver(|_, p| !matches!(&p.message, SmvbaMessage::Spb { proposer, .. } if proposer.0 == 2));
    assert_eq!(shares(&net), 0, "the coin is tossed while its outcome can still be used");
    net.deliver(|_, p| kind(&p.message).1 == "spb");
    assert!(shares(&net) > 0);
}

#[test]
fn every_view_tosses_a_coin_of_its_own() {
    let names = names(4);
    assert_ne!(names.coin(Round(1)), names.coin(Round(2)));
    let statements = [
        names.no_lock_statement(Round(1), NodeIndex(0)),
        names.no_value_statement(Round(1), NodeIndex(0)),
        names.no_lock_statement(Round(2), NodeIndex(0)),
        names.no_lock_statement(Round(1), NodeIndex(1)),
        names.seen_statement(Round(1), NodeIndex(0), Digest::default()),
    ];
    for (at, statement) in statements.iter().enumerate() {
        assert!(statements[..at].iter().all(|other| other != statement), "{statement:?}");
    }
}

#[test]
fn a_halt_that_proves_nothing_decides_nothing() {
    let seed = seed_with(4, &[0]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    net.say(3, &[0, 1, 2], z.send(1, X, Origin::Input, vec![]));
    net.deliver(|_, p| p.from.0 == 3);
    let halt = |leader, proof| {
        SmvbaMessage::Halt(Halt { view: Round(1), leader: NodeIndex(leader), digest: digest(X), proof })
    };
    let seen = |signers: &[u16]| {
        HaltProof::Seen(z.certificate(signers, &names(4).seen_statement(Round(1), NodeIndex(3), digest(X))))
    };
    // Two votes, a lock instead of a FINISH, and a FINISH of somebody who does not lead.
    net.say(3, &[0], halt(3, seen(&[2, 3])));
    net.say(3, &[1], halt(3, HaltProof::Finish(z.lock(1, digest(X), &[0, 1, 3]))));
    net.say(3, &[2], halt(3, HaltProof::Finish(z.finish(1, digest(X), &[0, 1, 3]))));
    net.deliver(|_, p| p.from.0 == 3);
    assert!((0..3).all(|node| net.outputs(node).is_empty()));
    for node in [0, 1] {
        assert!(net.faults(node).contains(&(3, FaultKind::InvalidHalt)), "node {node}");
    }
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    net.deliver_all();
    let decided = input(NodeIndex(0));
    assert!((0..3).all(|node| net.outputs(node) == [decided.clone()]), "node 0 leads, and its value it is");
}

#[test]
fn a_lock_that_was_never_signed_moves_nobody() {
    let seed = seed_with(4, &[3, 0]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    net.say(3, &[0, 1, 2], z.send(1, X, Origin::Input, vec![]));
    deliver(&mut net, 1, &["spb", "share"], &[0, 1, 2]);
    net.say(3, &[0, 1, 2], z.prevote_yes(1, 3, digest(X), z.lock(1, digest(X), &[1, 3])));
    net.deliver(|_, p| p.from.0 == 3);
    deliver(&mut net, 1, &["prevote"], &[0, 1, 2]);
    for node in 0..3 {
        assert!(net.faults(node).contains(&(3, FaultKind::InvalidPrevote)), "node {node}");
        let said_yes = |p: &Parcel<SmvbaMessage>| {
            p.from.0 == node && matches!(&p.message, SmvbaMessage::Vote { vote: Vote::Yes { .. }, .. })
        };
        assert!(!net.pending.iter().any(said_yes), "node {node}");
    }
    net.deliver_all();
    assert!((0..3).all(|node| net.outputs(node) == net.outputs(0) && net.outputs(node) != [X]));
}

#[test]
fn votes_without_a_proof_and_statements_about_another_leader_do_not_count() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    // Before anybody knows the leader: a PREVOTE that names the wrong one, and a VOTE without a quorum behind it.
    net.say(3, &[1], z.prevote_no(1, 2));
    net.say(3, &[1], z.vote_no(1, 3, &[3]));
    net.say(3, &[2], z.vote_yes(1, 3, digest(X), z.lock(1, digest(X), &[3])));
    net.deliver(|_, p| p.from.0 == 3);
    assert!(net.faults(1).is_empty(), "without the leader nothing can be said about them");
    deliver(&mut net, 1, &["spb", "share"], &[0, 1, 2]);
    assert!(net.faults(1).contains(&(3, FaultKind::WrongLeader)));
    assert!(net.faults(1).contains(&(3, FaultKind::InvalidVote)));
    assert!(net.faults(2).contains(&(3, FaultKind::InvalidVote)));
    net.deliver_all();
    let decided = net.node(0).decision().cloned();
    assert!((0..3).all(|node| net.node(node).decision().cloned() == decided && decided.is_some()));
}

#[test]
fn a_restarted_node_endorses_no_other_value() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    net.say(3, &[0], z.send(1, X, Origin::Input, vec![]));
    net.deliver(|_, p| p.from.0 == 3);
    assert_eq!(endorsed(&net, 0, 1, 3), Some(digest(X)));
    net.restart(0, smvba(4, NodeIndex(0), seed));
    net.pending.clear();
    net.say(3, &[0], z.send(1, Y, Origin::Input, vec![]));
    net.deliver(|_, p| p.from.0 == 3);
    assert_eq!(endorsed(&net, 0, 1, 3), Some(digest(X)));
    assert!(net.pending.is_empty(), "{:?}", net.pending);
}

#[test]
fn a_restarted_node_votes_as_before() {
    let seed = seed_with(4, &[3]);
    let (mut net, z) = (stage(4, &[3], seed), Puppet::new(4, 3, seed));
    (0..3).for_each(|node| net.input(node, input(NodeIndex(node))));
    net.say(3, &[0, 1, 2], z.send(1, X, Origin::Input, vec![]));
    deliver(&mut net, 1, &["spb", "share"], &[0, 1, 2]);
    // Node 0 hears three times no, and says so.
    net.say(3, &[0], z.prevote_no(1, 3));
    deliver(&mut net, 1, &["prevote"], &[0]);
    let votes = |net: &Net| {
        let of_0 = net.pending.iter().filter(|p| p.from.0 == 0 && p.to.0 == 1);
        of_0.filter_map(|p| match &p.message {
            SmvbaMessage::Vote { vote, .. } => Some(matches!(vote, Vote::Yes { .. })),
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(votes(&net), [false]);
    // After a crash the first thing that it is shown is a lock.
    net.restart(0, smvba(4, NodeIndex(0), seed));
    net.say(3, &[0], z.send(1, X, Origin::Input, vec![]));
    net.say(3, &[0], z.prevote_yes(1, 3, digest(X), z.lock(1, digest(X), &[0, 1, 2])));
    net.deliver(|_, p| p.from.0 == 3);
    assert_eq!(votes(&net), [false], "it votes twice");
}

/// A node hears that the leader's broadcast is finished before it has the value. With the value it decides, without anybody's
/// vote. (Found by the replay of the model.)
#[test]
fn a_finish_that_comes_before_its_value_counts_when_the_value_comes() {
    let seed = seed_with(4, &[1]);
    let mut net = stage(4, &[], seed);
    (0..4).for_each(|node| net.input(node, input(NodeIndex(node))));
    let late = |parcel: &Parcel<SmvbaMessage>| {
        let send = matches!(
            &parcel.message,
            SmvbaMessage::Spb { proposer: NodeIndex(1), message: SpbMessage::Send { .. }, .. }
        );
        send && parcel.to.0 == 0
    };
    net.deliver(|_, parcel| ["spb", "share"].contains(&kind(&parcel.message).1) && !late(parcel));
    assert_eq!(net.node(0).leader(Round(1)), Some(NodeIndex(1)));
    assert!(net.node(0).broadcast(Round(1), NodeIndex(1)).is_some_and(|spb| spb.finish().is_some()));
    assert!(net.outputs(0).is_empty(), "finished, but what?");
    net.deliver(|_, parcel| late(parcel));
    assert_eq!(net.outputs(0), [input(NodeIndex(1))]);
}
