//! How each step of the model is brought about at a real node.

use mellivora_agreement::SmvbaMessage;
use mellivora_agreement::smvba::{Prevote, Vote};
use mellivora_broadcast::{SpbMessage, Stage};
use mellivora_core::{Digest, NodeIndex, Round, To};
use mellivora_model::mvba::{Act, Step};
use rand::RngExt;
use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};

use crate::puppet::{About, BAD, bytes, digest, round, value_in};
use crate::support::Z;
use crate::world::World;
use crate::{H, R};

/// Something that can arrive.
enum Item {
    Place(usize),
    Lie(SmvbaMessage),
}

/// The part of a message that belongs to somebody's broadcast in a view.
fn of_proposer(message: &SmvbaMessage, at: usize, whose: u16) -> Option<&SpbMessage> {
    match message {
        SmvbaMessage::Spb { view, proposer, message } if *view == round(at) && proposer.0 == whose => Some(message),
        _ => None,
    }
}

/// The digest that a PREVOTE of a view says yes to, none for no.
fn prevote_in(message: &SmvbaMessage, at: usize) -> Option<Option<Digest>> {
    match message {
        SmvbaMessage::Prevote { view, prevote, .. } if *view == round(at) => Some(match prevote {
            Prevote::Yes { digest, .. } => Some(*digest),
            Prevote::No(_) => None,
        }),
        _ => None,
    }
}

/// The same for VOTEs.
fn vote_in(message: &SmvbaMessage, at: usize) -> Option<Option<Digest>> {
    match message {
        SmvbaMessage::Vote { view, vote, .. } if *view == round(at) => Some(match vote {
            Vote::Yes { digest, .. } => Some(*digest),
            Vote::No { .. } => None,
        }),
        _ => None,
    }
}

