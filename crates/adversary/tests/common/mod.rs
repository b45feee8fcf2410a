//! Committees of every layer with oracles and f faulty nodes.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mellivora_adversary::{Forge, IdealCertificates, IdealCoin, Strategy, Tools, Toss};
use mellivora_agreement::{Aba, AbaConfig, AbaMessage, CoinSchedule, Vote};
use mellivora_atomic::{Config, EncryptionSchedule, HoneyBadger, Input, Local, Output, Submission, Ticket};
use mellivora_broadcast::{EchoMode, Rbc, RbcConfig, RbcMessage};
use mellivora_coding::{Codec, Contribution};
use mellivora_core::{Committee, Digest, Domain, Era, Limits, NodeIndex, NodeSet, Protocol};
use mellivora_crypto::{CoinValue, NodeKeys, Suite, deal_nodes};
use mellivora_sim::{
    Agreement, Builder, Integrity, Memory, Plan, Report, Schedule, Simulation, Statements, Termination, TotalOrder,
    Totality, Validity,
};
use mellivora_subset::{Bkr, Subset, SubsetParams};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(crate) type Badger<S = Bkr> = HoneyBadger<S>;

pub(crate) const R: u32 = 6;

pub(crate) fn committee(n: usize) -> Committee {
    Committee::new(n).unwrap()
}

/// Four nodes in two of three runs, else seven.
pub(crate) fn size(seed: u64) -> usize {
    if seed % 3 == 2 { 7 } else { 4 }
}

pub(crate) fn domain() -> Domain {
    Domain::new(Digest([7; 32]), Era(0))
}

/// f nodes, different ones by seed.
pub(crate) fn faulty(committee: Committee, seed: u64) -> NodeSet {
    let n = committee.n() as u64;
    (0..committee.f() as u64).map(|i| NodeIndex(((seed + 2 * i) % n) as u16)).collect()
}

pub(crate) fn schedule(seed: u64) -> CoinSchedule {
    if seed.is_multiple_of(2) { CoinSchedule::AlwaysReal } else { CoinSchedule::Fixed10Real }
}

fn echo(committee: Committee, seed: u64) -> EchoMode {
    if seed % 4 < 2 { EchoMode::Full } else { EchoMode::saving(committee) }
}

fn cast<P: Forge>(
    mut builder: Builder<P>,
    strategy: Strategy,
    faulty: NodeSet,
    seed: u64,
    tools: impl Fn(NodeIndex) -> Tools,
) -> Builder<P> {
    for node in faulty.iter() {
        builder = builder.faulty(node, strategy.role_with::<P>(seed, tools(node)));
    }
    builder
}

fn codec(committee: Committee) -> Arc<Codec> {
    Arc::new(Codec::new(committee, 1 << 16).unwrap())
}

fn payload(node: NodeIndex, len: usize) -> Bytes {
    (0..len).map(|i| (i as u8).wrapping_mul(31) ^ node.0 as u8).collect()
}

/// Runs to the end; the kinds of faults that honest nodes recorded stand among the counters.
pub(crate) fn finish<P: Protocol + 'static>(sim: &mut Simulation<P>) -> Report {
    let mut report = sim.run();
    for (_, fault) in sim.faults() {
        report.coverage.count(&format!("fault.{:?}", fault.kind));
    }
    report
}

pub(crate) fn rbc(strategy: Strategy, seed: u64) -> Report {
    let committee = committee(size(seed));
    let (codec, faulty, echo) = (codec(committee), faulty(committee, seed / 2), echo(committee, seed));
    let proposer = NodeIndex(0);
    let expected = payload(proposer, 10 + (seed as usize * 97) % 700);
    let bound = (committee.n() + 4) * (codec.shard_len(1 << 16) + 1024) + (2 << 16) + (2 * committee.n() + 2) * 512;
    let totality = Totality::new(|_: &Contribution| ());
    let totality = if faulty.contains(proposer) { totality } else { totality.expecting(()) };
    let wanted = (!faulty.contains(proposer)).then(|| expected.clone());
    let builder = Simulation::<Rbc>::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .twin_input(|_, input: &Bytes| Some([&input[..], b" twin"].concat().into()))
        .oracle(Agreement::new(|output: &Contribution| ((), (output.commitment, output.body.clone()))))
        .oracle(totality)
        .oracle(Integrity::new(|_: &Contribution| ()))
        .oracle(Memory::new(bound, Rbc::memory))
        .oracle(Statements::new(|message: &RbcMessage| match message {
            RbcMessage::Val { root, .. } => vec![("proposal", *root)],
            RbcMessage::Echo { root, .. } | RbcMessage::EchoHash(root) => vec![("support", *root)],
            RbcMessage::Ready(root) => vec![("ready", *root)],
            RbcMessage::CanDecode(_) => vec![],
        }))
        .oracle(Validity::new::<Rbc>(move |_, output: &Contribution, _| {
            let delivered = output.body.as_ref().map(|body| body.to_bytes());
            if wanted.is_none() || delivered == wanted { Ok(()) } else { Err(format!("delivered {delivered:?}")) }
        }));
    let builder = cast(builder, strategy, faulty, seed, |_| Tools::default());
    let mut sim = builder.build(move |me| Rbc::new(RbcConfig { committee, me, proposer, codec: codec.clone(), echo }));
    sim.input(proposer, expected);
    finish(&mut sim)
}

