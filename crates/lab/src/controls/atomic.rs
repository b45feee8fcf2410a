//! Planted bugs of the atomic broadcast.

use super::{Control, DirectedTest, Harmless};

const fn directed(package: &'static str, binary: &'static str, name: &'static str) -> Option<DirectedTest> {
    Some(DirectedTest { package, binary, name })
}

pub(super) const CONTROLS: &[Control] = &[
    Control {
        name: "epoch-share-before-decision",
        what: "shares of a delivered contribution are released before the subset is decided",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "encryption",
            "no_share_of_a_delivered_contribution_before_the_subset_is_decided",
        ),
    },
    Control {
        name: "gate-without-predecessor",
        what: "shares of an epoch are released before earlier subsets are decided",
        subject: "atomic",
        test: directed("mellivora-atomic", "encryption", "no_share_of_an_epoch_before_all_earlier_subsets_are_decided"),
    },
    Control {
        name: "gate-without-certificate",
        what: "a certificate of the epoch before does not open the gate",
        subject: "atomic",
        test: directed("mellivora-atomic", "encryption", "a_certificate_opens_the_gate_of_the_next_epoch"),
    },
    Control {
        name: "epoch-ciphertext-unchecked",
        what: "a share is released for a ciphertext that does not check",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "encryption",
            "no_share_is_released_for_what_is_not_a_ciphertext_of_this_slot",
        ),
    },
    Control {
        name: "epoch-label-without-proposer",
        what: "labels do not name the proposer: copies open",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "encryption",
            "no_share_is_released_for_what_is_not_a_ciphertext_of_this_slot",
        ),
    },
    Control {
        name: "epoch-share-skipped-when-open",
        what: "no share for a slot that is open here already",
        subject: "atomic",
        test: directed("mellivora-atomic", "encryption", "a_share_goes_out_for_a_slot_that_is_open_here_already"),
    },
    Control { name: "epoch-opens-with-f", what: "f shares are combined", subject: "atomic", test: None },
    Control {
        name: "epoch-bottom-unproven",
        what: "unproven shares that fail settle a slot as bad",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "encryption",
            "a_lying_decryptor_changes_nothing_is_named_and_not_believed_again",
        ),
    },
    Control {
        name: "epoch-liars-combined",
        what: "shares of a named liar are combined all the same",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "encryption",
            "a_lying_decryptor_changes_nothing_is_named_and_not_believed_again",
        ),
    },
    Control {
        name: "epoch-proofs-not-demanded",
        what: "a failed opening demands no proofs",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "encryption",
            "a_lying_decryptor_changes_nothing_is_named_and_not_believed_again",
        ),
    },
    Control {
        name: "epoch-proof-unchecked",
        what: "every proof counts as valid",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "encryption",
            "a_decryptor_that_mixes_up_its_shares_is_named_whatever_it_answers",
        ),
    },
    Control {
        name: "epoch-proven-share-dropped",
        what: "the first share of a node counts, not the proven one",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "encryption",
            "a_decryptor_that_mixes_up_its_shares_is_named_whatever_it_answers",
        ),
    },
    Control {
        name: "epoch-proof-before-gate",
        what: "a proof, which holds the share, is sent before the share may be",
        subject: "atomic",
        test: directed("mellivora-atomic", "encryption", "no_proof_of_a_share_before_the_share_may_be_released"),
    },
    Control {
        name: "epoch-proofs-again-and-again",
        what: "each demand for a proof is answered",
        subject: "atomic",
        test: directed("mellivora-atomic", "encryption", "no_proof_of_a_share_before_the_share_may_be_released"),
    },
    Control {
        name: "epoch-garbage-stops",
        what: "a contribution that is no list is never settled",
        subject: "atomic",
        test: directed("mellivora-atomic", "encryption", "lies_about_framing_in_the_clear_empty_the_slot_everywhere"),
    },
    Control {
        name: "epoch-slot-empty-at-one-node",
        what: "one node takes all slots but the first for empty",
        subject: "atomic",
        test: None,
    },
    Control { name: "epoch-own-slot-first", what: "each node puts its own slot first", subject: "atomic", test: None },
    Control {
        name: "epoch-output-out-of-order",
        what: "a settled epoch is handed out at once, ahead of those before it",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "a_lone_node_that_restarts_closes_its_epochs"),
    },
    Control {
        name: "epoch-over-gap",
        what: "whoever fetched a batch starts the next epoch and leaves out the open one",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "closing",
            "whoever_fetched_a_batch_still_takes_part_in_its_epoch_before_any_later_one",
        ),
    },
    Control {
        name: "epoch-pipeline-by-output",
        what: "epochs start without bound while none is closed",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "closing",
            "no_more_epochs_run_than_the_pipeline_holds_while_none_is_closed",
        ),
    },
    Control {
        name: "epoch-empty-triggers-empty",
        what: "an empty epoch is followed by another one",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "liveness",
            "with_nothing_left_to_order_all_fall_silent_and_nudges_change_nothing",
        ),
    },
    Control {
        name: "epoch-recalls-nothing",
        what: "promises of the subset are not recalled after a restart",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "a_checkpoint_is_signed_once_across_a_restart"),
    },
    Control {
        name: "close-at-output",
        what: "an epoch is freed at output",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "closing",
            "an_epoch_is_not_freed_at_output_while_others_still_need_its_votes",
        ),
    },
    Control {
        name: "close-by-f-plus-1",
        what: "an epoch closes with f + 1 equal checkpoints",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "an_epoch_closes_with_exactly_2f_plus_1_equal_checkpoints"),
    },
    Control {
        name: "close-by-2f",
        what: "an epoch closes with 2f equal checkpoints",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "an_epoch_closes_with_exactly_2f_plus_1_equal_checkpoints"),
    },
    Control {
        name: "close-unequal",
        what: "checkpoints of other digests count",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "an_epoch_closes_with_exactly_2f_plus_1_equal_checkpoints"),
    },
    Control {
        name: "close-by-own-certificate",
        what: "a certificate closes its own epoch",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "a_certificate_closes_what_lies_below_it_and_no_more"),
    },
    Control {
        name: "close-signers-twice",
        what: "a signer counts twice in a certificate",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "what_is_no_certificate_moves_nothing_and_is_blamed"),
    },
    Control {
        name: "close-f-signers",
        what: "f signatures are a certificate",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "what_is_no_certificate_moves_nothing_and_is_blamed"),
    },
    Control {
        name: "close-signature-unchecked",
        what: "signatures of a certificate are not checked",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "what_is_no_certificate_moves_nothing_and_is_blamed"),
    },
    Control {
        name: "close-digest-unsigned",
        what: "a checkpoint's signature does not cover the digest",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "what_is_no_certificate_moves_nothing_and_is_blamed"),
    },
    Control {
        name: "sig-domain-unbound",
        what: "a checkpoint's signature does not cover cluster and epoch",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "what_is_no_certificate_moves_nothing_and_is_blamed"),
    },
    Control {
        name: "close-digest-of-the-slots-alone",
        what: "the state digest covers neither session nor history",
        subject: "atomic",
        test: directed("mellivora-atomic", "wire", "the_state_digest_covers_every_field_and_the_session"),
    },
    Control {
        name: "close-certifies-unchecked",
        what: "a certificate is put together of signatures that were not checked",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "closing",
            "a_checkpoint_with_a_bad_signature_is_named_and_left_out_of_the_certificate",
        ),
    },
    Control {
        name: "close-checkpoint-replaced",
        what: "the last checkpoint of a node counts, not the first",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "two_checkpoints_of_one_node_for_one_epoch_are_a_fault"),
    },
    Control {
        name: "close-checkpoint-volatile",
        what: "a checkpoint is not logged",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "a_checkpoint_is_logged_before_anybody_sees_it"),
    },
    Control {
        name: "close-said-again",
        what: "a checkpoint is signed again after a restart",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "a_checkpoint_is_signed_once_across_a_restart"),
    },
    Control {
        name: "close-recalled-uncounted",
        what: "a node does not count its own recalled checkpoint",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "a_lone_node_that_restarts_closes_its_epochs"),
    },
    Control {
        name: "close-far-checkpoints",
        what: "checkpoints beyond the window are kept",
        subject: "atomic",
        test: directed("mellivora-atomic", "limits", "what_lies_beyond_the_window_leaves_no_trace_but_a_fault"),
    },
    Control {
        name: "close-low-untold",
        what: "nobody is told what was closed",
        subject: "atomic",
        test: directed("mellivora-atomic", "limits", "memory_follows_the_window_not_the_length_of_the_run"),
    },
    Control {
        name: "close-certificate-unshown",
        what: "whoever has closed less gets no certificate",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "closing",
            "a_checkpoint_with_a_bad_signature_is_named_and_left_out_of_the_certificate",
        ),
    },
    Control {
        name: "close-last-checkpoint-unshown",
        what: "whoever fetched its last batch does not get the checkpoint that closes it",
        subject: "atomic",
        test: directed("mellivora-atomic", "catch_up", "whoever_fetched_the_last_batch_closes_its_epoch_too"),
    },
    Control {
        name: "close-certificates-below-next",
        what: "a certificate of the lowest open epoch is ignored",
        subject: "atomic",
        test: directed("mellivora-atomic", "encryption", "a_certificate_opens_the_gate_of_the_next_epoch"),
    },
    Control {
        name: "dedup-missing",
        what: "nothing is dropped as a duplicate",
        subject: "atomic",
        test: directed("mellivora-atomic", "dedup", "the_same_bytes_at_all_nodes_come_out_once"),
    },
    Control {
        name: "dedup-local-memory",
        what: "what a node fetched is not in its window",
        subject: "atomic",
        test: directed("mellivora-atomic", "dedup", "a_node_that_caught_up_drops_exactly_what_the_others_dropped"),
    },
    Control {
        name: "dedup-window-short",
        what: "a transaction is new again one epoch too early",
        subject: "atomic",
        test: directed("mellivora-atomic", "dedup", "bytes_that_are_proposed_again_and_again_come_out_every_d_epochs"),
    },
    Control {
        name: "dedup-sweeps-too-much",
        what: "entries are swept before they expire",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "dedup::tests::the_outcome_does_not_depend_on_when_the_table_is_swept",
        ),
    },
    Control {
        name: "queue-left-out-is-lost",
        what: "transactions of a slot that was left out are not proposed again",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "liveness",
            "a_victim_that_is_kept_out_for_long_gets_through_when_it_must_be_let_in",
        ),
    },
    Control {
        name: "queue-left-out-goes-last",
        what: "transactions of a slot that was left out queue up again at the end",
        subject: "atomic",
        test: directed("mellivora-atomic", "lib", "queue::tests::what_was_not_committed_returns_to_its_place"),
    },
    Control {
        name: "queue-drops-what-does-not-fit",
        what: "a transaction that does not fit into a proposal is lost",
        subject: "atomic",
        test: directed("mellivora-atomic", "lib", "queue::tests::a_sample_stops_at_the_size_of_a_contribution"),
    },
    Control {
        name: "queue-second-ticket-lost",
        what: "whoever submits what is queued already hears nothing",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "dedup",
            "equal_submissions_of_one_node_are_one_transaction_with_two_tickets",
        ),
    },
    Control {
        name: "queue-oversize-taken",
        what: "a transaction over the limit is proposed",
        subject: "atomic",
        test: directed("mellivora-atomic", "limits", "a_transaction_over_the_limit_is_refused_and_never_proposed"),
    },
    Control {
        name: "queue-takes-what-was-ordered",
        what: "a submission of what was ordered is queued for ever",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "dedup",
            "a_submission_of_what_was_ordered_is_answered_within_d_epochs_and_ordered_after",
        ),
    },
    Control {
        name: "queue-batch-size-ignored",
        what: "each node proposes all it has",
        subject: "atomic",
        test: directed("mellivora-atomic", "closing", "an_epoch_closes_with_exactly_2f_plus_1_equal_checkpoints"),
    },
    Control {
        name: "queue-trailing-bytes",
        what: "a list has more than one encoding",
        subject: "atomic",
        test: directed("mellivora-atomic", "encryption", "lies_about_framing_in_the_clear_empty_the_slot_everywhere"),
    },
    Control {
        name: "config-horizon-unbound",
        what: "the cluster id does not bind the dedup window",
        subject: "atomic",
        test: directed("mellivora-atomic", "lib", "config::tests::the_cluster_id_binds_every_constant"),
    },
    Control {
        name: "early-room-unlimited",
        what: "one peer's early messages are kept without bound",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "limits",
            "early_messages_have_room_per_peer_and_no_peer_uses_up_another_ones",
        ),
    },
    Control {
        name: "early-room-leaks",
        what: "room for early messages is not given back",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "limits",
            "early_messages_have_room_per_peer_and_no_peer_uses_up_another_ones",
        ),
    },
    Control {
        name: "early-window-unlimited",
        what: "messages beyond the window are kept",
        subject: "atomic",
        test: directed("mellivora-atomic", "limits", "what_lies_beyond_the_window_leaves_no_trace_but_a_fault"),
    },
    Control {
        name: "early-first-lost",
        what: "the first early message of an epoch is lost",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "closing",
            "the_only_holder_of_a_batch_does_not_close_and_does_not_move_on_by_itself",
        ),
    },
    Control {
        name: "outbox-forgets",
        what: "the outbox keeps nothing of what was said",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "outbox::tests::a_new_incarnation_gets_everything_again_and_rounds_are_held_back_anew",
        ),
    },
    Control {
        name: "outbox-repeats-nothing",
        what: "nothing is repeated after a cut",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "outbox::tests::a_new_incarnation_gets_everything_again_and_rounds_are_held_back_anew",
        ),
    },
    Control {
        name: "outbox-old-incarnation",
        what: "a restarted peer is treated as the old incarnation",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "outbox::tests::a_new_incarnation_gets_everything_again_and_rounds_are_held_back_anew",
        ),
    },
    Control {
        name: "outbox-window-ignored",
        what: "messages go to peers whose window does not cover them",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "outbox::tests::an_epoch_beyond_the_window_of_a_peer_waits_for_its_announcement",
        ),
    },
    Control {
        name: "outbox-window-moves-silently",
        what: "what a peer's window now covers is not sent",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "outbox::tests::an_epoch_beyond_the_window_of_a_peer_waits_for_its_announcement",
        ),
    },
    Control {
        name: "outbox-drops-later-rounds",
        what: "statements of rounds that a peer has not reached are dropped",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "outbox::tests::a_round_too_far_ahead_waits_until_the_peer_is_seen_there",
        ),
    },
    Control {
        name: "outbox-held-for-ever",
        what: "statements that wait for a round are not released",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "outbox::tests::a_round_too_far_ahead_waits_until_the_peer_is_seen_there",
        ),
    },
    Control {
        name: "outbox-recalls-narrowed",
        what: "a recalled message is for those alone who got it before the crash",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "outbox::tests::a_recalled_message_goes_also_to_those_whom_a_window_held_back_before_the_restart",
        ),
    },
    Control {
        name: "outbox-never-freed",
        what: "messages of closed epochs are kept",
        subject: "atomic",
        test: directed("mellivora-atomic", "limits", "memory_follows_the_window_not_the_length_of_the_run"),
    },
    Control {
        name: "pacing-credit-unlimited",
        what: "one peer makes others run empty epochs without end",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "pacing::tests::one_peer_forces_empty_epochs_only_at_the_rate_of_nudges",
        ),
    },
    Control {
        name: "pacing-follows-f",
        what: "f peers make others run empty epochs",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "pacing::tests::one_peer_forces_empty_epochs_only_at_the_rate_of_nudges",
        ),
    },
    Control {
        name: "pacing-this-epoch-alone",
        what: "whoever is in a later epoch does not count for this one",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "lib",
            "pacing::tests::one_peer_forces_empty_epochs_only_at_the_rate_of_nudges",
        ),
    },
    Control {
        name: "pacing-credit-not-returned",
        what: "epochs that order something cost credit",
        subject: "atomic",
        test: directed("mellivora-atomic", "lib", "pacing::tests::useful_epochs_cost_nothing"),
    },
    Control {
        name: "fetch-vouched-by-f",
        what: "f liars start a catch-up",
        subject: "atomic",
        test: directed("mellivora-atomic", "catch_up", "f_liars_about_height_move_nothing"),
    },
    Control {
        name: "fetch-header-unchecked",
        what: "a header is believed without the digest that f + 1 vouch for",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "catch_up",
            "holders_that_serve_something_else_delay_nobody_and_are_blamed_where_it_shows",
        ),
    },
    Control {
        name: "fetch-slot-unchecked",
        what: "a fetched contribution is not checked against its commitment",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "catch_up",
            "holders_that_serve_something_else_delay_nobody_and_are_blamed_where_it_shows",
        ),
    },
    Control {
        name: "fetch-gone-from-one",
        what: "one node is believed that a batch is gone",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "catch_up",
            "holders_that_serve_something_else_delay_nobody_and_are_blamed_where_it_shows",
        ),
    },
    Control {
        name: "fetch-self-is-holder",
        what: "a restarted signer waits for what it has lost itself",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "catch_up",
            "a_restarted_signer_of_a_certificate_does_not_count_as_its_holder",
        ),
    },
    Control {
        name: "fetch-drops-what-one-has",
        what: "a batch is dropped when this node has closed it",
        subject: "atomic",
        test: directed("mellivora-atomic", "catch_up", "a_node_cut_off_for_many_epochs_gets_every_batch"),
    },
    Control {
        name: "fetch-open-epoch-dropped",
        what: "the batch of an open epoch is dropped",
        subject: "atomic",
        test: directed("mellivora-atomic", "catch_up", "the_batch_of_an_open_epoch_is_kept_whatever_the_retention"),
    },
    Control {
        name: "fetch-answers-once-for-ever",
        what: "an answer that was lost is not given again",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "catch_up",
            "requests_and_answers_that_were_lost_come_again_when_the_link_is_back",
        ),
    },
    Control {
        name: "fetch-not-asked-again",
        what: "requests are not repeated after a cut",
        subject: "atomic",
        test: directed(
            "mellivora-atomic",
            "catch_up",
            "requests_and_answers_that_were_lost_come_again_when_the_link_is_back",
        ),
    },
];

pub(super) const HARMLESS: &[Harmless] = &[
    Harmless {
        name: "fetch-liar-asked-for-ever",
        what: "whoever delivered something bad is not taken off the list of holders",
        why: "Whoever has nothing left to deliver is asked for what others owe, and one of the f + 1 holders is honest: \
              `what_one_holder_gets_wrong_another_delivers` passes with it. It costs requests to the liar.",
    },
    Harmless {
        name: "fetch-seed-unchecked",
        what: "the seed in a fetched header is used without re-encryption",
        why: "the header is covered by f + 1 signatures, so an honest node has checked that seed already; the check is a second one",
    },
];
