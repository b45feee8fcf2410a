//! A node takes what it can hold, says so when it cannot, and keeps its word about what it took.

mod support;

use std::time::Duration;

use bytes::Bytes;
use mellivora_node::{Misbehaviour, NotOrdered, StartError, SubmitError};
use support::{PATIENCE, check_complete, cluster, collect, small_limits, transaction};

#[tokio::test]
async fn too_large_is_refused_and_the_largest_is_ordered() {
    let cluster = cluster(4).start().await.unwrap();
    let node = cluster.node(0);
    let max = small_limits().transaction_bytes;
    assert_eq!(node.max_transaction_bytes(), max);
    let large = || Bytes::from(vec![7; max + 1]);
    let refused = SubmitError::TooLarge { len: max + 1, max };
    assert_eq!(node.submit(large()).await.unwrap_err(), refused);
    assert_eq!(node.submit_wait(large()).await.unwrap_err(), refused);
    assert_eq!(node.submit_all([transaction(0), large()]).await.unwrap_err(), refused);
    assert_eq!(node.status().unordered, 0, "all or nothing");
    let receipt = node.submit(vec![7; max]).await.unwrap();
    let empty = node.submit(Bytes::new()).await.unwrap();
    let committed = async { (receipt.committed().await.unwrap(), empty.committed().await.unwrap()) };
    let (a, b) = tokio::time::timeout(PATIENCE, committed).await.expect("both are ordered");
    assert_ne!(a, b);
}

#[tokio::test]
async fn a_full_queue_is_busy_and_waiting_gets_through() {
    // With more than f nodes down nothing is ordered, so the queue stays full.
    let mut stuck = cluster(4).queue_bytes(100_000).start().await.unwrap();
    let node = stuck.node(0).clone();
    stuck.stop_node(1);
    stuck.stop_node(2);
    let chunk = Bytes::from(vec![1; 10_000]);
    let mut receipts = Vec::new();
    let busy = loop {
        match node.submit(chunk.clone()).await {
            Ok(receipt) => receipts.push(receipt),
            Err(error) => break error,
        }
    };
    assert_eq!(busy, SubmitError::Busy);
    assert_eq!(receipts.len(), 100_000 / 10_064);
    let waiting = tokio::time::timeout(Duration::from_millis(100), node.submit_wait(chunk.clone()));
    assert!(waiting.await.is_err(), "waits for room");
    let leftover = node.shutdown_within(Duration::from_millis(100)).await;
    assert_eq!(leftover.unordered, vec![chunk.clone(); receipts.len()]);
    assert_eq!(node.submit(chunk.clone()).await.unwrap_err(), SubmitError::Stopped);
    assert_eq!(node.submit_wait(chunk).await.unwrap_err(), SubmitError::Stopped);
    for receipt in receipts {
        assert_eq!(receipt.committed().await, Err(NotOrdered::Stopped));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn far_more_than_the_queue_holds_gets_through_in_bulk() {
    let run = async {
        let cluster = cluster(4).queue_bytes(70_000).batch_size(2_000).start().await.unwrap();
        let node = cluster.node(2).clone();
        let batches = tokio::spawn(collect(node.batches()));
        let others: Vec<_> = [0u16, 1, 3].map(|other| tokio::spawn(collect(cluster.node(other).batches()))).into();
        let receipts = node.submit_all((0..5_000).map(transaction)).await.unwrap();
        let positions = receipts.committed().await.unwrap();
        assert!(cluster.shutdown().await.is_empty());
        assert_eq!(check_complete(&batches.await.unwrap(), 5_000), positions);
        for other in others {
            assert_eq!(check_complete(&other.await.unwrap(), 5_000), positions);
        }
    };
    tokio::time::timeout(PATIENCE, run).await.expect("the cluster hangs");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_is_refused_in_one_line() {
    let one_line = |error: StartError| {
        let text = error.to_string();
        assert!(!text.contains('\n') && text.len() > 20, "{text}");
        text
    };
    assert!(one_line(cluster(0).start().await.unwrap_err()).contains("node"));
    let error = one_line(cluster(3).faulty(0, Misbehaviour::Silent).start().await.unwrap_err());
    assert!(error.contains("at most 0"), "{error}");
    let error = one_line(cluster(4).faulty(4, Misbehaviour::Silent).start().await.unwrap_err());
    assert!(error.contains("from 0 to 3"), "{error}");
    one_line(cluster(4).nudge(Duration::ZERO).start().await.unwrap_err());
    one_line(cluster(4).batch_size(0).start().await.unwrap_err());
}