pub(crate) fn toss(strategy: Strategy, seed: u64) -> Report {
    let committee = committee(size(seed));
    let faulty = faulty(committee, seed);
    let right = IdealCoin::new(committee, NodeIndex(0), seed)
        .peek(&domain().statement(mellivora_core::Purpose::Coin, Toss::ROUND).digest());
    let builder = Simulation::<Toss>::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .twin_input(|_, ()| Some(()))
        .oracle(Agreement::new(|value: &CoinValue| ((), *value)))
        .oracle(Totality::new(|_: &CoinValue| ()).expecting(()))
        .oracle(Integrity::new(|_: &CoinValue| ()))
        .oracle(Termination)
        .oracle(Validity::new::<Toss>(move |_, value: &CoinValue, view| {
            let released = view.honest().iter().any(|node| view.node(node).released());
            if *value != right {
                Err(format!("{value:?} is not the coin"))
            } else if !released {
                Err("the coin is known before an honest node has opened its gate".into())
            } else {
                Ok(())
            }
        }));
    let tools = move |node| Tools {
        coin: Some(IdealCoin::scheme(committee, node, seed)),
        domain: Some(domain()),
        coin_schedule: CoinSchedule::AlwaysReal,
        ..Tools::default()
    };
    let builder = cast(builder, strategy, faulty, seed, tools);
    let mut sim = builder.build(move |me| Toss::new(committee, domain(), IdealCoin::scheme(committee, me, seed)));
    committee.nodes().for_each(|node| sim.input(node, ()));
    finish(&mut sim)
}

/// A lone agreement, whoever schedules it.
pub(crate) fn aba_under(
    n: usize,
    strategy: Strategy,
    seed: u64,
    coins: CoinSchedule,
    plan: impl Into<Plan<Aba>>,
    tune: impl Fn(Builder<Aba>) -> Builder<Aba>,
) -> Simulation<Aba> {
    let committee = committee(n);
    let faulty = faulty(committee, seed);
    // All alike in one run of four, else mixed.
    let inputs: Vec<bool> = committee.nodes().map(|node| seed % 4 != 3 && (seed >> node.0) & 1 == 1).collect();
    let honest: Vec<bool> =
        committee.nodes().filter(|node| !faulty.contains(*node)).map(|node| inputs[node.as_usize()]).collect();
    let builder = Simulation::<Aba>::builder(committee, seed)
        .scheduler(plan)
        .rounds_ahead(R)
        .twin_input(|_, input| Some(!input))
        .oracle(Agreement::new(|value: &bool| ((), *value)))
        .oracle(Totality::new(|_: &bool| ()).expecting(()))
        .oracle(Integrity::new(|_: &bool| ()))
        .oracle(Memory::new::<Aba>(64 << 10, Aba::memory))
        .oracle(Termination)
        .oracle(Statements::new(|message: &AbaMessage| match message {
            AbaMessage::Vote(Vote::Aux { round, value }) => vec![((1, round.0), format!("{value}"))],
            AbaMessage::Vote(Vote::Conf { round, values }) => vec![((2, round.0), format!("{values:?}"))],
            AbaMessage::Vote(Vote::Term { value }) => vec![((3, 0), format!("{value}"))],
            _ => Vec::new(),
        }))
        .oracle(Validity::new::<Aba>(move |_, value, _| {
            if honest.contains(value) { Ok(()) } else { Err(format!("{value} is the input of no honest node")) }
        }));
    let tools = move |node| Tools {
        coin: Some(IdealCoin::scheme(committee, node, seed)),
        domain: Some(domain()),
        coin_schedule: coins,
        ..Tools::default()
    };
    let builder = tune(cast(builder, strategy, faulty, seed, tools));
    let mut sim = builder.build(move |me| {
        let coin = IdealCoin::scheme(committee, me, seed);
        Aba::new(AbaConfig { committee, me, domain: domain(), coin, schedule: coins, rounds_ahead: R })
    });
    for (node, input) in committee.nodes().zip(inputs) {
        sim.input(node, input);
    }
    sim
}

