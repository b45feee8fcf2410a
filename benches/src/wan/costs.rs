//! What computing takes: a table, measured on one machine and kept, so that a simulation is the same everywhere.
//!
//! `cargo run --release --bin wan -- --measure` measures the machine at hand and prints such a table. The one that is used
//! if no other is named stands in `costs.toml`, next to this file.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use mellivora::EncryptionSchedule;
use mellivora::atomic::{Input, Submission, Ticket};
use mellivora::coding::Encoded;
use mellivora::core::domain::Purpose;
use mellivora::core::{Digest, Domain, Era, NodeIndex, Round, hash::HashKey};
use mellivora::crypto::{Claim, NodeKeys, Seed, Statement, Suite};
use serde::{Deserialize, Serialize};

use crate::clock::thread_cpu;
use crate::drive::{Cluster, Travel};
use crate::setup;
use crate::workload::Workload;

/// Nanoseconds of one core for each operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Of what machine, and when.
    pub machine: String,
    /// A frame on a socket, at either end, whatever its length.
    pub frame_ns: f64,
    /// A byte on a socket, at either end: copies and the AEAD of the link.
    pub link_ns_per_byte: f64,
    /// A small message: decoding, all protocol layers, and its part of what is sent in answer.
    pub message_ns: f64,
    /// A transaction: taking it in, framing, parsing, fingerprint and dedup table. Once at each node.
    pub transaction_ns: f64,
    /// Handing a job to another thread and its result back.
    pub job_ns: f64,
    /// Hashing a byte.
    pub hash_ns_per_byte: f64,
    /// Sealing or opening a byte.
    pub aead_ns_per_byte: f64,
    /// Making a signature.
    pub sign_ns: f64,
    /// Verifying one signature alone.
    pub verify_one_ns: f64,
    /// Verifying a batch of signatures: for the batch, and for each of them.
    pub verify_batch_ns: f64,
    /// See `verify_batch_ns`.
    pub verify_each_ns: f64,
    /// Making a share of a coin, with its proof.
    pub coin_share_ns: f64,
    /// Combining shares of a coin, which verifies them: at all, and for each of f + 1.
    pub coin_combine_ns: f64,
    /// See `coin_combine_ns`.
    pub coin_combine_each_ns: f64,
    /// Making the header of a ciphertext.
    pub seal_ns: f64,
    /// Checking the header of a ciphertext.
    pub check_ns: f64,
    /// Making a decryption share.
    pub decryption_share_ns: f64,
    /// Combining decryption shares and checking the outcome: at all, and for each of f + 1.
    pub decryption_combine_ns: f64,
    /// See `decryption_combine_ns`.
    pub decryption_combine_each_ns: f64,
    /// A byte of *payload* through the erasure code, at whoever decodes it: copy, code, hash of all shards. By the number
    /// of nodes, ascending; linear in between.
    pub code_ns_per_byte: Vec<(usize, f64)>,
}

