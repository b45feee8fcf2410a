//! The simulation: events in the order of virtual time.
//!
//! A node with an idle core and something in its inbox begins a turn, which takes everything that is there, as a driver
//! does; what the turn has to say leaves when it is over. Jobs wait for a core in the order in which they were made. There
//! is one turn of a node at a time, and it goes before jobs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mellivora::atomic::{Input, Output, Source};
use mellivora::core::NodeIndex;
use mellivora::core::codec::Frame;

use super::network::Latency;
use super::node::{DoneOf, Inbound, Node, Turned, Work};

/// Time between nudges, in ns: a few delays of a wide area network, so that nobody asks again for what is on its way.
const NUDGE: u64 = 500_000_000;

/// The links of every node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Links {
    /// Time on the way.
    pub latency: Latency,
    /// Bytes per second out of a node, and as many into it. `None`: no limit.
    pub bytes_per_second: Option<f64>,
}

impl Links {
    fn transmission(&self, bytes: usize) -> u64 {
        self.bytes_per_second.map_or(0, |rate| (bytes as f64 / rate * 1e9) as u64)
    }
}

/// What happens.
enum Event<P: Source> {
    /// The last byte of a frame has left the uplink of its sender and reaches the last of these receivers; the others are
    /// to come, at their times, the next one last.
    Arrival {
        from: u16,
        receivers: Vec<(u64, u16)>,
        frame: Frame,
    },
    /// It has passed the downlink.
    Delivery {
        from: u16,
        to: u16,
        frame: Frame,
    },
    /// A turn is over.
    Turn {
        node: u16,
        turned: Box<Turned<P>>,
    },
    /// A core is free again.
    Work {
        node: u16,
        done: Option<Box<DoneOf<P>>>,
    },
    Nudge {
        node: u16,
    },
    /// The clients of a node act.
    Clients {
        node: u16,
    },
}

/// Who submits, and looks at what comes out.
pub(super) trait Clients {
    /// A node put something out. Returns what is to be submitted to it at once.
    fn output(
        &mut self,
        node: usize,
        now: u64,
        output: Output,
        traffic: &dyn Fn() -> Traffic,
    ) -> Result<Vec<Input>, String>;

    /// The time has come that `act` asked for. Returns what is to be submitted, and when to come again.
    fn act(&mut self, node: usize, now: u64) -> (Vec<Input>, Option<u64>);

    /// Whether everything has been seen.
    fn is_done(&self) -> bool;
}

/// What all nodes have sent and used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Messages, one for each receiver.
    pub messages: u64,
    /// Frames, one for each receiver.
    pub frames: u64,
    /// Bytes of frames.
    pub bytes: u64,
    /// Core time in ns.
    pub busy_ns: f64,
    /// Signatures verified.
    pub verified: u64,
    /// Signatures made, without those of checkpoints.
    pub signed: u64,
}

/// All nodes, and what is to happen.
pub(super) struct World<P: Source> {
    pub(super) nodes: Vec<Node<P>>,
    links: Links,
    now: u64,
    seq: u64,
    /// Time, number, place in `events`.
    queue: BinaryHeap<Reverse<(u64, u64, u32)>>,
    events: Vec<Option<Event<P>>>,
    free: Vec<u32>,
    count: u64,
}

impl<P: Source> World<P> {
    pub(super) fn new(nodes: Vec<Node<P>>, links: Links) -> Self {
        let mut world = World {
            links,
            now: 0,
            seq: 0,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            count: 0,
            nodes,
        };
        for node in 0..world.nodes.len() as u16 {
            world.at(0, Event::Clients { node });
            world.at(NUDGE, Event::Nudge { node });
        }
        world
    }

    /// Lets everything happen until the clients have seen enough. Returns how many events that took.
    ///
    /// # Errors
    ///
    /// When the time is over before, when a client objects, or when a node blames another one.
    pub(super) fn run(&mut self, clients: &mut dyn Clients, until: u64) -> Result<u64, String> {
        while !clients.is_done() {
            let Some(Reverse((time, _, place))) = self.queue.pop() else {
                return Err("nothing is left to happen".into());
            };
            if time > until {
                return Err(format!("not done after {:.0} s of virtual time", until as f64 / 1e9));
            }
            self.now = time;
            self.count += 1;
            self.free.push(place);
            // A place in the queue is that of an event, until it is taken here.
            if let Some(event) = self.events[place as usize].take() {
                self.handle(event, clients)?;
            }
        }
        Ok(self.count)
    }

