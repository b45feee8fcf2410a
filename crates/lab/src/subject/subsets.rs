//! What the campaigns have to know of a common subset, so that it is tried by itself and under an atomic broadcast. A
//! further one joins by an implementation here and two lines in the list of subjects.

use std::hash::{DefaultHasher, Hash, Hasher};

use mellivora_adversary::Observe;
use mellivora_agreement::{Aba, Smvba, SmvbaMessage};
use mellivora_broadcast::{PbMessage, PrbcMessage, RbcMessage};
use mellivora_core::codec::encode;
use mellivora_core::{Committee, NodeIndex, NodeSet, Round};
use mellivora_subset::vector::StoredMessage;
use mellivora_subset::{Bkr, BkrMessage, Dumbo1, Dumbo1Message, Dumbo2, SDumbo, Subset, VectorMessage};

use super::aba::{may_share, vote_statement};

/// A slot that only one thing may ever be said in: layer, instance, kind, round.
pub(crate) type Said = (u8, u16, u8, u32);

/// A common subset that campaigns try.
pub(crate) trait Tried: Subset + Observe {
    /// Name of the subject that is the subset by itself.
    const SUBSET: &'static str;
    /// Name of the subject that is the atomic broadcast over it.
    const ATOMIC: &'static str;
    /// Part of a mixed campaign's time that the atomic broadcast over it gets, against the others'.
    const SHARE: u32;
    /// Rare states of the subset by itself, by the names that `rare_word`, `rare_state` and the subject count.
    const RARE: &'static [&'static str];
    /// Bytes that a node may hold for each node of the committee.
    const BYTES: usize;

    /// What a message promises, and the fingerprint of what it says.
    fn said(message: &Self::Message) -> Vec<(Said, u64)>;
    /// Whether a node in this state may have said this.
    fn gate(&self, committee: Committee, message: &Self::Message) -> Result<(), String>;
    /// What is rarely said.
    fn rare_word(message: &Self::Message) -> Option<&'static str>;
    /// What a node rarely comes to.
    fn rare_state(&self, faulty: &NodeSet) -> Vec<&'static str> {
        let _ = faulty;
        Vec::new()
    }
}

pub(super) fn print(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// What a message of a broadcast promises.
fn rbc_said(layer: u8, proposer: NodeIndex, message: &RbcMessage) -> Vec<(Said, u64)> {
    super::rbc::statements(message)
        .into_iter()
        .map(|(kind, root)| ((layer, proposer.0, kind.as_bytes()[0], 0), print(root.as_ref())))
        .collect()
}

/// The gate of what looks as in BKR.
fn agreement_gate<'a>(message: &BkrMessage, aba: impl FnOnce(NodeIndex) -> Option<&'a Aba>) -> Result<(), String> {
    match message {
        BkrMessage::Share { instance, round, .. } => aba(*instance).map_or(Ok(()), |aba| may_share(aba, *round)),
        _ => Ok(()),
    }
}

impl Tried for Bkr {
    const SUBSET: &'static str = "subset";
    const ATOMIC: &'static str = "atomic";
    const SHARE: u32 = 80;
    const RARE: &'static [&'static str] = &[
        "restart",
        "lost and repeated",
        "culprit named",
        "somebody left out",
        "faulty contribution chosen",
        "bottom chosen",
        "round >= 3",
    ];
    const BYTES: usize = 96 << 10;

    fn said(message: &BkrMessage) -> Vec<(Said, u64)> {
        match message {
            BkrMessage::Rbc { proposer, message } => rbc_said(0, *proposer, message),
            BkrMessage::Votes(ballots) => {
                let mut said = Vec::new();
                for ballot in ballots.iter() {
                    if let Some(((kind, round), value)) = vote_statement(&ballot.vote) {
                        said.extend(ballot.instances.iter().map(|j| ((1, j.0, kind, round), u64::from(value))));
                    }
                }
                said
            }
            BkrMessage::Share { .. } => Vec::new(),
        }
    }

    fn gate(&self, _: Committee, message: &BkrMessage) -> Result<(), String> {
        agreement_gate(message, |instance| self.aba(instance))
    }

    fn rare_word(message: &BkrMessage) -> Option<&'static str> {
        match message {
            BkrMessage::Votes(ballots) if ballots.iter().any(|ballot| ballot.vote.round() >= Some(Round(3))) => {
                Some("round >= 3")
            }
            _ => None,
        }
    }
}

