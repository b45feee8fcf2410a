//! Leaving in good order loses nothing that was acknowledged, and strands nobody.

mod support;

use std::time::Duration;

use mellivora_node::{NotOrdered, Phase, SubmitError};
use support::{PATIENCE, check_agreement, check_complete, cluster, collect, patiently, subscribe, transaction};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_shuts_down_under_load_orders_everything_it_acknowledged() {
    let cluster = cluster(4).start().await.unwrap();
    let nodes: Vec<_> = cluster.nodes().cloned().collect();
    let run = async {
        let streams = subscribe(&cluster);
        let submitters: Vec<_> = cluster
            .nodes()
            .cloned()
            .enumerate()
            .map(|(lane, node)| {
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for number in (lane..).step_by(4) {
                        match node.submit_wait(transaction(number)).await {
                            Ok(receipt) => acknowledged.push((number, receipt)),
                            Err(error) => {
                                assert_eq!(error, SubmitError::Stopped);
                                break;
                            }
                        }
                        tokio::task::yield_now().await;
                    }
                    acknowledged
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(cluster.shutdown().await.is_empty());
        let mut acknowledged = Vec::new();
        for submitter in submitters {
            acknowledged.extend(submitter.await.unwrap());
        }
        assert!(acknowledged.len() > 4, "there was a load");
        let mut ledgers = std::collections::HashMap::new();
        for (node, stream) in streams {
            ledgers.insert(node, stream.await.unwrap());
        }
        check_agreement(&ledgers);
        for (number, receipt) in acknowledged {
            let position = receipt.committed().await.expect("acknowledged, so ordered");
            for (node, batches) in &ledgers {
                let batch = &batches[position.epoch.0 as usize];
                let (found, bytes) = batch.iter().nth(position.index as usize).unwrap();
                assert_eq!((found, bytes), (position, &transaction(number)[..]), "{node:?}");
            }
        }
    };
    patiently(&nodes, run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_leaves_and_the_others_go_on() {
    let run = async {
        let cluster = cluster(4).start().await.unwrap();
        let leaver = cluster.node(1).clone();
        let stayer = cluster.node(2).clone();
        let batches = tokio::spawn(collect(stayer.batches()));
        let receipts = leaver.submit_all((0..100).map(transaction)).await.unwrap();
        assert!(leaver.shutdown().await.unordered.is_empty());
        assert_eq!(receipts.committed().await.unwrap().len(), 100);
        assert_eq!(leaver.status().phase, Phase::Stopped);
        let receipts = stayer.submit_all((100..200).map(transaction)).await.unwrap();
        receipts.committed().await.unwrap();
        assert!(cluster.shutdown().await.is_empty());
        check_complete(&batches.await.unwrap(), 200);
    };
    tokio::time::timeout(PATIENCE, run).await.expect("the cluster hangs");
}

#[tokio::test]
async fn an_idle_cluster_stops_at_once_with_empty_ledgers() {
    let cluster = cluster(7).start().await.unwrap();
    let streams = subscribe(&cluster);
    let stopped = tokio::time::timeout(Duration::from_secs(5), cluster.shutdown()).await;
    assert!(stopped.expect("nothing to wait for").is_empty());
    for (_, stream) in streams {
        assert!(stream.await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn dropping_a_cluster_stops_its_nodes_and_tells_those_who_wait() {
    let mut cluster = cluster(4).start().await.unwrap();
    cluster.stop_node(2);
    cluster.stop_node(3);
    let node = cluster.node(0);
    let receipt = node.submit(transaction(0)).await.unwrap();
    let mut batches = node.batches();
    drop(cluster);
    assert_eq!(receipt.committed().await, Err(NotOrdered::Stopped));
    assert!(batches.next().await.is_none());
}
