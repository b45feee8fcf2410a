//! Planted bugs of Dumbo-NG.

use super::{Control, Layer};

const NG: Layer = Layer { subject: "atomic-dumbo-ng", package: "mellivora-atomic" };

pub(super) const CONTROLS: &[Control] = &[
    NG.by(
        "ng-tip-goes-back",
        "tips that have not grown, or have gone back, may be agreed on",
        "lib",
        "dumbo_ng::tips::tests::tips_that_go_back_or_lack_certificates_are_refused",
    ),
    NG.by(
        "ng-streams-repeat",
        "a stream may stand among the tips twice",
        "lib",
        "dumbo_ng::tips::tests::tips_that_go_back_or_lack_certificates_are_refused",
    ),
    NG.by(
        "ng-quorum-low",
        "one growth less than a quorum is enough",
        "lib",
        "dumbo_ng::tips::tests::tips_that_go_back_or_lack_certificates_are_refused",
    ),
    NG.by(
        "ng-first-tip-only",
        "the certificate of the first tip alone is checked",
        "lib",
        "dumbo_ng::tips::tests::tips_that_go_back_or_lack_certificates_are_refused",
    ),
    NG.by(
        "ng-share-unlimited",
        "an epoch takes any number of slots of one stream",
        "lib",
        "dumbo_ng::tips::tests::tips_that_go_back_or_lack_certificates_are_refused",
    ),
    NG.by(
        "ng-streams-in-turn",
        "all slots of one stream come before those of the next",
        "dumbo_ng",
        "rules::slots_of_an_epoch_take_turns_by_stream",
    ),
    NG.by(
        "ng-label-without-slot",
        "labels do not name the slot: a stream's old ciphertexts open again",
        "dumbo_ng",
        "rules::a_ciphertext_opens_in_its_own_slot_alone",
    ),
    NG.by(
        "ng-label-without-stream",
        "labels do not name the stream: copies open",
        "dumbo_ng",
        "rules::a_ciphertext_opens_in_its_own_slot_alone",
    ),
    NG.by(
        "ng-votes-prompt-for-ever",
        "a slot that was voted for and never certified prompts empty batches again and again",
        "dumbo_ng",
        "rules::an_uncertified_vote_prompts_one_empty_batch",
    ),
    NG.by(
        "ng-certified-prompts-nobody",
        "a certified batch that is left over after an output prompts nobody",
        "dumbo_ng",
        "rules::a_certified_batch_prompts_again_after_an_output",
    ),
    NG.by(
        "ng-empty-batches-without-end",
        "empty batches are proposed above empty batches",
        "dumbo_ng",
        "rules::one_empty_batch_until_something_is_ordered",
    ),
    NG.by(
        "ng-tips-while-checking",
        "a node puts its tips to the choice while it verifies more of them",
        "dumbo_ng",
        "rules::the_input_of_an_epoch_waits_for_certificates_at_hand",
    ),
    NG.by(
        "ng-empty-for-next-epoch-only",
        "who has put a batch to the choice proposes no empty one for those who lack another certificate",
        "dumbo_ng",
        "rules::a_certificate_that_some_lack_keeps_nobody_from_an_input",
    ),
    NG.by(
        "ng-empty-waits-for-output",
        "the empty batch for the next epoch waits until this one is ordered",
        "dumbo_ng",
        "rules::the_empty_batch_of_the_next_epoch_goes_out_during_this_one_and_leaves_a_slot_free",
    ),
    NG.by(
        "ng-empty-takes-last-slot",
        "the empty batch for the next epoch takes the last slot of the window",
        "dumbo_ng",
        "rules::the_empty_batch_of_the_next_epoch_goes_out_during_this_one_and_leaves_a_slot_free",
    ),
    NG.by(
        "ng-no-empty-batches",
        "whoever has nothing to order proposes nothing",
        "dumbo_ng",
        "progress::one_active_stream_is_ordered_and_the_cluster_falls_silent",
    ),
    NG.by(
        "ng-empty-fills-window",
        "an empty batch that nobody orders takes the whole of a window",
        "dumbo_ng",
        "rules::an_empty_batch_that_nobody_orders_does_not_fill_the_window",
    ),
    NG.by(
        "ng-base-unmoved",
        "the streams do not learn what was ordered",
        "dumbo_ng",
        "progress::the_narrowest_window_and_f_silent_nodes",
    ),
    NG.by(
        "ng-peer-base-untold",
        "the own stream does not learn what its peers have closed",
        "dumbo_ng",
        "progress::the_narrowest_window_and_f_silent_nodes",
    ),
    NG.by(
        "ng-released-at-output",
        "batches are dropped when they are handed out, before anybody closed their epoch",
        "dumbo_ng",
        "rules::a_node_that_missed_batches_retrieves_them",
    ),
    NG.by(
        "ng-streams-not-repeated",
        "what streams said is not said again after a cut or a restart",
        "dumbo_ng",
        "ordering::crashes_and_cut_links_lose_nothing",
    ),
];
