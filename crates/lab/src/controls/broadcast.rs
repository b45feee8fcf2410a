//! Planted bugs of coding and broadcasts.

use super::{Control, Harmless, Layer};

const CODING: Layer = Layer { subject: "rbc", package: "mellivora-coding" };
const RBC: Layer = Layer { subject: "rbc", package: "mellivora-broadcast" };

const PROVABLE: Layer = Layer { subject: "rbc", package: "mellivora-broadcast" };

pub(super) const CONTROLS: &[Control] = &[
    CODING.by(
        "coding-no-check",
        "decoding returns whatever comes out, without comparing the commitment of the re-encoded codeword",
        "codec",
        "one_bad_shard_among_unverified_ones_never_matches",
    ),
    CODING.by(
        "coding-verified-unchecked",
        "shards that were verified are decoded without re-encoding: each set of k gives its own payload",
        "codec",
        "any_tree_gives_every_set_of_shards_the_same_outcome",
    ),
    CODING.by(
        "coding-further-unchecked",
        "a verified shard beyond the k is taken for the computed one",
        "codec",
        "a_verified_shard_beyond_the_k_has_to_be_the_computed_one",
    ),
    CODING.by(
        "coding-padding-unchecked",
        "padding that is not zero is cut off and forgotten: a payload has many commitments",
        "codec",
        "a_codeword_with_padding_that_is_not_zero_is_a_mismatch_for_all",
    ),
    CODING.by(
        "coding-length-unbound",
        "the commitment does not cover the length of the payload",
        "codec",
        "forged_proofs_are_refused",
    ),
    CODING.by(
        "coding-index-unbound",
        "a proof is accepted for any index, not for its owner's alone",
        "codec",
        "forged_proofs_are_refused",
    ),
    CODING.by(
        "coding-no-limit",
        "payloads beyond the limit are accepted from peers",
        "codec",
        "payloads_beyond_the_limit_are_refused_at_both_ends",
    ),
    CODING.by(
        "coding-any-shard-length",
        "a shard may have another length than the canonical one",
        "codec",
        "unverified_shards_of_any_shape_are_a_mismatch_and_never_a_panic",
    ),
    CODING.by(
        "chunks-length-unbound",
        "the commitment of a chunk tree does not cover the length of the payload",
        "chunks",
        "another_length_is_refused_where_the_chunk_looks_the_same",
    ),
    CODING.by(
        "chunks-index-unbound",
        "a chunk is accepted at any index, not at its own alone",
        "chunks",
        "a_chunk_proves_one_index_of_one_commitment_only",
    ),
    CODING.by(
        "chunks-no-limit",
        "chunks of payloads beyond the limit are accepted from peers",
        "chunks",
        "payloads_beyond_the_limit_are_refused_before_anything_is_hashed",
    ),
    CODING.by(
        "chunks-leaf-like-node",
        "chunks and inner nodes are hashed alike: a chunk can pass for two others",
        "chunks",
        "an_inner_node_is_no_leaf",
    ),
    RBC.by(
        "rbc-echo-quorum-low",
        "READY at n - f - 1 supporters: not enough honest ones to decode, and two roots find support",
        "rbc_attacks",
        "ready_needs_a_quorum_of_supporters_or_one_honest_ready",
    ),
    RBC.by(
        "rbc-echo-quorum-high",
        "READY at n - f + 1 supporters: f silent nodes stop it",
        "rbc_attacks",
        "ready_needs_a_quorum_of_supporters_or_one_honest_ready",
    ),
    RBC.by(
        "rbc-echo-counted-twice",
        "a whole shard counts as a second supporter",
        "rbc_saving",
        "rule_2_a_whole_shard_upgrades_a_hash_and_supporters_count_both_once",
    ),
    RBC.by(
        "rbc-hash-not-counted",
        "ECHO_HASH does not count as support",
        "rbc_attacks",
        "ready_needs_a_quorum_of_supporters_or_one_honest_ready",
    ),
    RBC.by(
        "rbc-amplification-at-f",
        "READY is repeated after f READYs, all of which may lie",
        "rbc_attacks",
        "ready_needs_a_quorum_of_supporters_or_one_honest_ready",
    ),
    RBC.by(
        "rbc-no-amplification",
        "READY is repeated only after 2f + 1 READYs: who lacks ECHOs is left behind",
        "rbc_attacks",
        "ready_needs_a_quorum_of_supporters_or_one_honest_ready",
    ),
    RBC.by(
        "rbc-delivery-at-2f",
        "delivery at 2f READYs",
        "rbc_attacks",
        "delivery_needs_exactly_2f_plus_1_readys_and_no_val",
    ),
    RBC.by(
        "rbc-delivery-without-ready",
        "delivery as soon as there is an outcome, whoever is READY",
        "rbc_attacks",
        "delivery_needs_exactly_2f_plus_1_readys_and_no_val",
    ),
    RBC.by(
        "rbc-bottom-unproven",
        "BOTTOM is delivered after a mismatch over shards that nobody verified",
        "rbc_attacks",
        "a_mismatch_over_unchecked_shards_is_no_outcome_even_when_ready",
    ),
    RBC.by(
        "rbc-val-unproven",
        "a VAL is echoed without a look at its proof",
        "rbc_attacks",
        "a_val_with_a_wrong_shard_is_a_fault_and_fills_no_slot",
    ),
    RBC.by(
        "rbc-val-of-anyone",
        "a VAL is accepted from a node that is not the proposer",
        "rbc_attacks",
        "a_val_from_a_node_that_is_not_the_proposer_is_a_fault",
    ),
    RBC.by(
        "rbc-second-val-unnoticed",
        "a proposer that sends two VALs is not named",
        "rbc_attacks",
        "a_second_val_is_a_fault_and_the_first_one_wins",
    ),
    RBC.by(
        "rbc-no-rule-4",
        "who has sent only a hash never sends the shard (rule 4)",
        "rbc_saving",
        "rule_4_at_2f_plus_1_readys_the_shard_goes_to_all_who_have_not_declined",
    ),
    RBC.by(
        "rbc-rule-4-cancelled",
        "delivery cancels rule 4",
        "rbc_saving",
        "rule_4_is_not_cancelled_by_delivery_nor_by_a_late_val",
    ),
    RBC.by(
        "rbc-can-decode-early",
        "CAN_DECODE is said on shards that were not checked",
        "rbc_saving",
        "rule_3_can_decode_goes_once_to_those_who_would_send_hashes",
    ),
    RBC.by(
        "rbc-old-incarnation",
        "a restarted peer's CAN_DECODE is remembered",
        "rbc_saving",
        "rule_4_at_2f_plus_1_readys_the_shard_goes_to_all_who_have_not_declined",
    ),
    RBC.by(
        "rbc-roots-unbounded",
        "a second root of one sender is kept: memory grows with a flood of digests",
        "rbc_attacks",
        "floods_of_distinct_digests_keep_memory_constant",
    ),
    RBC.by(
        "rbc-second-try",
        "a sender whose shard was bad gets a second try: each costs a decode",
        "rbc_attacks",
        "a_mismatch_over_unchecked_shards_is_no_outcome_even_when_ready",
    ),
    RBC.by(
        "rbc-suspicion-forgotten",
        "after a bad shard others are still used unchecked: each wastes a decode",
        "rbc_attacks",
        "at_most_one_decode_is_wasted_however_many_bad_shards_come",
    ),
    RBC.by(
        "rbc-distrust-ignored",
        "nodes blamed in another instance are trusted here",
        "rbc_attacks",
        "shards_of_distrusted_nodes_are_checked_before_use",
    ),
    RBC.by(
        "rbc-wrong-culprit",
        "the proposer is blamed for a peer's bad shard",
        "rbc_attacks",
        "at_most_one_decode_is_wasted_however_many_bad_shards_come",
    ),
    RBC.by(
        "rbc-recall-forgets-proposal",
        "a restarted proposer proposes anew",
        "rbc_recovery",
        "a_proposer_that_proposed_never_proposes_anew",
    ),
    RBC.by(
        "rbc-recall-forgets-echo",
        "a restarted node supports a second root",
        "rbc_recovery",
        "a_node_that_echoed_never_supports_another_root",
    ),
    PROVABLE.by(
        "certify-tried-by-number",
        "after a bad endorsement as many good ones as were tried before are not tried: there is never a certificate",
        "certify",
        "a_culprit_costs_an_attempt_and_never_the_certificate",
    ),
    PROVABLE.by(
        "certify-sender-counts-twice",
        "endorsements of one sender count each",
        "certify",
        "a_sender_counts_once",
    ),
    PROVABLE.by(
        "pb-endorsed-unrecorded",
        "a payload is endorsed without a record of it: after a crash nobody may hold what a quorum has signed for",
        "pb_rules",
        "an_accepted_payload_is_recorded_before_it_is_endorsed",
    ),
    PROVABLE.by(
        "pb-unaccepted-endorsed",
        "a payload is endorsed before the parent has accepted it",
        "pb_rules",
        "an_accepted_payload_is_recorded_before_it_is_endorsed",
    ),
    PROVABLE.by(
        "pb-second-send-taken",
        "a second payload of the proposer replaces the first",
        "pb_rules",
        "the_first_payload_of_the_proposer_counts_and_a_second_one_is_a_fault",
    ),
    PROVABLE.by(
        "pb-send-of-anyone",
        "a payload is taken from a node that is not the proposer",
        "pb_rules",
        "only_the_proposer_speaks_and_within_the_limit",
    ),
    PROVABLE.by(
        "pb-no-limit",
        "a payload beyond the limit is kept and endorsed",
        "pb_rules",
        "only_the_proposer_speaks_and_within_the_limit",
    ),
    PROVABLE.by(
        "pb-early-endorsements-dropped",
        "endorsements that come before the proposer has hashed its own payload are lost",
        "pb_rules",
        "a_restarted_proposer_proposes_nothing_else_and_gets_its_certificate",
    ),
    PROVABLE.by(
        "pb-quorum-low",
        "n - f - 1 endorsements make a certificate: two payloads can have one each",
        "pb_rules",
        "a_quorum_of_endorsements_is_a_certificate_whatever_else_comes",
    ),
    PROVABLE.by(
        "pb-certificate-unchecked",
        "the certificate of a FINAL is not verified",
        "pb_rules",
        "certificates_that_prove_nothing_are_a_fault_and_get_no_second_try",
    ),
    PROVABLE.by(
        "pb-purpose-unsigned",
        "the signed statement does not say what it is for",
        "pb_rules",
        "certificates_that_prove_nothing_are_a_fault_and_get_no_second_try",
    ),
    PROVABLE.by(
        "pb-instance-unsigned",
        "the signed statement does not say in which instance: certificates of one proposer serve another",
        "pb_rules",
        "certificates_that_prove_nothing_are_a_fault_and_get_no_second_try",
    ),
    PROVABLE.by(
        "pb-final-without-payload-ignored",
        "a FINAL counts only where the payload is at hand",
        "pb_rules",
        "a_valid_final_counts_with_or_without_the_payload",
    ),
    PROVABLE.by(
        "pb-recall-forgets-payload",
        "a restarted node no longer holds what it has endorsed",
        "pb_rules",
        "a_restarted_node_endorses_nothing_else_and_still_holds_the_payload",
    ),
    PROVABLE.by(
        "pb-recall-own-uncounted",
        "a restarted proposer does not count its own endorsement: f silent nodes and it never gets a certificate",
        "pb_rules",
        "a_restarted_proposer_counts_its_own_endorsement",
    ),
    PROVABLE.by(
        "pb-recall-forgets-proposal",
        "a restarted proposer proposes anew",
        "pb_rules",
        "a_restarted_proposer_proposes_nothing_else_and_gets_its_certificate",
    ),
    PROVABLE.by(
        "prbc-endorsed-undelivered",
        "a root is endorsed as delivered when it is only supported",
        "prbc_rules",
        "delivery_is_endorsed_to_all_once_and_durably_and_not_before",
    ),
    PROVABLE.by(
        "prbc-bottom-unendorsed",
        "BOTTOM is delivered without an endorsement: a broadcast that everybody delivers has no proof",
        "prbc_rules",
        "bottom_is_endorsed_like_a_payload",
    ),
    PROVABLE.by(
        "prbc-proof-at-f",
        "f endorsements make a proof: all of them may lie",
        "prbc_rules",
        "f_plus_1_endorsements_of_one_root_are_a_proof_without_and_after_the_own_delivery",
    ),
    PROVABLE.by(
        "prbc-late-uncollected",
        "collecting ends with the own delivery",
        "prbc_rules",
        "f_plus_1_endorsements_of_one_root_are_a_proof_without_and_after_the_own_delivery",
    ),
    PROVABLE.by(
        "prbc-last-root-counts",
        "a node may swear by one root after the other",
        "prbc_rules",
        "f_plus_1_endorsements_of_one_root_are_a_proof_without_and_after_the_own_delivery",
    ),
    PROVABLE.by(
        "prbc-recall-own-uncounted",
        "a restarted node does not count its own endorsement",
        "prbc_rules",
        "a_restarted_node_counts_its_own_endorsement_and_says_no_other",
    ),
];

pub(super) const HARMLESS: &[Harmless] = &[Harmless {
    name: "rbc-late-val-ignored",
    what: "a VAL that comes after delivery is not echoed",
    why: "The first quorum of supporters at an honest node holds n - 2f = k honest nodes, which have echoed by \
          then and show their shards under rule 4: nobody needs the shard of a node whose VAL is late. It \
          costs only time. The exact rule is pinned by `delivery_needs_exactly_2f_plus_1_readys_and_no_val`.",
}];
