//! Bounded queues lose nothing: a slow subscriber holds its own node up, a full link makes its sender repeat itself.

mod support;

use std::time::Duration;

use mellivora_node::Limits;
use support::{PATIENCE, check_agreement, check_complete, cluster, collect, order, subscribe, transaction};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_does_not_read_holds_up_its_own_node_only_and_misses_nothing() {
    let run = async {
        let cluster = cluster(4).batches_ahead(1).batch_size(8).start().await.unwrap();
        let mut slow = cluster.node(3).batches();
        let watch = cluster.node(3).clone();
        let quick = tokio::spawn(collect(cluster.node(0).batches()));
        let node = cluster.node(0).clone();
        let receipts = node.submit_all((0..100).map(transaction)).await.unwrap();
        receipts.committed().await.expect("three of four are enough");
        watch.watch().wait_for(|status| status.waiting_for_subscriber).await.unwrap();
        let mut all = Vec::new();
        let reader = async {
            while let Some(batch) = slow.next().await {
                all.push(batch);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let (leftover, ()) = tokio::join!(cluster.shutdown(), reader);
        assert!(leftover.is_empty());
        check_complete(&all, 100);
        let quick = quick.await.unwrap();
        check_complete(&quick, 100);
        check_agreement(&[(0.into(), quick), (3.into(), all)].into());
    };
    tokio::time::timeout(PATIENCE, run).await.expect("the cluster hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_goes_away_lets_its_node_go_on() {
    let run = async {
        let cluster = cluster(4).batches_ahead(1).batch_size(8).start().await.unwrap();
        let abandoned = cluster.node(3).batches();
        let node = cluster.node(3).clone();
        let receipts = node.submit_all((0..100).map(transaction)).await.unwrap();
        node.watch().wait_for(|status| status.waiting_for_subscriber).await.unwrap();
        drop(abandoned);
        receipts.committed().await.unwrap();
        assert!(cluster.shutdown().await.is_empty());
    };
    tokio::time::timeout(PATIENCE, run).await.expect("the cluster hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_overflow_all_the_time_lose_nothing() {
    let limits = Limits { payload_bytes: 40_000, transaction_bytes: 1_000, ..Limits::default() };
    // The smallest links that there are: about one largest frame.
    order(cluster(4).limits(limits).link_bytes(0).batch_size(200), 1_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_subscriber_of_a_node_gets_every_batch() {
    let run = async {
        let cluster = cluster(4).start().await.unwrap();
        let node = cluster.node(1).clone();
        let several: Vec<_> = (0..3).map(|_| tokio::spawn(collect(node.batches()))).collect();
        let all = subscribe(&cluster);
        node.submit_all((0..50).map(transaction)).await.unwrap();
        assert!(cluster.shutdown().await.is_empty());
        drop(all);
        for one in several {
            check_complete(&one.await.unwrap(), 50);
        }
    };
    tokio::time::timeout(PATIENCE, run).await.expect("the cluster hangs");
}
