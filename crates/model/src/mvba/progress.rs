//! The rules that progress rests on: shares, coin proofs, PREVOTE, VOTE, HALT.

use std::fmt;

use mellivora_core::Committee;
use stateright::Property;

use crate::Weakening;
use crate::system::{Checked, Help, System};

/// One honest node in one view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn {
    /// Its SPB is done: FINISH is out.
    pub finished: bool,
    /// Its share of the coin is out.
    pub shared: bool,
    /// Its PREVOTE, yes or no. From then on it signs for no SPB of the view.
    pub prevote: Option<bool>,
    /// Its VOTE, yes or no.
    pub vote: Option<bool>,
}

/// One honest node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Progressing<const R: usize> {
    /// Its view, from 0; R when it has left all of them.
    pub view: u8,
    /// The view that its HALT names.
    pub halted: Option<u8>,
    /// What it said in each view.
    pub turns: [Turn; R],
}

/// The honest nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said<const H: usize, const R: usize> {
    /// The honest nodes.
    pub nodes: [Progressing<R>; H],
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It gets the quorum of signatures for its SPB, and says FINISH.
    Finish,
    /// It releases its share of the coin.
    Share,
    /// It learns the leader, and says PREVOTE.
    Prevote(bool),
    /// It says VOTE.
    Vote(bool),
    /// It leaves its view for the next one.
    Leave,
    /// It decides in a view, says HALT and stops.
    Halt(usize),
}

/// A node does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    /// The node.
    pub node: usize,
    /// What it does.
    pub deed: Deed,
}

/// Views without values among H honest nodes and f Byzantine ones. See the [module page](super).
#[derive(Clone, Debug)]
pub struct Progress<const H: usize, const R: usize> {
    committee: Committee,
    weakening: Option<Weakening>,
}

impl<const H: usize, const R: usize> Progress<H, R> {
    /// A committee whose Byzantine nodes are all there may be; H must be the number of the others.
    pub fn new(committee: Committee, weakening: Option<Weakening>) -> Self {
        assert_eq!(committee.quorum(), H, "the honest nodes are a quorum");
        Progress { committee, weakening }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    /// Honest nodes of which something holds in a view.
    fn count(state: &Said<H, R>, view: usize, said: impl Fn(Turn) -> bool) -> usize {
        state.nodes.iter().filter(|node| said(node.turns[view])).count()
    }

    /// Whether a node may know the leader of a view.
    fn known(&self, state: &Said<H, R>, view: usize, help: Help) -> bool {
        let shares = Self::count(state, view, |turn| turn.shared) + help.votes(self.committee.f());
        let prevoted = Self::count(state, view, |turn| turn.prevote.is_some()) > 0;
        let halted = state.nodes.iter().any(|node| node.halted == Some(view as u8));
        shares >= self.committee.one_honest()
            || prevoted && !self.weak(Weakening::PrevoteWithoutProof)
            || halted && !self.weak(Weakening::HaltWithoutProof) && !self.weak(Weakening::HaltSilently)
    }

    /// Honest VOTEs or PREVOTEs, yes and no, that count in a node's view.
    fn heard(&self, state: &Said<H, R>, view: usize, said: fn(Turn) -> Option<bool>) -> (usize, usize) {
        let served = |node: &&Progressing<R>| !self.weak(Weakening::PastViewsDropped) || usize::from(node.view) == view;
        let count =
            |what| state.nodes.iter().filter(served).filter(|node| said(node.turns[view]) == Some(what)).count();
        (count(true), count(false))
    }

    /// Whether something is open to a node.
    pub fn allows(&self, state: &Said<H, R>, Stride { node, deed }: Stride, help: Help) -> bool {
        let me = &state.nodes[node];
        let view = usize::from(me.view);
        if me.halted.is_some() {
            return false;
        }
        if let Deed::Halt(of) = deed
            && of != view
        {
            return self.halt_counts(state, node, of, help);
        }
        if view == R {
            return false;
        }
        let turn = me.turns[view];
        let (quorum, faulty) = (self.committee.quorum(), help.votes(self.committee.f()));
        match deed {
            Deed::Finish => {
                // Anybody may have signed, behind or ahead; who is sure to sign is there and has no PREVOTE.
                let signs = |other: &Progressing<R>| {
                    let there = usize::from(other.view) == view && other.halted.is_none();
                    help == Help::Byzantine || there && other.turns[view].prevote.is_none()
                };
                let signers = state.nodes.iter().filter(|other| signs(other)).count() + faulty;
                !turn.finished && turn.prevote.is_none() && signers >= quorum
            }
            Deed::Share => {
                let finished = Self::count(state, view, |turn| turn.finished) + faulty >= quorum;
                let known = self.known(state, view, help) && !self.weak(Weakening::ShareAtQuorumOnly);
                !turn.shared && (finished || known)
            }
            Deed::Prevote(_) => turn.prevote.is_none() && self.known(state, view, help),
            Deed::Vote(yes) => {
                let (yeses, noes) = self.heard(state, view, |turn| turn.prevote);
                let enough = if yes { yeses + faulty > 0 } else { noes + faulty >= quorum };
                turn.prevote.is_some() && turn.vote.is_none() && enough && (yes || turn.prevote == Some(false))
            }
            Deed::Leave => {
                let (yeses, noes) = self.heard(state, view, |turn| turn.vote);
                turn.vote.is_some() && yeses + noes + faulty >= quorum && noes + faulty > 0
            }
            Deed::Halt(_) => {
                let (yeses, _) = self.heard(state, view, |turn| turn.vote);
                let by_votes = turn.vote.is_some() && yeses + faulty >= quorum;
                by_votes || self.halt_counts(state, node, view, help)
            }
        }
    }

    /// Whether a node can act on a HALT, or on a FINISH of the leader: one that it must get, or any.
    fn halt_counts(&self, state: &Said<H, R>, node: usize, of: usize, help: Help) -> bool {
        let me = &state.nodes[node];
        let told = state.nodes.iter().any(|other| other.halted == Some(of as u8));
        let told = told && !self.weak(Weakening::HaltSilently) || help == Help::Byzantine;
        // Who has a PREVOTE in a view knows its leader, and so does who has left it.
        let knows = me.turns[of].prevote.is_some() || usize::from(me.view) > of;
        let shown = usize::from(me.view) == of || !self.weak(Weakening::HaltWithoutProof);
        told && (knows || shown && self.known(state, of, help))
    }

    fn strides() -> impl Iterator<Item = Stride> {
        let deeds = [Deed::Finish, Deed::Share, Deed::Prevote(true), Deed::Prevote(false), Deed::Vote(true)];
        let deeds = deeds.into_iter().chain([Deed::Vote(false), Deed::Leave]).chain((0..R).map(Deed::Halt));
        deeds.flat_map(|deed| (0..H).map(move |node| Stride { node, deed }))
    }

    /// Whether nobody is bound to do anything more: no step is open with the statements of honest nodes alone.
    pub fn quiescent(&self, state: &Said<H, R>) -> bool {
        !Self::strides().any(|stride| self.allows(state, stride, Help::HonestOnly))
    }

    /// Whether all have decided or left all views.
    fn through(state: &Said<H, R>) -> bool {
        state.nodes.iter().all(|node| node.halted.is_some() || usize::from(node.view) == R)
    }
}

impl<const H: usize, const R: usize> System for Progress<H, R> {
    type State = Said<H, R>;
    type Step = Stride;

