//! Binding: a scheduler that knows the coin before one node is bound cannot lead that node to the other value.
//!
//! Against the agreement without CONF this very schedule goes on for ever.

use mellivora_adversary::Leading;
use mellivora_core::Protocol;

const LIMIT: u32 = 64;

#[test]
fn a_node_that_is_bound_after_the_coin_is_known_cannot_be_led_away_from_it() {
    let mut rounds = 0;
    for seed in 0..200 {
        let mut leading = Leading::new(seed);
        let took = leading.play(LIMIT);
        let split = leading.split_rounds();
        let took = took.unwrap_or_else(|| panic!("seed {seed}: undecided after {LIMIT} rounds, {split} of them split"));
        // All estimates are the coin after the first round, whatever node 2 was told.
        assert_eq!(split, 1, "seed {seed}");
        rounds += took.0;
        leading.stage.deliver_all();
        for node in leading.stage.honest() {
            assert_eq!(leading.stage.outputs(node), leading.stage.outputs(0), "seed {seed}");
            assert!(leading.stage.node(node).is_terminated(), "seed {seed}");
        }
    }
    assert!((500..700).contains(&rounds), "one split round and two more in the mean, not {rounds} of 200 runs");
}
