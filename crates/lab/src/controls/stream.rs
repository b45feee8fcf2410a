//! Planted bugs of streams of certified batches.

use super::{Control, Layer};

const STREAM: Layer = Layer { subject: "rbc", package: "mellivora-broadcast" };

pub(super) const CONTROLS: &[Control] = &[
    STREAM.by(
        "stream-quorum-low",
        "a certificate counts with one signature too few: two of a slot share no honest voter",
        "stream",
        "voting::certificates_that_prove_nothing_are_a_fault_and_get_no_second_try",
    ),
    STREAM.by(
        "stream-base-by-number",
        "a vote rests on a base with the right number and another digest: a slot is certified on a prefix that is not",
        "stream",
        "voting::base_is_compared_by_digest",
    ),
    STREAM.by(
        "stream-base-founds-nothing",
        "a base founds no vote: whoever joined by a snapshot never votes again",
        "stream",
        "fetching::a_voter_that_joined_by_snapshot_votes_on",
    ),
    STREAM.by(
        "stream-base-goes-back",
        "an older output takes the base back",
        "stream",
        "voting::the_base_never_goes_back",
    ),
    STREAM.by(
        "stream-predecessor-unchecked",
        "a vote rests on nothing: two chains find votes",
        "stream",
        "voting::a_vote_needs_a_founded_predecessor",
    ),
    STREAM.by(
        "stream-predecessor-uncertified",
        "a batch that is here founds a vote without a certificate",
        "stream",
        "voting::a_certificate_with_its_batch_founds_a_vote",
    ),
    STREAM.by(
        "stream-certificate-founds-nothing",
        "a certified batch founds no vote: a node that was skipped waits for the next output",
        "stream",
        "voting::a_certificate_with_its_batch_founds_a_vote",
    ),
    STREAM.by(
        "stream-window-unlimited",
        "proposals beyond the window are kept",
        "stream",
        "voting::what_lies_beyond_the_window_is_dropped",
    ),
    STREAM.by(
        "stream-peer-window-ignored",
        "proposals go out before they are in their receiver's window, which drops them",
        "stream",
        "proposing::a_proposal_beyond_the_window_comes_later",
    ),
    STREAM.by(
        "stream-proposer-without-window",
        "a proposer runs ahead of its own base without bound",
        "stream",
        "proposing::the_next_batch_waits_for_the_certificate_and_for_the_window",
    ),
    STREAM.by(
        "stream-tip-untold",
        "the certificate of the last batch is shown to nobody",
        "stream",
        "proposing::the_last_batch_is_announced_by_tip",
    ),
    STREAM.by(
        "stream-proposals-sent-once",
        "a proposal that a link lost is not sent again",
        "stream",
        "proposing::what_a_peer_lacks_goes_again",
    ),
    STREAM.by(
        "stream-votes-said-once",
        "a restarted proposer does not hear votes again",
        "stream",
        "restart::a_vote_survives_a_crash",
    ),
    STREAM.by(
        "stream-voted-unrecorded",
        "a node votes for a batch that is not in its log",
        "stream",
        "voting::a_batch_is_recorded_before_it_is_voted_for",
    ),
    STREAM.by("stream-vote-not-durable", "a vote is not logged", "stream", "restart::a_vote_survives_a_crash"),
    STREAM.by(
        "stream-recall-forgets-vote",
        "after a restart a node votes again",
        "stream",
        "restart::a_vote_survives_a_crash",
    ),
    STREAM.by(
        "stream-recall-forgets-batch",
        "after a restart a node has not got what it promised to hold",
        "stream",
        "restart::a_vote_survives_a_crash",
    ),
    STREAM.by(
        "stream-recall-forgets-proposal",
        "after a restart a proposer proposes other batches",
        "stream",
        "proposing::a_restarted_proposer_proposes_nothing_else_and_gets_its_certificate",
    ),
    STREAM.by(
        "stream-recall-own-uncounted",
        "after a restart a proposer misses its own vote, which nobody says again",
        "stream",
        "proposing::a_restarted_proposer_proposes_nothing_else_and_gets_its_certificate",
    ),
    STREAM.by(
        "stream-certificate-unchecked",
        "any certificate of a proposer counts",
        "stream",
        "voting::certificates_that_prove_nothing_are_a_fault_and_get_no_second_try",
    ),
    STREAM.by(
        "stream-full-unsigned",
        "a signature does not cover the number of the last batch that is not empty",
        "stream",
        "voting::certificates_that_prove_nothing_are_a_fault_and_get_no_second_try",
    ),
    STREAM.by(
        "stream-prefix-unbound",
        "a digest does not cover the digest before it",
        "stream",
        "voting::a_digest_pins_the_whole_prefix_and_a_signature_the_rest",
    ),
    STREAM.by(
        "stream-empty-counts-as-full",
        "an empty batch counts as one to be ordered: an idle cluster never rests",
        "stream",
        "voting::empty_batches_keep_full",
    ),
    STREAM.by(
        "stream-far-tips-kept",
        "every certificate beyond the window is kept",
        "stream",
        "voting::certificates_far_ahead_take_the_room_of_one",
    ),
    STREAM.by(
        "stream-headers-unchecked",
        "records of a chain are believed",
        "stream",
        "fetching::records_that_prove_nothing_are_refused",
    ),
    STREAM.by(
        "stream-late-asks-unanswered",
        "who asks before a record is known never hears of it",
        "stream",
        "fetching::an_ask_is_answered_once_per_incarnation_and_late_if_need_be",
    ),
    STREAM.by(
        "stream-old-answers-are-lies",
        "an answer to what is known by now is taken for one to what is not, and its honest sender is blamed",
        "stream",
        "fetching::an_answer_that_comes_late_is_no_lie",
    ),
];
