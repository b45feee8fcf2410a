//! Promises: what an honest node has said once it never contradicts, across restarts neither, and it was logged before
//! anybody heard it.

use std::collections::BTreeMap;

use mellivora_agreement::{AbaMessage, Vote};
use mellivora_atomic::Message;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_broadcast::{PbMessage, PrbcMessage, RbcMessage};
use mellivora_core::codec::encode;
use mellivora_core::{Digest, Durable, NodeIndex, To, hash::HashKey};
use mellivora_subset::BkrMessage;

/// What a promise is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct About {
    kind: &'static str,
    epoch: u64,
    instance: u16,
    round: u32,
    receiver: u16,
}

/// Promises, and what they say.
pub type Said = Vec<(About, Digest)>;

/// The promises of all honest nodes of a run.
#[derive(Debug)]
pub struct Promises<M> {
    of: fn(&To, &M) -> Said,
    said: BTreeMap<(NodeIndex, About), Digest>,
}

const CONTENT: HashKey = HashKey::new("mellivora/fuzz promise");

fn content(bytes: &[u8]) -> Digest {
    CONTENT.digest(bytes)
}

impl<M: std::fmt::Debug> Promises<M> {
    /// `of` takes a message apart into its promises.
    pub fn new(of: fn(&To, &M) -> Said) -> Self {
        Promises { of, said: BTreeMap::new() }
    }

    /// Compares what `node` says now with what it said before. What was never said durably must not go out.
    pub(crate) fn check(&mut self, node: NodeIndex, to: &To, durable: Durable, message: &M) {
        for (about, content) in (self.of)(to, message) {
            let before = self.said.get(&(node, about)).copied();
            match before {
                Some(before) => assert_eq!(before, content, "node {node} contradicts its {about:?}: {message:?}"),
                None => {
                    assert_eq!(durable, Durable::Yes, "node {node} says {about:?} without logging it: {message:?}");
                    self.said.insert((node, about), content);
                }
            }
        }
    }
}

/// Promises of reliable broadcast: VAL, support of a root and the shard shown for it, READY.
pub fn of_rbc(to: &To, message: &RbcMessage) -> Said {
    let about = |kind| About { kind, ..About::default() };
    match message {
        RbcMessage::Val { root, shard } => {
            let To::Node(receiver) = to else { panic!("each node gets a VAL of its own: {message:?}") };
            let shard = (About { receiver: receiver.0, ..about("val") }, content(&encode(shard)));
            vec![(about("proposal"), *root), shard]
        }
        RbcMessage::Echo { root, shard } => vec![(about("support"), *root), (about("shard"), content(&encode(shard)))],
        RbcMessage::EchoHash(root) => vec![(about("support"), *root)],
        RbcMessage::Ready(root) => vec![(about("ready"), *root)],
        RbcMessage::CanDecode(_) => Vec::new(),
    }
}

fn of_vote(vote: &Vote) -> Said {
    let kind = match vote {
        Vote::Bval { .. } => return Vec::new(),
        Vote::Aux { .. } => "aux",
        Vote::Conf { .. } => "conf",
        Vote::Term { .. } => "term",
    };
    let round = vote.round().map_or(0, |round| round.0);
    vec![(About { kind, round, ..About::default() }, content(&encode(vote)))]
}

/// Promises of binary agreement: AUX, CONF, TERM. A coin share is a function of its name.
pub fn of_aba(_: &To, message: &AbaMessage) -> Said {
    match message {
        AbaMessage::Vote(vote) => of_vote(vote),
        AbaMessage::Share { .. } => Vec::new(),
    }
}

/// Promises of provable reliable broadcast: those of the broadcast inside, and what was signed as delivered.
pub fn of_prbc(to: &To, message: &PrbcMessage) -> Said {
    match message {
        PrbcMessage::Rbc(message) => of_rbc(to, message),
        PrbcMessage::Delivered(root, endorsement) => {
            let about = |kind| About { kind, ..About::default() };
            vec![(about("delivered"), *root), (about("endorsement"), content(endorsement.as_bytes()))]
        }
    }
}

/// Promises of provable broadcast: the proposal, what is held, what was signed.
pub fn of_pb(_: &To, message: &PbMessage) -> Said {
    let about = |kind| About { kind, ..About::default() };
    match message {
        PbMessage::Send(payload) => vec![(about("proposal"), content(payload))],
        PbMessage::Record(payload) => vec![(about("held"), content(payload))],
        PbMessage::Endorse(endorsement) => vec![(about("endorsement"), content(endorsement.as_bytes()))],
        PbMessage::Final(..) => Vec::new(),
    }
}

/// Promises of all instances of a common subset.
pub fn of_subset(to: &To, message: &BkrMessage) -> Said {
    let within = |instance: NodeIndex, said: Said| {
        said.into_iter().map(move |(about, content)| (About { instance: instance.0, ..about }, content))
    };
    match message {
        BkrMessage::Rbc { proposer, message } => within(*proposer, of_rbc(to, message)).collect(),
        BkrMessage::Votes(ballots) => {
            let each = ballots.iter().flat_map(|b| b.instances.iter().map(move |instance| (instance, b.vote)));
            each.flat_map(|(instance, vote)| within(instance, of_vote(&vote))).collect()
        }
        BkrMessage::Share { .. } => Vec::new(),
    }
}

/// Promises of a whole node: of all epochs, and its checkpoints.
pub fn of_node(to: &To, message: &Message<EpochMessage<BkrMessage>>) -> Said {
    match message {
        Message::Epoch { epoch, message: EpochMessage::Subset(message) } => {
            let said = of_subset(to, message).into_iter();
            said.map(|(about, content)| (About { epoch: epoch.0, ..about }, content)).collect()
        }
        Message::Checkpoint(checkpoint) => {
            vec![(About { kind: "checkpoint", epoch: checkpoint.epoch.0, ..About::default() }, checkpoint.digest)]
        }
        _ => Vec::new(),
    }
}
