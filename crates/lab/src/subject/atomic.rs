//! The whole atomic broadcast under attack, with real cryptography.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::OnceLock;

use bytes::Bytes;
use mellivora_adversary::{
    Forgeable, IdealCertificates, IdealCipher, IdealCoin, Observe, Strategy, Tools, schedule::Peek,
};
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Atomic, Config, EncryptionSchedule, Input, Local, Message, Output, Source, Submission, Ticket};
use mellivora_core::{Committee, Domain, Epoch, Era, Limits, NodeIndex, Protocol};
use mellivora_crypto::{NodeKeys, Suite, deal_nodes};
use mellivora_sim::{Observation, Oracle, Simulation, TotalOrder, View};
use mellivora_subset::Subset;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::aba::coin_schedule;
use super::engines::Engine;
use super::oracles::{AtEnd, Said};
use super::rbc::echo;
use super::{Target, builder, count_common};
use crate::scenario::Cast;

/// An atomic broadcast.
pub(crate) struct AtomicBroadcast<P>(pub(crate) PhantomData<fn(P)>);

/// The keys of a committee, dealt once per size.
pub(super) fn keys(n: usize) -> &'static [NodeKeys] {
    static KEYS: [OnceLock<Vec<NodeKeys>>; 65] = [const { OnceLock::new() }; 65];
    let deal = || {
        let committee = Committee::new(n).unwrap_or_else(|_| unreachable!("a size that was checked"));
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        deal_nodes(Suite::Ristretto255, committee, &mut rng).unwrap_or_else(|error| panic!("{error}"))
    };
    KEYS[n.min(64)].get_or_init(deal)
}

/// The same keys with a coin, a cipher and certificates that cost a hash.
fn idealised(keys: &NodeKeys, seed: u64) -> NodeKeys {
    let (committee, me) = (keys.committee(), keys.index());
    let keys = keys.clone().with_schemes(IdealCoin::scheme(committee, me, seed), IdealCipher::scheme(committee, me));
    keys.with_certificates(IdealCertificates::scheme(committee, me))
}

/// The domain of a cluster, which a forger has to know.
fn session<P: Source>(config: &Config, keys: &NodeKeys) -> Domain {
    Domain::new(config.cluster_id(&keys.public().digest(), P::Subset::NAME), Era(0))
}

fn submit(transactions: impl IntoIterator<Item = Bytes>) -> Input {
    let submission = |(ticket, transaction)| Submission { ticket: Ticket(ticket), transaction };
    Input::Submit((0..).zip(transactions).map(submission).collect())
}

/// What a node submits: several portions, so that there are several epochs.
fn portions(node: NodeIndex, seed: u64, count: usize, size: usize) -> Vec<Vec<Bytes>> {
    let name = |portion, number| Bytes::from(format!("{seed}: node {node}, portion {portion}, number {number}"));
    (0..count).map(|portion| (0..size).map(|number| name(portion, number)).collect()).collect()
}

/// No transaction is handed out twice by one incarnation of a node, and no plaintext is asked for before its time.
#[derive(Default)]
struct Once {
    seen: BTreeMap<NodeIndex, BTreeSet<Bytes>>,
}

