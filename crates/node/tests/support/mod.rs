//! What the scenarios share: a load, and the check that every node committed it, once, in the same order.
#![allow(dead_code, unreachable_pub, reason = "not every scenario needs everything")]

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use mellivora_core::NodeIndex;
use mellivora_node::{Batch, Batches, Cluster, ClusterBuilder, Limits, Node, Position};

/// Longer than any scenario takes; what takes longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Limits that keep the memory of a test small.
pub fn small_limits() -> Limits {
    Limits { payload_bytes: 1 << 20, transaction_bytes: 64 << 10, transactions: 10_000, ..Limits::default() }
}

/// A reproducible cluster with small limits.
pub fn cluster(nodes: usize) -> ClusterBuilder {
    Cluster::in_process(nodes).seed(nodes as u64).limits(small_limits()).batch_size(40)
}

/// A transaction that no other of the test equals.
pub fn transaction(number: usize) -> Bytes {
    format!("transaction {number} {}", "x".repeat(number % 97)).into()
}

/// All batches until the stream ends.
pub async fn collect(mut batches: Batches) -> Vec<Batch> {
    let mut all = Vec::new();
    while let Some(batch) = batches.next().await {
        all.push(batch);
    }
    all
}

/// Subscribes to every working node.
pub fn subscribe(cluster: &Cluster) -> HashMap<NodeIndex, tokio::task::JoinHandle<Vec<Batch>>> {
    cluster.nodes().map(|node| (node.index(), tokio::spawn(collect(node.batches())))).collect()
}

/// Checks that batches come gapless from epoch 0, and that all nodes agree on every epoch that two of them have.
pub fn check_agreement(ledgers: &HashMap<NodeIndex, Vec<Batch>>) {
    let longest = ledgers.values().max_by_key(|batches| batches.len()).expect("at least one node");
    for (node, batches) in ledgers {
        for (number, (batch, reference)) in batches.iter().zip(longest).enumerate() {
            assert_eq!(batch.epoch().0, number as u64, "{node:?}: batches come in order, without gaps");
            assert_eq!(batch.digest(), reference.digest(), "{node:?}, epoch {number}");
            assert!(batch.iter().eq(reference.iter()), "{node:?}, epoch {number}");
        }
    }
}

/// Checks that each of `count` transactions is in the ledger exactly once, and returns their positions.
pub fn check_complete(batches: &[Batch], count: usize) -> Vec<Position> {
    let mut found: HashMap<Vec<u8>, Position> = HashMap::new();
    for (position, bytes) in batches.iter().flat_map(Batch::iter) {
        assert!(found.insert(bytes.to_vec(), position).is_none(), "twice: {:?}", String::from_utf8_lossy(bytes));
    }
    let missing: Vec<_> = (0..count).filter(|&i| !found.contains_key(&transaction(i)[..])).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    (0..count).map(|i| found[&transaction(i)[..]]).collect()
}

/// Orders `count` transactions, spread over the working nodes, and checks everything that can be checked from outside.
pub async fn order(builder: ClusterBuilder, count: usize) -> HashMap<NodeIndex, Vec<Batch>> {
    let cluster = builder.start().await.expect("starts");
    let nodes: Vec<_> = cluster.nodes().cloned().collect();
    let run = async {
        let streams = subscribe(&cluster);
        let mut receipts = Vec::new();
        for (number, node) in (0..count).zip(cluster.nodes().cycle()) {
            receipts.push(node.submit_wait(transaction(number)).await.expect("accepted"));
        }
        let leftover = cluster.shutdown().await;
        assert!(leftover.is_empty(), "{leftover:?}");
        let mut positions = Vec::new();
        for receipt in receipts {
            positions.push(receipt.committed().await.expect("ordered"));
        }
        let mut ledgers = HashMap::new();
        for (node, stream) in streams {
            ledgers.insert(node, stream.await.expect("no panic"));
        }
        check_agreement(&ledgers);
        for (node, batches) in &ledgers {
            assert_eq!(check_complete(batches, count), positions, "{node:?}: receipts name the place in the order");
        }
        ledgers
    };
    patiently(&nodes, run).await
}

/// Waits for a scenario, and shows the state of its nodes if it hangs.
pub async fn patiently<T>(nodes: &[Node], scenario: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, scenario).await {
        Ok(result) => result,
        Err(_) => {
            let states: Vec<_> = nodes.iter().map(|node| format!("{:?}", node.status())).collect();
            panic!("the cluster hangs:\n{}", states.join("\n"));
        }
    }
}
