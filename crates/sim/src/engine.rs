//! One step of a run: which event comes next, and what a driver does with it.

use mellivora_core::{Durable, Job, NodeIndex, Protocol, Round};

use crate::actor::Settled;
use crate::event::{Body, Event};
use crate::queue::Order;
use crate::trace::fingerprint;
use crate::world::World;
use crate::{Choice, Observation};

impl<P: Protocol> World<P> {
    /// Lets one event happen. False when nothing is left, or a property is broken.
    pub(crate) fn step(&mut self) -> bool {
        if self.failure.is_some() {
            return false;
        }
        if !self.started {
            self.started = true;
            for at in 0..self.actors.len() as u16 {
                self.strike(at, |adversary, attack| adversary.start(attack));
            }
        }
        if self.step >= self.config.max_steps {
            let what = format!("not at rest after {} events, {} are pending", self.step, self.queue.len);
            self.fail("quiescence", what);
            return false;
        }
        if self.script.is_some() {
            return self.step_script();
        }
        if self.timeline.last().is_some_and(|(at, _)| *at <= self.step) {
            return self.step_timeline();
        }
        if self.step >= self.config.hostile && !self.queue.order.is_fair() {
            self.queue.become_fair();
        }
        if !self.open.is_empty() && self.queue.next_time().is_some_and(|next| next > self.now) {
            self.end_turns();
        }
        match self.pick() {
            Some(event) => {
                self.handle(event);
                true
            }
            None => self.step_idle(),
        }
    }

    fn pick(&mut self) -> Option<Event<P>> {
        if let Order::Own(_, scheduler) = &mut self.queue.order
            && let Some(mut own) = scheduler.take()
        {
            let position = own.pick(&self.view());
            if let Order::Own(_, scheduler) = &mut self.queue.order {
                *scheduler = Some(own);
            }
            return self.queue.pop_position(position);
        }
        self.queue.pop(self.step, &mut self.schedule_rng)
    }

    /// Nothing is pending: open turns end, what the timeline still holds happens, nodes are nudged.
    fn step_idle(&mut self) -> bool {
        if !self.open.is_empty() {
            self.end_turns();
            return true;
        }
        if !self.timeline.is_empty() {
            return self.step_timeline();
        }
        if self.config.quiet_nudges > 0 && self.config.nudge.is_some() {
            return self.apply(Choice::NudgeAll);
        }
        false
    }

    fn end_turns(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        open.sort_unstable();
        for at in open {
            self.end_turn(at);
        }
    }

    fn step_timeline(&mut self) -> bool {
        if let Some((_, choice)) = self.timeline.pop() {
            self.apply(choice);
        }
        true
    }

    fn step_script(&mut self) -> bool {
        while let Some(choice) = self.script.as_mut().and_then(|script| script.pop_front()) {
            if let Some(event) = self.queue.pop_named(&choice) {
                self.handle(event);
                return true;
            }
            if self.apply(choice) {
                return true;
            }
        }
        self.script = None;
        self.queue.become_fair();
        self.config.turn_end = 1.0;
        // A list of events that was made shorter may have left somebody down, which is no failure of the protocol.
        let dead = self.actors.iter().filter(|actor| !actor.alive).map(|actor| Choice::Restart { node: actor.node });
        let cut = self.down.iter().map(|&(a, b)| Choice::Heal { a, b });
        for choice in dead.chain(cut).collect::<Vec<_>>() {
            self.apply(choice);
        }
        true
    }