    fn handle(&mut self, event: Event<P>, clients: &mut dyn Clients) -> Result<(), String> {
        match event {
            Event::Arrival { from, mut receivers, frame } => {
                let Some((_, to)) = receivers.pop() else { return Ok(()) };
                let took = self.links.transmission(frame.len());
                if let Some(&(next, _)) = receivers.last() {
                    // One event after another: the queue stays short.
                    self.at(next, Event::Arrival { from, receivers, frame: frame.clone() });
                }
                let node = &mut self.nodes[usize::from(to)];
                // The bytes came in while the last one was on its way: only what came at the same time is in the way.
                node.downlink_free = self.now.max(node.downlink_free + took);
                let delivered = node.downlink_free;
                if delivered > self.now {
                    self.at(delivered, Event::Delivery { from, to, frame });
                    return Ok(());
                }
                node.inbox.push_back(Inbound::Frame(NodeIndex(from), frame));
                self.schedule(to)
            }
            Event::Delivery { from, to, frame } => {
                self.nodes[usize::from(to)].inbox.push_back(Inbound::Frame(NodeIndex(from), frame));
                self.schedule(to)
            }
            Event::Turn { node, turned } => self.end_turn(node, *turned, clients),
            Event::Work { node, done } => {
                let at = &mut self.nodes[usize::from(node)];
                at.idle_cores += 1;
                at.inbox.extend(done.map(|done| Inbound::Done(*done)));
                self.schedule(node)
            }
            Event::Nudge { node } => {
                self.at(self.now + NUDGE, Event::Nudge { node });
                let at = &mut self.nodes[usize::from(node)];
                if at.is_idle() {
                    return Ok(());
                }
                at.inbox.push_back(Inbound::Input(Input::Nudge));
                self.schedule(node)
            }
            Event::Clients { node } => {
                let (inputs, again) = clients.act(usize::from(node), self.now);
                if let Some(time) = again {
                    self.at(time, Event::Clients { node });
                }
                self.nodes[usize::from(node)].inbox.extend(inputs.into_iter().map(Inbound::Input));
                self.schedule(node)
            }
        }
    }

    fn end_turn(&mut self, node: u16, turned: Turned<P>, clients: &mut dyn Clients) -> Result<(), String> {
        self.send(node, &turned);
        let at = &mut self.nodes[usize::from(node)];
        at.in_turn = false;
        at.idle_cores += 1;
        if turned.background_ns > 0.0 {
            at.work.push_back(Work::Background(turned.background_ns));
        }
        at.work.extend(turned.jobs.into_iter().map(Work::Job));
        for output in turned.outputs {
            let nodes = &self.nodes;
            let inputs = clients.output(usize::from(node), self.now, output, &|| traffic(nodes))?;
            self.nodes[usize::from(node)].inbox.extend(inputs.into_iter().map(Inbound::Input));
        }
        self.schedule(node)
    }

    /// Puts the frames of a turn into the uplink: each in full for each of its receivers, from the next node on.
    fn send(&mut self, node: u16, turned: &Turned<P>) {
        let n = self.nodes.len() as u16;
        for out in &turned.frames {
            let took = self.links.transmission(out.frame.len());
            let mut receivers = Vec::with_capacity(out.to.len());
            for step in 1..n {
                let to = (node + step) % n;
                if !out.to.contains(NodeIndex(to)) {
                    continue;
                }
                let sender = &mut self.nodes[usize::from(node)];
                sender.uplink_free = sender.uplink_free.max(self.now) + took;
                sender.frames += 1;
                sender.bytes += out.frame.len() as u64;
                let way = self.links.latency.one_way(usize::from(node), usize::from(to));
                receivers.push((sender.uplink_free + way, to));
            }
            receivers.sort_by_key(|(time, _)| Reverse(*time));
            if let Some(&(first, _)) = receivers.last() {
                self.at(first, Event::Arrival { from: node, receivers, frame: out.frame.clone() });
            }
        }
    }

    /// Gives the idle cores of a node something to do.
    fn schedule(&mut self, node: u16) -> Result<(), String> {
        loop {
            let now = self.now;
            let at = &mut self.nodes[usize::from(node)];
            if at.idle_cores == 0 {
                return Ok(());
            }
            if !at.in_turn && !at.inbox.is_empty() {
                at.in_turn = true;
                at.idle_cores -= 1;
                let turned = at.turn()?;
                self.at(now + turned.ns as u64, Event::Turn { node, turned: Box::new(turned) });
                continue;
            }
            let (done, ns) = match at.work.pop_front() {
                None => return Ok(()),
                Some(Work::Background(ns)) => (None, ns),
                Some(Work::Job(job)) => {
                    let (done, ns) = at.run(job);
                    (Some(Box::new(done)), ns)
                }
            };
            at.idle_cores -= 1;
            self.at(now + ns as u64, Event::Work { node, done });
        }
    }

    fn at(&mut self, time: u64, event: Event<P>) {
        let place = match self.free.pop() {
            Some(place) => {
                self.events[place as usize] = Some(event);
                place
            }
            None => {
                self.events.push(Some(event));
                (self.events.len() - 1) as u32
            }
        };
        self.queue.push(Reverse((time, self.seq, place)));
        self.seq += 1;
    }
}

fn traffic<P: Source>(nodes: &[Node<P>]) -> Traffic {
    nodes.iter().fold(Traffic::default(), |sum, node| Traffic {
        messages: sum.messages + node.messages(),
        frames: sum.frames + node.frames,
        bytes: sum.bytes + node.bytes,
        busy_ns: sum.busy_ns + node.busy_ns,
        verified: sum.verified + node.charged.verified,
        signed: sum.signed + node.charged.signed,
    })
}
