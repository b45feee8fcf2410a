//! What a node tells about itself.

use mellivora_atomic::Status;
use mellivora_core::{Digest, Epoch, NodeIndex};

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Takes submissions.
    Running,
    /// Takes none any more, and orders what it has.
    Draining,
    /// Everything that it acknowledged is ordered, and those epochs are closed; it still helps the others.
    Drained,
    /// Gone.
    Stopped,
}

/// A snapshot of a node: taken with every batch, when it falls idle, and every few milliseconds while it works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Which node.
    pub node: NodeIndex,
    /// Where it is in its life.
    pub phase: Phase,
    /// The protocol's own view.
    pub protocol: Status,
    /// Whether there is nothing to order, to fetch or to wait for.
    pub idle: bool,
    /// Batches handed out.
    pub batches: u64,
    /// Transactions in them.
    pub committed: u64,
    /// Digest of the whole history up to the last batch; `None` before the first. Equal digests mean equal histories.
    pub digest: Option<Digest>,
    /// Own submissions that were acknowledged and are not ordered yet.
    pub unordered: usize,
    /// The epoch that ordered the newest of this node's own submissions.
    pub last_own: Option<Epoch>,
    /// Jobs in the pool.
    pub jobs: usize,
    /// Promises made: messages that a node with a log writes down before it releases them.
    pub promises: u64,
    /// Turns taken.
    pub turns: u64,
    /// Messages sent, one per receiver.
    pub messages_sent: u64,
    /// Frames sent, one per receiver.
    pub frames_sent: u64,
    /// Bytes sent, in frames.
    pub bytes_sent: u64,
    /// Whether the node stands still because a subscriber does not take its batches.
    pub waiting_for_subscriber: bool,
    /// Set when the node fell too far behind: the first epoch that it lacks and nobody keeps.
    pub behind: Option<Epoch>,
}

impl NodeStatus {
    pub(crate) fn new(node: NodeIndex, protocol: Status) -> Self {
        NodeStatus {
            node,
            phase: Phase::Running,
            protocol,
            idle: true,
            batches: 0,
            committed: 0,
            digest: None,
            unordered: 0,
            last_own: None,
            jobs: 0,
            promises: 0,
            turns: 0,
            messages_sent: 0,
            frames_sent: 0,
            bytes_sent: 0,
            waiting_for_subscriber: false,
            behind: None,
        }
    }
}
