//! Planted bugs of coin and threshold encryption suites, and of certificates.

use super::{Control, Harmless, Layer};

const COIN: Layer = Layer { subject: "coin", package: "mellivora-crypto" };
const SUITE: Layer = Layer { subject: "atomic", package: "mellivora-crypto" };
const CERTIFICATES: Layer = Layer { subject: "coin", package: "mellivora-crypto" };

pub(super) const CONTROLS: &[Control] = &[
    COIN.by(
        "coin-dleq-without-share",
        "the challenge of a coin share's proof does not cover the share",
        "lib",
        "ristretto255::tests::what_is_chosen_after_the_challenge_proves_nothing",
    ),
    COIN.by(
        "coin-dleq-without-commitment",
        "the challenge of a coin share's proof does not cover the second commitment",
        "lib",
        "ristretto255::tests::what_is_chosen_after_the_challenge_proves_nothing",
    ),
    COIN.by(
        "coin-batch-equal-weights",
        "all equations of a batch have the same weight",
        "lib",
        "ristretto255::tests::errors_that_cancel_between_proofs_fail_the_batch",
    ),
    COIN.by(
        "coin-batch-weight-per-share",
        "one batch weight per share instead of one per equation",
        "lib",
        "ristretto255::tests::errors_that_cancel_within_one_proof_pass_one_weight_per_share_and_fail_one_per_equation",
    ),
    COIN.by(
        "coin-pairings-unweighted",
        "pairing equations are added without weights",
        "lib",
        "bls12_381::tests::shares::errors_that_cancel_between_shares_fail_the_batch",
    ),
    COIN.by(
        "coin-unverified-shares",
        "unverified shares decide the coin",
        "coin",
        "f_bad_shares_in_front_do_not_change_the_value_and_are_named",
    ),
    COIN.by(
        "coin-f-shares",
        "f shares are combined",
        "coin",
        "any_f_plus_one_shares_give_the_same_value_and_f_give_none",
    ),
    COIN.by(
        "coin-name-unbound",
        "a pairing share is one of every coin",
        "coin",
        "f_bad_shares_in_front_do_not_change_the_value_and_are_named",
    ),
    COIN.by(
        "coin-blames-the-batch",
        "everybody in a batch with one bad share is named",
        "coin",
        "f_bad_shares_in_front_do_not_change_the_value_and_are_named",
    ),
    COIN.by(
        "coin-blames-the-other-half",
        "the half of a batch that is right is named too",
        "lib",
        "bls12_381::tests::shares::batches_of_halves_find_exactly_the_bad_shares",
    ),
    COIN.by(
        "coin-small-order",
        "a combined signature may lie outside the group, so that the coin is not unique",
        "lib",
        "bls12_381::tests::shares::a_share_off_by_an_element_of_small_order_is_found",
    ),
    COIN.by(
        "coin-nonce-repeats",
        "the nonce of a proof does not depend on the statement",
        "lib",
        "ristretto255::tests::nonces_differ_between_statements_and_salts",
    ),
    SUITE.by(
        "enc-no-reencryption",
        "combined shares give a seed without re-encryption",
        "lib",
        "ristretto255::tests::a_shifted_share_opens_nothing_that_others_cannot_open",
    ),
    SUITE.by(
        "enc-element-uncompared",
        "re-encryption compares u and not the combined element",
        "lib",
        "ristretto255::tests::a_shifted_share_opens_nothing_that_others_cannot_open",
    ),
    SUITE.by(
        "enc-label-unbound",
        "the header does not bind the label: copies check",
        "encryption",
        "nothing_of_a_ciphertext_can_be_changed",
    ),
    SUITE.by(
        "enc-payload-unbound",
        "the header does not bind the digest of the payload",
        "encryption",
        "nothing_of_a_ciphertext_can_be_changed",
    ),
    SUITE.by(
        "enc-header-unchecked",
        "every header of the right length checks",
        "encryption",
        "nothing_of_a_ciphertext_can_be_changed",
    ),
    SUITE.by(
        "enc-proof-unchecked",
        "every proof of a decryption share is accepted",
        "encryption",
        "shares_verify_for_their_node_and_ciphertext_alone",
    ),
    SUITE.by(
        "enc-share-unchecked",
        "every self-proving decryption share is accepted",
        "encryption",
        "shares_verify_for_their_node_and_ciphertext_alone",
    ),
    SUITE.by(
        "enc-judges-by-another-key",
        "an honest share is judged by another node's key",
        "encryption",
        "the_seed_judges_the_shares_of_suites_that_need_proofs",
    ),
    COIN.by(
        "key-identity-point",
        "the identity element is accepted as a key or an encapsulation",
        "keys",
        "the_identity_element_is_no_key",
    ),
    COIN.by(
        "key-degree-unchecked",
        "shares of a key need not lie on one polynomial",
        "keys",
        "shares_of_another_key_are_refused",
    ),
    COIN.by(
        "key-degree-too-low",
        "f shares of a dealt key determine it",
        "lib",
        "ristretto255::tests::a_dealt_key_has_degree_f_exactly",
    ),
    SUITE.by(
        "key-halves-differ",
        "the halves of a pairing key may have different logarithms",
        "keys",
        "the_two_halves_of_a_pairing_key_must_have_one_logarithm",
    ),
    SUITE.by(
        "key-digest-without-encryption",
        "the digest of a key set does not cover the encryption key",
        "keys",
        "the_digest_of_a_key_set_covers_each_threshold_key",
    ),
    SUITE.by(
        "key-file-digest-unchecked",
        "the digest in a key file is not compared",
        "keys",
        "every_damaged_value_of_a_public_file_is_refused",
    ),
    SUITE.by(
        "sig-of-any-signer",
        "a signature of any member is taken for the one named",
        "keys",
        "signatures_verify_singly_and_in_batches_alike",
    ),
    SUITE.by(
        "sig-batch-skips-strangers",
        "a batch of signatures ignores those of strangers",
        "keys",
        "signatures_verify_singly_and_in_batches_alike",
    ),
    CERTIFICATES.by(
        "cert-signers-uncounted",
        "a list of signatures counts for any number of signers",
        "certificates",
        "a_certificate_convinces_everybody_of_its_own_statement_and_number_only",
    ),
    CERTIFICATES.by(
        "cert-assembled-unchecked",
        "signatures are put together as they are",
        "certificates",
        "bad_endorsements_are_named_and_enough_good_ones_still_make_a_certificate",
    ),
    CERTIFICATES.by(
        "cert-known-of-any-statement",
        "an endorsement of one statement is known for all",
        "known_endorsements",
        "what_is_known_is_one_signature_of_one_node_on_one_statement",
    ),
    CERTIFICATES.by(
        "cert-known-by-signer",
        "whoever is known to have signed is believed any signature",
        "known_endorsements",
        "what_is_known_is_one_signature_of_one_node_on_one_statement",
    ),
    CERTIFICATES.by(
        "cert-known-uncounted",
        "a certificate of known endorsements counts for any number of signers",
        "known_endorsements",
        "the_form_of_a_certificate_of_known_endorsements_is_looked_at",
    ),
    CERTIFICATES.by(
        "cert-known-unverified",
        "a batch that does not hold is remembered",
        "known_endorsements",
        "a_memory_changes_no_verdict",
    ),
    CERTIFICATES.by(
        "bls-pop-unchecked",
        "a certificate key needs no proof of possession",
        "lib",
        "bls12_381::certificate_tests::a_rogue_key_forges_without_a_proof_of_possession_and_is_refused_for_want_of_one",
    ),
    CERTIFICATES.by(
        "bls-signer-count",
        "an aggregate counts for any number of signers",
        "certificates",
        "a_certificate_convinces_everybody_of_its_own_statement_and_number_only",
    ),
    CERTIFICATES.by(
        "bls-subgroup-unchecked",
        "a signature may lie outside the group of prime order",
        "lib",
        "bls12_381::certificate_tests::\
         signatures_off_by_an_element_of_small_order_are_refused_singly_and_in_batches",
    ),
    CERTIFICATES.by(
        "bls-batch-unweighted",
        "equations of a batch of certificates are added without weights",
        "lib",
        "bls12_381::certificate_tests::errors_that_cancel_between_claims_fail_the_batch",
    ),
    CERTIFICATES.by(
        "bls-assembled-unchecked",
        "aggregates are not checked before they are handed out",
        "certificates",
        "bad_endorsements_are_named_and_enough_good_ones_still_make_a_certificate",
    ),
    CERTIFICATES.by(
        "key-digest-without-certificates",
        "the digest of a key set does not cover the certificate keys",
        "certificate_keys",
        "the_digest_of_a_key_set_covers_the_certificate_keys",
    ),
];

pub(super) const HARMLESS: &[Harmless] = &[];
