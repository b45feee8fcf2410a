//! What is under attack: one subject per protocol.
//!
//! A protocol joins every campaign by implementing `Target`: how a run of it is set up, with which oracles, and which
//! rare states a run reached. Everything else (attacks, schedules, replay, shrinking, tables) is there.

mod aba;
mod atomic;
mod coin;
mod engines;
mod mvba;
mod oracles;
mod rbc;
mod subset;
mod subsets;

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mellivora_adversary::{Observe, Strategy, Tools, schedule::Peek};
use mellivora_agreement::{Ckps, Smvba};
use mellivora_atomic::{Samples, Streams};
use mellivora_core::{Digest, NodeIndex, Protocol};
use mellivora_sim::{Builder, Counters, Coverage, Failure, Report, Shrunk, Simulation};
use mellivora_subset::{Bkr, Dumbo1, Dumbo2, SDumbo};

use crate::scenario::{Cast, Order, Scenario};

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run.
    pub scenario: Scenario,
    /// Size of its committee.
    pub nodes: usize,
    /// The first broken property.
    pub failure: Option<Failure>,
    /// What fired, attacks and rare states.
    pub coverage: Coverage,
    /// What was done.
    pub counters: Counters,
    /// Faults that honest nodes recorded.
    pub faults: u64,
    /// Epochs that were ordered, at the first honest node.
    pub epochs: u64,
    /// Hash of all events.
    pub trace: Digest,
}

/// A protocol under attack, whatever its types.
pub trait Subject: Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Attacks that mean something to it.
    fn strategies(&self) -> Vec<Strategy>;
    /// Rare states that a campaign has to reach.
    fn rare(&self) -> &'static [&'static str];
    /// Its part of a mixed campaign's time, against the others'.
    fn share(&self) -> u32;
    /// One run.
    fn run(&self, scenario: &Scenario) -> Outcome;
    /// A short schedule that fails like the run does; `None` if that did not fail, or panicked.
    fn shrink(&self, scenario: &Scenario, tries: usize) -> Option<Shrunk>;
}

impl std::fmt::Debug for dyn Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How a protocol joins the campaigns.
pub(crate) trait Target: Sync {
    /// The protocol.
    type P: Observe;
    /// Name of the subject.
    const NAME: &'static str;
    /// Rare states, by the names that [`look`](Self::look) counts.
    const RARE: &'static [&'static str];
    /// Part of a mixed campaign's time.
    const SHARE: u32;
    /// A run with its oracles and inputs, ready to go. The same cast gives the same run.
    fn start(&self, cast: &mut Cast) -> Simulation<Self::P>;
    /// Counts the rare states that a run reached; returns the number of epochs it ordered.
    fn look(&self, cast: &Cast, sim: &mut Simulation<Self::P>) -> u64;
}

impl<T: Target> Subject for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn strategies(&self) -> Vec<Strategy> {
        Strategy::ALL.iter().copied().filter(|strategy| strategy.applies::<T::P>()).collect()
    }

    fn rare(&self) -> &'static [&'static str] {
        T::RARE
    }

    fn share(&self) -> u32 {
        T::SHARE
    }

    fn run(&self, scenario: &Scenario) -> Outcome {
        let mut cast = Cast::draw(scenario, &self.strategies());
        let nodes = cast.committee.n();
        // A panic of a protocol is a failure like any other.
        let run = catch_unwind(AssertUnwindSafe(|| {
            let mut sim = self.start(&mut cast);
            let report = sim.run();
            let epochs = self.look(&cast, &mut sim);
            (report, sim.coverage().clone(), sim.faults().len() as u64, epochs)
        }));
        let panicked = |what| Failure {
            seed: scenario.seed,
            step: 0,
            oracle: "panic".to_owned(),
            what,
            replay: scenario.replay(),
        };
        match run {
            Ok((Report { failure, trace, counters, .. }, coverage, faults, epochs)) => {
                let failure = failure.map(|failure| Failure { replay: scenario.replay(), ..failure });
                Outcome { scenario: *scenario, nodes, failure, coverage, counters, faults, epochs, trace }
            }
            Err(panic) => Outcome {
                scenario: *scenario,
                nodes,
                failure: Some(panicked(crate::panics::text(&*panic))),
                coverage: Coverage::new(),
                counters: Counters::default(),
                faults: 0,
                epochs: 0,
                trace: Digest::default(),
            },
        }
    }

    fn shrink(&self, scenario: &Scenario, tries: usize) -> Option<Shrunk> {
        let setup = || self.start(&mut Cast::draw(scenario, &self.strategies()));
        catch_unwind(AssertUnwindSafe(|| {
            let mut sim = setup();
            let _ = sim.run().failure?;
            let choices = sim.choices().to_vec();
            mellivora_sim::shrink(setup, &choices, tries)
        }))
        .ok()?
    }
}