impl Tried for Dumbo1 {
    const SUBSET: &'static str = "subset-dumbo1";
    const ATOMIC: &'static str = "atomic-dumbo1";
    const SHARE: u32 = 40;
    const RARE: &'static [&'static str] = &[
        "restart",
        "lost and repeated",
        "culprit named",
        "somebody left out",
        "faulty contribution chosen",
        "bottom chosen",
        "round >= 3",
        "faulty member",
        "zero decided",
        "different sets chosen",
    ];
    const BYTES: usize = 128 << 10;

    fn said(message: &Dumbo1Message) -> Vec<(Said, u64)> {
        match message {
            Dumbo1Message::Bkr(message) => Bkr::said(message),
            Dumbo1Message::IndexSet { member, message } => rbc_said(2, *member, message),
            Dumbo1Message::Election(_) => Vec::new(),
        }
    }

    fn gate(&self, committee: Committee, message: &Dumbo1Message) -> Result<(), String> {
        match message {
            Dumbo1Message::Bkr(message) => agreement_gate(message, |member| self.aba(member)),
            Dumbo1Message::Election(_) if self.delivered().len() < committee.quorum() => {
                Err("released its share of the election before a quorum of deliveries".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn rare_word(message: &Dumbo1Message) -> Option<&'static str> {
        match message {
            Dumbo1Message::Bkr(message) => Bkr::rare_word(message),
            _ => None,
        }
    }

    fn rare_state(&self, faulty: &NodeSet) -> Vec<&'static str> {
        let Some(members) = self.members() else { return Vec::new() };
        let chosen = members.iter().filter(|member| self.decision(*member) == Some(true));
        let sets: Vec<_> = chosen.map(|member| self.index_set(member)).collect();
        [
            ("faulty member", !members.intersection(faulty).is_empty()),
            ("zero decided", sets.len() < members.len()),
            ("different sets chosen", sets.windows(2).any(|pair| pair[0] != pair[1])),
        ]
        .into_iter()
        .filter_map(|(name, reached)| reached.then_some(name))
        .collect()
    }
}

/// What a message of the agreement on a vector promises.
pub(super) fn smvba_said(message: &SmvbaMessage) -> Vec<(Said, u64)> {
    let said = super::mvba::statements(message).into_iter();
    said.map(|((kind, view, proposer), what)| ((3, proposer, kind, view), print(&what))).collect()
}

pub(super) fn smvba_gate(smvba: &Smvba, message: &SmvbaMessage) -> Result<(), String> {
    match message {
        SmvbaMessage::Share { view, .. } => super::mvba::may_share(smvba, *view),
        _ => Ok(()),
    }
}

/// Whether the agreement needed more than one view.
fn later_view(smvba: &Smvba) -> Vec<&'static str> {
    smvba.halt().filter(|halt| halt.view > Round(1)).map(|_| "view >= 2").into_iter().collect()
}

impl Tried for Dumbo2 {
    const SUBSET: &'static str = "subset-dumbo2";
    const ATOMIC: &'static str = "atomic-dumbo2";
    const SHARE: u32 = 40;
    const RARE: &'static [&'static str] = &[
        "restart",
        "lost and repeated",
        "culprit named",
        "somebody left out",
        "faulty contribution chosen",
        "bottom chosen",
        "view >= 2",
    ];
    const BYTES: usize = 512 << 10;

    fn said(message: &VectorMessage<PrbcMessage>) -> Vec<(Said, u64)> {
        match message {
            VectorMessage::Broadcast { proposer, message: PrbcMessage::Rbc(message) } => {
                rbc_said(0, *proposer, message)
            }
            VectorMessage::Broadcast { proposer, message: PrbcMessage::Delivered(root, _) } => {
                vec![((4, proposer.0, 0, 0), print(root.as_ref()))]
            }
            VectorMessage::Mvba(message) => smvba_said(message),
        }
    }

    fn gate(&self, _: Committee, message: &VectorMessage<PrbcMessage>) -> Result<(), String> {
        match message {
            VectorMessage::Mvba(message) => smvba_gate(self.mvba(), message),
            VectorMessage::Broadcast { .. } => Ok(()),
        }
    }

    fn rare_word(_: &VectorMessage<PrbcMessage>) -> Option<&'static str> {
        None
    }

    fn rare_state(&self, _: &NodeSet) -> Vec<&'static str> {
        later_view(self.mvba())
    }
}

impl Tried for SDumbo {
    const SUBSET: &'static str = "subset-sdumbo";
    const ATOMIC: &'static str = "atomic-sdumbo";
    const SHARE: u32 = 40;
    const RARE: &'static [&'static str] = &[
        "restart",
        "lost and repeated",
        "culprit named",
        "somebody left out",
        "faulty contribution chosen",
        "payload retrieved",
        "view >= 2",
    ];
    const BYTES: usize = 512 << 10;

    fn said(message: &VectorMessage<StoredMessage>) -> Vec<(Said, u64)> {
        match message {
            VectorMessage::Broadcast { proposer, message: StoredMessage::Pb(message) } => match message {
                PbMessage::Send(_) => vec![((5, proposer.0, 0, 0), print(&encode(message)))],
                PbMessage::Record(payload) => vec![((5, proposer.0, 1, 0), print(payload))],
                _ => Vec::new(),
            },
            VectorMessage::Broadcast { .. } => Vec::new(),
            VectorMessage::Mvba(message) => smvba_said(message),
        }
    }

    fn gate(&self, _: Committee, message: &VectorMessage<StoredMessage>) -> Result<(), String> {
        match message {
            VectorMessage::Mvba(message) => smvba_gate(self.mvba(), message),
            VectorMessage::Broadcast { .. } => Ok(()),
        }
    }

    fn rare_word(message: &VectorMessage<StoredMessage>) -> Option<&'static str> {
        match message {
            VectorMessage::Broadcast { message: StoredMessage::Retrieval(_), .. } => Some("payload retrieved"),
            _ => None,
        }
    }

    fn rare_state(&self, _: &NodeSet) -> Vec<&'static str> {
        later_view(self.mvba())
    }
}
