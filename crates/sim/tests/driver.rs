//! The duties of a driver: turns, self-delivery, the log, restarts, links, nudges, jobs, rounds.

mod toy;

use mellivora_core::codec::{self, Frame};
use mellivora_core::protocol::NoJob;
use mellivora_core::{Committee, Durable, Effects, Message, NodeIndex, Protocol, Round, To};
use mellivora_sim::{Delay, Jobs, Schedule, Simulation, seeds};
use toy::{Bracha, Bug, Kind, committee, start, value, watched};

const ZERO: NodeIndex = NodeIndex(0);
const THREE: NodeIndex = NodeIndex(3);

#[test]
fn alone_a_node_runs_to_its_end_in_one_turn() {
    let c = committee(1);
    let mut sim = start(watched(c, 1).jobs(Jobs::Inline).turn_end(1.0), c, Bug::None);
    assert!(sim.step());
    assert_eq!(sim.outputs(ZERO), [(ZERO, value(ZERO))]);
    let counters = sim.counters();
    assert_eq!((counters.sent, counters.to_self, counters.jobs, counters.turns), (0, 3, 1, 1));
    sim.run().assert_ok();
}

#[test]
fn turns_are_as_long_as_they_are_told_to_be() {
    let c = committee(7);
    let events_per_turn = |end| {
        let mut sim = start(watched(c, 3).turn_end(end), c, Bug::None);
        let report = sim.run();
        report.assert_ok();
        assert!(c.nodes().all(|node| sim.node(node).flushes > 0));
        report.steps as f64 / report.counters.turns as f64
    };
    assert!(events_per_turn(1.0) <= 1.0);
    assert!(events_per_turn(0.1) > 4.0);
}

#[test]
fn nothing_leaves_an_unfinished_turn() {
    let c = committee(4);
    let mut sim = watched(c, 1).turn_end(0.001).build(move |node| Bracha::new(c, node, Bug::None));
    sim.input(ZERO, value(ZERO));
    assert!(sim.step());
    assert_eq!(sim.counters().sent, 0, "SEND and ECHO wait for the end of the turn");
    assert!(sim.counters().to_self > 0, "but the node has heard itself");
    assert!(sim.step(), "nothing is pending: the turn ends");
    assert!(sim.counters().sent > 0);
}

#[test]
fn a_crash_in_a_turn_loses_the_turn_or_keeps_its_promises() {
    let c = committee(4);
    for synced in [false, true] {
        let builder = Simulation::builder(c, 1).turn_end(0.001);
        let mut sim = builder.build(move |node| Bracha::new(c, node, Bug::None));
        sim.input(ZERO, value(ZERO));
        assert!(sim.step());
        if synced {
            sim.crash_after_sync(ZERO)
        } else {
            sim.crash(ZERO)
        }
        sim.restart(ZERO);
        let kinds: Vec<Kind> = sim.node(ZERO).recalled.iter().map(|toy| toy.kind).collect();
        sim.run().assert_ok();
        if synced {
            assert_eq!(kinds, [Kind::Send, Kind::Echo], "in the order in which they were logged");
            assert!(c.nodes().all(|node| sim.outputs(node).len() == 1), "what was logged is said again");
        } else {
            assert!(kinds.is_empty() && c.nodes().all(|node| sim.outputs(node).is_empty()));
        }
    }
}

#[test]
fn everybody_forgets_a_restarted_peer_and_it_catches_up() {
    let c = committee(4);
    for seed in seeds(50) {
        let mut sim = start(watched(c, seed), c, Bug::None);
        sim.run().assert_ok();
        assert_eq!(sim.outputs(THREE).len(), 4);
        sim.crash(THREE);
        assert!(!sim.view().live().contains(THREE));
        sim.restart(THREE);
        assert!(sim.outputs(THREE).is_empty());
        assert!(c.nodes().all(|node| sim.node(node).forgotten == if node == THREE { vec![] } else { vec![THREE] }));
        sim.run().assert_ok();
        assert_eq!(sim.outputs(THREE).len(), 4);
        assert_eq!((sim.counters().crashes, sim.counters().restarts), (1, 1));
    }
}

#[test]
fn inputs_wait_for_a_node_that_is_down() {
    let c = committee(4);
    let mut sim = Simulation::builder(c, 2).build(move |node| Bracha::new(c, node, Bug::None));
    sim.crash(THREE);
    sim.input(THREE, value(THREE));
    sim.run().assert_ok();
    assert!(sim.outputs(ZERO).is_empty());
    sim.restart(THREE);
    sim.run().assert_ok();
    assert!(c.nodes().all(|node| sim.outputs(node) == [(THREE, value(THREE))]));
}

#[test]
fn a_user_can_give_its_input_again() {
    let c = committee(4);
    let builder = watched(c, 2).turn_end(0.001).input_again(|node| vec![value(node)]);
    let mut sim = builder.build(move |node| Bracha::new(c, node, Bug::None));
    sim.input(ZERO, value(ZERO));
    assert!(sim.step());
    sim.crash(ZERO);
    sim.restart(ZERO);
    sim.run().assert_ok();
    assert!(c.nodes().all(|node| sim.outputs(node).len() == 1));
}

