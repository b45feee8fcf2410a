//! The outbox: who gets what, when, and again.

use bincode::{Decode, Encode};
use mellivora_core::codec::Frame;

use super::*;

/// A vote of one instance in one round; round 0 stands for a message without rounds.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
struct Vote {
    name: u32,
    instance: NodeIndex,
    round: Round,
}

impl Message for Vote {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        if self.round.0 > 0 {
            visit(self.instance, self.round);
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        if self.round.0 == 0 || may_go(self.instance, self.round) { (Some(self), None) } else { (None, Some(self)) }
    }
}

fn vote(name: u32, round: u32) -> Vote {
    Vote { name, instance: NodeIndex(2), round: Round(round) }
}

const ME: NodeIndex = NodeIndex(0);
const PEER: NodeIndex = NodeIndex(1);

fn outbox() -> Outbox<Vote> {
    let limits = Limits { epochs_ahead: 3, pipeline: 2, rounds_ahead: 4, ..Limits::default() };
    Outbox::new(Committee::new(4).unwrap(), ME, &limits)
}

/// Runs `act` and lists what it released.
fn released(outbox: &mut Outbox<Vote>, act: impl FnOnce(&mut Outbox<Vote>, Release<'_, Vote>)) -> Vec<(To, u32)> {
    let mut list = Vec::new();
    act(outbox, &mut |to, _, message: Vote| list.push((to, message.name)));
    list
}

fn push(outbox: &mut Outbox<Vote>, epoch: u64, to: To, vote: Vote) -> Vec<(To, u32)> {
    released(outbox, |o, release| o.push(Epoch(epoch), to, Durable::Yes, vote, release))
}

#[test]
fn a_message_for_one_node_stays_a_message_for_one_node() {
    // It was released as a set of one, and widened to all when it was recalled after a restart: every node then got
    // everybody's shard.
    let mut first = outbox();
    assert_eq!(push(&mut first, 0, To::Node(PEER), vote(1, 0)), [(To::Node(PEER), 1)]);
    let mut second = outbox();
    second.recall(Epoch(0), To::Node(PEER), vote(1, 0));
    assert_eq!(released(&mut second, |o, r| o.forget(NodeIndex(2), r)), []);
    assert_eq!(released(&mut second, |o, r| o.forget(PEER, r)), [(To::Node(PEER), 1)]);
}

#[test]
fn a_recalled_message_goes_also_to_those_whom_a_window_held_back_before_the_restart() {
    let mut outbox = outbox();
    let narrowed = To::Set([ME, PEER].into_iter().collect());
    outbox.recall(Epoch(4), narrowed, vote(1, 0));
    let late = NodeIndex(2);
    assert_eq!(released(&mut outbox, |o, r| o.forget(late, r)), [], "not in its window");
    assert_eq!(released(&mut outbox, |o, r| o.announced(late, Epoch(1), r)), [(To::Node(late), 1)]);
}

#[test]
fn an_epoch_beyond_the_window_of_a_peer_waits_for_its_announcement() {
    let mut outbox = outbox();
    let mut mine = NodeSet::one(ME);
    assert_eq!(push(&mut outbox, 4, To::All, vote(1, 0)), [(To::Set(mine), 1)]);
    assert_eq!(released(&mut outbox, |o, r| o.announced(PEER, Epoch(1), r)), [(To::Node(PEER), 1)]);
    assert_eq!(released(&mut outbox, |o, r| o.announced(PEER, Epoch(1), r)), [], "once");
    mine.insert(PEER);
    assert_eq!(push(&mut outbox, 4, To::All, vote(2, 0)), [(To::Set(mine), 2)]);
    outbox.close_below(Epoch(5));
    assert_eq!(released(&mut outbox, |o, r| o.announced(NodeIndex(3), Epoch(4), r)), [], "closed epochs are freed");
    assert_eq!(outbox.memory(), 0);
}

#[test]
fn a_round_too_far_ahead_waits_until_the_peer_is_seen_there() {
    let mut outbox = outbox();
    assert_eq!(push(&mut outbox, 0, To::All, vote(1, 4)), [(To::All, 1)]);
    assert_eq!(push(&mut outbox, 0, To::All, vote(2, 5)), [(To::Node(ME), 2)]);
    let see = |o: &mut Outbox<Vote>, from, vote| released(o, |o, r| o.observe(from, Epoch(0), &vote, r));
    assert_eq!(see(&mut outbox, PEER, vote(0, 1)), [(To::Node(PEER), 2)]);
    let other = Vote { instance: NodeIndex(3), ..vote(0, 9) };
    assert_eq!(see(&mut outbox, NodeIndex(2), other), [], "another instance tells nothing");
    assert_eq!(see(&mut outbox, NodeIndex(2), vote(0, 3)), [(To::Node(NodeIndex(2)), 2)]);
    assert_eq!(see(&mut outbox, NodeIndex(2), vote(0, 4)), [], "once");
}

#[test]
fn a_new_incarnation_gets_everything_again_and_rounds_are_held_back_anew() {
    let mut outbox = outbox();
    push(&mut outbox, 0, To::All, vote(1, 0));
    released(&mut outbox, |o, r| o.observe(PEER, Epoch(0), &vote(0, 9), r));
    push(&mut outbox, 0, To::All, vote(2, 8));
    assert_eq!(released(&mut outbox, |o, r| o.resend(PEER, r)), [(To::Node(PEER), 1), (To::Node(PEER), 2)]);
    assert_eq!(released(&mut outbox, |o, r| o.forget(PEER, r)), [(To::Node(PEER), 1)]);
    let seen = released(&mut outbox, |o, r| o.observe(PEER, Epoch(0), &vote(0, 4), r));
    assert_eq!(seen, [(To::Node(PEER), 2)]);
}