impl Costs {
    /// The table of this repository.
    ///
    /// # Panics
    ///
    /// If it is no table, which the tests exclude.
    pub fn recorded() -> Self {
        toml::from_str(include_str!("costs.toml")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Verifying so many signatures in one batch.
    pub fn verify(&self, signatures: usize) -> f64 {
        match signatures {
            0 => 0.0,
            1 => self.verify_one_ns,
            many => self.verify_batch_ns + self.verify_each_ns * many as f64,
        }
    }

    /// Combining so many shares of a coin.
    pub fn coin_combine(&self, shares: usize) -> f64 {
        self.coin_combine_ns + self.coin_combine_each_ns * shares as f64
    }

    /// Combining so many decryption shares.
    pub fn decryption_combine(&self, shares: usize) -> f64 {
        self.decryption_combine_ns + self.decryption_combine_each_ns * shares as f64
    }

    /// A byte of payload through the erasure code of `n` nodes.
    pub fn code(&self, n: usize) -> f64 {
        let table = &self.code_ns_per_byte;
        let above = table.iter().position(|(nodes, _)| *nodes >= n).unwrap_or(table.len());
        match (above.checked_sub(1).and_then(|i| table.get(i)), table.get(above)) {
            (Some((a, low)), Some((b, high))) => low + (high - low) * (n - a) as f64 / (b - a) as f64,
            // Outside of what was measured the nearest figure has to do.
            (Some((_, ns)), None) | (None, Some((_, ns))) => *ns,
            (None, None) => 0.0,
        }
    }

    /// Measures this machine, in about half a minute.
    ///
    /// # Errors
    ///
    /// When there is no socket to be had.
    pub fn measure(machine: String) -> std::io::Result<Self> {
        let (small, large) = (4, 100);
        let statement = Statement {
            domain: Domain::new(Digest([1; 32]), Era(0)).statement(Purpose::Checkpoint, Round(0)),
            digest: Digest([2; 32]),
        };
        let [few, many] = [small, large].map(|n| setup::keys(Suite::default(), setup::committee(n)));
        let [verify_one, batch, larger] = [1, 32, 128].map(|count| verification(&many, &statement, count));
        let each = (larger - batch) / 96.0;
        let [coin_few, coin_many] = [&few, &many].map(|keys| coin(keys));
        let [open_few, open_many] = [&few, &many].map(|keys| opening(keys));
        let shares = |n: usize| setup::committee(n).one_honest() as f64;
        let more = shares(large) - shares(small);
        let coin_each = (coin_many - coin_few) / more;
        let open_each = (open_many.combine - open_few.combine) / more;
        let payload = setup::payload(1 << 20);
        const HASH: HashKey = HashKey::new("mellivora/wan measurement");
        let hash = time(|| HASH.digest(black_box(&payload))) / payload.len() as f64;
        let aead = open_few.unseal / open_few.bytes;
        let [short, long] = [256, 64 << 10].map(socket);
        let (short, long) = (short?, long?);
        let per_byte = (long - short) / f64::from((64 << 10) - 256);
        Ok(Costs {
            machine,
            frame_ns: round(short / 2.0),
            link_ns_per_byte: round(per_byte / 2.0 + aead),
            message_ns: round(message()),
            transaction_ns: round(transaction()),
            job_ns: round(hand_over()),
            hash_ns_per_byte: round(hash),
            aead_ns_per_byte: round(aead),
            sign_ns: round(time(|| few[0].certificates().endorse(black_box(&statement)))),
            verify_one_ns: round(verify_one),
            verify_batch_ns: round((batch - 32.0 * each).max(0.0)),
            verify_each_ns: round(each),
            coin_share_ns: round(time(|| few[0].coin().share(black_box(&Digest([7; 32]))))),
            coin_combine_ns: round((coin_few - coin_each * shares(small)).max(0.0)),
            coin_combine_each_ns: round(coin_each),
            seal_ns: round(open_few.seal),
            check_ns: round(open_few.check),
            decryption_share_ns: round(open_few.share),
            decryption_combine_ns: round((open_few.combine - open_each * shares(small)).max(0.0)),
            decryption_combine_each_ns: round(open_each),
            code_ns_per_byte: [4, 10, 16, 31, 64, 100, 128].map(|n| (n, round(code(n)))).to_vec(),
        })
    }
}

/// Three digits that matter.
fn round(ns: f64) -> f64 {
    if ns <= 0.0 {
        return 0.0;
    }
    let unit = 10f64.powf(2.0 - ns.log10().floor());
    (ns * unit).round() / unit
}

/// CPU time of one call in ns: the least of several series, since nothing makes a call faster than it is.
fn time<T>(mut call: impl FnMut() -> T) -> f64 {
    const SERIES: Duration = Duration::from_millis(40);
    let mut least = f64::INFINITY;
    for _ in 0..5 {
        let (start, mut calls) = (thread_cpu(), 0u32);
        let spent = loop {
            black_box(call());
            calls += 1;
            let spent = thread_cpu().saturating_sub(start);
            if spent >= SERIES {
                break spent;
            }
        };
        least = least.min(spent.as_nanos() as f64 / f64::from(calls));
    }
    least
}

/// Verifying signatures on one statement, from the first node on, and again from the first where that is not enough.
fn verification(keys: &[NodeKeys], statement: &Statement, count: usize) -> f64 {
    let claims: Vec<Claim> = (0..count)
        .map(|i| {
            let mut statement = *statement;
            statement.digest.0[..8].copy_from_slice(&i.to_be_bytes());
            let keys = &keys[i % keys.len()];
            Claim::one(statement, keys.index(), keys.certificates().endorse(&statement))
        })
        .collect();
    let scheme = keys[0].certificates();
    time(|| assert!(scheme.verify(black_box(&claims))))
}

fn coin(keys: &[NodeKeys]) -> f64 {
    let (name, needed) = (Digest([9; 32]), keys[0].committee().one_honest());
    let shares: Vec<_> = keys.iter().take(needed).map(|keys| (keys.index(), keys.coin().share(&name))).collect();
    time(|| assert!(keys[0].coin().combine(&name, black_box(&shares)).value.is_some()))
}

struct Opening {
    seal: f64,
    check: f64,
    share: f64,
    combine: f64,
    unseal: f64,
    /// Bytes that `unseal` opened.
    bytes: f64,
}

fn opening(keys: &[NodeKeys]) -> Opening {
    let schemes: Vec<_> = keys.iter().filter_map(NodeKeys::encryption).collect();
    let (label, seed) = (Digest([4; 32]), Seed([5; 32]));
    let mut payload = setup::payload(256 << 10).to_vec();
    let header = schemes[0].seal(&label, &seed, &mut payload);
    let digest = mellivora::crypto::sealed_digest([&payload[..]]);
    let needed = keys[0].committee().one_honest();
    let share = |(keys, scheme): (&NodeKeys, &&std::sync::Arc<dyn mellivora::crypto::EncryptionScheme>)| {
        scheme.share(&header).map(|share| (keys.index(), share))
    };
    let shares: Vec<(NodeIndex, _)> = keys.iter().zip(&schemes).filter_map(share).take(needed).collect();
    Opening {
        seal: time(|| schemes[0].seal(&label, black_box(&seed), &mut Vec::with_capacity(64))),
        check: time(|| assert!(schemes[0].check(&label, black_box(&header), &digest))),
        share: time(|| schemes[0].share(black_box(&header))),
        combine: time(|| assert!(schemes[0].combine(&label, &header, black_box(&shares)).is_some())),
        unseal: time(|| schemes[0].unseal(&label, &header, &seed, black_box(&payload).clone())),
        bytes: payload.len() as f64,
    }
}

/// A byte of payload at a node that decodes it: k shards are copied, all are computed and hashed.
fn code(n: usize) -> f64 {
    let codec = setup::codec(setup::committee(n));
    let payload = setup::payload(1 << 20);
    let Ok(Encoded { commitment, shards, .. }) = codec.encode(payload.clone()) else { return 0.0 };
    let k = codec.committee().data_shards();
    let first: Vec<_> = (0u16..).zip(&shards).take(k).map(|(i, shard)| (NodeIndex(i), shard, None)).collect();
    time(|| codec.decode(&commitment, black_box(&first))) / payload.len() as f64
}

/// A message of this length through a socket, written and read.
fn socket(bytes: usize) -> std::io::Result<f64> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    sender.set_nodelay(true)?;
    let (out, mut back) = (vec![7; bytes], vec![0; bytes]);
    let mut outcome = Ok(());
    let spent = time(|| {
        // Both ends are this thread: what is written fits into the buffers of the socket.
        if outcome.is_ok() {
            outcome = sender.write_all(&out).and_then(|()| receiver.read_exact(&mut back));
        }
    });
    outcome.map(|()| spent)
}

/// A small message at its receiver, what it has to do with sending it included: an epoch of one transaction, n = 31, all
/// nodes, jobs left out.
fn message() -> f64 {
    let committee = setup::committee(31);
    let keys = setup::keys(Suite::default(), committee);
    let config =
        setup::config(committee, 31, 1, 250, EncryptionSchedule::Never).unwrap_or_else(|error| panic!("{error}"));
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        let nodes = setup::honey_badgers(&config, &keys);
        // Frame by frame, as at a node that is not busy.
        let mut cluster = Cluster::new(committee, Travel::Encoded, nodes).parcels_per_turn(1);
        let before = thread_cpu();
        let transaction = Bytes::from_static(b"to order");
        cluster.input(NodeIndex(0), Input::Submit(vec![Submission { ticket: Ticket(0), transaction }]));
        cluster.run();
        let jobs: Duration = cluster.nodes().iter().map(|node| node.job_time()).sum();
        let spent = thread_cpu().saturating_sub(before + jobs);
        least = least.min(spent.as_nanos() as f64 / cluster.delivered() as f64);
    }
    least
}

