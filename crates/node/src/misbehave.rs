//! Nodes that misbehave on purpose: a demonstration of what the others withstand.
//!
//! A faulty node runs the real protocol with its real keys, and a wrapper spoils what it tells the others. Nothing of
//! this is reachable from a node that is meant to work: only an in-process cluster starts one, when asked to by name.
//!
//! These are demonstrations. The attacks that know a protocol from the inside and forge its own statements belong to
//! its tests.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mellivora_atomic::{Input, Output, Submission, Ticket};
use mellivora_core::codec::Frame;
use mellivora_core::{Committee, FaultLog, Job, NodeIndex, NodeSet};
use mellivora_net::{LinkEvent, Transport};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::{Instant, MissedTickBehavior};

use crate::reactor::{Reactor, SharedFaults};
use crate::replica::Replica;

/// How a node misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// Never says anything.
    Silent,
    /// Works, and falls silent for ever in the middle of its first epoch.
    Crash,
    /// Is two nodes with one identity and different inputs, each shown to one half of the peers; one peer sees both.
    Equivocate,
    /// Sends random bytes, cut messages and messages with flipped bits in place of what it should.
    Garbage,
    /// Works, and sends a flood of repetitions, altered messages and junk besides.
    Flood,
    /// Works, but f of the peers never hear from it.
    Withhold,
}

/// A name that no kind of misbehaviour has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of fault {name:?}: known are {}", known())]
pub struct UnknownMisbehaviour {
    name: String,
}

