//! Planted bugs of the common subset.

use super::{Control, Harmless, Layer};

const BKR: Layer = Layer { subject: "subset", package: "mellivora-subset" };

pub(super) const CONTROLS: &[Control] = &[
    BKR.by(
        "bkr-zeros-early",
        "zeros are given after f + 1 ones",
        "bkr",
        "directed::a_late_input_of_a_node_that_others_started_counts",
    ),
    BKR.by(
        "bkr-zeros-at-once",
        "zeros are given at the end of the first turn",
        "bkr",
        "directed::a_late_input_of_a_node_that_others_started_counts",
    ),
    BKR.by("bkr-zeros-never", "zeros are never given", "bkr", "directed::a_node_without_an_input_helps_and_outputs"),
    BKR.by(
        "bkr-zeros-while-decoding",
        "zeros do not wait for what this node is decoding",
        "bkr",
        "by_hand::zeros_wait_for_what_this_node_is_decoding",
    ),
    BKR.by(
        "bkr-output-before-delivery",
        "output without waiting for chosen contributions: a one without a delivery counts as nothing",
        "bkr",
        "directed::completion_waits_for_the_broadcasts_of_all_ones_and_comes_with_the_last",
    ),
    BKR.by(
        "bkr-output-at-quorum",
        "output as soon as n - f agreements have decided",
        "bkr",
        "directed::everybody_in_step_outputs_everything_after_five_message_delays",
    ),
    BKR.by(
        "bkr-chosen-dropped",
        "the broadcast of a chosen contribution is dropped at the decision",
        "bkr",
        "directed::completion_waits_for_the_broadcasts_of_all_ones_and_comes_with_the_last",
    ),
    BKR.by(
        "bkr-own-first",
        "the own contribution comes first in the output",
        "bkr",
        "directed::a_node_without_an_input_helps_and_outputs",
    ),
    BKR.by(
        "bkr-coin-without-instance",
        "all agreements of an epoch have the same coins",
        "bkr",
        "by_hand::no_two_agreements_share_a_coin",
    ),
    BKR.by(
        "bkr-blame-not-shared",
        "a node that one broadcast blames is trusted by the others",
        "bkr",
        "by_hand::a_node_blamed_in_one_broadcast_is_checked_in_the_others_before_use",
    ),
    BKR.random("bkr-recall-forgets-votes", "a restarted node forgets its votes"),
];

pub(super) const HARMLESS: &[Harmless] = &[];