    /// Does what a choice says that names no pending event. False if it cannot be done.
    pub(crate) fn apply(&mut self, choice: Choice) -> bool {
        match choice {
            Choice::Deliver { .. } | Choice::Job { .. } | Choice::Input { .. } => return false,
            Choice::Flush { at } => {
                if !self.open.contains(&at) {
                    return false;
                }
                self.open.retain(|open| *open != at);
                self.end_turn(at);
                return true;
            }
            _ => {}
        }
        if self.started {
            self.trace.record(choice, 0);
            self.step += 1;
        }
        match choice {
            Choice::Nudge { node } => self.nudge(node),
            Choice::NudgeAll => {
                self.config.quiet_nudges = self.config.quiet_nudges.saturating_sub(1);
                self.committee.nodes().for_each(|node| self.nudge(node));
            }
            Choice::Crash { node, synced } => self.crash(node, synced),
            Choice::Restart { node } => self.restart(node),
            Choice::Cut { a, b } => self.cut(a, b),
            Choice::Heal { a, b } => self.heal(a, b),
            Choice::Flush { .. } | Choice::Deliver { .. } | Choice::Job { .. } | Choice::Input { .. } => {}
        }
        true
    }

    fn nudge(&mut self, node: NodeIndex) {
        let Some(mut hook) = self.config.nudge.take() else { return };
        for at in self.actors_of(node).into_iter().flatten() {
            let actor = &mut self.actors[usize::from(at)];
            if actor.alive {
                self.counters.nudges += 1;
                hook(&mut actor.instance, &mut actor.turn);
                self.after(at);
            }
        }
        self.config.nudge = Some(hook);
    }

    fn handle(&mut self, event: Event<P>) {
        let Event { key, at, time, body, .. } = event;
        self.step += 1;
        self.now = self.now.max(time);
        let print = match &body {
            Body::Message { print, .. } => *print,
            _ => 0,
        };
        self.trace.record(key, print);
        // Actors are never removed, and events are made for existing ones only.
        if !self.actors[usize::from(at)].alive {
            return self.meet_the_dead(key, at, body);
        }
        match body {
            Body::Message { incarnation, .. } if self.is_stale(key, incarnation) => {
                // What an old incarnation said and logged, the new one says again.
                self.counters.lost += 1;
                return;
            }
            Body::Message { from, message, .. } => {
                self.counters.delivered += 1;
                if self.config.rounds_ahead.is_some() {
                    self.note_rounds(at, from, &message);
                }
                let message = if self.actors[usize::from(at)].adversary.is_some() {
                    self.strike(at, |adversary, attack| adversary.receives(from, message, attack)).flatten()
                } else {
                    Some(message)
                };
                if let Some(message) = message {
                    let actor = &mut self.actors[usize::from(at)];
                    actor.instance.receive(from, message, &mut actor.turn);
                }
            }
            Body::Job { job, incarnation } => {
                let actor = &mut self.actors[usize::from(at)];
                if actor.incarnation != incarnation {
                    return;
                }
                self.counters.jobs += 1;
                actor.instance.done(job.run(), &mut actor.turn);
            }
            Body::Input(input) => {
                let input = if self.actors[usize::from(at)].adversary.is_some() {
                    self.strike(at, |adversary, attack| adversary.input(input, attack)).flatten()
                } else {
                    Some(input)
                };
                if let Some(input) = input {
                    let actor = &mut self.actors[usize::from(at)];
                    actor.instance.input(input, &mut actor.turn);
                }
            }
        }
        self.after(at);
    }

    /// Whether a message was sent by an incarnation of its sender that has been followed by another.
    fn is_stale(&self, key: Choice, incarnation: u32) -> bool {
        match key {
            Choice::Deliver { from, .. } => {
                self.actors.get(usize::from(from)).is_some_and(|actor| actor.incarnation != incarnation)
            }
            _ => false,
        }
    }

    /// An event for a node that is down: messages are lost, jobs too, inputs wait for it.
    fn meet_the_dead(&mut self, key: Choice, at: u16, body: Body<P>) {
        match (body, key) {
            (Body::Message { message, .. }, Choice::Deliver { from, .. }) => {
                self.counters.lost += 1;
                if self.config.outbox {
                    self.lost.entry((from, at)).or_default().push(message);
                }
            }
            (Body::Input(input), _) => self.actors[usize::from(at)].waiting.push(input),
            _ => {}
        }
    }

