//! Pending events, in the order that the schedule wants.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};

use mellivora_core::{NodeIndex, NodeSet, Protocol};
use rand::RngExt;

use crate::event::Event;
use crate::{Choice, Plan, Schedule, Scheduler, SimRng};

/// Place of a pending event in the store.
pub(crate) type Slot = u32;

/// What a queue has to know of an event to place it.
pub(crate) struct Place {
    pub(crate) key: Choice,
    /// Sending node of a message.
    pub(crate) from: Option<NodeIndex>,
    pub(crate) at: NodeIndex,
    pub(crate) seq: u64,
    pub(crate) time: u64,
}

/// How a heap ranks events; the smallest goes first.
pub(crate) enum Rank {
    Newest,
    Delay(u64),
    Starve(NodeSet),
    Partition(NodeSet),
    Time,
}

impl Rank {
    fn of(&self, place: &Place, rng: &mut SimRng) -> u64 {
        let late = |late: bool, rng: &mut SimRng| (u64::from(late) << 32) | u64::from(rng.random::<u32>());
        match self {
            Rank::Newest => u64::MAX - place.seq,
            Rank::Delay(bound) => place.seq + rng.random_range(0..=*bound),
            Rank::Starve(set) => late(set.contains(place.at) || place.from.is_some_and(|from| set.contains(from)), rng),
            Rank::Partition(set) => {
                late(place.from.is_some_and(|from| set.contains(from) != set.contains(place.at)), rng)
            }
            Rank::Time => place.time,
        }
    }
}

/// Random priorities by lane, four lanes to a link.
#[derive(Default)]
pub(crate) struct Pct {
    lanes: BTreeMap<(u16, u16, u8), (u64, VecDeque<Slot>)>,
    /// Lanes with pending events, highest priority last.
    ready: BTreeSet<(u64, (u16, u16, u8))>,
    /// Steps at which the leading lane falls behind all others, latest first.
    changes: Vec<u64>,
}

impl Pct {
    fn push(&mut self, slot: Slot, place: &Place, rng: &mut SimRng) {
        let lane = (place.from.map_or(u16::MAX, |from| from.0), place.at.0, rng.random_range(0..4));
        // Fresh priorities lie above every lowered one.
        let (priority, queue) =
            self.lanes.entry(lane).or_insert_with(|| (rng.random_range(1 << 32..u64::MAX), VecDeque::new()));
        if queue.is_empty() {
            self.ready.insert((*priority, lane));
        }
        queue.push_back(slot);
    }

    fn pop(&mut self, step: u64) -> Option<Slot> {
        if self.changes.last().is_some_and(|at| *at <= step) {
            self.changes.pop();
            if let Some((_, lane)) = self.ready.pop_last()
                && let Some((priority, _)) = self.lanes.get_mut(&lane)
            {
                *priority = self.changes.len() as u64;
                self.ready.insert((*priority, lane));
            }
        }
        let &(priority, lane) = self.ready.last()?;
        let (_, queue) = self.lanes.get_mut(&lane)?;
        let slot = queue.pop_front();
        if queue.is_empty() {
            self.ready.remove(&(priority, lane));
        }
        slot
    }
}

/// The order of pending events.
pub(crate) enum Order<P: Protocol> {
    Fifo(VecDeque<Slot>),
    Random(Vec<Slot>),
    Heap(Rank, BinaryHeap<Reverse<(u64, u64, Slot)>>),
    Pct(Pct),
    Bytes(Vec<Slot>, std::vec::IntoIter<u8>),
    Own(Vec<Slot>, Option<Box<dyn Scheduler<P>>>),
    Script(HashMap<Choice, Slot>),
}

impl<P: Protocol> Order<P> {
    /// The order of a plan; `hostile` is the length of the hostile phase.
    pub(crate) fn new(plan: Plan<P>, committee: &NodeSet, hostile: u64, rng: &mut SimRng) -> Self {
        let heap = |rank| Order::Heap(rank, BinaryHeap::new());
        let schedule = match plan {
            Plan::Own(scheduler) => return Order::Own(Vec::new(), Some(scheduler)),
            Plan::Built(Schedule::Swarm) => swarm(committee, rng),
            Plan::Built(schedule) => schedule,
        };
        match schedule {
            Schedule::Fifo => Order::Fifo(VecDeque::new()),
            Schedule::Random | Schedule::Swarm => Order::Random(Vec::new()),
            Schedule::Lifo => heap(Rank::Newest),
            Schedule::DelayBounded { bound } => heap(Rank::Delay(bound)),
            Schedule::Starve(set) => heap(Rank::Starve(set)),
            Schedule::Partition(set) => heap(Rank::Partition(set)),
            Schedule::Latency(_) => heap(Rank::Time),
            Schedule::Bytes(bytes) => Order::Bytes(Vec::new(), bytes.into_iter()),
            Schedule::Pct { depth } => {
                let mut changes: Vec<u64> = (1..depth).map(|_| rng.random_range(0..hostile.max(1))).collect();
                changes.sort_unstable_by_key(|at| Reverse(*at));
                Order::Pct(Pct { changes, ..Pct::default() })
            }
        }
    }

    /// Whether the order is fair by itself, so that no phase ends it.
    pub(crate) fn is_fair(&self) -> bool {
        matches!(self, Order::Fifo(_) | Order::Random(_) | Order::Heap(Rank::Time, _) | Order::Script(_))
    }