#[test]
fn all_nodes_may_crash_at_any_moment_again_and_again() {
    let c = committee(4);
    let mut restarts = 0;
    for seed in seeds(200) {
        // An input that was taken in a turn that never ended is lost; its user gives it again.
        let builder = watched(c, seed).scheduler(Schedule::Swarm).crashes(8).cuts(4).hostile_steps(150);
        let builder = builder.input_again(|node| vec![value(node)]);
        let mut sim = start(builder, c, Bug::None);
        let report = sim.run();
        report.assert_ok();
        assert!(c.nodes().all(|node| sim.outputs(node).len() == 4), "seed {seed}");
        restarts += report.counters.restarts;
    }
    assert!(restarts > 500, "{restarts} restarts");
}

#[test]
fn what_a_cut_link_loses_is_said_again_after_healing() {
    let c = committee(4);
    let mut sim = start(watched(c, 4), c, Bug::None);
    (0..3).for_each(|peer| sim.cut(NodeIndex(peer), THREE));
    sim.run().assert_ok();
    assert!(sim.outputs(THREE).is_empty() && sim.outputs(ZERO).len() == 3);
    let lost = sim.counters().lost;
    assert!(lost > 0);
    (0..3).for_each(|peer| sim.heal(NodeIndex(peer), THREE));
    assert_eq!(sim.counters().repeated, lost);
    sim.run().assert_ok();
    assert!(c.nodes().all(|node| sim.outputs(node).len() == 4));
}

#[test]
fn a_hook_takes_the_place_of_the_outbox() {
    let c = committee(4);
    let calls = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = calls.clone();
    let hook = move |node: &mut Bracha, peer: NodeIndex, fx: &mut dyn Effects<Bracha>| {
        seen.borrow_mut().push(peer);
        // Reminds the peer of what this node logged before; a real outbox would know more.
        for message in node.recalled.clone() {
            fx.send(To::Node(peer), Durable::No, message);
        }
    };
    let mut sim = start(watched(c, 4).on_heal(hook), c, Bug::None);
    sim.cut(ZERO, THREE);
    sim.heal(ZERO, THREE);
    assert_eq!(*calls.borrow(), [THREE, ZERO], "both ends greet each other");
    sim.heal(ZERO, THREE);
    assert_eq!(calls.borrow().len(), 2, "a link that is up cannot be healed");
    sim.run().assert_ok();
    sim.crash(THREE);
    sim.restart(THREE);
    assert_eq!(calls.borrow().len(), 2 + 6, "three links came up again");
    assert_eq!(sim.counters().repeated, 0);
}

#[test]
fn nudges_come_at_random_and_when_all_is_quiet() {
    let c = committee(4);
    let hook = |node: &mut Bracha, fx: &mut dyn Effects<Bracha>| {
        if node.recalled.is_empty() {
            node.input(7, fx);
        }
    };
    let mut sim = Simulation::builder(c, 1)
        .on_nudge(hook)
        .nudges(5)
        .nudges_when_quiet(2)
        .build(move |node| Bracha::new(c, node, Bug::None));
    sim.run().assert_ok();
    assert_eq!(sim.counters().nudges, 5 + 2 * 4);
    assert!(c.nodes().all(|node| sim.outputs(node).len() == 4));
    sim.nudge(ZERO);
    assert_eq!(sim.counters().nudges, 14);
    let mut again = Simulation::builder(c, 1)
        .on_nudge(hook)
        .nudges(5)
        .nudges_when_quiet(2)
        .build(move |node| Bracha::new(c, node, Bug::None));
    let choices = sim.choices().to_vec();
    again.replay(&choices).assert_ok();
    assert_eq!(again.trace_hash(), sim.trace_hash());
}

#[test]
fn jobs_of_a_dead_incarnation_are_lost() {
    let c = committee(4);
    for seed in seeds(100) {
        let builder = watched(c, seed).jobs(Jobs::Shuffled).crashes(6).hostile_steps(100);
        start(builder, c, Bug::None).run().assert_ok();
    }
}

#[test]
fn run_until_stops_at_the_first_event_that_fits() {
    let c = committee(4);
    let mut sim = start(watched(c, 8), c, Bug::None);
    assert!(sim.run_until(|sim| !sim.outputs(ZERO).is_empty()));
    assert_eq!(sim.outputs(ZERO).len(), 1);
    assert!(!sim.run_until(|sim| sim.outputs(ZERO).len() > 4));
    let report = sim.run();
    report.assert_ok();
    assert!(report.quiescent && !sim.step());
}

/// Everybody speaks in every round up to the last, as soon as it has heard somebody else in the one before. The
/// receiver drops what lies more than two rounds ahead.
struct Rounds {
    me: NodeIndex,
    round: u32,
    dropped: usize,
}

