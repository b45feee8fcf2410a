//! The votes of many binary agreements in one message: each distinct vote with the instances that it is for.
//!
//! ```text
//! bundle = count (u32) | ballots        ballot = vote | instances (node set)
//! ```

use bincode::{Decode, Encode};
use mellivora_agreement::Vote;
use mellivora_core::codec::{Frame, List};
use mellivora_core::{Durable, NodeIndex, NodeSet, Round};

/// One vote for many instances of binary agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct Ballot {
    /// The vote.
    pub vote: Vote,
    /// The instances it is for, by the nodes they belong to.
    pub instances: NodeSet,
}

/// Most ballots in one message. A node with more of them in a turn sends several messages.
pub const MAX_BALLOTS: usize = 512;

/// The votes of one turn.
pub type Bundle = List<Ballot, MAX_BALLOTS>;

/// Visits the (instance, round) of every vote that belongs to a round.
pub(crate) fn rounds(bundle: &Bundle, visit: &mut dyn FnMut(NodeIndex, Round)) {
    for ballot in bundle.iter() {
        if let Some(round) = ballot.vote.round() {
            ballot.instances.iter().for_each(|instance| visit(instance, round));
        }
    }
}

/// A bundle in two parts: what may go now, and what waits. TERM has no round and never waits.
pub(crate) fn split(bundle: Bundle, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Bundle>, Option<Bundle>) {
    let waiting = |ballot: &Ballot| match ballot.vote.round() {
        Some(round) => ballot.instances.iter().filter(|&instance| !may_go(instance, round)).collect(),
        None => NodeSet::EMPTY,
    };
    // The usual case first: nothing waits, and the bundle stays as it is.
    if bundle.iter().all(|ballot| waiting(ballot).is_empty()) {
        return (Some(bundle), None);
    }
    let (mut now, mut later) = (Vec::new(), Vec::new());
    for ballot in bundle {
        let held = waiting(&ballot);
        for (part, instances) in [(&mut now, ballot.instances.difference(&held)), (&mut later, held)] {
            if !instances.is_empty() {
                part.push(Ballot { instances, ..ballot });
            }
        }
    }
    let bundle = |part: Vec<Ballot>| (!part.is_empty()).then(|| List::new(part));
    (bundle(now), bundle(later))
}

/// The votes of a turn so far: equal ones of many instances become one ballot.
#[derive(Debug, Default)]
pub(crate) struct Ballots(Vec<Ballot>);

impl Ballots {
    /// Adds a vote of an instance.
    #[inline]
    pub(crate) fn add(&mut self, vote: Vote, instance: NodeIndex) {
        // A turn has few different votes, and the newest one is the likeliest to be repeated.
        match self.0.iter_mut().rev().find(|ballot| ballot.vote == vote) {
            Some(ballot) => {
                ballot.instances.insert(instance);
            }
            None => self.0.push(Ballot { vote, instances: NodeSet::one(instance) }),
        }
    }

    /// Takes everything, as bundles with their durability, which is that of the votes.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Durable, Bundle)> + use<> {
        let mut rest = std::mem::take(&mut self.0);
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let tail = rest.split_off(rest.len().min(MAX_BALLOTS));
            let chunk = std::mem::replace(&mut rest, tail);
            let durable = chunk.iter().map(|ballot| ballot.vote.durable()).max().unwrap_or(Durable::No);
            Some((durable, List::new(chunk)))
        })
    }
}