    /// Takes in which rounds a peer is, and releases what was held back for it.
    fn note_rounds(&mut self, at: u16, from: NodeIndex, message: &P::Message) {
        let actor = &mut self.actors[usize::from(at)];
        let mut news = false;
        mellivora_core::Message::rounds(message, &mut |instance, round: Round| {
            let seen = actor.seen.entry((from, instance)).or_default();
            news |= *seen < round;
            *seen = round.max(*seen);
        });
        if news && let Some(held) = actor.held.remove(&from) {
            for message in held {
                self.route(at, from, message, None);
            }
        }
    }

    /// After an event at an instance: it hears itself, and its turn may end.
    pub(crate) fn after(&mut self, at: u16) {
        let settled = self.actors[usize::from(at)].settle();
        self.book(at, &settled);
        let ends = self.script.is_none()
            && (self.config.turn_end >= 1.0 || rand::RngExt::random_bool(&mut self.turn_rng, self.config.turn_end));
        let turn = &mut self.actors[usize::from(at)].turn;
        if ends {
            if turn.open {
                self.open.retain(|open| *open != at);
            }
            self.end_turn(at);
        } else if !turn.open {
            turn.open = true;
            self.open.push(at);
        }
    }

    fn book(&mut self, at: u16, settled: &Settled) {
        self.counters.to_self += settled.to_self;
        self.counters.jobs += settled.jobs;
        if settled.endless {
            let node = self.actors[usize::from(at)].node;
            self.fail("quiescence", format!("{node:?} talks to itself without end"));
        }
    }

    /// Ends a turn: promises are logged, then messages go out, then the user gets outputs.
    pub(crate) fn end_turn(&mut self, at: u16) {
        let actor = &mut self.actors[usize::from(at)];
        if !actor.alive {
            return;
        }
        let settled = actor.end_turn();
        let node = actor.node;
        let incarnation = actor.incarnation;
        let mut sends = std::mem::take(&mut actor.turn.sends);
        let mut outputs = std::mem::take(&mut actor.turn.outputs);
        let mut jobs = std::mem::take(&mut actor.turn.jobs);
        let mut faults = std::mem::take(&mut actor.turn.faults);
        self.book(at, &settled);
        self.counters.turns += 1;
        self.trace.record(Choice::Flush { at }, 0);
        let honest = !self.faulty.contains(node);
        let watched = honest && !self.oracles.is_empty();

        for (to, _, message) in sends.iter().filter(|(_, durable, _)| *durable == Durable::Yes) {
            self.actors[usize::from(at)].log.push((*to, message.clone()));
            if watched {
                self.observe(&Observation::Promise { node, to: *to, message });
            }
        }
        for (to, _, message) in sends.drain(..) {
            if watched {
                self.observe(&Observation::Sent { node, to, message: &message });
            }
            let mut scratch = std::mem::take(&mut self.scratch);
            let stamp = fingerprint(&message, &mut scratch);
            self.scratch = scratch;
            for receiver in self.committee.nodes().filter(|receiver| *receiver != node && to.includes(*receiver)) {
                self.route(at, receiver, message.clone(), Some(stamp));
            }
            if self.config.outbox {
                self.actors[usize::from(at)].history.push((to, message));
            }
        }
        for output in outputs.drain(..) {
            if watched {
                let index = self.actors[usize::from(at)].outputs.len();
                self.observe(&Observation::Output { node, index, output: &output });
            }
            let now = self.now;
            let actor = &mut self.actors[usize::from(at)];
            actor.outputs.push(output);
            actor.output_times.push(now);
        }
        for job in jobs.drain(..) {
            let actor = &mut self.actors[usize::from(at)];
            let number = actor.next_job;
            actor.next_job += 1;
            self.enqueue(Choice::Job { at, number }, at, self.now, Body::Job { job, incarnation });
        }
        for fault in faults.drain(..) {
            self.record_fault(node, fault);
        }
        if watched {
            self.observe(&Observation::Turn { node });
        }
        // The empty buffers go back: a turn allocates nothing once they have grown.
        let turn = &mut self.actors[usize::from(at)].turn;
        (turn.sends, turn.outputs, turn.jobs, turn.faults) = (sends, outputs, jobs, faults);
    }
}
