//! Adaptive schedulers do what they say.

mod common;

use common::*;
use mellivora_adversary::{Adaptive, IdealCoin, Observe, Peek, Strategy};
use mellivora_agreement::Aba;
use mellivora_agreement::CoinSchedule::{self, AlwaysReal, Fixed10Real};
use mellivora_atomic::EncryptionSchedule;
use mellivora_core::{NodeIndex, NodeSet, Protocol, Round};
use mellivora_sim::{Builder, Jobs, PendingKind, Plan, Schedule, Scheduler, Simulation, View, seeds};
use mellivora_subset::Bkr;

fn peek(n: usize, seed: u64, coins: CoinSchedule) -> Peek {
    Peek::ideal(IdealCoin::new(committee(n), NodeIndex(0), seed), domain(), coins)
}

fn plan<P: Observe>(adaptive: Adaptive, n: usize, seed: u64, coins: CoinSchedule) -> Plan<P> {
    adaptive.scheduler(seed, Some(peek(n, seed, coins))).expect("it has a meaning here").into()
}

/// The finest control: turns end at once, and the scheduler rules to the end.
fn ruled<P: Protocol + 'static>(builder: Builder<P>) -> Builder<P> {
    builder.turn_end(1.0).jobs(Jobs::Inline).codec(0.0).hostile_steps(1 << 40)
}

/// The round in which the last honest node decides.
fn rounds(n: usize, seed: u64, coins: CoinSchedule, plan: impl Into<Plan<Aba>>) -> u32 {
    let mut sim = aba_under(n, Strategy::DoubleVote, seed, coins, plan, ruled);
    let last = |sim: &Simulation<Aba>| {
        let honest = sim.view().honest();
        let decided: Option<Vec<Round>> = honest.iter().map(|node| sim.node(node).decided_round()).collect();
        decided.and_then(|rounds| rounds.into_iter().max())
    };
    assert!(sim.run_until(|sim| last(sim).is_some()), "{:?}", sim.report().failure);
    last(&sim).unwrap().0
}

/// Seeds with mixed inputs of the honest nodes.
fn mixed(count: u64, n: usize) -> impl Iterator<Item = u64> {
    let is_mixed = move |seed: &u64| {
        let honest = committee(n).all().difference(&faulty(committee(n), *seed));
        let inputs: Vec<bool> = honest.iter().map(|node| seed % 4 != 3 && (seed >> node.0) & 1 == 1).collect();
        inputs.contains(&true) && inputs.contains(&false)
    };
    (0..).filter(is_mixed).take(count as usize)
}

fn mean(n: usize, coins: CoinSchedule, adaptive: Option<Adaptive>, count: u64) -> f64 {
    let sum: u32 = mixed(count, n)
        .map(|seed| match adaptive {
            Some(adaptive) => rounds(n, seed, coins, plan::<Aba>(adaptive, n, seed, coins)),
            None => rounds(n, seed, coins, Schedule::Random),
        })
        .sum();
    f64::from(sum) / count as f64
}

#[test]
fn the_network_that_binds_before_the_coin_needs_four_rounds_at_every_size() {
    for (n, count) in [(4, 1_000), (7, 400), (10, 150)] {
        let steered = mean(n, AlwaysReal, Some(Adaptive::CoinFirst), count);
        // The standard deviation of one run is 2.
        let error = 4.0 * 2.0 / (count as f64).sqrt();
        assert!((steered - 4.0).abs() < error, "n = {n}: {steered} rounds in the mean");
    }
    let random = mean(4, AlwaysReal, None, 300);
    assert!(random < 3.4, "random schedules need {random} rounds in the mean");
}

#[test]
fn whoever_knows_the_coin_beforehand_keeps_nodes_apart_for_as_long_as_it_rules_and_no_longer() {
    for n in [4, 7] {
        for seed in mixed(20, n) {
            let tune = |builder| ruled(builder).hostile_steps(20_000);
            let plan = plan::<Aba>(Adaptive::CoinPeek, n, seed, AlwaysReal);
            let mut sim = aba_under(n, Strategy::DoubleVote, seed, AlwaysReal, plan, tune);
            sim.run_until(|sim| sim.view().step() >= 20_000);
            for node in sim.view().honest().iter() {
                assert_eq!(sim.node(node).decision(), None, "n = {n}, seed {seed}");
                assert!(sim.node(node).round() >= Round(20), "n = {n}, seed {seed}: {:?}", sim.node(node).round());
            }
            sim.run().assert_ok();
        }
    }
}