    fn initial(&self) -> Vec<Said<H, R>> {
        vec![Said { nodes: [Progressing { view: 0, halted: None, turns: [Turn::default(); R] }; H] }]
    }

    fn steps(&self, state: &Said<H, R>, steps: &mut Vec<Stride>) {
        steps.extend(Self::strides().filter(|&stride| self.allows(state, stride, Help::Byzantine)));
    }

    fn apply(&self, state: &Said<H, R>, Stride { node, deed }: Stride) -> Said<H, R> {
        let mut next = *state;
        let me = &mut next.nodes[node];
        if let Some(turn) = me.turns.get_mut(usize::from(me.view)) {
            match deed {
                Deed::Finish => turn.finished = true,
                Deed::Share => turn.shared = true,
                Deed::Prevote(yes) => {
                    turn.prevote = Some(yes);
                    // Who knows the leader has released its share.
                    turn.shared |= !self.weak(Weakening::ShareAtQuorumOnly);
                }
                Deed::Vote(yes) => turn.vote = Some(yes),
                Deed::Leave | Deed::Halt(_) => {}
            }
        }
        match deed {
            Deed::Leave => me.view += 1,
            Deed::Halt(of) => me.halted = Some(of as u8),
            _ => {}
        }
        next
    }

    fn canonical(&self, mut state: Said<H, R>) -> Said<H, R> {
        for view in 0..R {
            let behind = |node: &Progressing<R>| usize::from(node.view) <= view && node.halted.is_none();
            if !state.nodes.iter().any(behind) {
                // Nobody asks any more. A HALT of this view stays.
                state.nodes.iter_mut().for_each(|node| node.turns[view] = Turn::default());
            }
        }
        state.nodes.sort();
        state
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        vec![
            Property::always("nobody hangs", |model: &Checked<Self>, state: &Said<H, R>| {
                Self::through(state) || !model.0.quiescent(state)
            }),
            Property::sometimes("all leave all views", |_, state: &Said<H, R>| {
                state.nodes.iter().all(|node| usize::from(node.view) == R)
            }),
            Property::sometimes(
                "one has decided, nobody else can know the leader by shares",
                |_, state: &Said<H, R>| {
                    let halted = state.nodes.iter().filter(|node| node.halted.is_some()).count();
                    halted == 1 && Self::count(state, 0, |turn| turn.shared) == 1
                },
            ),
            Property::sometimes("one has halted, another is in the last view", |_, state: &Said<H, R>| {
                let last = |node: &Progressing<R>| usize::from(node.view) + 1 == R && node.halted.is_none();
                state.nodes.iter().any(|node| node.halted.is_some()) && state.nodes.iter().any(last)
            }),
        ]
    }
}

impl fmt::Display for Stride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |yes| if yes { "yes" } else { "no" };
        write!(f, "node {} ", self.node)?;
        match self.deed {
            Deed::Finish => f.write_str("says FINISH"),
            Deed::Share => f.write_str("releases its share"),
            Deed::Prevote(what) => write!(f, "learns the leader and says PREVOTE {}", yes(what)),
            Deed::Vote(what) => write!(f, "says VOTE {}", yes(what)),
            Deed::Leave => f.write_str("leaves its view"),
            Deed::Halt(view) => write!(f, "decides in view {} and halts", view + 1),
        }
    }
}

impl<const H: usize, const R: usize> fmt::Display for Said<H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.iter().enumerate() {
            write!(f, "{}node {i} ", if i == 0 { "" } else { "; " })?;
            match node.halted {
                Some(view) => write!(f, "halted in view {}", view + 1)?,
                None => {
                    write!(f, "in view {}", node.view + 1)?;
                    if let Some(turn) = node.turns.get(usize::from(node.view)) {
                        write!(f, ", FINISH {}, share {}, ", turn.finished, turn.shared)?;
                        write!(f, "PREVOTE {:?}, VOTE {:?}", turn.prevote, turn.vote)?;
                    }
                }
            }
        }
        Ok(())
    }
}
