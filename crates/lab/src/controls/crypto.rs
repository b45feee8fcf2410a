//! Planted bugs of coin and threshold encryption suites.

use super::{Control, DirectedTest, Harmless};

const fn directed(package: &'static str, binary: &'static str, name: &'static str) -> Option<DirectedTest> {
    Some(DirectedTest { package, binary, name })
}

pub(super) const CONTROLS: &[Control] = &[
    Control {
        name: "coin-dleq-without-share",
        what: "the challenge of a coin share's proof does not cover the share",
        subject: "coin",
        test: directed(
            "mellivora-crypto",
            "lib",
            "ristretto255::tests::what_is_chosen_after_the_challenge_proves_nothing",
        ),
    },
    Control {
        name: "coin-dleq-without-commitment",
        what: "the challenge of a coin share's proof does not cover the second commitment",
        subject: "coin",
        test: directed(
            "mellivora-crypto",
            "lib",
            "ristretto255::tests::what_is_chosen_after_the_challenge_proves_nothing",
        ),
    },
    Control {
        name: "coin-batch-equal-weights",
        what: "all equations of a batch have the same weight",
        subject: "coin",
        test: directed(
            "mellivora-crypto",
            "lib",
            "ristretto255::tests::errors_that_cancel_between_proofs_fail_the_batch",
        ),
    },
    Control {
        name: "coin-batch-weight-per-share",
        what: "one batch weight per share instead of one per equation",
        subject: "coin",
        test: directed(
            "mellivora-crypto",
            "lib",
            "ristretto255::tests::errors_that_cancel_within_one_proof_pass_one_weight_per_share_and_fail_one_per_equation",
        ),
    },
    Control {
        name: "coin-pairings-unweighted",
        what: "pairing equations are added without weights",
        subject: "coin",
        test: directed(
            "mellivora-crypto",
            "lib",
            "bls12_381::tests::shares::errors_that_cancel_between_shares_fail_the_batch",
        ),
    },
    Control {
        name: "coin-unverified-shares",
        what: "unverified shares decide the coin",
        subject: "coin",
        test: directed("mellivora-crypto", "coin", "f_bad_shares_in_front_do_not_change_the_value_and_are_named"),
    },
    Control {
        name: "coin-f-shares",
        what: "f shares are combined",
        subject: "coin",
        test: directed("mellivora-crypto", "coin", "any_f_plus_one_shares_give_the_same_value_and_f_give_none"),
    },
    Control {
        name: "coin-name-unbound",
        what: "a pairing share is one of every coin",
        subject: "coin",
        test: directed("mellivora-crypto", "coin", "f_bad_shares_in_front_do_not_change_the_value_and_are_named"),
    },
    Control {
        name: "coin-blames-the-batch",
        what: "everybody in a batch with one bad share is named",
        subject: "coin",
        test: directed("mellivora-crypto", "coin", "f_bad_shares_in_front_do_not_change_the_value_and_are_named"),
    },
    Control {
        name: "coin-blames-the-other-half",
        what: "the half of a batch that is right is named too",
        subject: "coin",
        test: directed(
            "mellivora-crypto",
            "lib",
            "bls12_381::tests::shares::batches_of_halves_find_exactly_the_bad_shares",
        ),
    },
    Control {
        name: "coin-small-order",
        what: "a combined signature may lie outside the group, so that the coin is not unique",
        subject: "coin",
        test: directed(
            "mellivora-crypto",
            "lib",
            "bls12_381::tests::shares::a_share_off_by_an_element_of_small_order_is_found",
        ),
    },
    Control {
        name: "coin-nonce-repeats",
        what: "the nonce of a proof does not depend on the statement",
        subject: "coin",
        test: directed("mellivora-crypto", "lib", "ristretto255::tests::nonces_differ_between_statements_and_salts"),
    },
    Control {
        name: "enc-no-reencryption",
        what: "combined shares give a seed without re-encryption",
        subject: "atomic",
        test: directed(
            "mellivora-crypto",
            "lib",
            "ristretto255::tests::a_shifted_share_opens_nothing_that_others_cannot_open",
        ),
    },
    Control {
        name: "enc-element-uncompared",
        what: "re-encryption compares u and not the combined element",
        subject: "atomic",
        test: directed(
            "mellivora-crypto",
            "lib",
            "ristretto255::tests::a_shifted_share_opens_nothing_that_others_cannot_open",
        ),
    },
    Control {
        name: "enc-label-unbound",
        what: "the header does not bind the label: copies check",
        subject: "atomic",
        test: directed("mellivora-crypto", "encryption", "nothing_of_a_ciphertext_can_be_changed"),
    },
    Control {
        name: "enc-payload-unbound",
        what: "the header does not bind the digest of the payload",
        subject: "atomic",
        test: directed("mellivora-crypto", "encryption", "nothing_of_a_ciphertext_can_be_changed"),
    },
    Control {
        name: "enc-header-unchecked",
        what: "every header of the right length checks",
        subject: "atomic",
        test: directed("mellivora-crypto", "encryption", "nothing_of_a_ciphertext_can_be_changed"),
    },
    Control {
        name: "enc-proof-unchecked",
        what: "every proof of a decryption share is accepted",
        subject: "atomic",
        test: directed("mellivora-crypto", "encryption", "shares_verify_for_their_node_and_ciphertext_alone"),
    },
    Control {
        name: "enc-share-unchecked",
        what: "every self-proving decryption share is accepted",
        subject: "atomic",
        test: directed("mellivora-crypto", "encryption", "shares_verify_for_their_node_and_ciphertext_alone"),
    },
    Control {
        name: "enc-judges-by-another-key",
        what: "an honest share is judged by another node's key",
        subject: "atomic",
        test: directed("mellivora-crypto", "encryption", "the_seed_judges_the_shares_of_suites_that_need_proofs"),
    },
    Control {
        name: "key-identity-point",
        what: "the identity element is accepted as a key or an encapsulation",
        subject: "coin",
        test: directed("mellivora-crypto", "keys", "the_identity_element_is_no_key"),
    },
    Control {
        name: "key-degree-unchecked",
        what: "shares of a key need not lie on one polynomial",
        subject: "coin",
        test: directed("mellivora-crypto", "keys", "shares_of_another_key_are_refused"),
    },
    Control {
        name: "key-degree-too-low",
        what: "f shares of a dealt key determine it",
        subject: "coin",
        test: directed("mellivora-crypto", "lib", "ristretto255::tests::a_dealt_key_has_degree_f_exactly"),
    },
    Control {
        name: "key-halves-differ",
        what: "the halves of a pairing key may have different logarithms",
        subject: "atomic",
        test: directed("mellivora-crypto", "keys", "the_two_halves_of_a_pairing_key_must_have_one_logarithm"),
    },
    Control {
        name: "key-digest-without-encryption",
        what: "the digest of a key set does not cover the encryption key",
        subject: "atomic",
        test: directed("mellivora-crypto", "keys", "the_digest_of_a_key_set_covers_each_threshold_key"),
    },
    Control {
        name: "key-file-digest-unchecked",
        what: "the digest in a key file is not compared",
        subject: "atomic",
        test: directed("mellivora-crypto", "keys", "every_damaged_value_of_a_public_file_is_refused"),
    },
    Control {
        name: "sig-of-any-signer",
        what: "a signature of any member is taken for the one named",
        subject: "atomic",
        test: directed("mellivora-crypto", "keys", "signatures_verify_singly_and_in_batches_alike"),
    },
    Control {
        name: "sig-batch-skips-strangers",
        what: "a batch of signatures ignores those of strangers",
        subject: "atomic",
        test: directed("mellivora-crypto", "keys", "signatures_verify_singly_and_in_batches_alike"),
    },
];

pub(super) const HARMLESS: &[Harmless] = &[];
