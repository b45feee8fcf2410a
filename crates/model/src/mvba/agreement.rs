//! The rules that agreement rests on, and its laws.

use mellivora_core::Committee;
use stateright::Property;

use super::{Act, Local, Node, State, Step, View};
use crate::Weakening;
use crate::system::{Checked, System};
use crate::values::Values;

/// sMVBA over R views among H honest nodes and f Byzantine ones. See the [module page](super).
#[derive(Clone, Debug)]
pub struct Smvba<const H: usize, const R: usize> {
    committee: Committee,
    weakening: Option<Weakening>,
    laws: Laws,
    /// Nothing is taken together, left out or forgotten.
    step_by_step: bool,
    /// All ways to name the honest nodes.
    orders: Vec<[usize; H]>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Laws {
    /// No two decisions differ.
    Agreement,
    /// What each view is good for.
    Views,
}

const VALUES: [u8; 2] = [0, 1];

impl<const H: usize, const R: usize> Smvba<H, R> {
    /// For agreement over all views. The committee's Byzantine nodes are all there may be; H must be the number of the
    /// others.
    pub fn agreement(committee: Committee, weakening: Option<Weakening>) -> Self {
        Self::new(committee, weakening, Laws::Agreement, false)
    }

    /// For what each view but the last is good for.
    pub fn views(committee: Committee, weakening: Option<Weakening>) -> Self {
        Self::new(committee, weakening, Laws::Views, false)
    }

    /// For agreement, with every signature as a step of its own, and nothing left out or forgotten.
    pub fn step_by_step(committee: Committee, weakening: Option<Weakening>) -> Self {
        Self::new(committee, weakening, Laws::Agreement, true)
    }

