//! Links in memory, between the nodes of one process.
//!
//! Frames are handed over by reference: nothing is copied, whatever the number of receivers. Each node has one mailbox
//! with a queue per sender. A queue is bounded in bytes; a frame that does not fit is dropped and the link is marked
//! *lossy*. When the receiver has drained a lossy link to half of its bound, the mark is taken off and the sender is
//! told to repeat what it still holds. Half, so that the repetition meets room and does not come frame by frame.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mellivora_core::codec::Frame;
use mellivora_core::{NodeIndex, NodeSet};
use tokio::sync::Notify;

use crate::{LinkEvent, LinkLimits, Transport};

/// The frames of one directed link that wait for their receiver.
#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
    oversized: Option<usize>,
}

#[derive(Debug)]
struct Mail {
    queues: Vec<Queue>,
    /// Senders with something in their queue.
    waiting: NodeSet,
    /// Senders of whose frames some were dropped.
    lossy: NodeSet,
    /// Peers to whom this node has to repeat itself.
    lost: NodeSet,
    /// Where the next round over the senders begins.
    cursor: usize,
    closed: bool,
}

#[derive(Debug)]
struct Mailbox {
    mail: Mutex<Mail>,
    arrived: Notify,
}

impl Mailbox {
    fn new(nodes: usize) -> Self {
        let mail = Mail {
            queues: (0..nodes).map(|_| Queue::default()).collect(),
            waiting: NodeSet::EMPTY,
            lossy: NodeSet::EMPTY,
            lost: NodeSet::EMPTY,
            cursor: 0,
            closed: false,
        };
        Mailbox { mail: Mutex::new(mail), arrived: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        // No code that holds the lock can panic half-way through a change that matters.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, from: NodeIndex, frame: Frame, limits: &LinkLimits) {
        let mut mail = self.lock();
        if mail.closed {
            return;
        }
        let mail = &mut *mail;
        let Some(queue) = mail.queues.get_mut(from.as_usize()) else { return };
        let cost = frame.len() + LinkLimits::FRAME_OVERHEAD;
        if frame.len() > limits.frame_bytes {
            queue.oversized = Some(frame.len());
        } else if queue.bytes + cost > limits.queue_bytes {
            mail.lossy.insert(from);
            return;
        } else {
            queue.bytes += cost;
            queue.frames.push_back(frame);
        }
        if mail.waiting.insert(from) {
            self.arrived.notify_one();
        }
    }

    /// Moves what is there into `events`, one frame per sender and round. Returns the senders whose links were lossy
    /// and have room again.
    fn take(&self, events: &mut Vec<LinkEvent>, count: usize, bytes: usize, limits: &LinkLimits) -> NodeSet {
        let mut mail = self.lock();
        let mail = &mut *mail;
        let mut healed = NodeSet::EMPTY;
        let (mut events_left, mut bytes_left) = (count.max(1), bytes);
        for peer in mail.lost.iter() {
            if events_left == 0 {
                break;
            }
            mail.lost.remove(peer);
            events.push(LinkEvent::Lost { peer });
            events_left -= 1;
        }
        let nodes = mail.queues.len();
        while events_left > 0 && !mail.waiting.is_empty() {
            let from = NodeIndex(mail.cursor as u16);
            let place = mail.cursor;
            mail.cursor = (mail.cursor + 1) % nodes;
            if !mail.waiting.contains(from) {
                continue;
            }
            let Some(queue) = mail.queues.get_mut(place) else { break };
            if let Some(bytes) = queue.oversized.take() {
                events.push(LinkEvent::Oversized { from, bytes });
                events_left -= 1;
            } else if let Some(frame) = queue.frames.pop_front() {
                queue.bytes -= frame.len() + LinkLimits::FRAME_OVERHEAD;
                bytes_left = bytes_left.saturating_sub(frame.len());
                events_left = if bytes_left == 0 { 0 } else { events_left - 1 };
                events.push(LinkEvent::Frame { from, frame });
            }
            if queue.frames.is_empty() && queue.oversized.is_none() {
                mail.waiting.remove(from);
            }
            if queue.bytes <= limits.queue_bytes / 2 && mail.lossy.remove(from) {
                healed.insert(from);
            }
        }
        if !mail.waiting.is_empty() || !mail.lost.is_empty() {
            // What is left over must not wait for the next arrival.
            self.arrived.notify_one();
        }
        healed
    }

    fn repeat(&self, peer: NodeIndex) {
        let mut mail = self.lock();
        if !mail.closed && mail.lost.insert(peer) {
            self.arrived.notify_one();
        }
    }

    fn close(&self) {
        let mut mail = self.lock();
        mail.closed = true;
        mail.waiting = NodeSet::EMPTY;
        mail.lost = NodeSet::EMPTY;
        mail.queues.iter_mut().for_each(|queue| *queue = Queue::default());
    }
}

/// The links of one node to the others of its process. Dropping it closes them: what is sent to it from then on is
/// discarded.
#[derive(Debug)]
pub struct MemoryLinks {
    me: NodeIndex,
    limits: LinkLimits,
    boxes: Arc<Vec<Mailbox>>,
}

impl MemoryLinks {
    /// Links between `nodes` nodes, each with each: one value per node, in order of index.
    pub fn mesh(nodes: usize, limits: LinkLimits) -> Vec<MemoryLinks> {
        let boxes: Arc<Vec<_>> = Arc::new((0..nodes).map(|_| Mailbox::new(nodes)).collect());
        (0..nodes).map(|me| MemoryLinks { me: NodeIndex(me as u16), limits, boxes: boxes.clone() }).collect()
    }

    /// The node whose links these are.
    pub fn me(&self) -> NodeIndex {
        self.me
    }

    /// Bytes that wait for this node on the link from `peer`, [`LinkLimits::FRAME_OVERHEAD`] per frame included.
    pub fn queued_from(&self, peer: NodeIndex) -> usize {
        self.own().and_then(|mailbox| mailbox.lock().queues.get(peer.as_usize()).map(|queue| queue.bytes)).unwrap_or(0)
    }

    fn own(&self) -> Option<&Mailbox> {
        self.boxes.get(self.me.as_usize())
    }
}

impl Transport for MemoryLinks {
    fn send(&mut self, to: NodeIndex, frame: Frame) {
        if to == self.me {
            return;
        }
        if let Some(mailbox) = self.boxes.get(to.as_usize()) {
            mailbox.put(self.me, frame, &self.limits);
        }
    }

    async fn receive(&mut self, events: &mut Vec<LinkEvent>, count: usize, bytes: usize) -> bool {
        let Some(mailbox) = self.own() else { return false };
        let before = events.len();
        loop {
            let healed = mailbox.take(events, count, bytes, &self.limits);
            for peer in healed.iter() {
                if let Some(sender) = self.boxes.get(peer.as_usize()) {
                    sender.repeat(self.me);
                }
            }
            if events.len() > before {
                return true;
            }
            mailbox.arrived.notified().await;
        }
    }
}

impl Drop for MemoryLinks {
    fn drop(&mut self) {
        if let Some(mailbox) = self.own() {
            mailbox.close();
        }
    }
}
