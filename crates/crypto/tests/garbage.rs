//! Whatever bytes a peer sends: no panic, no wrong value.

mod common;

use std::sync::LazyLock;

use common::{Sealed, coin_shares, encrypting, name, nodes};
use mellivora_core::{Digest, NodeIndex};
use mellivora_crypto::{CoinShare, DecryptionProof, DecryptionShare, NodeKeys, PublicKeys, SecretKeys, Suite};
use proptest::prelude::*;

static NODES: LazyLock<Vec<Vec<NodeKeys>>> = LazyLock::new(|| Suite::ALL.iter().map(|&s| nodes(s, 4)).collect());

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..=max),
        prop::collection::vec(prop_oneof![Just(0u8), Just(255), Just(0xc0), Just(0x80)], 0..=max),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn coins(shares in prop::collection::vec((0u16..6, bytes(CoinShare::MAX_BYTES)), 0..6), digest: [u8; 32]) {
        for nodes in NODES.iter() {
            let coin = nodes[0].coin();
            let honest = coin_shares(nodes, &Digest(digest));
            let right = coin.combine(&Digest(digest), &honest).value;
            let garbage: Vec<_> = shares.iter().map(|(i, s)| (NodeIndex(*i), CoinShare::from_bytes(s).unwrap())).collect();
            prop_assert_eq!(coin.combine(&Digest(digest), &garbage).value, None);
            // Garbage of the first node and nothing else does not stop the others.
            let first = garbage.iter().filter(|(node, _)| node.0 == 0);
            let mixed: Vec<_> = first.chain(&honest[1..]).cloned().collect();
            let combined = coin.combine(&Digest(digest), &mixed);
            prop_assert_eq!(combined.value, right);
            prop_assert!(combined.culprits.iter().all(|node| node.0 == 0), "an honest node was blamed");
        }
    }

    #[test]
    fn ciphertexts(header in bytes(200), share in bytes(64), proof in bytes(128), body in bytes(64), from in 0u16..6) {
        for (nodes, _) in NODES.iter().zip(Suite::ALL).filter(|(_, suite)| suite.encrypts()) {
            let scheme = nodes[1].encryption().unwrap();
            let label = name("slot");
            let mut header = header.clone();
            for fit in [false, true] {
                if fit {
                    header.resize(scheme.header_bytes(), 7);
                }
                let share = DecryptionShare::from_bytes(&share).unwrap();
                let proof = DecryptionProof::from_bytes(&proof).unwrap();
                prop_assert!(!scheme.check(&label, &header, &label));
                let _ = scheme.share(&header);
                let _ = scheme.prove(&label, &header, &label);
                prop_assert!(!scheme.verify(&label, &header, &label, NodeIndex(from), &share, Some(&proof)));
                let set = [(NodeIndex(from), share), (NodeIndex(2), share)];
                prop_assert_eq!(scheme.combine(&label, &header, &set), None);
                prop_assert!(!scheme.matches(&label, &header, &mellivora_crypto::Seed([1; 32])));
                prop_assert_eq!(scheme.unseal(&label, &header, &mellivora_crypto::Seed([1; 32]), body.clone()), None);
            }
        }
    }

    #[test]
    fn garbage_in_place_of_one_share_opens_nothing(share in bytes(64)) {
        for suite in encrypting() {
            let place = Suite::ALL.iter().position(|s| *s == suite).unwrap();
            let nodes = &NODES[place];
            let sealed = Sealed::new(&nodes[0], "slot", 3, b"payload");
            let mut shares = sealed.shares(nodes);
            shares[1].1 = DecryptionShare::from_bytes(&share).unwrap();
            let scheme = nodes[1].encryption().unwrap();
            prop_assert_eq!(scheme.combine(&sealed.label, &sealed.header, &shares[..2]), None);
            prop_assert_eq!(scheme.combine(&sealed.label, &sealed.header, &shares[2..]), Some(sealed.seed));
        }
    }

    #[test]
    fn key_files(text in "[ -~\n]{0,200}", line in "[a-z_]{0,12} = [0-9a-f\"\\[\\],]{0,80}") {
        for text in [text.clone(), format!("version = 1\n{text}"), format!("version = 1\n{line}\n")] {
            for error in [PublicKeys::from_file(&text).unwrap_err(), SecretKeys::from_secret_file(&text).unwrap_err()] {
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