impl World<'_> {
    /// Delivers these, until it is done. False if a lie came too late.
    fn feed(&mut self, node: usize, items: Vec<Item>, done: impl Fn(&Self) -> bool) -> bool {
        let mut told = true;
        for item in items {
            if done(self) {
                break;
            }
            match item {
                Item::Place(place) => self.deliver(node, place),
                Item::Lie(message) => told &= self.lie(node, message),
            }
            self.settle(node, |_| false);
        }
        told
    }

    /// Honest messages that `wanted` picks and lies, in random order.
    fn items(&mut self, node: usize, lies: Vec<SmvbaMessage>, wanted: impl Fn(&SmvbaMessage) -> bool) -> Vec<Item> {
        let places = self.places(node, |message| wanted(message));
        let mut items: Vec<_> = places.into_iter().map(Item::Place).chain(lies.into_iter().map(Item::Lie)).collect();
        items.shuffle(&mut self.rng);
        items
    }

    /// What a node asks is answered: values, and who leads the views that `which` picks.
    fn settle(&mut self, node: usize, which: impl Fn(Round) -> bool) {
        let asks = |message: &SmvbaMessage| match message {
            SmvbaMessage::AskLeader(view) => which(*view),
            SmvbaMessage::AskValue(_) => true,
            _ => false,
        };
        // Answers may make it ask more.
        let mut next = 0;
        while let Some((_, to, question)) = self.pool.get(next) {
            if self.pool[next].0 == node && asks(question) {
                let To::Node(NodeIndex(of)) = *to else { panic!("{question:?} is for everybody") };
                self.answer(node, usize::from(of), next);
            }
            next += 1;
        }
        let answers = |message: &SmvbaMessage| match message {
            SmvbaMessage::Leader { view, .. } => which(*view),
            message => matches!(message, SmvbaMessage::Value(_)),
        };
        for place in self.places(node, answers) {
            self.deliver(node, place);
        }
    }

    /// The question at this place in the pool gets an answer, once.
    fn answer(&mut self, node: usize, of: usize, question: usize) {
        if of != Z {
            if !self.heard[of][question] {
                self.deliver(of, question);
            }
        } else if self.answered.insert(question)
            && let Some(answer) = self.puppet.answer(&self.pool[question].2)
        {
            self.lie(node, answer);
        }
    }

    /// Makes sure that a node has the leader's value, if it can be had. False if the Byzantine leader has sent another.
    fn show_value(&mut self, node: usize, at: usize, value: u8) -> bool {
        let leader = self.puppet.leaders[at];
        if usize::from(leader) == Z {
            let send = self.puppet.send(at, value, &mut self.rng);
            let told = self.told(node, &send).cloned();
            let is_value = |message: &SmvbaMessage| match of_proposer(message, at, leader) {
                Some(SpbMessage::Send { value: sent, .. }) => sent.0 == bytes(value),
                _ => false,
            };
            return told.map_or_else(|| self.lie(node, send), |first| is_value(&first));
        }
        let sends = |m: &SmvbaMessage| matches!(of_proposer(m, at, leader), Some(SpbMessage::Send { .. }));
        for place in self.places(node, |message| sends(message)) {
            self.deliver(node, place);
        }
        true
    }

    /// An honest leader gets all signatures for a stage of its broadcast. False if the Byzantine one is spoilt.
    fn collect(&mut self, at: usize, stage: Stage, value: u8) -> bool {
        let leader = self.puppet.leaders[at];
        let endorses = |message: &SmvbaMessage| match of_proposer(message, at, leader) {
            Some(SpbMessage::Endorse(of, _)) => *of == stage,
            _ => false,
        };
        let lie = self.puppet.endorse(at, usize::from(leader), stage, value);
        let items = self.items(usize::from(leader), vec![lie], endorses);
        self.feed(usize::from(leader), items, |_| false)
    }

    /// A node learns the leader of a view, one way or another.
    fn learn(&mut self, node: usize, at: usize) {
        let unknown = |world: &Self| world.real(node).leader(round(at)).is_none() && !world.has_decided(node);
        if self.rng.random() {
            // It asks whoever names the leader.
            let named = self.places(node, |m| prevote_in(m, at).is_some() || vote_in(m, at).is_some());
            if let Some(&place) = named.choose(&mut self.rng) {
                self.deliver(node, place);
            }
            self.settle(node, |view| view == round(at));
        }
        let mut of: Vec<usize> = (0..=Z).filter(|&of| of != node).collect();
        of.shuffle(&mut self.rng);
        for from in of {
            if unknown(self) {
                self.show_share(node, at, from);
            }
        }
    }

    /// VOTEs of one kind that a node has counted.
    fn has_heard(&self, node: usize, at: usize, yes: bool) -> bool {
        let fits = |message: &SmvbaMessage| vote_in(message, at).is_some_and(|vote| vote.is_some() == yes);
        let honest = (0..self.pool.len()).any(|place| {
            let (from, _, message) = &self.pool[place];
            (*from == node || self.heard[node][place]) && fits(message)
        });
        honest || self.told_vote(node, at).is_some_and(fits)
    }

    /// Feeds whatever should make the real node take a step. False if that was spoilt by something that the Byzantine
    /// node had told it before.
    pub(crate) fn bring_about(&mut self, Step { node, view: at, act }: Step) -> bool {
        let leader = self.puppet.leaders[at];
        let over = |world: &Self| world.done(Step { node, view: at, act }) || world.has_decided(node);
        self.settle(node, |_| false);
        match act {
            Act::Endorse(value) => {
                let mut told = true;
                if usize::from(leader) == Z {
                    let send = self.puppet.send(at, value, &mut self.rng);
                    told = self.lie(node, send);
                } else {
                    self.input(usize::from(leader));
                    self.show_value(node, at, value);
                }
                self.settle(node, |view| view < round(at));
                // What a node has signed for does not hang on what it is told next.
                told || !self.local(node, at).endorsed().is_empty()
            }
            Act::Lock(value) if usize::from(leader) == Z => {
                let lock = self.puppet.lock(at, value, &mut self.rng);
                if self.rng.random() {
                    return self.show_value(node, at, value) & self.lie(node, lock);
                }
                self.lie(node, lock) & self.show_value(node, at, value)
            }
            Act::Lock(value) => {
                let locks = |m: &SmvbaMessage| matches!(of_proposer(m, at, leader), Some(SpbMessage::Lock(..)));
                let mut told = self.show_value(node, at, value);
                if !self.pool.iter().any(|(.., message)| locks(message)) {
                    told &= self.collect(at, Stage::Lock, value);
                }
                for place in self.places(node, |message| locks(message)) {
                    self.deliver(node, place);
                }
                told
            }
            Act::PrevoteYes | Act::PrevoteNo => {
                self.learn(node, at);
                true
            }
            Act::VoteYes(value) => {
                let lie = match self.rng.random() {
                    true => self.puppet.prevote(at, Some(value), &mut self.rng),
                    false => self.puppet.vote(at, Some(value), &mut self.rng),
                };
                let yes = Some(Some(digest(value)));
                let items = self.items(node, vec![lie], |m| prevote_in(m, at) == yes || vote_in(m, at) == yes);
                self.feed(node, items, over)
            }
            Act::VoteNo => {
                let lie = self.puppet.prevote(at, None, &mut self.rng);
                let items = self.items(node, vec![lie], |message| prevote_in(message, at) == Some(None));
                self.feed(node, items, over)
            }
            Act::Adopt(value) => {
                // One of each kind first. What no honest node says, the Byzantine one does.
                let mut own = self.state.views[at].cert1.has(value).then_some(value);
                for yes in [true, false] {
                    if !self.has_heard(node, at, yes) {
                        let wanted = yes.then_some(value);
                        let honest = self.places(node, |m| vote_in(m, at) == Some(wanted.map(digest)));
                        match honest.choose(&mut self.rng) {
                            Some(&place) => _ = self.feed(node, vec![Item::Place(place)], over),
                            None => own = wanted,
                        }
                    }
                }
                let lie = self.puppet.vote(at, own, &mut self.rng);
                let told = self.feed(node, vec![Item::Lie(lie)], over);
                let items = self.items(node, Vec::new(), |message| vote_in(message, at).is_some());
                told & self.feed(node, items, over)
            }
            Act::Keep => {
                let lie = self.puppet.vote(at, None, &mut self.rng);
                let items = self.items(node, vec![lie], |message| vote_in(message, at) == Some(None));
                self.feed(node, items, over)
            }
        }
    }

    /// Whether the model's node has taken a step, because the real one has.
    fn done(&self, Step { node, view: at, act }: Step) -> bool {
        let local = self.local(node, at);
        match act {
            Act::Endorse(value) => local.endorsed().has(value),
            Act::Lock(value) => local.locked().has(value),
            Act::PrevoteYes => local.prevoted_yes(),
            Act::PrevoteNo => local.prevoted_no(),
            Act::VoteYes(value) => local.voted_yes().has(value),
            Act::VoteNo => local.voted_no(),
            Act::Adopt(_) | Act::Keep => self.at(node) > at,
        }
    }

    /// Makes the real node take a step of the model. Returns whether it could be brought to it; if not, it has done
    /// something else in the meantime, or something stands in the way that the model does not know.
    pub(crate) fn realise(&mut self, step: Step) -> bool {
        let Step { node, view: at, act } = step;
        let leader = usize::from(self.puppet.leaders[at]);
        let told = self.bring_about(step);
        // It cannot have chosen the other way when it left.
        let value = self.state.nodes[node].value;
        let done = self.done(step) && !matches!(act, Act::Adopt(taken) if taken != value);
        let excused = !told || self.has_decided(node) || leader != Z && self.lacks_help(at, leader, act);
        assert!(done || !self.allows(step) || excused, "the real node does not do it: \"{step}\"\n{}", self.state);
        done
    }

    /// An honest leader that has halted collects no signatures, and one that came by without a value has sent none.
    fn lacks_help(&self, at: usize, leader: usize, act: Act) -> bool {
        let said = |wanted: fn(&SpbMessage) -> bool| {
            self.pool.iter().any(|(.., m)| of_proposer(m, at, leader as u16).is_some_and(wanted))
        };
        match act {
            Act::Endorse(_) => {
                let passed = self.has_decided(leader) || self.at(leader) > at;
                passed && !said(|message| matches!(message, SpbMessage::Send { .. }))
            }
            Act::Lock(_) => self.has_decided(leader) && !said(|message| matches!(message, SpbMessage::Lock(..))),
            _ => false,
        }
    }

    /// The Byzantine node claims that a value is decided. False if it has claimed another decision before.
    fn claim(&mut self, node: usize, at: usize, whose: u16, about: About) -> bool {
        let halt = self.puppet.halt(at, whose, about, &mut self.rng);
        let told = self.lie(node, halt);
        self.settle(node, |_| true);
        told
    }

    /// Shows an honest node that has not decided what the model takes for decided, and it decides.
    pub(crate) fn convince(&mut self) {
        let all = (0..R).flat_map(|at| [0, 1].map(|value| (at, value)));
        let decided: Vec<_> = all.filter(|&(at, value)| self.is_decided(at, value)).collect();
        let open: Vec<_> = (0..H).filter(|&node| !self.has_decided(node)).collect();
        let (Some(&(at, value)), Some(&node)) = (decided.choose(&mut self.rng), open.choose(&mut self.rng)) else {
            return;
        };
        let finished = self.state.views[at].cert2.has(value);
        let about = if finished { About::Finish(value) } else { About::Seen(value) };
        let told = self.claim(node, at, self.puppet.leaders[at], about);
        assert!(self.has_decided(node) || !told, "no proof that {about:?} in view {}:\n{}", at + 1, self.state);
    }

    /// The broadcast of somebody who does not lead goes on for a while.
    fn go_on(&mut self, at: usize) {
        let leader = self.puppet.leaders[at];
        let Some(proposer) = (0..H as u16).filter(|&node| node != leader).choose(&mut self.rng) else { return };
        for _ in 0..self.rng.random_range(2..6) {
            for node in 0..H {
                for place in self.places(node, |message| of_proposer(message, at, proposer).is_some()) {
                    self.deliver(node, place);
                }
            }
        }
    }

    /// Something arrives that no step asks for.
    pub(crate) fn noise(&mut self) {
        let node = self.rng.random_range(0..H);
        let at = self.rng.random_range(self.at(node).min(R - 1)..R);
        match self.rng.random_range(0..12) {
            0 => self.show_share(node, at, Z),
            1 => {
                let send = self.puppet.send(at, BAD, &mut self.rng);
                self.lie(node, send);
            }
            2 => {
                let yes = self.rng.random_bool(0.5).then(|| self.rng.random_range(0..2));
                let said = match self.rng.random() {
                    true => self.puppet.prevote(at, yes, &mut self.rng),
                    false => self.puppet.vote(at, yes, &mut self.rng),
                };
                let spoilt = self.puppet.spoilt(said);
                self.lie(node, spoilt);
            }
            3 => {
                // A decision of anybody's, with whatever proof there is.
                let abouts = [About::Finish(0), About::Finish(1), About::Seen(0), About::Seen(1)];
                let all = abouts.into_iter().flat_map(|about| (0..=Z as u16).map(move |whose| (whose, about)));
                let proven = all.clone().filter(|&(whose, about)| self.puppet.proves(at, whose, about));
                let Some((whose, about)) = proven.choose(&mut self.rng).or_else(|| all.choose(&mut self.rng)) else {
                    return;
                };
                match about {
                    About::Finish(value) if usize::from(whose) == Z && self.rng.random() => {
                        let finish = self.puppet.finish(at, value, &mut self.rng);
                        self.lie(node, finish);
                    }
                    _ => _ = self.claim(node, at, whose, about),
                }
            }
            4 => self.settle(node, |_| true),
            5 => self.input(node),
            8 => self.go_on(at),
            6 | 7 => {
                // It helps the others along.
                let sent = |(_, _, m): &(usize, To, SmvbaMessage)| match m {
                    SmvbaMessage::Spb { view, proposer, message: SpbMessage::Send { value, .. } } => {
                        Some((view.0 as usize - 1, proposer.as_usize(), value_in(value)))
                    }
                    _ => None,
                };
                if let Some((at, proposer, value)) = self.pool.iter().filter_map(sent).choose(&mut self.rng) {
                    let stage = if self.rng.random() { Stage::Lock } else { Stage::Finish };
                    let endorse = self.puppet.endorse(at, proposer, stage, value);
                    self.lie(proposer, endorse);
                }
            }
            _ => {
                if let Some(&place) = self.places(node, |_| true).choose(&mut self.rng) {
                    self.deliver(node, place);
                }
            }
        }
    }
}