#[test]
fn a_singleton_of_the_other_value_works_only_where_the_coin_is_fixed() {
    // A real coin is preceded by CONF, and then nobody can be left with the other value alone.
    let real = mean(4, AlwaysReal, Some(Adaptive::CoinSingleton), 600);
    assert!(real <= 4.07 + 0.2, "{real} rounds in the mean: binding is broken");
    // Fixed coins are known to all and have no CONF: their two rounds of three are lost.
    let fixed = mean(4, Fixed10Real, Some(Adaptive::CoinSingleton), 200);
    let random = mean(4, Fixed10Real, None, 200);
    assert!(fixed > random + 1.0, "{fixed} rounds in the mean, under random schedules {random}");
}

/// How often one honest node at least is left out of a subset of four.
fn left_out(count: u64, plan: impl Fn(u64) -> Plan<Bkr>) -> usize {
    let is_left_out = |seed: &u64| {
        let mut sim = subset_under::<Bkr>(4, Strategy::DoubleVote, *seed, plan(*seed), ruled);
        // Votes for both values do not keep a node's own contribution out.
        sim.run().assert_ok();
        let honest = sim.view().honest();
        let chosen: NodeSet = sim.outputs(honest.iter().next().unwrap())[0].iter().map(|(node, _)| *node).collect();
        !honest.is_subset(&chosen)
    };
    seeds(count).filter(is_left_out).count()
}

#[test]
fn one_honest_node_is_left_out_of_nearly_every_subset() {
    let excluded = left_out(60, |seed| plan::<Bkr>(Adaptive::Exclude, 4, seed, AlwaysReal));
    assert!(excluded >= 54, "left out in {excluded} of 60");
    let random = left_out(60, |_| Schedule::Random.into());
    assert!(random <= 30, "left out in {random} of 60 without any adversary");
}

#[test]
fn one_agreement_of_a_subset_is_steered() {
    // The steered agreement needs more rounds than any does under random schedules.
    let longest = |seed: u64, plan: Plan<Bkr>| {
        let mut sim = subset_under::<Bkr>(4, Strategy::DoubleVote, seed, plan, ruled);
        let mut longest = 0;
        loop {
            for node in sim.view().honest().iter() {
                let all = committee(4).nodes().filter_map(|instance| sim.node(node).aba(instance));
                longest = all.map(|aba| aba.round().0).max().unwrap_or(0).max(longest);
            }
            let over = sim.view().honest().iter().all(|node| sim.node(node).has_output());
            if over || !sim.step() {
                break;
            }
        }
        assert!(sim.report().is_ok());
        longest
    };
    let (mut steered, mut random) = (0, 0);
    for seed in seeds(40) {
        let coins = schedule(seed / 2);
        steered += longest(seed, plan::<Bkr>(Adaptive::CoinFirst, 4, seed, coins));
        random += longest(seed, Schedule::Random.into());
    }
    assert!(steered > random + 40, "{steered} rounds against {random}");
}

/// What a scheduler did, event by event: whether it touched `node`, and whether there was something that did not.
struct Watched<P: Protocol> {
    inner: Box<dyn Scheduler<P>>,
    node: NodeIndex,
    log: std::rc::Rc<std::cell::RefCell<Vec<(bool, bool)>>>,
}

impl<P: Protocol> Scheduler<P> for Watched<P> {
    fn pick(&mut self, view: &View<'_, P>) -> Option<usize> {
        let picked = self.inner.pick(view);
        let touches = |position: usize| {
            view.pending(position).is_some_and(|pending| {
                let from = matches!(pending.kind, PendingKind::Message { from, .. } if from == self.node);
                from || pending.at == self.node
            })
        };
        let others = (0..view.pending_len()).any(|position| !touches(position));
        if let Some(position) = picked {
            self.log.borrow_mut().push((touches(position), others));
        }
        picked
    }
}

#[test]
fn the_slow_node_moves_only_when_nothing_else_can() {
    for seed in seeds(5) {
        let slow_for = |node| {
            let log = std::rc::Rc::default();
            let inner = Adaptive::SlowNode.scheduler::<Bkr>(seed, None).unwrap();
            let watched = Watched { inner, node, log: std::rc::Rc::clone(&log) };
            let plan: Box<dyn Scheduler<Bkr>> = Box::new(watched);
            subset_under::<Bkr>(4, Strategy::Silent, seed, plan, ruled).run().assert_ok();
            let log = log.take();
            assert!(log.iter().any(|(touches, _)| *touches), "everything is delivered in the end");
            log.iter().all(|(touches, others)| !touches || !others)
        };
        let slow: Vec<NodeIndex> = committee(4).nodes().filter(|node| slow_for(*node)).collect();
        assert_eq!(slow.len(), 1, "seed {seed}: {slow:?}");
        assert!(!faulty(committee(4), seed).contains(slow[0]));
    }
}