fn known() -> String {
    Misbehaviour::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

impl Misbehaviour {
    /// All kinds.
    pub const ALL: &'static [Misbehaviour] = &[
        Misbehaviour::Silent,
        Misbehaviour::Crash,
        Misbehaviour::Equivocate,
        Misbehaviour::Garbage,
        Misbehaviour::Flood,
        Misbehaviour::Withhold,
    ];

    /// The name on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Misbehaviour::Silent => "silent",
            Misbehaviour::Crash => "crash",
            Misbehaviour::Equivocate => "equivocate",
            Misbehaviour::Garbage => "garbage",
            Misbehaviour::Flood => "flood",
            Misbehaviour::Withhold => "withhold",
        }
    }

    /// Protocol instances that such a node runs.
    pub(crate) const fn instances(self) -> u8 {
        match self {
            Misbehaviour::Equivocate => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Misbehaviour {
    type Err = UnknownMisbehaviour;

    fn from_str(name: &str) -> Result<Self, UnknownMisbehaviour> {
        let found = Misbehaviour::ALL.iter().find(|kind| kind.name() == name);
        found.copied().ok_or_else(|| UnknownMisbehaviour { name: name.to_owned() })
    }
}

/// What the wrapper does to outgoing frames.
struct Wrapper {
    kind: Misbehaviour,
    n: usize,
    victims: NodeSet,
    /// For each twin the peers that it talks to.
    audience: Vec<NodeSet>,
    frames: usize,
    recent: VecDeque<Frame>,
    rng: ChaCha8Rng,
}

impl Wrapper {
    /// Frames after which a node crashes, per node of the committee: well within the first epoch.
    const CRASH_AFTER: usize = 3;
    /// Frames that a flooder remembers, to repeat and to alter them.
    const RECENT: usize = 64;
    /// Extra frames that a flooder sends to each peer per tick.
    const FLOOD_PER_TICK: usize = 64;

    fn new(kind: Misbehaviour, committee: Committee, me: NodeIndex, seed: [u8; 32]) -> Self {
        let peers: Vec<NodeIndex> = committee.nodes().filter(|&peer| peer != me).collect();
        let middle = peers.len() / 2;
        let audience = match kind {
            // The peer in the middle belongs to both halves, so that somebody sees the contradiction.
            Misbehaviour::Equivocate => {
                let (first, second) = (peers.iter().take(middle + 1), peers.iter().skip(middle));
                vec![first.copied().collect(), second.copied().collect()]
            }
            _ => vec![committee.all()],
        };
        let victims = match kind {
            Misbehaviour::Withhold => peers.iter().take(committee.f()).copied().collect(),
            _ => NodeSet::EMPTY,
        };
        let rng = ChaCha8Rng::from_seed(seed);
        Wrapper { kind, n: committee.n(), victims, audience, frames: 0, recent: VecDeque::new(), rng }
    }

    /// What really goes to `to` when twin number `twin` means to send `frame`.
    fn spoil(&mut self, twin: usize, to: NodeIndex, frame: Frame) -> Option<Frame> {
        self.frames += 1;
        let heard = self.audience.get(twin).is_some_and(|audience| audience.contains(to));
        match self.kind {
            Misbehaviour::Silent => None,
            Misbehaviour::Crash if self.frames > Self::CRASH_AFTER * self.n => None,
            Misbehaviour::Withhold if self.victims.contains(to) => None,
            Misbehaviour::Garbage => Some(self.garble(&frame)),
            Misbehaviour::Flood => {
                if self.recent.len() >= Self::RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back(frame.clone());
                Some(frame)
            }
            _ => heard.then_some(frame),
        }
    }

    fn garble(&mut self, frame: &Frame) -> Frame {
        let mut bytes = frame.to_bytes().to_vec();
        match self.rng.random_range(0..3) {
            0 => self.rng.fill_bytes(&mut bytes),
            1 => bytes.truncate(self.rng.random_range(0..=bytes.len())),
            _ => {
                for _ in 0..1 + bytes.len() / 200 {
                    let place = self.rng.random_range(0..bytes.len().max(1));
                    let bit = self.rng.random_range(0..8);
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << bit;
                    }
                }
            }
        }
        bytes.into()
    }

    /// What a flooder sends at once to everybody; nothing if this is none.
    fn flood<T: Transport>(&mut self, committee: Committee, transport: &mut T) {
        if self.kind == Misbehaviour::Flood {
            for peer in committee.nodes() {
                for _ in 0..Self::FLOOD_PER_TICK {
                    transport.send(peer, self.junk());
                }
            }
        }
    }

    /// One more frame of a flood.
    fn junk(&mut self) -> Frame {
        let old = match self.recent.len() {
            0 => Frame::default(),
            len => self.recent.get(self.rng.random_range(0..len)).cloned().unwrap_or_default(),
        };
        match self.rng.random_range(0..3) {
            0 => old,
            1 => self.garble(&old),
            _ => {
                let mut bytes = vec![0; self.rng.random_range(1..2048)];
                self.rng.fill_bytes(&mut bytes);
                bytes.into()
            }
        }
    }
}

/// Runs a node that misbehaves, until its task is aborted or its links close.
pub(crate) async fn run<P: Replica, T: Transport>(
    kind: Misbehaviour,
    twins: Vec<P>,
    committee: Committee,
    me: NodeIndex,
    seed: [u8; 32],
    mut transport: T,
) {
    tracing::info!(node = me.0, %kind, "a faulty node started");
    // What a faulty node thinks of the others is of no interest.
    let faults = SharedFaults::new(FaultLog::default().into());
    let mut twins: Vec<_> =
        twins.into_iter().map(|replica| Reactor::new(replica, committee, me, faults.clone())).collect();
    let mut wrapper = Wrapper::new(kind, committee, me, seed);
    let mut lies = Lies::default();
    // A flood begins at once: a small cluster may be done before the first tick.
    wrapper.flood(committee, &mut transport);
    let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut events = Vec::new();
    loop {
        tokio::select! {
            alive = transport.receive(&mut events, 256, 4 << 20) => if !alive { return },
            _ = ticks.tick() => {
                twins.iter_mut().for_each(|twin| twin.input(Input::Nudge));
                wrapper.flood(committee, &mut transport);
            }
        }
        if kind == Misbehaviour::Equivocate && !events.is_empty() {
            lies.begin(&mut twins);
        }
        for event in events.drain(..) {
            match event {
                LinkEvent::Frame { from, frame } => twins.iter_mut().for_each(|twin| twin.frame(from, &frame)),
                LinkEvent::Lost { peer } => twins.iter_mut().for_each(|twin| twin.input(Input::Resend(peer))),
                LinkEvent::Restarted { peer } => twins.iter_mut().for_each(|twin| twin.forget(peer)),
                LinkEvent::Oversized { .. } => {}
            }
        }
        for number in 0..twins.len() {
            let Some(twin) = twins.get_mut(number) else { break };
            turn(twin);
            let frames: Vec<_> = twin.frames().collect();
            for out in frames {
                for peer in out.to.iter() {
                    if let Some(frame) = wrapper.spoil(number, peer, out.frame.clone()) {
                        transport.send(peer, frame);
                    }
                }
            }
            let outputs = twin.outputs();
            if kind == Misbehaviour::Equivocate && lies.called_for(&outputs) {
                lies.tell(number, twin);
            }
        }
        tokio::task::yield_now().await;
    }
}

const TICK: Duration = Duration::from_millis(20);

/// Ends the turn of a twin, jobs included.
fn turn<P: Replica>(twin: &mut Reactor<P>) {
    loop {
        let more = twin.end_turn();
        let jobs = twin.jobs();
        if jobs.is_empty() && !more {
            return;
        }
        jobs.into_iter().for_each(|job| twin.done(job.run()));
    }
}

/// The different things that twins want to have ordered: one more after each batch with something of somebody else in
/// it, so that they contradict each other as long as there is work, and not for ever.
#[derive(Default)]
struct Lies {
    begun: bool,
    told: u64,
}

impl Lies {
    const MARK: &'static [u8] = b"twin ";

    fn begin<P: Replica>(&mut self, twins: &mut [Reactor<P>]) {
        if !std::mem::replace(&mut self.begun, true) {
            for (number, twin) in twins.iter_mut().enumerate() {
                self.tell(number, twin);
            }
        }
    }

    fn called_for(&self, outputs: &[Output]) -> bool {
        outputs.iter().any(|output| match output {
            Output::Batch(batch) => batch.iter().any(|(_, transaction)| !transaction.starts_with(Self::MARK)),
            _ => false,
        })
    }

    fn tell<P: Replica>(&mut self, twin: usize, reactor: &mut Reactor<P>) {
        self.told += 1;
        let transaction = [Self::MARK, format!("{twin} says {}", self.told).as_bytes()].concat().into();
        reactor.input(Input::Submit(vec![Submission { ticket: Ticket(self.told), transaction }]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapper(kind: Misbehaviour, n: usize) -> Wrapper {
        Wrapper::new(kind, Committee::new(n).unwrap(), NodeIndex(3), [1; 32])
    }

    #[test]
    fn names_round_trip() {
        for kind in Misbehaviour::ALL {
            assert_eq!(kind.to_string().parse::<Misbehaviour>().unwrap(), *kind);
        }
        assert!("lazy".parse::<Misbehaviour>().unwrap_err().to_string().ends_with("flood, withhold"));
    }

    #[test]
    fn every_peer_hears_an_equivocator_and_exactly_one_hears_both_twins() {
        for n in [4, 7, 10] {
            let mut w = wrapper(Misbehaviour::Equivocate, n);
            let mut heard = |peer: u16| {
                (0..2).filter(|&twin| w.spoil(twin, NodeIndex(peer), Frame::from(vec![7])).is_some()).count()
            };
            let counts: Vec<_> = (0..n as u16).filter(|&peer| peer != 3).map(&mut heard).collect();
            assert_eq!(counts.iter().filter(|&&c| c == 2).count(), 1, "{counts:?}");
            assert_eq!(counts.iter().filter(|&&c| c == 1).count(), n - 2, "{counts:?}");
        }
    }

    #[test]
    fn each_kind_spoils_in_its_own_way() {
        let frame = Frame::from(b"a frame of some length, for the sake of argument".to_vec());
        let got = |kind, rounds| {
            let mut w = wrapper(kind, 4);
            let sent = |w: &mut Wrapper, peer| w.spoil(0, NodeIndex(peer), frame.clone());
            (0..rounds).flat_map(|_| [0, 1, 2].map(|peer| sent(&mut w, peer))).collect::<Vec<_>>()
        };
        assert!(got(Misbehaviour::Silent, 9).iter().all(Option::is_none));
        let crash = got(Misbehaviour::Crash, 20);
        assert!(crash.first().is_some_and(Option::is_some) && crash.last().is_some_and(Option::is_none));
        assert!(got(Misbehaviour::Garbage, 20).iter().flatten().filter(|f| **f != frame).count() >= 55);
        let withhold = got(Misbehaviour::Withhold, 1);
        assert_eq!(withhold.iter().filter(|f| f.is_none()).count(), 1);
        let mut flood = wrapper(Misbehaviour::Flood, 4);
        flood.spoil(0, NodeIndex(0), frame.clone());
        let junk: Vec<_> = (0..50).map(|_| flood.junk()).collect();
        assert!(junk.contains(&frame) && junk.iter().any(|f| *f != frame));
    }
}
