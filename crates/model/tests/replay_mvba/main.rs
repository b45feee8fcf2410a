//! The model of agreement on values against the real state machine: sMVBA, three views, four nodes, two values.
//!
//! As with binary agreement: random paths of the model are walked, messages are delivered to the real node until it
//! does each step, and after every delivery all that the real node has signed, said, taken over and decided must be
//! steps that the model allows. One event in eight asks for any step at all, allowed or not, so that what the model
//! forbids is tried as hard as what it allows.
//!
//! The model is [`Smvba::step_by_step`](mellivora_model::mvba::Smvba::step_by_step): every signature is a step of its
//! own there, which is what real nodes show, and nothing is forgotten that could be compared. With three views it is
//! too large to be visited as a whole, but not to be walked; three are needed for a chain of no-certificates that can
//! be cut. `Progress` has no values. What it stands for is looked at in the end: everything that honest nodes said
//! arrives, and all of them decide, alike.
//!
//! The adversary is the model's. It shows anybody the coin at any time, since the model has no gate, and certificates
//! of whatever has been signed, by whomever. Where a certificate would take more signatures than there are, it shows
//! what comes nearest. Leaders are drawn first, and a coin that names them is looked for.
//!
//! Restarts are not the model's matter, nor are questions that nobody answers.

mod puppet;
mod realise;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::ops::Range;

use mellivora_agreement::Mvba;
use mellivora_model::Weakening;
use mellivora_model::mvba::{Act, Step};
use mellivora_model::system::System;
use mellivora_model::values::Values;
use puppet::{round, value_in};
use rand::RngExt;
use rand::seq::IndexedRandom;
use world::{Seen, Start, World};

/// Honest nodes.
const H: usize = 3;
/// Views of the model.
const R: usize = 3;

const ACTS: [Act; 12] = [
    Act::Endorse(0),
    Act::Endorse(1),
    Act::Lock(0),
    Act::Lock(1),
    Act::PrevoteYes,
    Act::PrevoteNo,
    Act::VoteYes(0),
    Act::VoteYes(1),
    Act::VoteNo,
    Act::Adopt(0),
    Act::Adopt(1),
    Act::Keep,
];

impl World<'_> {
    /// A step of the model that is open to a real node.
    fn next(&mut self) -> Option<Step> {
        let mut steps = Vec::new();
        self.model().steps(&self.state, &mut steps);
        // A real node signs nothing in a view whose leader it knows, although it has not come there yet.
        let open = |&Step { node, view, .. }: &Step| {
            let early = self.at(node) < view && self.real(node).leader(round(view)).is_some();
            !self.has_decided(node) && !early
        };
        steps.retain(open);
        steps.choose(&mut self.rng).copied()
    }

    /// Any step, allowed or not. A real node that takes one that is not is found out.
    fn provoke(&mut self) {
        let node = self.rng.random_range(0..H);
        let view = self.rng.random_range(self.at(node).min(R - 1)..R);
        let act = ACTS[self.rng.random_range(0..ACTS.len())];
        if !self.has_decided(node) {
            self.bring_about(Step { node, view, act });
        }
    }

    /// Everything that honest nodes say arrives. In the end all of them have decided, and all alike.
    fn finish(&mut self) {
        (0..H).for_each(|node| self.input(node));
        let unheard =
            |world: &Self| (0..H).find_map(|node| world.places(node, |_| true).first().map(|&place| (node, place)));
        while let Some((node, place)) = unheard(self) {
            self.deliver(node, place);
            assert!(self.real(node).view().0 < 50, "views without end:\n{}", self.state);
        }
        let decided = self.real(0).decision();
        let value = value_in(decided.unwrap_or_else(|| panic!("nobody decides:\n{}", self.state)));
        assert!((0..H).all(|node| self.real(node).decision() == decided), "not all decide alike:\n{}", self.state);
        assert!(self.state.decided.within(Values::of(value)), "all decide {value}, but\n{}", self.state);
    }
}

#[derive(Default)]
struct Walked {
    seen: Seen,
    tried: usize,
    diverted: usize,
}

/// Walks one path for each seed. Panics where the model and the code differ.
fn walk(seeds: Range<u64>, weakening: Option<Weakening>) -> Walked {
    let start = Start::new(weakening);
    let mut walked = Walked::default();
    for seed in seeds {
        let mut world = World::new(seed, &start);
        for node in 0..H {
            // Now and then an input comes late.
            if world.rng.random_ratio(7, 8) {
                world.input(node);
            }
        }
        let noise = world.rng.random_range(0.0..0.4);
        for _ in 0..80 {
            if world.rng.random_bool(noise) {
                world.noise();
            } else if world.rng.random_ratio(1, 8) {
                world.provoke();
            } else if world.rng.random_ratio(1, 50) {
                world.convince();
            } else {
                let Some(step) = world.next() else { break };
                walked.tried += 1;
                walked.diverted += usize::from(!world.realise(step));
            }
        }
        world.convince();
        world.finish();
        walked.seen.add(world.seen);
    }
    walked
}

#[test]
fn paths_of_the_model_and_of_the_real_state_machine_are_the_same() {
    let Walked { seen, tried, diverted } = walk(0..6_000, None);
    assert_eq!(seen.acts.len(), 30, "every kind of step in every view, and decisions: {:?}", seen.acts);
    assert!(seen.acts.values().all(|&count| count >= 300), "each of them often: {:?}", seen.acts);
    assert_eq!(seen.justified.len(), 6, "signatures for values of every age: {:?}", seen.justified);
    assert!(seen.justified.values().all(|&count| count >= 300), "each of them often: {:?}", seen.justified);
    assert!(seen.locked_no > 0, "some node holds a lock, and votes no");
    assert!(diverted * 3 < tried, "most steps can be realised: all but {diverted} of {tried}");
}

#[test]
fn a_model_with_another_rule_is_told_from_the_code() {
    use Weakening::*;
    // Not `LockedMayVoteNo`: the code does that.
    let weakened = [
        ChainCut,
        NpcJustifies,
        OriginUnchecked,
        LockAfterCoin,
        EndorseAfterCoin,
        LockUnrecorded,
        LockedMayVoteNoFreely,
        EndorseBoth,
        EndorseLow,
        FinishLow,
        NpcLow,
        NvcLow,
        YesLow,
        PrevoteUnjustified,
        VoteYesUnjustified,
        VoteNoUnjustified,
        MixedKeeps,
    ];
    for weakening in weakened {
        let walked = std::panic::catch_unwind(|| walk(0..2_000, Some(weakening)));
        assert!(walked.is_err(), "{weakening:?} goes unnoticed");
    }
}