#[test]
fn leaders_are_slowed_down_and_partitions_heal() {
    for adaptive in [Adaptive::SlowLeader, Adaptive::Partitions] {
        for seed in seeds(10) {
            let scheduler = |seed| adaptive.scheduler::<Bkr>(seed, None).unwrap();
            let one = subset_under::<Bkr>(7, Strategy::Withhold, seed, scheduler(seed), ruled).run();
            one.assert_ok();
            let again = subset_under::<Bkr>(7, Strategy::Withhold, seed, scheduler(seed), ruled).run();
            assert_eq!(one.trace, again.trace, "{adaptive}: the same seed gives the same run");
        }
    }
    // The spread between the first and the last node that decides is smaller when the first is held back.
    let spread = |plan: Plan<Aba>, seed| {
        let mut sim = aba_under(7, Strategy::Silent, seed, AlwaysReal, plan, ruled);
        let (mut spread, mut steps) = (0u64, 0u64);
        while sim.step() {
            let honest = sim.view().honest();
            let rounds: Vec<u32> = honest.iter().map(|node| sim.node(node).round().0).collect();
            spread += u64::from(rounds.iter().max().unwrap() - rounds.iter().min().unwrap());
            steps += 1;
        }
        assert!(sim.report().is_ok());
        spread as f64 / steps as f64
    };
    let (mut slowed, mut random) = (0.0, 0.0);
    for seed in mixed(30, 7) {
        slowed += spread(plan::<Aba>(Adaptive::SlowLeader, 7, seed, AlwaysReal), seed);
        random += spread(Schedule::Random.into(), seed);
    }
    assert!(slowed < random, "{slowed} with a slow leader, {random} without");
}

#[test]
fn a_partition_stops_what_crosses_it_for_a_while() {
    // The longest wait of an event on a link, in steps: long under partitions, short without.
    let longest = |plan: Plan<Bkr>, seed| {
        let mut sim = subset_under::<Bkr>(7, Strategy::Silent, seed, plan, ruled);
        let mut longest = 0;
        while sim.step() {
            let view = sim.view();
            longest = longest.max(view.pending(0).map_or(0, |oldest| view.step().saturating_sub(oldest.seq)));
        }
        assert!(sim.report().is_ok());
        longest
    };
    let own = |seed| -> Plan<Bkr> { Adaptive::Partitions.scheduler::<Bkr>(seed, None).unwrap().into() };
    for seed in seeds(5) {
        // The oldest first, as a scheduler of one's own, so that its pending events can be seen.
        let fifo: Box<dyn Scheduler<Bkr>> = Box::new(|_: &View<'_, Bkr>| Some(0));
        assert_eq!(longest(fifo.into(), seed), 0, "the measure: nothing waits longer than its turn");
        let waited = longest(own(seed), seed);
        assert!(waited > 100, "seed {seed}: {waited} steps");
    }
}

#[test]
fn the_atomic_broadcast_holds_under_all() {
    for adaptive in Adaptive::ALL {
        for seed in seeds(2) {
            let config = config(4, seed, EncryptionSchedule::Always);
            let coin = Peek::keys(keys(4).to_vec(), session::<Bkr>(&config), config.coin_schedule);
            let plan = adaptive.scheduler::<Badger>(seed, Some(coin)).unwrap();
            let tune = |builder: Builder<Badger>| builder.hostile_steps(3_000);
            badger_under::<Bkr>(4, Strategy::DoubleVote, seed, EncryptionSchedule::Always, plan, tune).assert_ok();
        }
    }
}

#[test]
fn names_round_trip_and_what_has_no_meaning_is_none() {
    use mellivora_adversary::Toss;
    use mellivora_broadcast::Rbc;
    for adaptive in Adaptive::ALL {
        assert_eq!(adaptive.name().parse(), Ok(*adaptive));
    }
    assert!("kind".parse::<Adaptive>().unwrap_err().to_string().contains("slow-leader"));
    assert!(Adaptive::Exclude.scheduler::<Aba>(1, None).is_none());
    assert!(Adaptive::CoinFirst.scheduler::<Aba>(1, None).is_none(), "it needs the coin");
    assert!(Adaptive::CoinFirst.scheduler::<Rbc>(1, Some(peek(4, 1, AlwaysReal))).is_none());
    assert!(Adaptive::Partitions.scheduler::<Toss>(1, None).is_some());
}