pub(crate) fn aba(strategy: Strategy, seed: u64) -> Report {
    finish(&mut aba_under(size(seed), strategy, seed, schedule(seed), Schedule::Swarm, |builder| builder))
}

type Chosen = Vec<(NodeIndex, Contribution)>;

/// A common subset, whoever schedules it.
pub(crate) fn subset_under<S: Subset + Forge>(
    n: usize,
    strategy: Strategy,
    seed: u64,
    plan: impl Into<Plan<S>>,
    tune: impl Fn(Builder<S>) -> Builder<S>,
) -> Simulation<S> {
    let committee = committee(n);
    let (codec, faulty, echo) = (codec(committee), faulty(committee, seed), echo(committee, seed));
    let coins = schedule(seed / 2);
    let contribution = |node| payload(node, 20 + 60 * node.as_usize());
    let builder = Simulation::<S>::builder(committee, seed)
        .scheduler(plan)
        .rounds_ahead(R)
        .twin_input(|_, input: &Bytes| Some([&input[..], b" twin"].concat().into()))
        .oracle(Agreement::new(|output: &Chosen| ((), output.clone())))
        .oracle(Totality::new(|_: &Chosen| ()).expecting(()))
        .oracle(Integrity::new(|_: &Chosen| ()))
        .oracle(Memory::new::<S>(n * (96 << 10), S::memory))
        .oracle(Validity::new::<S>(move |_, output: &Chosen, _| {
            let honest = output.iter().filter(|(node, _)| !faulty.contains(*node));
            if output.len() < committee.quorum() || honest.clone().count() < committee.data_shards() {
                return Err(format!("{} are too few", output.len()));
            }
            for (node, chosen) in honest {
                if chosen.body.as_ref().map(|body| body.to_bytes()) != Some(contribution(*node)) {
                    return Err(format!("{node:?} contributed something else"));
                }
            }
            Ok(())
        }));
    let tools = move |node| Tools {
        coin: Some(IdealCoin::scheme(committee, node, seed)),
        domain: Some(domain()),
        coin_schedule: coins,
        ..Tools::default()
    };
    let builder = tune(cast(builder, strategy, faulty, seed, tools));
    let mut sim = builder.build(move |me| {
        S::new(SubsetParams {
            committee,
            me,
            domain: domain(),
            coin: IdealCoin::scheme(committee, me, seed),
            certificates: IdealCertificates::scheme(committee, me),
            codec: codec.clone(),
            echo,
            coin_schedule: coins,
            rounds_ahead: R,
        })
    });
    committee.nodes().for_each(|node| sim.input(node, contribution(node)));
    sim
}

pub(crate) fn subset<S: Subset + Forge>(strategy: Strategy, seed: u64) -> Report {
    finish(&mut subset_under::<S>(size(seed), strategy, seed, Schedule::Swarm, |builder| builder))
}

/// Keys of four and of seven nodes, dealt once.
pub(crate) fn keys(n: usize) -> &'static [NodeKeys] {
    static KEYS: OnceLock<BTreeMap<usize, Vec<NodeKeys>>> = OnceLock::new();
    let deal = |n| {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        (n, deal_nodes(Suite::Ristretto255, committee(n), &mut rng).unwrap())
    };
    &KEYS.get_or_init(|| [4, 7].into_iter().map(deal).collect())[&n]
}

fn tx(node: NodeIndex, number: usize) -> Bytes {
    Bytes::from(format!("transaction {number} of node {node}"))
}

fn submit(transactions: impl IntoIterator<Item = Bytes>) -> Input {
    let submission = |(ticket, transaction)| Submission { ticket: Ticket(ticket), transaction };
    Input::Submit((0..).zip(transactions).map(submission).collect())
}

/// Transactions of each node.
const TRANSACTIONS: usize = 3;

/// Small limits, so that windows are reached.
pub(crate) fn config(n: usize, seed: u64, encryption: EncryptionSchedule) -> Config {
    let limits = Limits { payload_bytes: 1 << 16, transaction_bytes: 1 << 10, ..Limits::default() };
    Config::new(committee(n))
        .limits(limits)
        .batch_size(2 * n)
        .encryption(encryption)
        .coin_schedule(schedule(seed / 2))
        .echo(echo(committee(n), seed))
}