/// A transaction at one node, from its submission at one of them to its place in a batch of each, less what its bytes cost
/// in the code, which is charged by bytes.
fn transaction() -> f64 {
    let committee = setup::committee(4);
    let keys = setup::keys(Suite::default(), committee);
    let of = |count: usize| {
        let config = setup::config(committee, 4, count, 250, EncryptionSchedule::Never)
            .unwrap_or_else(|error| panic!("{error}"));
        let least = (0..5).map(|_| {
            let nodes = setup::honey_badgers(&config, &keys);
            let mut cluster = Cluster::new(committee, Travel::Values, nodes);
            let transactions = Workload::new(250, 1).split(count, 4);
            let before = thread_cpu();
            for (node, transactions) in committee.nodes().zip(transactions) {
                let submission = |(ticket, transaction)| Submission { ticket: Ticket(ticket), transaction };
                cluster.input(node, Input::Submit((0..).zip(transactions).map(submission).collect()));
            }
            cluster.run();
            thread_cpu().saturating_sub(before)
        });
        least.min().unwrap_or_default().as_nanos() as f64
    };
    let (few, many) = (of(1_000), of(41_000));
    ((many - few) / 40_000.0 / 4.0 - 250.0 * code(4)).max(0.0)
}

/// A job to another thread and back, CPU time of both.
fn hand_over() -> f64 {
    const COUNT: u32 = 20_000;
    let (to, jobs) = std::sync::mpsc::channel::<u32>();
    let (back, results) = std::sync::mpsc::channel::<u32>();
    let before = crate::clock::process_cpu();
    let worker = std::thread::spawn(move || jobs.iter().all(|job| back.send(job).is_ok()));
    for i in 0..COUNT {
        if to.send(i).is_err() || results.recv().is_err() {
            break;
        }
    }
    drop(to);
    // It ends with the channel; what it returns is of no interest.
    let _ = worker.join();
    crate::clock::process_cpu().saturating_sub(before).as_nanos() as f64 / f64::from(COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_larger_things_cost_more() {
        let costs = Costs::recorded();
        assert!(costs.verify(1) < costs.verify(2) + costs.verify_one_ns && costs.verify(67) > costs.verify(34));
        assert_eq!(costs.verify(0), 0.0);
        assert!(costs.code(4) < costs.code(16) && costs.code(16) < costs.code(100));
        assert_eq!(costs.code(1), costs.code(4));
        assert_eq!(costs.code(1_000), costs.code_ns_per_byte.last().unwrap().1);
        let (low, high) = (costs.code(16), costs.code(31));
        assert!(low < costs.code(20) && costs.code(20) < high);
        assert_eq!([0.0, 0.123456, 12_345.0].map(round), [0.0, 0.123, 12_300.0]);
    }
}
