//! The shape of a transport: what a driver asks of the links of one node.

use std::future::Future;

use mellivora_core::codec::Frame;
use mellivora_core::{Committee, Limits, NodeIndex};

/// What the links of a node report to its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// A frame arrived. The link vouches for the sender.
    Frame {
        /// Who sent it.
        from: NodeIndex,
        /// The frame, at most [`LinkLimits::frame_bytes`] long.
        frame: Frame,
    },
    /// Frames to this peer were dropped for want of room, or a connection broke, and the link can take frames again:
    /// whatever the peer may still need has to be sent once more.
    Lost {
        /// The peer that may lack messages.
        peer: NodeIndex,
    },
    /// The peer came back as a new incarnation and knows nothing of what it was told before.
    Restarted {
        /// The peer.
        peer: NodeIndex,
    },
    /// A frame above the limit was refused before it was stored: a fault of its sender.
    Oversized {
        /// Who sent it.
        from: NodeIndex,
        /// How long it was, in bytes.
        bytes: usize,
    },
}

/// Bounds of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLimits {
    /// Bytes that wait in one directed link at the most, [`LinkLimits::FRAME_OVERHEAD`] per frame included.
    pub queue_bytes: usize,
    /// Largest frame, in bytes.
    pub frame_bytes: usize,
}

impl LinkLimits {
    /// What a frame costs beyond its bytes, so that a flood of tiny frames is bounded too.
    pub const FRAME_OVERHEAD: usize = 64;

    /// Bounds for a cluster with these limits: a queue holds `queue_bytes`, and never less than one frame of the
    /// largest size.
    pub fn new(committee: Committee, limits: &Limits, queue_bytes: usize) -> Self {
        let frame_bytes =
            limits.frame_bytes(committee).max(crate::FrameWriter::SMALL_FRAME_BYTES + crate::FrameWriter::BULK_BYTES);
        LinkLimits { queue_bytes: queue_bytes.max(frame_bytes + Self::FRAME_OVERHEAD), frame_bytes }
    }
}

/// All links of one node. What it guarantees is said on the [crate's page](crate).
pub trait Transport: Send + 'static {
    /// Hands a frame to the link to `to`. Never blocks. A frame that does not fit is dropped, and
    /// [`LinkEvent::Lost`] follows as soon as there is room. Unknown receivers are ignored.
    fn send(&mut self, to: NodeIndex, frame: Frame);

    /// Waits until there is something to report, then appends what is there, at most `count` events and (but for one
    /// frame) `bytes` bytes. Returns false when the transport is closed and nothing will come any more.
    ///
    /// Cancel safe: an event is either appended or still waiting.
    fn receive(&mut self, events: &mut Vec<LinkEvent>, count: usize, bytes: usize)
    -> impl Future<Output = bool> + Send;
}