#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "Frame")]
struct Spoken {
    round: Round,
}

impl Message for Spoken {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        visit(ZERO, self.round);
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        if may_go(ZERO, self.round) { (Some(self), None) } else { (None, Some(self)) }
    }
}

impl Rounds {
    const LAST: u32 = 50;

    fn speak(&mut self, fx: &mut dyn Effects<Self>) {
        self.round += 1;
        fx.send(To::All, Durable::No, Spoken { round: Round(self.round) });
    }
}

impl Protocol for Rounds {
    type Input = ();
    type Output = ();
    type Message = Spoken;
    type Job = NoJob;

    fn input(&mut self, (): (), fx: &mut dyn Effects<Self>) {
        if self.round == 0 {
            self.speak(fx);
        }
    }

    fn receive(&mut self, from: NodeIndex, message: Spoken, fx: &mut dyn Effects<Self>) {
        if message.round.0 > self.round + 2 {
            self.dropped += 1;
        } else if from != self.me && message.round.0 >= self.round && self.round < Self::LAST {
            self.speak(fx);
        }
    }

    fn done(&mut self, done: NoJob, _: &mut dyn Effects<Self>) {
        match done {}
    }

    fn recall(&mut self, _: To, _: Spoken) {}

    fn is_terminated(&self) -> bool {
        self.round == Self::LAST
    }
}

#[test]
fn statements_of_far_rounds_wait_for_their_receiver() {
    let c = Committee::new(4).unwrap();
    let run = |ahead: Option<u32>, seed| {
        let mut builder = Simulation::builder(c, seed).scheduler(Schedule::Starve([THREE].into_iter().collect()));
        if let Some(ahead) = ahead {
            builder = builder.rounds_ahead(ahead);
        }
        let mut sim = builder.hostile_steps(10_000).turn_end(1.0).build(|me| Rounds { me, round: 0, dropped: 0 });
        c.nodes().for_each(|node| sim.input(node, ()));
        let report = sim.run();
        report.assert_ok();
        (sim.node(THREE).dropped, report.counters.held, sim.node(ZERO).round)
    };
    for seed in seeds(20) {
        let (dropped, held, reached) = run(Some(2), seed);
        assert_eq!((dropped, reached), (0, Rounds::LAST));
        assert!(held > 0);
        assert!(run(None, seed).0 > 0, "without the gate the starved node drops what comes too early");
    }
}

#[test]
fn a_frame_is_as_large_as_its_encoding() {
    assert_eq!(codec::encode(&Spoken { round: Round(1) }).len(), 4);
    let c = Committee::new(4).unwrap();
    let mut sim = Simulation::builder(c, 1).scheduler(Schedule::Latency(Delay::One.into())).build(|me| Rounds {
        me,
        round: 0,
        dropped: 0,
    });
    c.nodes().for_each(|node| sim.input(node, ()));
    sim.run().assert_ok();
    assert_eq!(sim.counters().bytes, 4 * sim.counters().sent);
    assert_eq!(sim.counters().sent, 4 * 3 * u64::from(Rounds::LAST));
}

/// A word that says who spoke it.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "Frame")]
struct Word(u16);
impl Message for Word {}

/// Says one word that is no promise, and keeps what it hears.
struct Whisper {
    me: NodeIndex,
    heard: Vec<(NodeIndex, Word)>,
}

impl Protocol for Whisper {
    type Input = ();
    type Output = ();
    type Message = Word;
    type Job = NoJob;

    fn input(&mut self, (): (), fx: &mut dyn Effects<Self>) {
        fx.send(To::All, Durable::No, Word(self.me.0));
    }
    fn receive(&mut self, from: NodeIndex, word: Word, _: &mut dyn Effects<Self>) {
        self.heard.push((from, word));
    }
    fn done(&mut self, done: <NoJob as mellivora_core::Job>::Done, _: &mut dyn Effects<Self>) {
        match done {}
    }
    fn recall(&mut self, _: To, _: Word) {}
    fn is_terminated(&self) -> bool {
        true
    }
}

#[test]
fn what_an_old_incarnation_had_under_way_is_dropped() {
    let c = committee(4);
    let mut sim =
        Simulation::builder(c, 3).scheduler(Schedule::Fifo).turn_end(1.0).build(|me| Whisper { me, heard: Vec::new() });
    sim.input(ZERO, ());
    assert!(sim.step(), "the word is on its way");
    sim.crash(ZERO);
    sim.restart(ZERO);
    sim.run().assert_ok();
    let heard: Vec<_> = c.nodes().filter(|node| *node != ZERO).flat_map(|node| &sim.node(node).heard).collect();
    assert!(heard.is_empty(), "{heard:?}: peers would take it for a word of the new incarnation");
    assert_eq!(sim.counters().lost, 3);

    // From a node that is merely down it arrives.
    sim.input(THREE, ());
    assert!(sim.step());
    sim.crash(THREE);
    sim.run().assert_ok();
    assert_eq!(sim.node(ZERO).heard, [(THREE, Word(3))]);
}
