//! The rules of streams in epochs, one schedule each.

use bytes::Bytes;
use mellivora_agreement::SmvbaMessage;
use mellivora_atomic::dumbo_ng::{OfStream, StreamsJob, Tips};
use mellivora_atomic::engine::AtomicJob;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Input, Message};
use mellivora_broadcast::SpbMessage;
use mellivora_broadcast::stream::{StreamMessage, Tip};
use mellivora_core::codec::decode;
use mellivora_core::{Epoch, FaultKind, Keyed, NodeIndex};

use super::playing::{Play, Said, of_epochs, proposal};
use crate::support::forge::framed;
use crate::support::hall::Content;
use crate::support::{config, plain};

const NOBODY_ELSE: &[u16] = &[];

/// The transactions of all batches, in order.
fn texts(ledger: &[Content]) -> Vec<String> {
    let transactions = ledger.iter().flat_map(|(.., transactions)| transactions);
    transactions.map(|(_, bytes)| String::from_utf8(bytes.to_vec()).unwrap()).collect()
}

/// What each node has proposed, by what was delivered of it: slots with the lengths of their batches.
fn proposed(seen: &[Said], by: u16) -> Vec<(u64, usize)> {
    let mut slots: Vec<_> = seen
        .iter()
        .filter_map(proposal)
        .filter(|(proposer, ..)| *proposer == by)
        .map(|(_, slot, batch)| (slot, batch.len()))
        .collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

fn deliver(play: &mut Play, wanted: impl Fn(&mellivora_adversary::Parcel<Said>) -> bool) -> Vec<Said> {
    let mut seen = Vec::new();
    play.stage.deliver(|_, parcel| {
        let wanted = wanted(parcel);
        if wanted {
            seen.push(parcel.message.clone());
        }
        wanted
    });
    seen
}

/// A vote makes the voter propose an empty batch, so that there is a quorum of growths once the slot is certified. It may
/// never be, if its proposer keeps the votes to itself. Were the voter to ask again for an uncertified slot at each
/// output, epochs of nothing would follow one another for ever.
#[test]
fn an_uncertified_vote_prompts_one_empty_batch() {
    let mut play = Play::new(&plain(config(4)), &[3]);
    let batch = Bytes::from(framed(&[b"never certified"]));
    play.propose(3, &[0, 1, 2], Tip::GENESIS, &batch);
    let seen = deliver(&mut play, |_| true);
    for node in 0..3 {
        assert_eq!(proposed(&seen, node), [(1, 0)], "node {node} proposed one empty batch");
        assert!(play.stage.node(node).is_idle(), "{:?}", play.stage.node(node));
    }
    let ledger = play.ledger();
    assert_eq!((ledger.len(), texts(&ledger)), (1, Vec::new()), "one epoch, of empty batches");
    for node in 0..3 {
        play.stage.input(node, Input::Nudge);
    }
    assert_eq!(play.stage.deliver_all(), 0, "nothing follows");
}

#[test]
fn one_empty_batch_until_something_is_ordered() {
    let mut play = Play::new(&plain(config(4)), NOBODY_ELSE);
    play.submit(0, &["alone"]);
    let seen = deliver(&mut play, |parcel| !of_epochs(parcel));
    assert_eq!(proposed(&seen, 0).len(), 1);
    for node in 1..4 {
        assert_eq!(proposed(&seen, node), [(1, 0)], "node {node}");
    }
    deliver(&mut play, |_| true);
    assert_eq!(texts(&play.ledger()), ["alone"]);
    assert_eq!(play.ledger().len(), 1, "and nothing after it");
}

/// Whoever was shown a batch and its certificate late, after its own stream has had its say, proposes again: what is
/// certified counts at each output.
#[test]
fn a_certified_batch_prompts_again_after_an_output() {
    let mut play = Play::new(&plain(config(4)), &[3]);
    let [first, second] = [b"first", b"other"].map(|text| Bytes::from(framed(&[text])));
    // All vote for both slots, and have proposed their empty batches by then.
    let one = play.propose(3, &[0, 1, 2], Tip::GENESIS, &first);
    deliver(&mut play, |parcel| parcel.from.0 == 3);
    play.announce(3, &[0, 1, 2], &one);
    deliver(&mut play, |parcel| parcel.from.0 == 3);
    let two = play.propose(3, &[0, 1, 2], one, &second);
    deliver(&mut play, |parcel| parcel.from.0 == 3);
    // The certificate of the second one comes when the epoch that orders the first one has its inputs.
    let agreed = |play: &Play| (0..3).all(|node| play.stage.node(node).status().running > 0);
    while !agreed(&play) {
        let before = play.stage.pending.len();
        let mut once = false;
        play.stage.deliver(|_, _| !std::mem::replace(&mut once, true));
        assert!(before > 0, "the first batch and three empty ones make an epoch");
    }
    play.announce(3, &[0, 1, 2], &two);
    deliver(&mut play, |_| true);
    assert_eq!(texts(&play.ledger()), ["first", "other"]);
}

/// An epoch needs a quorum of streams, so the empty batch of one more may come too late for it. Nobody orders it of its own
/// accord then. It must not keep what comes after it waiting: the narrowest window has room for both.
#[test]
fn an_empty_batch_that_nobody_orders_does_not_fill_the_window() {
    let mut config = plain(config(4));
    config.limits.stream_window = 2;
    let mut play = Play::new(&config, NOBODY_ELSE);
    play.submit(1, &["early"]);
    let of_zero = |message: &Said| proposal(message).is_some_and(|(proposer, ..)| proposer == 0);
    deliver(&mut play, |parcel| !of_zero(&parcel.message));
    assert_eq!(texts(&play.ledger()), ["early"], "ordered by the other three");
    let seen = deliver(&mut play, |_| true);
    assert_eq!(proposed(&seen, 0), [(1, 0)]);
    let own = play.stage.node(0).streams().stream(NodeIndex(0)).unwrap();
    assert_eq!((own.base().slot, own.certified_up_to(9).map(|own| own.tip.slot)), (0, Some(1)), "and nobody wants it");
    play.submit(0, &["late"]);
    deliver(&mut play, |_| true);
    assert_eq!(texts(&play.ledger()), ["early", "late"]);
}

#[test]
fn a_node_that_missed_batches_retrieves_them() {
    let mut play = Play::new(&plain(config(4)), NOBODY_ELSE);
    play.submit(0, &["one", "two", "three"]);
    let missed = |message: &Said| proposal(message).is_some_and(|(proposer, ..)| proposer == 0);
    let fetching = |message: &Said| match message {
        Message::Beside(OfStream { message, .. }) => {
            matches!(message, StreamMessage::Ask(..) | StreamMessage::Retrieval(..))
        }
        _ => false,
    };
    // Nobody says that it has the batch: so nobody can fetch it as one that is certified by checkpoints.
    let closing = |message: &Said| matches!(message, Message::Checkpoint(_) | Message::Certificate(_));
    let seen = deliver(&mut play, |parcel| {
        let message = &parcel.message;
        !(parcel.to.0 == 3 && missed(message) || parcel.from.0 == 3 && fetching(message) || closing(message))
    });
    assert!(!seen.iter().any(closing));
    let next = |play: &Play, node| play.stage.node(node).status().next.0;
    assert!((0..3).all(|node| next(&play, node) == 1), "the others have it");
    assert_eq!(next(&play, 3), 0, "it was decided, and the batch is not here");
    let chosen = play.stage.node(3).subset(Epoch(0)).unwrap().decision().unwrap();
    assert!(chosen.iter().any(|(proposer, _)| proposer.0 == 0));
    let asked = deliver(&mut play, |parcel| !(closing(&parcel.message) || parcel.to.0 == 3 && missed(&parcel.message)));
    assert!(asked.iter().any(fetching), "retrieved");
    assert_eq!(texts(&play.ledger()).len(), 3);
    assert!(play.stage.pending.iter().any(|parcel| parcel.to.0 == 3 && missed(&parcel.message)), "never arrived");
}

#[test]
fn slots_of_an_epoch_take_turns_by_stream() {
    let mut play = Play::new(&plain(config(7)), &[5, 6]);
    let honest = [0, 1, 2, 3, 4];
    for (stream, names) in [(5, [b"a1", b"a2", b"a3"]), (6, [b"b1", b"b2", b"b3"])] {
        let mut tip = Tip::GENESIS;
        for name in names {
            tip = play.propose(stream, &honest, tip, &Bytes::from(framed(&[&name[..]])));
        }
        play.announce(stream, &honest, &tip);
    }
    deliver(&mut play, |parcel| parcel.from.0 >= 5);
    deliver(&mut play, |_| true);
    let ledger = play.ledger();
    assert_eq!(texts(&ledger[..1]), ["a1", "b1", "a2", "b2", "a3", "b3"]);
}

/// A ciphertext opens in the slot that it was sealed for and nowhere else: not in another stream, which would order as its
/// own what it cannot read, and not in a later slot of its stream.
#[test]
fn a_ciphertext_opens_in_its_own_slot_alone() {
    let mut play = Play::new(&config(4), &[3]);
    play.submit(0, &["honest"]);
    deliver(&mut play, |_| false);
    let copied =
        play.stage.pending.iter().find_map(|parcel| proposal(&parcel.message)).map(|(.., batch)| batch.clone());
    let copied = copied.expect("node 0 proposes");
    let own = play.sealed(3, 2, &[b"its own"]);
    let mut tip = Tip::GENESIS;
    for batch in [&copied, &own, &own] {
        tip = play.propose(3, &[0, 1, 2], tip, batch);
    }
    play.announce(3, &[0, 1, 2], &tip);
    deliver(&mut play, |parcel| parcel.from.0 == 3);
    deliver(&mut play, |_| true);
    assert_eq!(texts(&play.ledger()), ["honest", "its own"]);
    for node in 0..3 {
        assert_eq!(play.blamed(node, 3, FaultKind::InvalidCiphertext), 2, "the copy and the repetition, node {node}");
    }
}

/// While an epoch is agreed on, the next one is prepared: what has come since, and the empty batches that it needs. One slot of
/// the window stays free for a batch that is not empty, whatever the agreement chooses.
#[test]
fn the_empty_batch_of_the_next_epoch_goes_out_during_this_one_and_leaves_a_slot_free() {
    for (window, early) in [(2, 0), (3, 1), (16, 1)] {
        let mut config = plain(config(4));
        config.limits.stream_window = window;
        let mut play = Play::new(&config, NOBODY_ELSE);
        play.submit(0, &["first"]);
        deliver(&mut play, |parcel| !of_epochs(parcel));
        // The agreement of the first epoch has begun everywhere, and nothing of it arrives.
        for (slot, text) in [(2, "second"), (3, "third")].into_iter().take(window as usize - 1) {
            play.submit(0, &[text]);
            let seen = deliver(&mut play, |parcel| !of_epochs(parcel));
            assert!(proposed(&seen, 0).iter().any(|(own, len)| *own == slot && *len > 0));
            let expected: Vec<_> = (slot == 2 && early == 1).then_some((2, 0)).into_iter().collect();
            for node in 1..4 {
                assert_eq!(proposed(&seen, node), expected, "window {window}, slot {slot}, node {node}");
            }
        }
        deliver(&mut play, |_| true);
        let texts = texts(&play.ledger());
        assert_eq!(texts, ["first", "second", "third"][..texts.len()]);
        assert_eq!(texts.len(), 3.min(window as usize), "window {window}");
        for node in 0..4 {
            assert!(play.stage.node(node).is_idle(), "window {window}: {:?}", play.stage.node(node));
        }
    }
}

#[test]
fn the_input_of_an_epoch_waits_for_certificates_at_hand() {
    let mut play = Play::new(&plain(config(4)), NOBODY_ELSE);
    for (node, text) in [(0, "a"), (1, "b"), (2, "c"), (3, "d")] {
        play.submit(node, &[text]);
    }
    // To node 0 come first its own certificate and that of node 1. A proposal carries the certificate of the slot before.
    let tip_to_0 = |parcel: &mellivora_adversary::Parcel<Said>, of: &[u16]| {
        let Message::Beside(OfStream { message, .. }) = &parcel.message else { return false };
        let tip = match message {
            StreamMessage::Tip(_) => true,
            StreamMessage::Proposal { previous, .. } => previous.slot > 0,
            _ => false,
        };
        tip && parcel.to.0 == 0 && of.contains(&parcel.from.0)
    };
    deliver(&mut play, |parcel| !of_epochs(parcel) && !tip_to_0(parcel, &[2, 3]));
    play.stage.hold_jobs(|job| matches!(job, AtomicJob::Beside(StreamsJob::Stream(Keyed { key: NodeIndex(3), .. }))));
    deliver(&mut play, |parcel| tip_to_0(parcel, &[3]));
    deliver(&mut play, |parcel| tip_to_0(parcel, &[2]));
    let input = |play: &Play| {
        play.stage.pending.iter().filter(|parcel| parcel.from.0 == 0).find_map(|parcel| match &parcel.message {
            Message::Epoch {
                message: EpochMessage::Subset(SmvbaMessage::Spb { message: SpbMessage::Send { value, .. }, .. }),
                ..
            } => Some(decode::<Tips>(&value.0).unwrap().len()),
            _ => None,
        })
    };
    assert_eq!(input(&play), None, "a quorum of streams has grown, and one more tip is being verified");
    play.stage.release_jobs();
    assert_eq!(input(&play), Some(4));
}

/// Node 3 shows a certificate to nodes 0 and 1 and not to node 2. With it two of them have a quorum of growths for epoch 1, and
/// node 2 has not; without its part there is no agreement. Node 0 puts its vector to that choice before it outputs epoch 0,
/// since a batch is not here yet. When it is, node 0 proposes an empty batch all the same: what it has put to the choice
/// others may not be able to. (Found by the campaign.)
#[test]
fn a_certificate_that_some_lack_keeps_nobody_from_an_input() {
    let mut config = plain(config(4));
    config.limits.stream_window = 2;
    let mut play = Play::new(&config, &[3]);
    let missed = |parcel: &mellivora_adversary::Parcel<Said>| {
        parcel.to.0 == 0 && proposal(&parcel.message).is_some_and(|(by, ..)| by == 2)
    };
    let retrieval = |parcel: &mellivora_adversary::Parcel<Said>| {
        let Message::Beside(OfStream { message, .. }) = &parcel.message else { return false };
        matches!(message, StreamMessage::Ask(..) | StreamMessage::Retrieval(..))
    };
    // The batches of node 2 never reach node 0; node 3 votes for them instead.
    for texts in [["first of 1", "first of 2"], ["second of 1", "second of 2"]] {
        play.submit(1, &texts[..1]);
        play.submit(2, &texts[1..]);
        assert_eq!(play.vote(3, 2).len(), 1);
        deliver(&mut play, |parcel| !of_epochs(parcel) && !missed(parcel));
        play.stage.pending.retain(|parcel| !missed(parcel));
    }
    let shown = Bytes::from(framed(&[b"of 3"]));
    let tip = play.propose(3, &[0, 1], Tip::GENESIS, &shown);
    deliver(&mut play, |parcel| parcel.from.0 == 3);
    play.announce(3, &[0, 1], &tip);
    deliver(&mut play, |parcel| !of_epochs(parcel) && !missed(parcel));
    let closing = |message: &Said| matches!(message, Message::Checkpoint(_) | Message::Certificate(_));
    deliver(&mut play, |parcel| !retrieval(parcel) && !closing(&parcel.message) && !missed(parcel));
    let next = |play: &Play, node| play.stage.node(node).status().next.0;
    assert_eq!([next(&play, 0), next(&play, 1), next(&play, 2)], [0, 1, 1], "node 0 lacks a batch");
    assert!(play.stage.node(0).subset(Epoch(1)).is_some(), "and has begun the next epoch");
    let seen = deliver(&mut play, |parcel| !closing(&parcel.message));
    assert_eq!(proposed(&seen, 0), [(2, 0)]);
    assert_eq!([next(&play, 0), next(&play, 1), next(&play, 2)], [2, 2, 2]);
    assert!(texts(&play.ledger()).iter().any(|text| text == "second of 2"));
}