    fn new(committee: Committee, weakening: Option<Weakening>, laws: Laws, step_by_step: bool) -> Self {
        assert_eq!(committee.quorum(), H, "the honest nodes are a quorum");
        let mut orders = vec![std::array::from_fn(|node| node)];
        for last in 1..H {
            let swaps = orders.iter().flat_map(|&order| {
                (0..last).map(move |with| {
                    let mut other: [usize; H] = order;
                    other.swap(with, last);
                    other
                })
            });
            orders.extend(swaps.collect::<Vec<_>>());
        }
        Smvba { committee, weakening, laws, step_by_step, orders }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    fn locked_may_vote_no(&self) -> bool {
        self.weak(Weakening::LockedMayVoteNo) || self.weak(Weakening::LockedMayVoteNoFreely)
    }

    /// Whether VOTE no needs no quorum of PREVOTE no.
    fn free_no(&self) -> bool {
        self.weak(Weakening::VoteNoUnjustified) || self.weak(Weakening::LockedMayVoteNoFreely)
    }

    /// A quorum, or one less with the weakening that says so.
    fn quorum(&self, low: Weakening) -> usize {
        self.committee.quorum() - usize::from(self.weak(low))
    }

    /// Honest nodes of which something holds in a view, topped up by the Byzantine ones.
    fn signers(&self, view: &View<H>, signed: impl Fn(Local) -> bool) -> usize {
        view.nodes.iter().filter(|&&local| signed(local)).count() + self.committee.f()
    }

    /// Whether a value has a justification in a view.
    fn justified(&self, state: &State<H, R>, view: usize, value: u8) -> bool {
        let refused = |view: &View<H>| view.nvc || view.npc && self.weak(Weakening::NpcJustifies);
        // Origins: the input (0), or the leader's SPB of an earlier view.
        (0..=view).any(|origin| {
            let lock = origin.checked_sub(1).is_none_or(|at| state.views[at].cert1.has(value));
            let between = &state.views[origin..view];
            let chain = match between.last() {
                Some(last) if self.weak(Weakening::ChainCut) => refused(last),
                _ => between.iter().all(refused),
            };
            (lock || self.weak(Weakening::OriginUnchecked)) && chain
        })
    }

    /// Whether the rules let a node do something.
    pub fn allows(&self, state: &State<H, R>, Step { node, view: at, act }: Step) -> bool {
        let Some(view) = state.views.get(at) else { return false };
        // A node signs in SPBs of its own view and of later ones; all else it does in its own view.
        let here = usize::from(state.nodes[node].view);
        if here > at || here < at && !matches!(act, Act::Endorse(_) | Act::Lock(_)) {
            return false;
        }
        let local = view.nodes[node];
        let asked = local.prevoted() && !local.voted();
        let locked = !local.locked().is_empty();
        match act {
            Act::Endorse(value) => {
                let open = !local.prevoted() || self.weak(Weakening::EndorseAfterCoin);
                let again = self.weak(Weakening::EndorseBoth) && !local.endorsed().has(value);
                let sent = usize::from(view.leader) == H || view.proposed.has(value);
                open && (local.endorsed().is_empty() || again) && sent && self.justified(state, at, value)
            }
            Act::Lock(value) => {
                let open = !local.prevoted() || self.weak(Weakening::LockAfterCoin);
                open && !locked && view.cert1.has(value)
            }
            Act::PrevoteYes => !local.prevoted() && locked && !self.weak(Weakening::LockUnrecorded),
            Act::PrevoteNo => !local.prevoted() && (!locked || self.weak(Weakening::LockUnrecorded)),
            Act::VoteYes(value) => asked && (view.cert1.has(value) || self.weak(Weakening::PrevoteUnjustified)),
            Act::VoteNo => {
                // Who says PREVOTE yes hears it first.
                let told = local.prevoted_yes() && !self.locked_may_vote_no();
                asked && !told && (view.npc || self.free_no())
            }
            Act::Adopt(value) => local.voted() && self.mixed(view, value),
            Act::Keep => {
                let mixed = self.weak(Weakening::MixedKeeps) && VALUES.iter().any(|&value| self.mixed(view, value));
                local.voted() && (view.nvc || mixed)
            }
        }
    }

    /// Whether a quorum of valid VOTEs, yes for this value and no, can be had.
    fn mixed(&self, view: &View<H>, value: u8) -> bool {
        let count = |voted: fn(Local, u8) -> bool| view.nodes.iter().filter(|&&local| voted(local, value)).count();
        let (yes, no) = (count(|local, value| local.voted_yes().has(value)), count(|local, _| local.voted_no()));
        let false_yes = view.cert1.has(value) || self.weak(Weakening::VoteYesUnjustified);
        let false_no = view.npc || self.free_no();
        let faulty = self.committee.f();
        (0..=faulty).any(|false_yeses| {
            let yes = yes + if false_yes { false_yeses } else { 0 };
            let no = no + if false_no { faulty - false_yeses } else { 0 };
            yes > 0 && no > 0 && yes + no >= self.committee.quorum()
        })
    }

    /// Whether the certificate for stage 1 of a value can still come about in a view.
    fn cert1_to_come(&self, state: &State<H, R>, at: usize, value: u8) -> bool {
        let view = &state.views[at];
        let may_sign = |(node, local): (&Node, &Local)| {
            let here = match usize::from(node.view) {
                v if v < at => true,
                v => v == at && (!local.prevoted() || self.weak(Weakening::EndorseAfterCoin)),
            };
            let free = local.endorsed().is_empty() || self.weak(Weakening::EndorseBoth);
            local.endorsed().has(value) || here && free
        };
        let signers = state.nodes.iter().zip(&view.nodes).filter(|&pair| may_sign(pair)).count() + self.committee.f();
        !view.settled && !view.cert1.has(value) && signers >= self.quorum(Weakening::EndorseLow)
    }

    /// Whether an act can matter to anybody. What cannot is allowed, and left out.
    fn matters(&self, state: &State<H, R>, Step { view, act, .. }: Step) -> bool {
        let last = view + 1 == R;
        if self.step_by_step {
            return !(last && matches!(act, Act::Adopt(_) | Act::Keep));
        }
        match act {
            Act::Endorse(value) => usize::from(state.views[view].leader) == H && self.cert1_to_come(state, view, value),
            Act::Lock(_) => true,
            // A value that can be decided by VOTEs of the last view can also be decided by its SPB.
            Act::PrevoteYes | Act::PrevoteNo | Act::VoteYes(_) | Act::VoteNo | Act::Adopt(_) | Act::Keep => !last,
        }
    }

    fn acts() -> impl Iterator<Item = Act> {
        let values = VALUES.map(Act::Endorse).into_iter().chain(VALUES.map(Act::Lock)).chain(VALUES.map(Act::VoteYes));
        values.chain(VALUES.map(Act::Adopt)).chain([Act::PrevoteYes, Act::PrevoteNo, Act::VoteNo, Act::Keep])
    }

    /// Everything that follows at once: SENDs of honest leaders are endorsed, certificates exist.
    fn follow(&self, state: &mut State<H, R>) {
        for at in 0..R {
            for node in (0..H).filter(|_| !self.step_by_step) {
                let Some(value) = state.views[at].proposed.single() else { continue };
                if self.allows(state, Step { node, view: at, act: Act::Endorse(value) }) {
                    state.views[at].nodes[node].endorse(value);
                }
            }
            let mut view = state.views[at];
            for value in VALUES {
                let is = Values::of(value);
                if self.signers(&view, |local| local.endorsed().has(value)) >= self.quorum(Weakening::EndorseLow) {
                    view.cert1 = view.cert1.with(is);
                }
                if self.signers(&view, |local| local.locked().has(value)) >= self.quorum(Weakening::FinishLow) {
                    view.cert2 = view.cert2.with(is);
                    state.decided = state.decided.with(is);
                }
                if self.signers(&view, |local| local.voted_yes().has(value)) >= self.quorum(Weakening::YesLow) {
                    state.decided = state.decided.with(is);
                }
            }
            view.npc |= self.signers(&view, Local::prevoted_no) >= self.quorum(Weakening::NpcLow);
            view.nvc |= self.signers(&view, Local::voted_no) >= self.quorum(Weakening::NvcLow);
            state.views[at] = view;
            state.views[at].settled |= !VALUES.iter().any(|&value| self.cert1_to_come(state, at, value));
        }
    }

    /// A lock is followed by PREVOTE yes and VOTE yes, which hinder nothing, as soon as its node is in the view.
    fn speak(&self, state: &mut State<H, R>, node: usize, at: usize) {
        let Some(view) = state.views.get_mut(at).filter(|_| usize::from(state.nodes[node].view) == at) else { return };
        let local = &mut view.nodes[node];
        let Some(value) = local.locked().single() else { return };
        if self.step_by_step || local.prevoted() || self.weak(Weakening::LockUnrecorded) {
            return;
        }
        local.prevote_yes();
        if !self.locked_may_vote_no() {
            local.vote_yes(value);
        }
    }

    /// A node comes into a view; if it will be the leader, its proposal is out.
    fn enter(&self, state: &mut State<H, R>, node: usize, at: usize) {
        state.nodes[node].view = at as u8;
        let value = state.nodes[node].value;
        if let Some(view) = state.views.get_mut(at).filter(|view| usize::from(view.leader) == node) {
            view.proposed = Values::of(value);
        }
        self.speak(state, node, at);
    }

    /// What no step will read any more is forgotten: signatures, but not values.
    fn forget(&self, state: &mut State<H, R>) {
        for at in 0..R {
            let left = state.nodes.iter().all(|node| usize::from(node.view) > at);
            let view = &mut state.views[at];
            if view.settled {
                view.nodes.iter_mut().for_each(Local::forget_endorsed);
            }
            if left {
                view.nodes = [Local::default(); H];
                view.npc &= self.weak(Weakening::NpcJustifies);
                view.proposed = Values::NONE;
            }
        }
    }

    /// Values that no leader will propose are 0 by any name.
    fn forget_values(state: &mut State<H, R>) {
        for node in 0..H {
            let views = usize::from(state.nodes[node].view) + 1..R;
            if !state.views[views].iter().any(|view| usize::from(view.leader) == node) {
                state.nodes[node].value = 0;
            }
        }
    }

    /// Whether everybody is in the last view.
    fn all_last(state: &State<H, R>) -> bool {
        state.nodes.iter().all(|node| usize::from(node.view) + 1 == R)
    }

    /// A view in which cert2 exists is left by nobody without a decision.
    fn done_decides(state: &State<H, R>) -> bool {
        let left = |at: usize| state.nodes.iter().any(|node| usize::from(node.view) > at);
        state.views.iter().enumerate().all(|(at, view)| view.cert2.is_empty() || !left(at))
    }
}

impl<const H: usize, const R: usize> System for Smvba<H, R> {
    type State = State<H, R>;
    type Step = Step;

