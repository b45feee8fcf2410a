//! Planted bugs of the coin protocol and binary agreement.

use super::{Control, Harmless, Layer};

const COIN: Layer = Layer { subject: "coin", package: "mellivora-agreement" };
const ABA: Layer = Layer { subject: "aba", package: "mellivora-agreement" };
const MVBA: Layer = Layer { subject: "mvba", package: "mellivora-agreement" };

pub(super) const CONTROLS: &[Control] = &[
    COIN.by(
        "coin-sender-counts-twice",
        "every share of one sender is kept and counted: memory grows with a flood, and f + 1 may be one node's",
        "coin",
        "a_sender_counts_once_and_the_gate_opens_once",
    ),
    COIN.by(
        "coin-culprits-kept",
        "bad shares stay among those that are combined",
        "schedules",
        "bad_shares_delay_a_coin_and_name_their_sender",
    ),
    COIN.by(
        "coin-no-second-attempt",
        "after bad shares the good ones at hand are not combined again",
        "coin",
        "shares_that_arrive_during_a_failed_attempt_start_the_next_one",
    ),
    COIN.by(
        "coin-no-share-when-known",
        "a node that knows the coin keeps its share to itself",
        "schedules",
        "shares_are_released_by_nodes_that_know_the_coin_already",
    ),
    ABA.by(
        "aba-no-conf",
        "V is the own set of AUX values, without waiting for CONF: no binding (the algorithm of 2014)",
        "binding",
        "a_node_that_is_bound_after_the_coin_is_known_cannot_be_led_away_from_it",
    ),
    ABA.by(
        "aba-own-set",
        "V is the own set of AUX values, not the union over the CONF quorum",
        "binding",
        "a_node_that_is_bound_after_the_coin_is_known_cannot_be_led_away_from_it",
    ),
    ABA.by(
        "aba-aux-unjustified",
        "AUX counts although its value is not in bin",
        "rules",
        "unjustified_aux_is_held_and_counted_once_justified",
    ),
    ABA.by(
        "aba-conf-unjustified",
        "CONF counts although its set is not in bin",
        "rules",
        "unjustified_conf_is_held_and_counted_once_justified",
    ),
    ABA.by("aba-aux-quorum-low", "n - f - 1 AUX are a quorum", "rules", "aux_0_and_aux_1_of_one_sender_count_once"),
    ABA.by(
        "aba-conf-quorum-low",
        "n - f - 1 CONF are a quorum",
        "binding",
        "a_node_that_is_bound_after_the_coin_is_known_cannot_be_led_away_from_it",
    ),
    ABA.by(
        "aba-relay-late",
        "BVAL is relayed at 2f + 1 instead of f + 1",
        "rules",
        "bval_is_relayed_at_f_plus_1_and_enters_bin_at_2f_plus_1",
    ),
    ABA.by(
        "aba-bin-low",
        "a value enters bin at f + 1 BVALs instead of 2f + 1",
        "schedules",
        "a_late_relay_of_a_past_round_frees_the_node_that_is_still_in_it",
    ),
    ABA.by(
        "aba-aux-is-estimate",
        "AUX carries the own estimate, whether or not it is in bin",
        "rules",
        "aux_is_the_first_value_in_bin_and_the_only_one",
    ),
    ABA.by(
        "aba-messages-counted",
        "messages are counted, not distinct senders",
        "rules",
        "a_vote_that_is_said_again_and_again_counts_once",
    ),
    ABA.by(
        "aba-both-values-counted",
        "AUX 0 and AUX 1 of one sender both count, and so do two CONFs",
        "rules",
        "aux_0_and_aux_1_of_one_sender_count_once",
    ),
    ABA.by(
        "aba-both-terms-counted",
        "TERM 0 and TERM 1 of one sender both count",
        "rules",
        "term_for_both_values_counts_once_and_f_support_decides_nothing",
    ),
    ABA.by(
        "aba-decide-on-f-terms",
        "f TERMs decide",
        "rules",
        "term_for_both_values_counts_once_and_f_support_decides_nothing",
    ),
    ABA.by(
        "aba-term-not-adopted",
        "f + 1 TERMs do not decide: who is behind waits for nodes that have halted",
        "rules",
        "a_decided_node_without_a_third_term_goes_on",
    ),
    ABA.by(
        "aba-halt-at-decide",
        "a node halts when it decides",
        "schedules",
        "who_decides_early_goes_on_helping_and_everybody_halts",
    ),
    ABA.by(
        "aba-never-halts",
        "2f + 1 TERMs do not halt: rounds go on for ever",
        "rules",
        "a_decided_node_without_a_third_term_goes_on",
    ),
    ABA.by(
        "aba-past-rounds-dropped",
        "BVAL of past rounds is not relayed",
        "schedules",
        "a_late_relay_of_a_past_round_frees_the_node_that_is_still_in_it",
    ),
    ABA.by(
        "aba-slot-of-another-round",
        "AUX and CONF of a past round count in the current one",
        "schedules",
        "who_decides_early_goes_on_helping_and_everybody_halts",
    ),
    ABA.by(
        "aba-held-not-rechecked",
        "what was held for a later round is not looked at when the round begins",
        "rules",
        "messages_of_later_rounds_are_handled_when_the_round_changes_within_one_call",
    ),
    ABA.by(
        "aba-early-share",
        "the coin share goes out with CONF, before a quorum of CONF",
        "rules",
        "a_coin_that_is_known_early_changes_nothing",
    ),
    ABA.by(
        "aba-coin-without-round",
        "all rounds of an instance have one coin",
        "schedules",
        "equal_inputs_need_two_rounds_in_the_mean",
    ),
    ABA.by(
        "aba-coin-not-adopted",
        "with V = {0, 1} the estimate stays instead of becoming the coin",
        "schedules",
        "the_scheduler_that_learns_the_coin_first_needs_four_rounds_in_the_mean_and_no_more",
    ),
    ABA.by(
        "aba-decide-without-coin",
        "V = {b} decides b whatever the coin says",
        "schedules",
        "equal_inputs_need_two_rounds_in_the_mean",
    ),
    ABA.by(
        "aba-late-input-counts",
        "an input after round 1 replaces the estimate",
        "rules",
        "a_node_without_input_takes_part_and_a_late_input_is_ignored",
    ),
    ABA.by(
        "aba-window-ignores-recalled",
        "a restarted node drops rounds that its peers take it to be in",
        "schedules",
        "a_restarted_node_is_consistent_in_every_round_it_spoke_in_and_hears_far_ahead",
    ),
    ABA.by(
        "aba-bval-not-logged",
        "BVAL is no promise: a crash takes the justification of others' AUX away",
        "schedules",
        "a_crash_does_not_take_the_justification_of_an_aux_away",
    ),
    ABA.by(
        "aba-recall-forgets-aux",
        "a restarted node may send another AUX",
        "schedules",
        "a_restarted_node_repeats_itself_even_if_it_hears_things_in_another_order",
    ),
    ABA.by(
        "aba-recall-forgets-conf",
        "a restarted node may send another CONF",
        "schedules",
        "a_restarted_node_is_consistent_in_every_round_it_spoke_in_and_hears_far_ahead",
    ),
    ABA.by(
        "aba-recall-forgets-term",
        "a restarted node may decide and announce another value",
        "schedules",
        "a_restarted_node_is_consistent_in_every_round_it_spoke_in_and_hears_far_ahead",
    ),
    MVBA.by(
        "spb-abandon-ignored",
        "a node endorses and locks in a broadcast that was abandoned",
        "smvba",
        "directed::nobody_signs_in_a_broadcast_of_a_view_whose_leader_it_knows",
    ),
    MVBA.by(
        "spb-certificate-unchecked",
        "LOCK and FINISH certificates count without being verified",
        "smvba",
        "directed::a_value_that_fails_the_predicate_or_has_a_forged_certificate_is_endorsed_by_nobody",
    ),
    MVBA.by(
        "spb-lock-not-recorded",
        "the second endorsement is given without a lock",
        "smvba",
        "directed::a_crash_between_the_second_signature_and_the_prevote_loses_no_lock",
    ),
    MVBA.by(
        "spb-recall-forgets-lock",
        "a restarted node has lost its lock",
        "smvba",
        "directed::a_crash_between_the_second_signature_and_the_prevote_loses_no_lock",
    ),
    MVBA.by(
        "spb-recall-forgets-digest",
        "a restarted node has lost which value it endorsed",
        "smvba",
        "directed::a_restarted_node_endorses_no_other_value",
    ),
    MVBA.by(
        "spb-stages-alike",
        "both stages sign the same statement",
        "smvba",
        "directed::a_value_that_fails_the_predicate_or_has_a_forged_certificate_is_endorsed_by_nobody",
    ),
    MVBA.by(
        "spb-view-unsigned",
        "certificates of one view pass for another's",
        "smvba",
        "directed::a_value_that_fails_the_predicate_or_has_a_forged_certificate_is_endorsed_by_nobody",
    ),
    MVBA.by(
        "smvba-no-abandon",
        "knowing the leader does not end its broadcasts",
        "smvba",
        "directed::nobody_signs_in_a_broadcast_of_a_view_whose_leader_it_knows",
    ),
    MVBA.by(
        "smvba-predicate-unchecked",
        "any input is acceptable",
        "smvba",
        "directed::a_value_that_fails_the_predicate_or_has_a_forged_certificate_is_endorsed_by_nobody",
    ),
    MVBA.by(
        "smvba-lock-of-anybody",
        "the lock of a node that did not lead justifies a value",
        "smvba",
        "directed::the_lock_of_somebody_who_did_not_lead_justifies_nothing",
    ),
    MVBA.by(
        "smvba-last-no-certificate-only",
        "a no-certificate of the last view alone justifies a value (the published rule)",
        "smvba",
        "directed::a_no_certificate_of_the_last_view_alone_justifies_nothing",
    ),
    MVBA.by(
        "smvba-no-lock-justifies",
        "a quorum of PREVOTE no justifies a value",
        "smvba",
        "directed::a_quorum_of_prevotes_without_a_lock_justifies_nothing",
    ),
    MVBA.by(
        "smvba-early-share",
        "the coin is tossed before a quorum of broadcasts is finished",
        "smvba",
        "directed::no_share_of_the_coin_before_a_quorum_of_finishes",
    ),
    MVBA.by(
        "smvba-mixed-keeps-own",
        "after mixed votes a node keeps its own value",
        "smvba",
        "directed::what_is_decided_stays_the_only_value_that_can_be_proposed",
    ),
    MVBA.by(
        "smvba-prevote-unchecked",
        "a PREVOTE yes counts without a valid lock",
        "smvba",
        "directed::a_lock_that_was_never_signed_moves_nobody",
    ),
    MVBA.by(
        "smvba-vote-unchecked",
        "a VOTE counts without a valid certificate",
        "smvba",
        "directed::votes_without_a_proof_and_statements_about_another_leader_do_not_count",
    ),
    MVBA.by(
        "smvba-vote-quorum-low",
        "a view ends with n - f - 1 VOTEs",
        "smvba",
        "directed::what_is_decided_stays_the_only_value_that_can_be_proposed",
    ),
    MVBA.by(
        "smvba-halt-unchecked",
        "a HALT decides without a valid proof",
        "smvba",
        "directed::a_halt_that_proves_nothing_decides_nothing",
    ),
    MVBA.by(
        "smvba-halt-without-leader",
        "the FINISH of any node decides",
        "smvba",
        "directed::a_halt_that_proves_nothing_decides_nothing",
    ),
    MVBA.by(
        "smvba-leader-not-asked",
        "nobody is asked to prove the leader it names",
        "smvba",
        "directed::finishes_and_shares_that_only_one_node_was_shown_hang_nobody",
    ),
    MVBA.by(
        "smvba-coin-without-view",
        "all views toss the same coin",
        "smvba",
        "directed::every_view_tosses_a_coin_of_its_own",
    ),
    MVBA.by(
        "smvba-recall-forgets-prevote",
        "a restarted node has lost its PREVOTE",
        "smvba",
        "directed::a_node_that_has_said_prevote_signs_nothing_in_that_view_after_a_restart",
    ),
    MVBA.by(
        "smvba-recall-forgets-vote",
        "a restarted node has lost its VOTE",
        "smvba",
        "directed::a_restarted_node_votes_as_before",
    ),
];

pub(super) const HARMLESS: &[Harmless] = &[Harmless {
    name: "coin-eager-job",
    what: "f shares are handed to the coin scheme as a job, one early",
    why: "The scheme counts for itself (the contract of `CoinScheme::combine`), finds no value, and the next \
          share starts another attempt: a wasted job. \
          `any_f_plus_1_shares_give_the_same_value_and_f_give_none` pins both counts.",
}];
