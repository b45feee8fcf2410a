//! Links in memory: nothing is lost without a word, nobody pays for another's flood, nothing is copied.

use mellivora_core::NodeIndex;
use mellivora_core::codec::Frame;
use mellivora_net::{LinkEvent, LinkLimits, MemoryLinks, Transport};

const LIMITS: LinkLimits = LinkLimits { queue_bytes: 10 * (100 + LinkLimits::FRAME_OVERHEAD), frame_bytes: 1000 };

fn frame(byte: u8) -> Frame {
    Frame::from(vec![byte; 100])
}

async fn drain(links: &mut MemoryLinks) -> Vec<LinkEvent> {
    let mut events = Vec::new();
    let wait = std::time::Duration::from_millis(20);
    while tokio::time::timeout(wait, links.receive(&mut events, 64, usize::MAX)).await.is_ok() {}
    events
}

#[tokio::test]
async fn a_frame_arrives_without_a_copy_and_names_its_sender() {
    let mut mesh = MemoryLinks::mesh(3, LIMITS);
    let sent = frame(7);
    mesh[2].send(NodeIndex(0), sent.clone());
    mesh[2].send(NodeIndex(2), sent.clone());
    mesh[2].send(NodeIndex(9), sent.clone());
    let events = drain(&mut mesh[0]).await;
    let [LinkEvent::Frame { from, frame }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(*from, NodeIndex(2));
    assert_eq!(frame.to_bytes().as_ptr(), sent.to_bytes().as_ptr());
    assert!(drain(&mut mesh[2]).await.is_empty(), "nothing comes back to the sender");
}

#[tokio::test]
async fn an_overflow_is_dropped_and_the_sender_told_once_there_is_room() {
    let mut mesh = MemoryLinks::mesh(2, LIMITS);
    for i in 0..15 {
        mesh[0].send(NodeIndex(1), frame(i));
    }
    assert_eq!(mesh[1].queued_from(NodeIndex(0)), LIMITS.queue_bytes);
    assert!(drain(&mut mesh[0]).await.is_empty(), "no room yet, so no word");
    let mut some = Vec::new();
    assert!(mesh[1].receive(&mut some, 4, usize::MAX).await);
    assert_eq!(some.len(), 4);
    assert!(drain(&mut mesh[0]).await.is_empty(), "more than half full");
    assert_eq!(drain(&mut mesh[1]).await.len(), 6);
    assert_eq!(drain(&mut mesh[0]).await, [LinkEvent::Lost { peer: NodeIndex(1) }]);
    mesh[0].send(NodeIndex(1), frame(99));
    assert_eq!(drain(&mut mesh[1]).await.len(), 1);
    assert!(drain(&mut mesh[0]).await.is_empty(), "told once");
}

#[tokio::test]
async fn a_flood_delays_nobody_else() {
    let mut mesh = MemoryLinks::mesh(3, LIMITS);
    for i in 0..200 {
        mesh[0].send(NodeIndex(2), frame(i));
    }
    mesh[1].send(NodeIndex(2), frame(1));
    let mut events = Vec::new();
    assert!(mesh[2].receive(&mut events, 2, usize::MAX).await);
    assert!(events.iter().any(|e| matches!(e, LinkEvent::Frame { from: NodeIndex(1), .. })), "{events:?}");
}

#[tokio::test]
async fn tiny_frames_count_for_more_than_their_bytes() {
    let mut mesh = MemoryLinks::mesh(2, LIMITS);
    for _ in 0..10_000 {
        mesh[0].send(NodeIndex(1), Frame::from(vec![7]));
    }
    assert!(mesh[1].queued_from(NodeIndex(0)) <= LIMITS.queue_bytes);
    assert!(drain(&mut mesh[1]).await.len() <= LIMITS.queue_bytes / LinkLimits::FRAME_OVERHEAD);
}

#[tokio::test]
async fn an_oversized_frame_is_refused_and_reported() {
    let mut mesh = MemoryLinks::mesh(2, LIMITS);
    mesh[0].send(NodeIndex(1), vec![0; 1001].into());
    assert_eq!(mesh[1].queued_from(NodeIndex(0)), 0);
    assert_eq!(drain(&mut mesh[1]).await, [LinkEvent::Oversized { from: NodeIndex(0), bytes: 1001 }]);
}

#[tokio::test]
async fn a_byte_bound_ends_a_turn_but_never_starves() {
    let mut mesh = MemoryLinks::mesh(2, LIMITS);
    for i in 0..3 {
        mesh[0].send(NodeIndex(1), frame(i));
    }
    for _ in 0..3 {
        let mut events = Vec::new();
        assert!(mesh[1].receive(&mut events, 64, 10).await);
        assert_eq!(events.len(), 1);
    }
}

#[tokio::test]
async fn closed_links_swallow_what_is_sent_to_them() {
    let mut mesh = MemoryLinks::mesh(2, LIMITS);
    drop(mesh.pop());
    for i in 0..100 {
        mesh[0].send(NodeIndex(1), frame(i));
    }
    assert!(drain(&mut mesh[0]).await.is_empty());
}