    pub(crate) fn push(&mut self, slot: Slot, place: &Place, rng: &mut SimRng) {
        match self {
            Order::Fifo(queue) => queue.push_back(slot),
            Order::Random(slots) | Order::Bytes(slots, _) | Order::Own(slots, _) => slots.push(slot),
            Order::Heap(rank, heap) => heap.push(Reverse((rank.of(place, rng), place.seq, slot))),
            Order::Pct(pct) => pct.push(slot, place, rng),
            Order::Script(index) => {
                index.insert(place.key, slot);
            }
        }
    }

    /// Takes the next event. The own scheduler and the script are the caller's matter.
    pub(crate) fn pop(&mut self, step: u64, rng: &mut SimRng) -> Option<Slot> {
        match self {
            Order::Fifo(queue) => queue.pop_front(),
            Order::Random(slots) => {
                (!slots.is_empty()).then(|| slots.swap_remove(rng.random_range(0..slots.len() as u32) as usize))
            }
            Order::Heap(_, heap) => heap.pop().map(|Reverse((_, _, slot))| slot),
            Order::Pct(pct) => pct.pop(step),
            Order::Bytes(slots, bytes) => {
                let pick = usize::from(bytes.next().unwrap_or(0));
                (!slots.is_empty()).then(|| slots.remove(pick % slots.len()))
            }
            Order::Own(slots, _) => (!slots.is_empty()).then(|| slots.remove(0)),
            Order::Script(_) => None,
        }
    }
}

/// One of the hostile schedules, by seed.
fn swarm(nodes: &NodeSet, rng: &mut SimRng) -> Schedule {
    let subset = |rng: &mut SimRng| nodes.iter().filter(|_| rng.random_ratio(1, 3)).collect::<NodeSet>();
    match rng.random_range(0..8) {
        0 => Schedule::Fifo,
        1 | 2 => Schedule::Random,
        3 => Schedule::Lifo,
        4 => Schedule::Pct { depth: rng.random_range(1..8) },
        5 => Schedule::DelayBounded { bound: 1 << rng.random_range(1..10) },
        6 => Schedule::Starve(subset(rng)),
        _ => Schedule::Partition(subset(rng)),
    }
}

/// Pending events and their order.
pub(crate) struct Queue<P: Protocol> {
    events: Vec<Option<Event<P>>>,
    free: Vec<Slot>,
    pub(crate) order: Order<P>,
    pub(crate) len: usize,
}

impl<P: Protocol> Queue<P> {
    pub(crate) fn new(order: Order<P>) -> Self {
        Queue { events: Vec::new(), free: Vec::new(), order, len: 0 }
    }

    pub(crate) fn push(&mut self, event: Event<P>, place: &Place, rng: &mut SimRng) {
        self.len += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.events[slot as usize] = Some(event);
                slot
            }
            None => {
                self.events.push(Some(event));
                self.events.len() as Slot - 1
            }
        };
        self.order.push(slot, place, rng);
    }

    pub(crate) fn pop(&mut self, step: u64, rng: &mut SimRng) -> Option<Event<P>> {
        let slot = self.order.pop(step, rng)?;
        self.take(slot)
    }

    /// When the next event happens, under virtual time.
    pub(crate) fn next_time(&self) -> Option<u64> {
        let Order::Heap(Rank::Time, heap) = &self.order else { return None };
        heap.peek().map(|Reverse((time, ..))| *time)
    }

    /// Takes the event that a script names, if it is pending.
    pub(crate) fn pop_named(&mut self, choice: &Choice) -> Option<Event<P>> {
        let Order::Script(index) = &mut self.order else { return None };
        let slot = index.remove(choice)?;
        self.take(slot)
    }

    /// Takes the event at a position of an own scheduler's list.
    pub(crate) fn pop_position(&mut self, position: Option<usize>) -> Option<Event<P>> {
        let Order::Own(slots, _) = &mut self.order else { return None };
        if slots.is_empty() {
            return None;
        }
        let slot = match position {
            Some(position) if position < slots.len() => slots.remove(position),
            _ => slots.remove(0),
        };
        self.take(slot)
    }

    /// The event at a position of an own scheduler's list.
    pub(crate) fn peek(&self, position: usize) -> Option<&Event<P>> {
        let Order::Own(slots, _) = &self.order else { return None };
        self.events.get(*slots.get(position)? as usize)?.as_ref()
    }

    fn take(&mut self, slot: Slot) -> Option<Event<P>> {
        let event = self.events.get_mut(slot as usize)?.take();
        if event.is_some() {
            self.len -= 1;
            self.free.push(slot);
        }
        event
    }

    /// From now on the oldest event goes first.
    pub(crate) fn become_fair(&mut self) {
        let mut slots: Vec<(u64, Slot)> =
            (0..).zip(&self.events).filter_map(|(slot, event)| event.as_ref().map(|event| (event.seq, slot))).collect();
        slots.sort_unstable();
        self.order = Order::Fifo(slots.into_iter().map(|(_, slot)| slot).collect());
    }

    /// From now on a script decides.
    pub(crate) fn follow_script(&mut self) {
        let index = (0..).zip(&self.events).filter_map(|(slot, event)| event.as_ref().map(|event| (event.key, slot)));
        self.order = Order::Script(index.collect());
    }
}
