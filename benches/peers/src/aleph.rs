//! aleph-bft: whole sessions with its own mocks of hashes and signatures, which cost next to nothing, over channels.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aleph_bft::{
    Config, DelayConfig, LocalIO, NetworkData, NodeCount, NodeIndex, Recipient, Terminator, create_config,
    default_delay_config, run_session,
};
use aleph_bft_mock::{Hasher64, Keychain, Loader, PartialMultisignature, Saver, Signature, Spawner};
use codec::{Decode, Encode};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::channel::oneshot;
use futures::{StreamExt, future::join_all};

use crate::workload::Workload;
use crate::{Task, process_cpu};

/// Transactions in a unit: as many as let it be fastest, by trial.
const PER_UNIT: usize = 1_000;

/// What a unit carries: transactions in one piece, shared by all who hold it, which is the fastest form by trial.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Encode, Decode)]
struct Payload(Arc<Vec<u8>>);

type Said = NetworkData<Hasher64, Payload, Signature, PartialMultisignature>;

struct Links {
    peers: Vec<UnboundedSender<Said>>,
    me: usize,
    incoming: UnboundedReceiver<Said>,
}

#[async_trait::async_trait]
impl aleph_bft::Network<Said> for Links {
    fn send(&self, data: Said, recipient: Recipient) {
        let send = |to: usize, data: Said| {
            // A node that is done has dropped its end.
            let _ = self.peers[to].unbounded_send(data);
        };
        match recipient {
            Recipient::Node(NodeIndex(to)) => send(to, data),
            Recipient::Everyone => {
                (0..self.peers.len()).filter(|to| *to != self.me).for_each(|to| send(to, data.clone()))
            }
        }
    }

    async fn next_event(&mut self) -> Option<Said> {
        self.incoming.next().await
    }
}

struct Source(std::vec::IntoIter<Payload>);

#[async_trait::async_trait]
impl aleph_bft::DataProvider for Source {
    type Output = Payload;

    async fn get_data(&mut self) -> Option<Payload> {
        self.0.next()
    }
}

struct Sink(UnboundedSender<Payload>);

impl aleph_bft::FinalizationHandler<Payload> for Sink {
    fn data_finalized(&mut self, data: Payload) {
        let _ = self.0.unbounded_send(data);
    }
}

/// CPU time of as many transactions as the measured epochs of the others have, in one session: it knows no epochs.
pub fn measure(task: Task) -> Result<Duration, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(run(task))
}

fn config(task: Task, node: usize) -> Result<Config, String> {
    let delays = DelayConfig {
        tick_interval: Duration::from_millis(5),
        // As fast as its peers let it: time without work costs no CPU time, only rounds without data do.
        unit_creation_delay: Arc::new(|_| Duration::from_millis(2)),
        ..default_delay_config()
    };
    create_config(NodeCount(task.nodes), NodeIndex(node), 0, 7_000, delays, Duration::from_secs(5))
        .map_err(|_| "aleph-bft refuses its configuration".to_owned())
}

async fn run(task: Task) -> Result<Duration, String> {
    let mut workload = Workload::new(task);
    let mut parts: Vec<Vec<Payload>> = vec![Vec::new(); task.nodes];
    for _ in 0..task.epochs {
        for (part, transactions) in parts.iter_mut().zip(workload.epoch()) {
            part.extend(transactions.chunks(PER_UNIT).map(|chunk| Payload(Arc::new(chunk.concat()))));
        }
    }
    let units: usize = parts.iter().map(Vec::len).sum();
    let (peers, incoming): (Vec<_>, Vec<_>) = (0..task.nodes).map(|_| unbounded()).unzip();
    let begin = process_cpu();
    let (mut stops, mut sessions, mut ledgers) = (Vec::new(), Vec::new(), Vec::new());
    for ((me, incoming), part) in incoming.into_iter().enumerate().zip(parts) {
        let (ordered, ledger) = unbounded();
        ledgers.push(ledger);
        let io = LocalIO::new(Source(part.into_iter()), Sink(ordered), Saver::new(), Loader::new(Vec::new()));
        let links = Links { peers: peers.clone(), me, incoming };
        let keychain = Keychain::new(NodeCount(task.nodes), NodeIndex(me));
        let (stop, stopped) = oneshot::channel();
        stops.push(stop);
        let config = config(task, me)?;
        let terminator = Terminator::create_root(stopped, "peers");
        sessions.push(tokio::spawn(run_session(config, io, links, keychain, Spawner::new(), terminator)));
    }
    let all = Arc::new(Mutex::new(Vec::new()));
    join_all(ledgers.into_iter().map(|ledger| {
        let all = all.clone();
        async move {
            let ledger: Vec<Payload> = ledger.take(units).collect().await;
            all.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(ledger);
        }
    }))
    .await;
    let cpu = process_cpu() - begin;
    for stop in stops {
        let _ = stop.send(());
    }
    let _ = tokio::time::timeout(Duration::from_secs(10), join_all(sessions)).await;
    let all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let complete = all.len() == task.nodes && all.iter().all(|ledger| ledger.len() == units && *ledger == all[0]);
    if complete { Ok(cpu) } else { Err("the nodes differ, or units are missing".into()) }
}