/// Events within which every run has to come to rest, for each link: a dozen times what the longest one takes.
const MAX_STEPS: u64 = 20_000;

/// A simulation of what the cast says: schedule, faulty nodes, crashes and cuts. The subject adds oracles and inputs;
/// `peek` is how schedulers look coins up, `tools` what a faulty node gets.
fn builder<P: Observe>(cast: &mut Cast, peek: Option<Peek>, tools: impl Fn(NodeIndex) -> Tools) -> Builder<P> {
    let mut builder = Simulation::<P>::builder(cast.committee, cast.seed)
        .max_steps(MAX_STEPS * cast.committee.n().pow(2).max(4) as u64)
        .crashes(cast.crashes)
        .cuts(cast.cuts);
    let own = match cast.order {
        Order::Adaptive(adaptive) => adaptive.scheduler::<P>(cast.seed, peek),
        _ => None,
    };
    builder = match own {
        Some(own) => builder.scheduler(own),
        None => builder.scheduler(cast.schedule()),
    };
    for (node, strategy) in &cast.faulty {
        builder = builder.faulty(*node, strategy.role_with::<P>(cast.seed, tools(*node)));
    }
    builder
}

/// Counts what a run of any protocol may reach.
fn count_common<P: Protocol + 'static>(cast: &Cast, sim: &mut Simulation<P>) {
    let counters = sim.counters();
    let culprits = !sim.faults().is_empty();
    for (name, reached) in
        [("restart", counters.restarts > 0), ("lost and repeated", counters.repeated > 0), ("culprit named", culprits)]
    {
        if reached {
            sim.count(name);
        }
    }
    if let Order::Adaptive(adaptive) = cast.order {
        sim.count(adaptive.name());
    }
}

/// All subjects, bottom up.
pub const ALL: [&dyn Subject; 14] = [
    &rbc::Broadcast,
    &coin::Coin,
    &aba::Agreement,
    &mvba::ValueAgreement::<Smvba>(PhantomData),
    &mvba::ValueAgreement::<Ckps>(PhantomData),
    &subset::CommonSubset::<Bkr>(PhantomData),
    &subset::CommonSubset::<Dumbo1>(PhantomData),
    &subset::CommonSubset::<Dumbo2>(PhantomData),
    &subset::CommonSubset::<SDumbo>(PhantomData),
    &atomic::AtomicBroadcast::<Samples<Bkr>>(PhantomData),
    &atomic::AtomicBroadcast::<Samples<Dumbo1>>(PhantomData),
    &atomic::AtomicBroadcast::<Samples<Dumbo2>>(PhantomData),
    &atomic::AtomicBroadcast::<Samples<SDumbo>>(PhantomData),
    &atomic::AtomicBroadcast::<Streams>(PhantomData),
];

/// A subject by name.
pub fn find(name: &str) -> Result<&'static dyn Subject, String> {
    let known = || ALL.map(|subject| subject.name()).join(" ");
    ALL.into_iter()
        .find(|subject| subject.name() == name)
        .ok_or_else(|| format!("no subject '{name}'; there are {}", known()))
}
