//! Restarts: a node says nothing else than before, and outputs the same.

use std::collections::BTreeSet;

use mellivora_core::NodeIndex;

use super::support::{codec, make, payload, set};
use super::{contribute, electing, is_contribution, is_contribution_of, is_election, proposed_set, stage};

#[test]
fn a_restarted_node_says_nothing_else_and_outputs_the_same() {
    for members in [[1, 2], [0, 3]] {
        for stop in [5, 20, 60, 100, 140, 180, 220, 300] {
            let codec = codec(4);
            let mut stage = stage(4, &[], &members);
            contribute(&mut stage);
            // Everything that is ever sent to node 1 comes again after its restart, as from its peers' outboxes.
            let (mut to_one, mut left) = (Vec::new(), stop);
            stage.deliver(|_, p| {
                if left > 0 && p.to.0 == 1 {
                    to_one.push(p.clone());
                }
                left -= i32::from(left > 0);
                left > 0
            });
            stage.restart(1, make(&codec, NodeIndex(1), electing(4, &members)));
            stage.input(1, payload(NodeIndex(1)));
            stage.pending.extend(to_one);
            stage.deliver_all();
            for node in 0..4 {
                assert_eq!(stage.outputs(node).len(), 1, "stopped after {stop}, node {node}");
                assert_eq!(stage.outputs(node)[0], stage.outputs(0)[0]);
                assert!(stage.faults(node).is_empty(), "{:?}", stage.faults(node));
            }
        }
    }
}

#[test]
fn a_restarted_member_proposes_no_other_set() {
    let codec = codec(4);
    let mut stage = stage(4, &[], &[1, 2]);
    contribute(&mut stage);
    let (mut roots, mut to_one) = (BTreeSet::new(), Vec::new());
    // Node 1 proposes without having seen contribution 3. One node hears of it.
    stage.deliver(|_, p| {
        let wanted = (is_contribution(p) || is_election(p)) && !(p.to.0 == 1 && is_contribution_of(p, 3));
        if wanted && p.to.0 == 1 {
            to_one.push(p.clone());
        }
        wanted
    });
    assert_eq!(stage.node(1).delivered(), set([0, 1, 2]));
    roots.extend(stage.pending.iter().filter_map(proposed_set).filter(|(member, _)| member.0 == 1));
    assert_eq!(roots.len(), 1);
    stage.deliver(|_, p| p.to.0 == 0 && proposed_set(p).is_some());
    stage.restart(1, make(&codec, NodeIndex(1), electing(4, &[1, 2])));
    assert!(stage.node(1).members().is_none(), "it has to learn the coin anew");
    // This time it has all four before it learns that it is a member.
    stage.pending.extend(to_one);
    stage.deliver(|_, p| p.to.0 == 1 && is_contribution(p));
    assert_eq!(stage.node(1).delivered(), set([0, 1, 2, 3]));
    stage.deliver(|_, p| {
        roots.extend(proposed_set(p).filter(|(member, _)| member.0 == 1));
        true
    });
    assert_eq!(roots.len(), 1, "two sets of one member");
    for node in 0..4 {
        assert_eq!(stage.node(node).index_set(NodeIndex(1)), Some(set([0, 1, 2])));
        assert_eq!(stage.outputs(node), stage.outputs(0));
        assert_eq!(stage.outputs(node).len(), 1);
        assert!(stage.faults(node).is_empty(), "{:?}", stage.faults(node));
    }
}