    fn initial(&self) -> Vec<State<H, R>> {
        let view = View {
            leader: H as u8,
            proposed: Values::NONE,
            settled: false,
            cert1: Values::NONE,
            cert2: Values::NONE,
            npc: false,
            nvc: false,
            nodes: [Local::default(); H],
        };
        let empty = State { nodes: [Node::default(); H], views: [view; R], decided: Values::NONE, unjustified: false };
        let mut all = vec![empty];
        for at in 0..R {
            let led = |state: State<H, R>| {
                (0..=H).map(move |leader| {
                    let mut state = state;
                    state.views[at].leader = leader as u8;
                    state
                })
            };
            all = all.into_iter().flat_map(led).collect();
        }
        for node in 0..H {
            let with = |state: State<H, R>| {
                VALUES.map(|value| {
                    let mut state = state;
                    state.nodes[node].value = value;
                    self.enter(&mut state, node, 0);
                    state
                })
            };
            all = all.into_iter().flat_map(with).collect();
        }
        all.iter_mut().for_each(|state| self.follow(state));
        all
    }

    fn steps(&self, state: &State<H, R>, steps: &mut Vec<Step>) {
        for node in 0..H {
            let views = usize::from(state.nodes[node].view)..R;
            let all = views.flat_map(|view| Self::acts().map(move |act| Step { node, view, act }));
            steps.extend(all.filter(|&step| self.allows(state, step) && self.matters(state, step)));
        }
    }

