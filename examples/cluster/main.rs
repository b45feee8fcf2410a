//! Real input through a cluster of nodes in one process, some of them faulty if you like.
//!
//! ```sh
//! cargo run --release --example cluster
//! cargo run --release --example cluster -- --nodes 7 --faulty 2:equivocate --input access.log --output ledgers
//! ```
#![allow(clippy::print_stderr, reason = "a program that talks to people")]

mod args;
mod ledger;
mod report;
mod source;

use std::fs;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use args::{Args, Exit};
use bytes::Bytes;
use futures::future::try_join_all;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ledger::{Ledger, Progress};
use mellivora::{Cluster, Limits, Misbehaviour, Node, NodeIndex, SubmitError};
use report::{NodeReport, Report};
use source::Source;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Transactions that are read, and dealt out to the honest nodes, at a time.
const CHUNK: usize = 4096;
/// Bytes of transactions that are read at a time, about.
const CHUNK_BYTES: usize = 4 << 20;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Args::read() {
        Ok(args) => run(args).await,
        Err(exit) => Err(exit),
    };
    match outcome {
        Ok(report) if report.good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(Exit::Help(help)) => {
            let _ = help.print();
            ExitCode::SUCCESS
        }
        Err(Exit::Usage(line)) => {
            eprintln!("cluster: {line}");
            ExitCode::from(2)
        }
    }
}

async fn run(args: Args) -> Result<Report, Exit> {
    let limits = Limits::default();
    let encrypts = args.encrypt != mellivora::EncryptionSchedule::Never;
    if encrypts && !args.suite.encrypts() {
        let line = format!("suite {} has no encryption that is safe here: add --encrypt never", args.suite);
        return Err(Exit::Usage(line));
    }
    let tag = args.seed.unwrap_or_else(rand::random);
    let (mut source, total, batch) = input(&args, tag, limits.transaction_bytes)?;
    if let Some(directory) = &args.output {
        let failed = |error| Exit::usage(format!("cannot make {}: {error}", directory.display()));
        fs::create_dir_all(directory).map_err(failed)?;
    }

    let mut builder = Cluster::in_process(args.nodes)
        .engine(args.protocol)
        .suite(args.suite)
        .certificates(args.certificates)
        .encryption(args.encrypt)
        .batch_size(batch)
        .limits(limits);
    if let Some(seed) = args.seed {
        builder = builder.seed(seed);
    }
    for &(node, kind) in &args.faulty {
        builder = builder.faulty(node, kind);
    }
    let cluster = builder.start().await.map_err(Exit::usage)?;

    let nodes: Vec<Node> = cluster.nodes().cloned().collect();
    let progress = Progress::new(nodes.len());
    let mut ledgers = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        let path = args.output.as_ref().map(|directory| directory.join(format!("node-{}.ledger", node.index())));
        let failed = |error| Exit::usage(format!("cannot write a ledger: {error}"));
        let ledger = Ledger::new(place, tag, progress.clone(), path.as_deref()).map_err(failed)?;
        ledgers.push(tokio::spawn(ledger.follow(node.batches())));
    }

    let started = Instant::now();
    let bar = tokio::spawn(show(progress.clone(), total));
    // Feeds the cluster and waits until everything is ordered, or until nothing moves any more.
    let work = async {
        source = feed(source, &nodes, &progress).await?;
        cluster.drained().await;
        Ok::<_, Exit>(source)
    };
    let finished = tokio::select! {
        source = work => Some(source?),
        () = stalled(&progress, Duration::from_secs(args.patience)) => None,
    };
    let seconds = started.elapsed().as_secs_f64();
    bar.abort();
    let faulty: Vec<_> = cluster.faulty().collect();
    if finished.is_none() {
        eprintln!("cluster: nothing was committed for {} s: giving up", args.patience);
    }
    // What could not be ordered is counted below, from the ledgers themselves.
    let _ = cluster.shutdown_within(Duration::ZERO).await;

    let mut done = Vec::new();
    for ledger in ledgers {
        let ledger = ledger.await.map_err(Exit::usage)?;
        done.push(ledger.map_err(|error| Exit::usage(format!("cannot write a ledger: {error}")))?);
    }
    let refused = finished.map(|source| source.refused).unwrap_or_default();
    for line in &refused {
        eprintln!("cluster: line {} refused: {}", line.line, line.reason);
    }
    let report = report(&args, &nodes, &faulty, &done, &progress, refused, seconds);
    report.print(args.json);
    Ok(report)
}

