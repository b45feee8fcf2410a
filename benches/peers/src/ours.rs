//! mellivora: nodes in one process, real wire encoding, checkpoints and certificates included.

use std::time::Duration;

use futures::future::try_join_all;
use mellivora::prelude::*;
use mellivora::{EncryptionSchedule, Engine};

use crate::workload::Workload;
use crate::{Task, process_cpu};

/// CPU time of the measured epochs.
pub fn measure(task: Task, engine: Engine, encrypted: bool) -> Result<Duration, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(run(task, engine, encrypted))
}

async fn run(task: Task, engine: Engine, encrypted: bool) -> Result<Duration, String> {
    let schedule = if encrypted { EncryptionSchedule::Always } else { EncryptionSchedule::Never };
    let cluster = Cluster::in_process(task.nodes)
        .engine(engine)
        .batch_size(task.batch.max(task.nodes))
        .encryption(schedule)
        .start()
        .await
        .map_err(|error| error.to_string())?;
    let nodes: Vec<&Node> = cluster.nodes().collect();
    let mut streams: Vec<_> = nodes.iter().map(|node| node.batches()).collect();
    let mut workload = Workload::new(task);
    let mut total = Duration::ZERO;
    for round in 0..=task.epochs {
        let transactions = workload.epoch();
        let begin = process_cpu();
        let submit =
            nodes.iter().zip(transactions).map(|(node, part)| node.submit_all(part.into_iter().map(Into::into)));
        let receipts = try_join_all(submit).await.map_err(|error| error.to_string())?;
        let collect = streams.iter_mut().map(|stream| async {
            let (mut left, mut digests) = (task.batch, Vec::new());
            while left > 0 {
                let batch = stream.next().await.ok_or("a node stopped")?;
                left = left.saturating_sub(batch.len());
                digests.push((batch.epoch(), batch.digest()));
            }
            Ok::<_, &str>(digests)
        });
        let ledgers = try_join_all(collect).await?;
        try_join_all(receipts.into_iter().map(|all| all.committed())).await.map_err(|error| error.to_string())?;
        for node in &nodes {
            let closed = node.watch().wait_for(|status| status.idle && status.jobs == 0).await.map(|_| ());
            closed.map_err(|error| error.to_string())?;
        }
        if ledgers.iter().any(|ledger| *ledger != ledgers[0]) {
            return Err("the nodes differ".into());
        }
        if round > 0 {
            total += process_cpu() - begin;
        }
    }
    Ok(total)
}