    fn apply(&self, state: &State<H, R>, Step { node, view: at, act }: Step) -> State<H, R> {
        let mut next = *state;
        let local = &mut next.views[at].nodes[node];
        match act {
            Act::Endorse(value) => local.endorse(value),
            Act::Lock(value) => {
                local.lock(value);
                self.speak(&mut next, node, at);
            }
            Act::PrevoteYes => local.prevote_yes(),
            Act::PrevoteNo => local.prevote_no(),
            Act::VoteYes(value) => local.vote_yes(value),
            Act::VoteNo => local.vote_no(),
            Act::Adopt(value) => {
                next.nodes[node].value = value;
                next.unjustified |= !next.views[at].cert1.has(value);
                self.enter(&mut next, node, at + 1);
            }
            Act::Keep => {
                next.unjustified |= !next.views[at].nvc;
                self.enter(&mut next, node, at + 1);
            }
        }
        self.follow(&mut next);
        next
    }

    fn canonical(&self, mut state: State<H, R>) -> State<H, R> {
        if !self.step_by_step {
            self.forget(&mut state);
        }
        let flipped = state.flipped();
        let all = self.orders.iter().flat_map(|order| [state.renamed(order), flipped.renamed(order)]);
        let mut all = all.map(|mut state| {
            if !self.step_by_step {
                Self::forget_values(&mut state);
            }
            state
        });
        let first = all.next().unwrap_or(state);
        all.fold(first, State::min)
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        let mut all = match self.laws {
            Laws::Agreement => {
                vec![Property::always("agreement", |_, state: &State<H, R>| state.decided != Values::BOTH)]
            }
            Laws::Views => vec![
                Property::always("a done leader decides", |_, state| Self::done_decides(state)),
                Property::always("honest values are justified", |_, state: &State<H, R>| !state.unjustified),
            ],
        };
        all.extend([
            Property::sometimes("a decision in the last view only", |_, state: &State<H, R>| {
                let earlier = &state.views[..R - 1];
                !state.decided.is_empty() && earlier.iter().all(|view| view.nvc)
            }),
            Property::sometimes("an old decision, and the last leader is done too", |_, state: &State<H, R>| {
                // Who votes yes for a value and leaves all the same has met a VOTE no.
                Self::all_last(state) && !state.views[R - 1].cert2.is_empty() && !state.views[0].nvc
            }),
            Property::sometimes("decided, and everybody else in the last view", |_, state: &State<H, R>| {
                Self::all_last(state) && state.views[R - 1].cert2.is_empty() && !state.decided.is_empty()
            }),
        ]);
        all
    }
}
