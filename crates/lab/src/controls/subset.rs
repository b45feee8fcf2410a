//! Planted bugs of the common subset.

use super::{Control, Harmless, Layer};

const VECTOR: Layer = Layer { subject: "subset-sdumbo", package: "mellivora-subset" };
const BKR: Layer = Layer { subject: "subset", package: "mellivora-subset" };
const DUMBO1: Layer = Layer { subject: "subset-dumbo1", package: "mellivora-subset" };

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
    BKR.by(
        "bkr-recall-forgets-votes",
        "a restarted node forgets its votes",
        "bkr",
        "directed::a_restarted_node_knows_what_it_has_decided",
    ),
    DUMBO1.by(
        "dumbo1-early-share",
        "the election share is released after f + 1 deliveries",
        "dumbo1",
        "by_hand::no_share_before_a_quorum_of_deliveries",
    ),
    DUMBO1.by(
        "dumbo1-member-twice",
        "members are drawn with repetition",
        "lib",
        "dumbo1::committee::tests::members_are_distinct_nodes_of_the_committee_and_the_same_for_the_same_coin",
    ),
    DUMBO1.by(
        "dumbo1-predictable",
        "the committee is drawn without the coin",
        "dumbo1",
        "committee::all_nodes_learn_the_committee_that_the_coin_names_and_nobody_knows_it_before",
    ),
    DUMBO1.by(
        "dumbo1-coin-of-an-agreement",
        "the election and an agreement have the same coin",
        "dumbo1",
        "committee::the_coin_of_the_election_is_no_coin_of_an_agreement",
    ),
    DUMBO1.by(
        "dumbo1-small-set",
        "an index set of one node less than a quorum is valid",
        "dumbo1",
        "members::what_is_no_index_set_is_blamed_and_gets_no_one",
    ),
    DUMBO1.by(
        "dumbo1-strangers-in-set",
        "an index set with nodes that do not exist is valid",
        "dumbo1",
        "members::what_is_no_index_set_is_blamed_and_gets_no_one",
    ),
    DUMBO1.by(
        "dumbo1-one-before-delivery",
        "a one is given before everything that the set names is delivered",
        "dumbo1",
        "by_hand::a_one_takes_the_set_and_everything_that_it_names",
    ),
    DUMBO1.by(
        "dumbo1-no-zeros",
        "a first one gives no zeros to the rest",
        "dumbo1",
        "members::a_silent_member_gets_zeros_once_another_one_is_chosen",
    ),
    DUMBO1.by(
        "dumbo1-zeros-at-once",
        "zeros are given as soon as the committee is known",
        "dumbo1",
        "directed::everybody_in_step_outputs_everything_after_nine_message_delays",
    ),
    DUMBO1.by(
        "dumbo1-output-before-delivery",
        "output without waiting for what the chosen sets name",
        "dumbo1",
        "directed::completion_waits_for_every_contribution_that_is_named",
    ),
    DUMBO1.by(
        "dumbo1-missing-set-ignored",
        "the choice is settled without the sets that are not here yet",
        "dumbo1",
        "directed::the_choice_is_not_settled_before_the_chosen_sets_are_here",
    ),
    DUMBO1.by(
        "dumbo1-first-set-only",
        "the output holds the first chosen set instead of the union",
        "dumbo1",
        "directed::the_output_is_the_union_of_the_chosen_sets",
    ),
    DUMBO1.by(
        "dumbo1-dropped-early",
        "broadcasts that the first chosen set does not name are dropped at once",
        "dumbo1",
        "directed::what_another_chosen_set_names_is_never_dropped",
    ),
    DUMBO1.by(
        "dumbo1-chosen-set-dropped",
        "the broadcast of a chosen index set is dropped at the decision",
        "dumbo1",
        "directed::the_choice_is_not_settled_before_the_chosen_sets_are_here",
    ),
    DUMBO1.by(
        "dumbo1-recall-forgets-sets",
        "a restarted member forgets that it proposed an index set",
        "dumbo1",
        "restart::a_restarted_member_proposes_no_other_set",
    ),
    DUMBO1.by(
        "dumbo1-recall-forgets-votes",
        "a restarted node forgets its votes",
        "dumbo1",
        "by_hand::a_restarted_node_keeps_to_its_votes",
    ),
    VECTOR.by(
        "vector-entries-repeat",
        "a vector may list one broadcast several times",
        "vector",
        "directed::the_predicate_looks_at_every_entry",
    ),
    VECTOR.by(
        "vector-first-entry-only",
        "only the first proof of a vector is verified",
        "vector",
        "directed::the_predicate_looks_at_every_entry",
    ),
    VECTOR.by(
        "vector-quorum-low",
        "a vector of n - f - 1 proofs is enough",
        "vector",
        "directed::the_predicate_looks_at_every_entry",
    ),
    VECTOR.by(
        "vector-any-payload",
        "whatever a chosen proposer sent is taken for what was certified",
        "vector",
        "directed::whoever_was_shown_another_payload_gets_the_certified_one",
    ),
    VECTOR.by(
        "vector-nothing-wanted",
        "chosen payloads that are not here are not fetched",
        "vector",
        "directed::a_node_that_missed_payloads_retrieves_them",
    ),
    VECTOR.by(
        "vector-own-left-out",
        "a node votes without the proof of what it contributed",
        "vector",
        "pacing::whoever_contributed_something_waits_for_its_own_proof",
    ),
    VECTOR.by(
        "vector-vote-while-working",
        "a node votes while it checks more proofs",
        "vector",
        "pacing::a_vote_waits_for_the_work_at_hand",
    ),
    VECTOR.by(
        "vector-nothing-at-once",
        "who has nothing competes with who has something",
        "vector",
        "pacing::nothing_is_taken_once_something_is_here",
    ),
];

pub(super) const HARMLESS: &[Harmless] = &[];
