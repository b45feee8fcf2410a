//! Whatever f nodes do, every acknowledged transaction is committed once, in the same place, at every honest node.

mod support;

use mellivora_node::{Certificates, EncryptionSchedule, Engine, Misbehaviour, Suite};
use support::{cluster, order};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_alone() {
    let ledgers = order(cluster(1), 300).await;
    assert!(ledgers.values().all(|batches| batches.iter().all(|batch| batch.proposers().count() == 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes() {
    order(cluster(4), 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_nodes_of_which_one_may_fail() {
    order(cluster(5), 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seven_nodes_without_encryption() {
    order(cluster(7).encryption(EncryptionSchedule::Never), 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nodes_with_encryption_now_and_then() {
    order(cluster(10).encryption(EncryptionSchedule::Every(2)), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_with_pairings() {
    order(cluster(4).suite(Suite::Bls12381), 60).await;
}

/// One after the other: they share two processors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_with_aggregated_certificates() {
    for engine in [Engine::SDumbo, Engine::DumboNg] {
        for certificates in [Certificates::Ed25519, Certificates::Bls12381] {
            order(cluster(4).engine(engine).certificates(certificates), 60).await;
        }
        let faulty = cluster(4).faulty(3, Misbehaviour::Garbage);
        order(faulty.engine(engine).certificates(Certificates::Bls12381), 60).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_silent_node() {
    order(cluster(4).faulty(2, Misbehaviour::Silent), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_crashes_in_the_first_epoch() {
    order(cluster(4).faulty(0, Misbehaviour::Crash), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_equivocates() {
    order(cluster(4).faulty(3, Misbehaviour::Equivocate), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_sends_garbage() {
    order(cluster(4).faulty(1, Misbehaviour::Garbage), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_floods() {
    order(cluster(4).faulty(1, Misbehaviour::Flood), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_withholds() {
    order(cluster(4).faulty(3, Misbehaviour::Withhold), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_seven_that_fail_differently() {
    let faulty = cluster(7).faulty(0, Misbehaviour::Equivocate).faulty(6, Misbehaviour::Silent);
    order(faulty.encryption(EncryptionSchedule::Never), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_of_ten_that_fail_differently() {
    let faulty = cluster(10).faulty(1, Misbehaviour::Garbage).faulty(4, Misbehaviour::Withhold);
    order(faulty.faulty(9, Misbehaviour::Crash), 100).await;
}

#[tokio::test(flavor = "current_thread")]
async fn four_nodes_on_one_thread() {
    order(cluster(4), 100).await;
}