/// The source, how many transactions it holds if that is known, and the batch size.
fn input(args: &Args, tag: u64, max: usize) -> Result<(Source, Option<u64>, usize), Exit> {
    // Large batches are cheap per transaction, small ones soon done; a tenth of the input is a fair choice.
    let tenth = |count: u64| (count / 10).clamp(1_000, 100_000) as usize;
    match &args.input {
        Some(path) => {
            let lines = if path.as_os_str() == "-" { 100_000 } else { source::count_lines(path, 1_000_000) };
            let source = Source::lines(path, tag, max).map_err(Exit::Usage)?;
            Ok((source, None, args.batch.unwrap_or_else(|| tenth(lines as u64))))
        }
        None => {
            let count = match (args.txs, args.epochs) {
                (Some(txs), _) => txs,
                (None, Some(epochs)) => epochs.saturating_mul(args.batch.unwrap_or(1_000) as u64),
                (None, None) => 10_000,
            };
            let batch = args.batch.unwrap_or_else(|| if args.epochs.is_some() { 1_000 } else { tenth(count) });
            let source = Source::generated(count, args.tx_size, tag, tag, max).map_err(Exit::Usage)?;
            Ok((source, Some(count), batch))
        }
    }
}

/// Hands everything to the cluster, spread over its honest nodes, as fast as it takes it.
async fn feed(mut source: Source, nodes: &[Node], progress: &Progress) -> Result<Source, Exit> {
    loop {
        // Reading may block, so it happens on a thread for that.
        let read = tokio::task::spawn_blocking(move || {
            let chunk = source.chunk(CHUNK, CHUNK_BYTES);
            (source, chunk)
        });
        let (returned, chunk) = read.await.map_err(Exit::usage)?;
        source = returned;
        let Some(chunk) = chunk.map_err(|error| Exit::usage(format!("cannot read the input: {error}")))? else {
            return Ok(source);
        };
        progress.submitted.fetch_add(chunk.len() as u64, Ordering::AcqRel);
        let share = |place: usize| chunk.iter().skip(place).step_by(nodes.len()).cloned().collect::<Vec<Bytes>>();
        let submissions = nodes.iter().enumerate().map(|(place, node)| node.submit_all(share(place)));
        try_join_all(submissions).await.map_err(|error| match error {
            SubmitError::Stopped => Exit::usage("a node stopped while it was being fed"),
            other => Exit::usage(other),
        })?;
    }
}

/// Returns when something is outstanding and nothing has been committed for `patience`.
async fn stalled(progress: &Progress, patience: Duration) {
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        ticks.tick().await;
        let now = progress.anywhere();
        let outstanding = progress.submitted.load(Ordering::Acquire) > progress.everywhere();
        if now != last || !outstanding {
            (last, moved) = (now, Instant::now());
        } else if moved.elapsed() > patience {
            return;
        }
    }
}

/// A progress bar, on a terminal.
async fn show(progress: Arc<Progress>, total: Option<u64>) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let template = match total {
        Some(_) => "{bar:40} {pos}/{len} committed everywhere, {per_sec}, {eta} left",
        None => "{spinner} {pos} committed everywhere, {per_sec}",
    };
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    // Dropped with this task, which takes the bar off the terminal.
    struct Clear(ProgressBar);
    impl Drop for Clear {
        fn drop(&mut self) {
            self.0.finish_and_clear();
        }
    }
    let bar = Clear(bar);
    loop {
        ticks.tick().await;
        bar.0.set_position(progress.everywhere());
        bar.0.tick();
    }
}

fn report(
    args: &Args,
    nodes: &[Node],
    faulty: &[(NodeIndex, Misbehaviour)],
    ledgers: &[Ledger],
    progress: &Progress,
    refused: Vec<source::Refused>,
    seconds: f64,
) -> Report {
    let honest = nodes.iter().zip(ledgers).map(|(node, ledger)| {
        let faults = node.faults();
        let mut blamed: Vec<u16> = faults.counts().map(|(node, _, _)| node.0).collect();
        blamed.dedup();
        NodeReport {
            index: node.index().0,
            kind: "honest".to_owned(),
            epochs: Some(ledger.epochs),
            committed: Some(ledger.committed),
            digest: Some(ledger.digest().to_hex()),
            faults_seen: Some(faults.counts().map(|(_, _, count)| count).sum()),
            blamed,
        }
    });
    let faulty = faulty.iter().map(|(node, kind)| NodeReport {
        index: node.0,
        kind: kind.to_string(),
        epochs: None,
        committed: None,
        digest: None,
        faults_seen: None,
        blamed: Vec::new(),
    });
    let mut nodes: Vec<_> = honest.chain(faulty).collect();
    nodes.sort_by_key(|node| node.index);
    let submitted = progress.submitted.load(Ordering::Acquire);
    let committed = ledgers.iter().map(|ledger| ledger.committed).min().unwrap_or(0);
    let digests: Vec<_> = ledgers.iter().map(Ledger::digest).collect();
    Report {
        protocol: args.protocol.to_string(),
        suite: args.suite.to_string(),
        certificates: args.certificates.to_string(),
        encrypt: args.encrypt.to_string(),
        nodes,
        submitted,
        committed,
        lost: submitted - committed.min(submitted),
        repeated: ledgers.iter().map(|ledger| ledger.repeated).max().unwrap_or(0),
        refused,
        equal: digests.windows(2).all(|pair| pair[0] == pair[1]),
        seconds,
    }
}
