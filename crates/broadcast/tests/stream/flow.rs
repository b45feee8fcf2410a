//! Whole committees, message by message: an honest proposer's stream goes on.

use mellivora_broadcast::{Stream, StreamInput, StreamMessage, StreamOutput, Tip};
use mellivora_core::{Committee, NodeIndex};

use crate::stage::{Parcel, Stage};
use crate::support::{Chain, batches, grown, stream};

fn stage(n: usize, window: u64) -> Stage<Stream> {
    Stage::new(Committee::new(n).unwrap(), &[], move |me| stream(n, me.as_usize(), window))
}

/// An agreement chooses the newest place that node `at` knows, and everybody orders it and says so.
fn order(stage: &mut Stage<Stream>, at: u16) -> Tip {
    let newest = stage.node(at).certified_up_to(u64::MAX).expect("something is certified").clone();
    let all: Vec<u16> = stage.honest().collect();
    for &node in &all {
        stage.input(node, StreamInput::Want(newest.clone()));
        stage.input(node, StreamInput::Ordered(newest.tip));
    }
    for &node in &all {
        for &peer in &all {
            stage.input(node, StreamInput::PeerBase(NodeIndex(peer), newest.tip.slot));
        }
    }
    newest.tip
}

#[test]
fn batches_are_certified_ordered_and_put_out_everywhere() {
    for n in [1, 4, 5, 7] {
        for window in [1, 2, 5] {
            let chain = Chain::new(12);
            let mut stage = stage(n, window);
            let mut proposed = 0;
            while proposed < 12 {
                while proposed < 12 && stage.node(0).may_propose() {
                    stage.input(0, StreamInput::Propose(chain.payloads[proposed].clone()));
                    stage.deliver_all();
                    proposed += 1;
                }
                let ordered = order(&mut stage, n as u16 - 1);
                assert_eq!(ordered, chain.tips[proposed], "the newest one is known everywhere");
                stage.deliver_all();
            }
            let expected: Vec<_> = chain.tips[1..].iter().copied().zip(chain.payloads.iter().cloned()).collect();
            for node in 0..n as u16 {
                assert_eq!(batches(stage.outputs(node)), expected, "n {n}, window {window}");
                assert_eq!(grown(stage.outputs(node)), chain.tips[1..]);
                assert_eq!(stage.faults(node), []);
                assert_eq!(stage.node(node).full(), 12);
            }
        }
    }
}

#[test]
fn a_batch_is_certified_after_two_delays_and_known_after_a_third() {
    let chain = Chain::new(1);
    let mut stage = stage(4, 2);
    stage.input(0, StreamInput::Propose(chain.payloads[0].clone()));
    let is = |kind: fn(&StreamMessage) -> bool| move |_: &Stage<Stream>, p: &Parcel<StreamMessage>| kind(&p.message);
    stage.deliver(is(|message| matches!(message, StreamMessage::Proposal { .. })));
    assert!(stage.outputs(1).contains(&StreamOutput::Voted(chain.tips[1])));
    assert!(grown(stage.outputs(0)).is_empty());
    stage.deliver(is(|message| matches!(message, StreamMessage::Vote(..))));
    assert_eq!(grown(stage.outputs(0)), chain.tips[1..]);
    assert!(grown(stage.outputs(1)).is_empty());
    assert_eq!(stage.deliver_all(), 3, "TIP, once to each");
    assert_eq!(grown(stage.outputs(1)), chain.tips[1..]);
}
