//! Streams of certified batches.

#[path = "../common/by_hand.rs"]
mod by_hand;
mod fetching;
mod flow;
#[allow(unreachable_pub, dead_code)]
#[path = "../../../adversary/src/ideal.rs"]
mod ideal;
mod member;
mod proposing;
mod restart;
#[allow(unreachable_pub, dead_code)]
#[path = "../../../adversary/src/stage.rs"]
mod stage;
mod support;
mod swarm;
mod voting;
mod wire;