/// The domain of a cluster.
pub(crate) fn session<S: Subset>(config: &Config) -> Domain {
    let key_set = keys(config.committee.n())[0].public().digest();
    Domain::new(config.cluster_id(&key_set, S::NAME), Era(0))
}

pub(crate) fn badger<S: Subset + Forge>(strategy: Strategy, seed: u64) -> Report {
    let n = size(seed);
    let encryption = if seed % 5 == 4 { EncryptionSchedule::Never } else { EncryptionSchedule::Always };
    badger_under::<S>(n, strategy, seed, encryption, Schedule::Swarm, |builder| builder)
}

pub(crate) fn badger_under<S: Subset + Forge>(
    n: usize,
    strategy: Strategy,
    seed: u64,
    encryption: EncryptionSchedule,
    plan: impl Into<Plan<Badger<S>>>,
    tune: impl Fn(Builder<Badger<S>>) -> Builder<Badger<S>>,
) -> Report {
    let config = config(n, seed, encryption);
    let (committee, keys) = (config.committee, keys(n));
    let faulty = faulty(committee, seed);
    let session = session::<S>(&config);
    let all = |node: NodeIndex| submit((0..TRANSACTIONS).map(|number| tx(node, number)));
    // Who lies to those who catch up needs one that does: it is down while others order. No node that has announced
    // what it closed crashes here: without a ledger on disk it could not fetch again what all others have dropped.
    let absent = matches!(strategy, Strategy::FalseHeader | Strategy::FalseSlot | Strategy::FalseGone)
        .then(|| committee.nodes().find(|node| !faulty.contains(*node)).unwrap());
    let cuts = if absent.is_none() && seed.is_multiple_of(2) { 4 } else { 0 };
    let builder = Simulation::<Badger<S>>::builder(committee, seed)
        .scheduler(plan)
        .cuts(cuts)
        .nudges(8)
        .nudges_when_quiet(12)
        .input_again(move |node| vec![all(node)])
        .twin_input(|_, input| match input {
            Input::Submit(list) => {
                let twin = list.iter().map(|s| Bytes::from([b"twin of ", &s.transaction[..]].concat()));
                Some(submit(twin.collect::<Vec<_>>()))
            }
            other => Some(other.clone()),
        })
        .on_heal(|badger: &mut Badger<S>, peer, fx| badger.input(Input::Resend(peer), fx))
        .on_nudge(|badger: &mut Badger<S>, fx| badger.input(Input::Nudge, fx))
        .oracle(TotalOrder::new(|output: &Output| match output {
            Output::Batch(batch) => Some((batch.epoch(), batch.digest())),
            _ => None,
        }));
    let coin_schedule = config.coin_schedule;
    let tools = |node: NodeIndex| Tools {
        keys: Some(keys[node.as_usize()].clone()),
        domain: Some(session),
        coin_schedule,
        ..Tools::default()
    };
    let builder = tune(cast(builder, strategy, faulty, seed, tools));
    let mut sim = builder.build(move |me| {
        HoneyBadger::new(config.clone(), keys[me.as_usize()].clone(), Local::new([me.0 as u8; 32])).unwrap()
    });
    committee.nodes().for_each(|node| sim.input(node, all(node)));
    if let Some(absent) = absent {
        sim.crash(absent);
        let others = sim.view().honest().difference(&NodeSet::one(absent));
        let ahead = |sim: &Simulation<Badger<S>>| others.iter().all(|node| sim.outputs(node).len() >= 2);
        assert!(sim.run_until(ahead), "{strategy}, seed {seed}: the others order nothing");
        sim.restart(absent);
    }
    let report = finish(&mut sim);
    if report.is_ok() {
        for node in sim.view().honest().iter() {
            let mut ledger: BTreeMap<Bytes, usize> = BTreeMap::new();
            for output in sim.outputs(node) {
                if let Output::Batch(batch) = output {
                    batch.iter().for_each(|(_, t)| *ledger.entry(Bytes::copy_from_slice(t)).or_default() += 1);
                }
            }
            for owner in sim.view().honest().iter() {
                for number in 0..TRANSACTIONS {
                    let count = ledger.get(&tx(owner, number)).copied();
                    assert_eq!(count, Some(1), "{strategy}, seed {seed}: {number} of {owner} at {node}");
                }
            }
            assert!(ledger.values().all(|&count| count == 1), "{strategy}, seed {seed}: twice at {node}");
        }
    }
    report
}
