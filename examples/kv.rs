//! A replicated key-value store: each replica applies the same batches in the same order, so all hold the same data.
//!
//! ```sh
//! cargo run --release --example kv
//! ```
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::collections::BTreeMap;
use std::error::Error;

use bytes::Bytes;
use mellivora::core::hash::HashKey;
use mellivora::prelude::*;
use tokio::task::JoinHandle;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STATE: HashKey = HashKey::new("mellivora/v1 example store");

/// A request, as text: `client number verb key [value]`. Client and number make equal requests distinct.
enum Request {
    Put(String, String),
    /// Sets a key to a value only if it holds the expected one: here the order matters.
    Swap(String, String, String),
    Delete(String),
}

impl Request {
    /// `None` for bytes that are no request: every replica skips them alike.
    fn parse(transaction: &[u8]) -> Option<Request> {
        let text = std::str::from_utf8(transaction).ok()?;
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            [_, _, "put", key, value] => Some(Request::Put((*key).into(), (*value).into())),
            [_, _, "swap", key, old, new] => Some(Request::Swap((*key).into(), (*old).into(), (*new).into())),
            [_, _, "delete", key] => Some(Request::Delete((*key).into())),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Store {
    data: BTreeMap<String, String>,
    applied: u64,
    swapped: u64,
}

impl Store {
    fn apply(&mut self, transaction: &[u8]) {
        let Some(request) = Request::parse(transaction) else { return };
        self.applied += 1;
        match request {
            Request::Put(key, value) => {
                self.data.insert(key, value);
            }
            Request::Swap(key, old, new) => {
                if let Some(value) = self.data.get_mut(&key).filter(|value| **value == old) {
                    *value = new;
                    self.swapped += 1;
                }
            }
            Request::Delete(key) => {
                self.data.remove(&key);
            }
        }
    }

    fn digest(&self) -> String {
        let parts: Vec<&[u8]> = self.data.iter().flat_map(|(k, v)| [k.as_bytes(), v.as_bytes()]).collect();
        STATE.digest_parts(&parts).to_hex()
    }
}

/// A replica is a store that follows its node's batches.
fn replica(node: &Node) -> JoinHandle<Store> {
    let mut batches = node.batches();
    tokio::spawn(async move {
        let mut store = Store::default();
        while let Some(batch) = batches.next().await {
            batch.iter().for_each(|(_, transaction)| store.apply(transaction));
        }
        store
    })
}

/// A client of one node: it writes its own keys, and fights with the others over a shared one.
async fn client(name: usize, node: Node) -> Result<(), SubmitError> {
    let mut sent = 0;
    let mut say = |request: String| {
        sent += 1;
        Bytes::from(format!("client-{name} {sent} {request}"))
    };
    let mut requests = Vec::new();
    for i in 0..200 {
        requests.push(say(format!("put key-{name}-{} value-{i}", i % 50)));
        if i % 10 == 0 {
            requests.push(say(format!("put shared free-{i}")));
            requests.push(say(format!("swap shared free-{i} taken-by-{name}")));
        }
        if i % 25 == 0 {
            requests.push(say(format!("delete key-{name}-{}", i % 7)));
        }
    }
    // The receipts are dropped: nobody waits, and the cluster's shutdown orders everything anyway.
    node.submit_all(requests).await.map(drop)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::in_process(4).batch_size(200).start().await?;
    let replicas: Vec<_> = cluster.nodes().map(replica).collect();
    let clients: Vec<_> =
        cluster.nodes().cloned().enumerate().map(|(name, node)| tokio::spawn(client(name, node))).collect();
    for client in clients {
        client.await??;
    }
    let leftover = cluster.shutdown().await;
    if !leftover.is_empty() {
        return Err(format!("not ordered: {leftover:?}").into());
    }
    let mut digests = Vec::new();
    for (index, replica) in replicas.into_iter().enumerate() {
        let store = replica.await?;
        println!(
            "replica {index}: {} requests applied, {} swaps won, {} keys, shared = {:?}, state {}",
            store.applied,
            store.swapped,
            store.data.len(),
            store.data.get("shared").map(String::as_str).unwrap_or_default(),
            &store.digest()[..16],
        );
        digests.push(store.digest());
    }
    if digests.iter().any(|digest| Some(digest) != digests.first()) {
        return Err("the replicas differ".into());
    }
    println!("all replicas agree");
    Ok(())
}
