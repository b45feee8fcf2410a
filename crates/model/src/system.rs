//! What a model is: states, steps, laws.
//!
//! # The message pool
//!
//! A state holds what each honest node has *said*, not what it has heard. Whatever was said lies in a pool for ever,
//! and a node may act on any part of the pool: that covers every delay and every order, and messages that have not
//! arrived are those the node does not use yet. A node that has used a message in one step may act as if it had not
//! in the next, so a model allows at least what a real network does. Byzantine nodes have no state. What they can say
//! lies in the pool from the start, all of it, different things for different receivers, and each receiver may use it
//! or not.
//!
//! # Safety and liveness
//!
//! Nothing that was said is taken back, so states only grow and every path ends. Safety is a law on every state.
//! Liveness is a law on *quiescent* states: those in which no honest node has a step left that the statements of
//! honest nodes alone entitle it to. All of those arrive in the end, so a node cannot put such a step off for ever;
//! everything else may never happen. A node that lacks something in a quiescent state lacks it for ever.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use stateright::{Model, Property};

/// How much a node may count on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    /// Byzantine nodes say whatever allows the step: it may happen.
    Byzantine,
    /// Only what honest nodes have said counts: the step will happen.
    HonestOnly,
}

impl Help {
    /// Byzantine votes that a count may be topped up by.
    #[inline]
    pub const fn votes(self, faulty: usize) -> usize {
        match self {
            Help::Byzantine => faulty,
            Help::HonestOnly => 0,
        }
    }
}

/// A system of honest nodes in a Byzantine surrounding. See the [module page](self).
pub trait System: Clone + Debug + Send + Sync + 'static {
    /// What honest nodes have said.
    type State: Copy + Ord + Hash + Debug + Display + Send + Sync + 'static;
    /// What one node does at once.
    type Step: Copy + PartialEq + Debug + Display + Send + Sync + 'static;

    /// Where it begins.
    fn initial(&self) -> Vec<Self::State>;

    /// Steps that some honest node may take.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);

    /// The state after a step.
    fn apply(&self, state: &Self::State, step: Self::Step) -> Self::State;

    /// One state for all that differ in the names of like nodes (or of values) only.
    fn canonical(&self, state: Self::State) -> Self::State {
        state
    }

    /// Laws (`always`) and goals (`sometimes`). A goal is a state that some path must reach: without goals, a model
    /// that cannot move would keep all laws.
    fn properties(&self) -> Vec<Property<Checked<Self>>>;
}

/// A [`System`] as stateright takes it: every state is canonical.
#[derive(Clone, Debug)]
pub struct Checked<S>(pub S);

impl<S: System> Model for Checked<S> {
    type State = S::State;
    type Action = S::Step;

    fn init_states(&self) -> Vec<S::State> {
        let mut states: Vec<_> = self.0.initial().into_iter().map(|state| self.0.canonical(state)).collect();
        states.sort();
        states.dedup();
        states
    }

    fn actions(&self, state: &S::State, steps: &mut Vec<S::Step>) {
        self.0.steps(state, steps);
    }

    fn next_state(&self, state: &S::State, step: S::Step) -> Option<S::State> {
        Some(self.0.canonical(self.0.apply(state, step)))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.0.properties()
    }
}