impl<P: Source> Oracle<Atomic<P>> for Once {
    fn name(&self) -> &'static str {
        "once"
    }

    fn observe(&mut self, event: &Observation<'_, Atomic<P>>, _: &View<'_, Atomic<P>>) -> Result<(), String> {
        match event {
            Observation::Restart { node } => {
                self.seen.remove(node);
                Ok(())
            }
            Observation::Output { node, output: Output::Batch(batch), .. } => {
                let seen = self.seen.entry(*node).or_default();
                match batch.iter().find(|(_, transaction)| !seen.insert(Bytes::copy_from_slice(transaction))) {
                    Some((position, transaction)) => {
                        let text = String::from_utf8_lossy(transaction);
                        Err(format!("{node:?} hands out '{text}' a second time, at {position:?}"))
                    }
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// No decryption share of an epoch before it and all epochs below are decided: here, or by an honest node that said so.
struct DecryptionGate;

impl<P: Engine> Oracle<Atomic<P>> for DecryptionGate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn observe(&mut self, event: &Observation<'_, Atomic<P>>, view: &View<'_, Atomic<P>>) -> Result<(), String> {
        let Observation::Sent { node, message: Message::Epoch { epoch, message }, .. } = event else { return Ok(()) };
        let engine = view.node(*node);
        match message {
            EpochMessage::Shares(_) => {}
            EpochMessage::Subset(message) => {
                return engine.subset(*epoch).map_or(Ok(()), |subset| P::gate(subset, view.committee(), message));
            }
            EpochMessage::Prove(_) | EpochMessage::Proofs(_) => return Ok(()),
        }
        let undecided = (0..=epoch.0).rev().map(Epoch).take_while(|e| engine.subset(*e).is_some());
        let undecided = undecided.filter(|e| engine.subset(*e).is_some_and(|subset| !subset.decided()));
        for earlier in undecided {
            if !view.honest().iter().any(|peer| view.node(peer).status().next > earlier) {
                return Err(format!("{node:?} releases shares of {epoch} while {earlier} is undecided everywhere"));
            }
        }
        Ok(())
    }
}

/// What a node holds stays within what its limits allow.
struct Bound {
    bytes: usize,
    turns: u64,
}

impl<P: Source> Oracle<Atomic<P>> for Bound {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn observe(&mut self, event: &Observation<'_, Atomic<P>>, view: &View<'_, Atomic<P>>) -> Result<(), String> {
        let Observation::Turn { node } = event else { return Ok(()) };
        // Adding everything up takes longer than a turn.
        self.turns += 1;
        if !self.turns.is_multiple_of(64) {
            return Ok(());
        }
        match view.node(*node).status().memory {
            held if held > self.bytes => Err(format!("{node:?} holds {held}, the bound is {}", self.bytes)),
            _ => Ok(()),
        }
    }
}

impl<P: Engine> Target for AtomicBroadcast<P>
where
    P::Subset: Observe,
    P::Message: Forgeable,
{
    type P = Atomic<P>;
    const NAME: &'static str = P::NAME;
    const RARE: &'static [&'static str] = P::RARE;
    const SHARE: u32 = P::SHARE;

    fn start(&self, cast: &mut Cast) -> Simulation<Atomic<P>> {
        let (committee, n, seed) = (cast.committee, cast.committee.n(), cast.seed);
        let encryption = match cast.rng.random_range(0..4) {
            0 => EncryptionSchedule::Always,
            1 => EncryptionSchedule::Every(2),
            _ => EncryptionSchedule::Never,
        };
        let limits = Limits { payload_bytes: 1 << 13, transaction_bytes: 1 << 10, ..Limits::default() };
        let limits = P::limits(cast, limits);
        let per_epoch = 1 + cast.rng.random_range(0..3);
        let config = Config::new(committee)
            .limits(limits)
            .batch_size(per_epoch * n)
            .encryption(encryption)
            .coin_schedule(coin_schedule(cast))
            .echo(echo(cast));
        // A restarted node has its promises and nothing else, so it fetches its ledger from the others. They drop a
        // batch once everybody has announced that it is closed; a silent node makes them keep all.
        if !cast.faulty.iter().any(|(_, strategy)| *strategy == Strategy::Silent) {
            cast.crashes = 0;
        }
        // A late joiner: down from the start until others have ordered something, which it then has to fetch. That is
        // what liars about the past wait for.
        let liar =
            |strategy: &Strategy| matches!(strategy, Strategy::FalseHeader | Strategy::FalseSlot | Strategy::FalseGone);
        let late = cast.faulty.iter().any(|(_, strategy)| liar(strategy)) || cast.rng.random_ratio(1, 12);
        let late = cast.honest().last().copied().filter(|_| late && committee.f() > 0);
        if late.is_some() {
            cast.crashes = 0;
        }
        let (count, size) = (
            if late.is_some() { 4 } else { 1 } + cast.rng.random_range(0..if n <= 7 { 8 } else { 3 }),
            1 + cast.rng.random_range(0..3),
        );
        // Mostly idealised coins and ciphers, which leaves time for many epochs; checkpoints are always signed for real.
        let real = cast.rng.random_ratio(1, 60);
        let keys: Vec<NodeKeys> = match real {
            true => keys(n).to_vec(),
            false => keys(n).iter().map(|keys| idealised(keys, seed)).collect(),
        };
        let session = session::<P>(&config, &keys[0]);
        let schedule = config.coin_schedule;
        let peek = Peek::keys(keys.clone(), session, schedule);
        let own = keys.clone();
        let tools = move |node: NodeIndex| Tools {
            keys: Some(own[node.as_usize()].clone()),
            domain: Some(session),
            coin_schedule: schedule,
            ..Tools::default()
        };
        let honest = cast.honest();
        let all_honest = cast.faulty.is_empty();
        let expected: Vec<Bytes> =
            honest.iter().flat_map(|node| portions(*node, seed, count, size)).flatten().collect();
        let again = move |node| portions(node, seed, count, size).into_iter().map(submit).collect();
        let nudges = cast.rng.random_range(0..6);
        let ledger = move |node, view: &View<'_, Atomic<P>>| {
            let mut ledger = BTreeSet::new();
            for output in view.outputs(node) {
                if let Output::Batch(batch) = output {
                    ledger.extend(batch.iter().map(|(_, transaction)| Bytes::copy_from_slice(transaction)));
                }
            }
            match expected.iter().find(|transaction| !ledger.contains(*transaction)) {
                Some(lost) => {
                    let states: Vec<String> = view.live().iter().map(|node| P::state(view.node(node))).collect();
                    Err(format!("never ordered '{}'\n  {}", String::from_utf8_lossy(lost), states.join("\n  ")))
                }
                // What a Byzantine node said of epochs to come is kept; without it there is nothing to wait for.
                None if all_honest && !view.node(node).is_idle() => Err("does not fall silent".to_owned()),
                None => Ok(()),
            }
        };
        // P running epochs with all contributions, the early messages of W epochs, the outbox, the archive.
        let bytes = (n + 4) * 40 * limits.payload_bytes * (limits.epochs_ahead as usize + 4);
        let mut sim = P::oracles(builder::<Atomic<P>>(cast, Some(peek), tools))
            .oracle(TotalOrder::new(|output: &Output| match output {
                Output::Batch(batch) => Some((batch.epoch(), batch.digest())),
                _ => None,
            }))
            .oracle(Once::default())
            .oracle(DecryptionGate)
            .oracle(Bound { bytes, turns: 0 })
            .oracle(AtEnd("liveness", ledger))
            .oracle(Said::new(|message: &<Atomic<P> as Protocol>::Message| match message {
                Message::FetchSlot(..) => Some("batch fetched"),
                Message::Certificate(_) => Some("certificate shown"),
                Message::Epoch { message: EpochMessage::Proofs(_), .. } => Some("shares proven"),
                other => P::rare_word(other),
            }))
            .on_heal(|engine: &mut Atomic<P>, peer, fx| engine.input(Input::Resend(peer), fx))
            .on_nudge(|engine: &mut Atomic<P>, fx| engine.input(Input::Nudge, fx))
            .nudges(nudges)
            .nudges_when_quiet(6)
            .input_again(again)
            .twin_input(|_, input| match input {
                Input::Submit(list) => {
                    let twin = list.iter().map(|s| Bytes::from([b"twin of ", &s.transaction[..]].concat()));
                    Some(submit(twin.collect::<Vec<_>>()))
                }
                other => Some(other.clone()),
            })
            .build(move |me| {
                let mut local = [0; 32];
                local[..8].copy_from_slice(&seed.to_le_bytes());
                local[8] = me.0 as u8;
                Atomic::new(config.clone(), keys[me.as_usize()].clone(), Local::new(local))
                    .unwrap_or_else(|error| panic!("{error}"))
            });
        for node in committee.nodes() {
            for portion in portions(node, seed, count, size) {
                sim.input(node, submit(portion));
            }
        }
        if let Some(late) = late {
            let witness = cast.honest().first().copied().unwrap_or(late);
            let enough = 2 + cast.rng.random_range(0..4);
            sim.crash(late);
            sim.run_until(|sim| sim.outputs(witness).len() >= enough);
            sim.restart(late);
        }
        sim.count(if real { "real suite" } else { "idealised suite" });
        sim.count(if encryption == EncryptionSchedule::Never { "in the clear" } else { "encrypted" });
        sim
    }

    fn look(&self, cast: &Cast, sim: &mut Simulation<Atomic<P>>) -> u64 {
        count_common(cast, sim);
        let Some(&node) = cast.honest().first() else { return 0 };
        let epochs = sim.outputs(node).iter().filter(|output| matches!(output, Output::Batch(_))).count() as u64;
        if epochs > 2 {
            sim.count("more than two epochs");
        }
        epochs
    }
}
