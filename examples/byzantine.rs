//! A node that tells different things to different peers is outvoted, and named.
//!
//! Node 3 runs twice under one identity, with different inputs, and shows each of its faces to one half of the others.
//! The others agree all the same, and whoever hears both faces keeps a record of the contradiction.
//!
//! ```sh
//! cargo run --release --example byzantine
//! ```
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error;

use bytes::Bytes;
use mellivora::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LIAR: NodeIndex = NodeIndex(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::in_process(4).faulty(LIAR, Misbehaviour::Equivocate).batch_size(40).start().await?;
    let nodes: Vec<Node> = cluster.nodes().cloned().collect();
    let ledgers: Vec<_> = nodes
        .iter()
        .map(|node| {
            let mut batches = node.batches();
            tokio::spawn(async move {
                let mut ledger = Vec::new();
                while let Some(batch) = batches.next().await {
                    ledger.push(batch);
                }
                ledger
            })
        })
        .collect();
    for (number, node) in nodes.iter().enumerate() {
        let say = |i| Bytes::from(format!("honest node {number}, transaction {i}"));
        node.submit_all((0..100).map(say)).await?;
    }
    cluster.shutdown().await;

    let mut histories = Vec::new();
    for (node, ledger) in nodes.iter().zip(ledgers) {
        let ledger = ledger.await?;
        let honest = ledger.iter().flat_map(Batch::iter).filter(|(_, tx)| tx.starts_with(b"honest")).count();
        println!("node {}: {} epochs, {honest} of 300 transactions", node.index(), ledger.len());
        if honest != 300 {
            return Err("a transaction was lost".into());
        }
        histories.push(ledger.iter().map(Batch::digest).collect::<Vec<_>>());
    }
    let shortest = histories.iter().map(Vec::len).min().unwrap_or(0);
    if histories.windows(2).any(|pair| pair[0][..shortest] != pair[1][..shortest]) {
        return Err("honest nodes disagree".into());
    }
    println!("all honest nodes have the same history\n");

    let mut named = 0;
    for node in &nodes {
        for (culprit, kind, count) in node.faults().counts() {
            println!("node {} saw node {culprit} do: {kind:?}, {count} times", node.index());
            if culprit != LIAR {
                return Err(format!("honest node {culprit} is blamed").into());
            }
            named += count;
        }
    }
    if named == 0 {
        return Err("nobody noticed the contradiction".into());
    }
    println!("\nnode {LIAR} is named, and nobody else");
    Ok(())
}
