//! Frames: the bytes that travel over a link.
//!
//! A frame is a sequence of encoded messages, one after another, without separators: messages are self-delimiting
//! ([`codec::decode_all`] reads them back). A node closes its frames at the end of each turn:
//!
//! * one frame that all peers share, for what goes to everybody; it is encoded once and handed over by reference;
//! * at most one more frame per peer, for what goes to it alone;
//! * a frame of its own for each bulk message, whose payload stands beside it and is not copied ([`Frame`]). Where a
//!   frame arrives in one piece, a decoded payload is a slice of it and keeps it in memory for as long as it lives, so a
//!   shard must not pin the votes that happened to travel with it, nor a vote a shard.

use mellivora_core::codec::{self, Frame};
use mellivora_core::{Committee, Message, NodeIndex, NodeSet, To};

/// A closed frame and its receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Who gets it; never empty, never the sender itself.
    pub to: NodeSet,
    /// The frame. Its clones share the bytes.
    pub frame: Frame,
}

/// Collects the messages of one turn and packs them into frames.
///
/// The sender's own copy of a message is not its matter: a driver hands that back without encoding.
#[derive(Debug)]
pub struct FrameWriter {
    others: NodeSet,
    shared: Vec<u8>,
    own: Vec<Vec<u8>>,
    scratch: Vec<u8>,
    closed: Vec<Outgoing>,
    messages: u64,
}

impl FrameWriter {
    /// A message of at least this many bytes is bulk, and travels in a frame of its own.
    pub const BULK_BYTES: usize = Frame::BESIDE;
    /// A frame of small messages is closed once it has reached this many bytes, and another one is begun.
    pub const SMALL_FRAME_BYTES: usize = 64 << 10;

    /// A writer for node `me` of a committee.
    pub fn new(committee: Committee, me: NodeIndex) -> Self {
        let mut others = committee.all();
        others.remove(me);
        FrameWriter {
            others,
            shared: Vec::new(),
            own: vec![Vec::new(); committee.n()],
            scratch: Vec::new(),
            closed: Vec::new(),
            messages: 0,
        }
    }

    /// Messages added so far, one per receiver.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Adds a message for `to`. Receivers outside the committee, and the sender itself, are left out.
    pub fn push<M: Message>(&mut self, to: To, message: &M) {
        let to = match to {
            To::All => self.others,
            To::Node(node) => NodeSet::one(node).intersection(&self.others),
            To::Set(set) => set.intersection(&self.others),
        };
        if to.is_empty() {
            return;
        }
        self.messages += to.len() as u64;
        if message.memory() >= Self::BULK_BYTES {
            self.closed.push(Outgoing { to, frame: Frame::of(message) });
        } else if to == self.others {
            let start = self.shared.len();
            codec::encode_into(message, &mut self.shared);
            Self::close_if_large(&mut self.closed, &mut self.shared, start, to);
        } else {
            // Encoding once and copying is cheaper than encoding for each.
            self.scratch.clear();
            codec::encode_into(message, &mut self.scratch);
            for node in to.iter() {
                if let Some(buffer) = self.own.get_mut(node.as_usize()) {
                    let start = buffer.len();
                    buffer.extend_from_slice(&self.scratch);
                    Self::close_if_large(&mut self.closed, buffer, start, NodeSet::one(node));
                }
            }
        }
    }

    /// Closes all frames of the turn.
    pub fn finish(&mut self) -> impl Iterator<Item = Outgoing> + '_ {
        if !self.shared.is_empty() {
            self.closed.push(Outgoing { to: self.others, frame: std::mem::take(&mut self.shared).into() });
        }
        for (node, buffer) in self.own.iter_mut().enumerate() {
            if !buffer.is_empty() {
                let to = NodeSet::one(NodeIndex(node as u16));
                self.closed.push(Outgoing { to, frame: std::mem::take(buffer).into() });
            }
        }
        self.closed.drain(..)
    }

    /// Closes a buffer that has grown large. A message that turned out to be bulk, though it had not said so, is cut
    /// off from what stood before it.
    fn close_if_large(closed: &mut Vec<Outgoing>, buffer: &mut Vec<u8>, start: usize, to: NodeSet) {
        if buffer.len().saturating_sub(start) >= Self::BULK_BYTES {
            let bulk = buffer.split_off(start);
            closed.push(Outgoing { to, frame: bulk.into() });
        } else if buffer.len() >= Self::SMALL_FRAME_BYTES {
            closed.push(Outgoing { to, frame: std::mem::take(buffer).into() });
        }
    }
}
