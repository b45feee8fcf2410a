//! What a faulty node does ends up in the fault log of somebody honest, and no honest node is ever blamed.

mod support;

use std::collections::BTreeSet;

use mellivora_core::{FaultKind, NodeIndex};
use mellivora_node::Misbehaviour;
use support::{PATIENCE, cluster, subscribe, transaction};

async fn blamed(kind: Misbehaviour) -> BTreeSet<(NodeIndex, FaultKind)> {
    let run = async {
        let cluster = cluster(4).faulty(3, kind).start().await.expect("starts");
        let nodes: Vec<_> = cluster.nodes().cloned().collect();
        let streams = subscribe(&cluster);
        for (number, node) in (0..100).zip(nodes.iter().cycle()) {
            node.submit_wait(transaction(number)).await.expect("accepted");
        }
        assert!(cluster.shutdown().await.is_empty());
        drop(streams);
        let faults: BTreeSet<_> = nodes
            .iter()
            .flat_map(|node| node.faults().counts().map(|(node, kind, _)| (node, kind)).collect::<Vec<_>>())
            .collect();
        for (node, kind) in &faults {
            assert_eq!(*node, NodeIndex(3), "an honest node is blamed for {kind:?}");
        }
        faults
    };
    tokio::time::timeout(PATIENCE, run).await.expect("the cluster hangs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equivocator_is_named_by_the_peer_that_hears_both_sides() {
    // In a short run its second story may come when the epoch is closed already and nobody listens any more. It cannot
    // get away with that every time.
    for _ in 0..20 {
        let faults = blamed(Misbehaviour::Equivocate).await;
        if faults.iter().any(|(_, kind)| format!("{kind:?}").starts_with("Conflicting")) {
            return;
        }
    }
    panic!("never named");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_named() {
    let faults = blamed(Misbehaviour::Garbage).await;
    assert!(faults.contains(&(NodeIndex(3), FaultKind::MalformedMessage)), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_blamed_for_silence_or_selective_delivery() {
    for kind in [Misbehaviour::Silent, Misbehaviour::Crash, Misbehaviour::Withhold] {
        assert_eq!(blamed(kind).await, BTreeSet::new(), "{kind}");
    }
}
