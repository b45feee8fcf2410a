//! Properties of every suite's encryption.

mod common;

use common::{SIZES, Sealed, encrypting, index, name, nodes, subsets};
use mellivora_core::NodeIndex;
use mellivora_crypto::{DecryptionProof, DecryptionShare, EncryptionScheme, NodeKeys, Seed, TAG_BYTES, sealed_digest};

const PAYLOAD: &[u8] = b"a payload of a few bytes";

fn scheme(node: &NodeKeys) -> &dyn EncryptionScheme {
    &**node.encryption().unwrap()
}

fn valid(
    by: &NodeKeys,
    sealed: &Sealed,
    from: usize,
    share: &DecryptionShare,
    proof: Option<&DecryptionProof>,
) -> bool {
    scheme(by).verify(&sealed.label, &sealed.header, &sealed.digest, index(from), share, proof)
}

fn prove(by: &NodeKeys, sealed: &Sealed) -> Option<DecryptionProof> {
    scheme(by).prove(&sealed.label, &sealed.header, &sealed.digest)
}

#[test]
fn any_f_plus_one_shares_open() {
    for suite in encrypting() {
        for n in SIZES {
            let nodes = nodes(suite, n);
            let committee = nodes[0].committee();
            let sealed = Sealed::new(&nodes[0], "slot", 7, PAYLOAD);
            assert_eq!(sealed.header.len(), scheme(&nodes[0]).header_bytes());
            assert_eq!(sealed.body.len(), PAYLOAD.len() + TAG_BYTES);
            assert_ne!(&sealed.body[..PAYLOAD.len()], PAYLOAD);
            assert!(nodes.iter().all(|node| sealed.checks(node)));
            let shares = sealed.shares(&nodes);
            for subset in subsets(&shares, committee.one_honest()) {
                let seed = scheme(&nodes[n - 1]).combine(&sealed.label, &sealed.header, &subset).unwrap();
                assert_eq!(seed, sealed.seed, "{suite} n = {n}");
            }
            let node = scheme(&nodes[n - 1]);
            assert!(node.matches(&sealed.label, &sealed.header, &sealed.seed));
            assert!(!node.matches(&sealed.label, &sealed.header, &Seed([8; 32])));
            assert!(!node.matches(&name("another slot"), &sealed.header, &sealed.seed));
            let opened = node.unseal(&sealed.label, &sealed.header, &sealed.seed, sealed.body.clone());
            assert_eq!(opened.as_deref(), Some(PAYLOAD));
            // Too few, too many, one twice, a stranger's.
            let combine = |shares: &[_]| node.combine(&sealed.label, &sealed.header, shares);
            let enough = &shares[..committee.one_honest()];
            assert_eq!(combine(&shares[..committee.f()]), None);
            assert_eq!(combine(&[enough, &enough[..1]].concat()), None);
            let mut twice = enough.to_vec();
            twice[committee.f()] = twice[0];
            assert_eq!(combine(&twice).is_some(), committee.f() == 0);
            let mut stranger = enough.to_vec();
            stranger[0].0 = NodeIndex(u16::MAX);
            assert_eq!(combine(&stranger), None);
        }
    }
}

#[test]
fn a_ciphertext_is_a_function_of_label_seed_and_payload() {
    for suite in encrypting() {
        let nodes = nodes(suite, 4);
        let first = Sealed::new(&nodes[0], "slot", 7, PAYLOAD);
        let same = Sealed::new(&nodes[1], "slot", 7, PAYLOAD);
        assert_eq!((&first.header, &first.body), (&same.header, &same.body));
        let other = [Sealed::new(&nodes[0], "slot!", 7, PAYLOAD), Sealed::new(&nodes[0], "slot", 8, PAYLOAD)];
        assert!(other.iter().all(|other| other.header != first.header && other.body != first.body));
    }
}

#[test]
fn empty_and_large_payloads_round_trip() {
    for suite in encrypting() {
        let nodes = nodes(suite, 4);
        for size in [0, 1, 1 << 20] {
            let payload = vec![0xab; size];
            let sealed = Sealed::new(&nodes[0], "slot", 1, &payload);
            assert!(sealed.checks(&nodes[1]));
            let opened = scheme(&nodes[2]).unseal(&sealed.label, &sealed.header, &sealed.seed, sealed.body.clone());
            assert_eq!(opened, Some(payload));
        }
    }
}

/// Every bit of a header, every length, the label, the payload: no share is released for anything but the original.
#[test]
fn nothing_of_a_ciphertext_can_be_changed() {
    for suite in encrypting() {
        let nodes = nodes(suite, 4);
        let mut sealed = Sealed::new(&nodes[0], "slot", 7, PAYLOAD);
        let original = sealed.header.clone();
        for byte in 0..original.len() {
            sealed.header.clone_from(&original);
            sealed.header[byte] ^= 1 << (byte % 8);
            assert!(!sealed.checks(&nodes[1]), "{suite}: byte {byte} of the header");
        }
        for bad in [vec![], vec![0; original.len()], vec![255; original.len()], original[1..].to_vec()] {
            sealed.header = bad;
            assert!(!sealed.checks(&nodes[1]));
            assert_eq!(scheme(&nodes[1]).share(&sealed.header), None);
            assert_eq!(scheme(&nodes[1]).combine(&sealed.label, &sealed.header, &[]), None);
        }
        sealed.header = [&original[..], &[0]].concat();
        assert!(!sealed.checks(&nodes[1]));
        sealed.header.clone_from(&original);
        // Copied by another proposer or into another epoch.
        sealed.label = name("another slot");
        assert!(!sealed.checks(&nodes[1]));
        sealed.label = name("slot");
        for byte in 0..sealed.body.len() {
            let mut body = sealed.body.clone();
            body[byte] ^= 1;
            let changed = Sealed { digest: sealed_digest([body.as_slice()]), header: original.clone(), body, ..sealed };
            assert!(!changed.checks(&nodes[1]));
            let opened = scheme(&nodes[1]).unseal(&changed.label, &changed.header, &changed.seed, changed.body);
            assert_eq!(opened, None);
        }
        assert!(sealed.checks(&nodes[1]), "the original still checks");
    }
}

#[test]
fn shares_verify_for_their_node_and_ciphertext_alone() {
    for suite in encrypting() {
        let nodes = nodes(suite, 4);
        let sealed = Sealed::new(&nodes[0], "slot", 7, PAYLOAD);
        let other = Sealed::new(&nodes[0], "slot", 8, PAYLOAD);
        let shares = sealed.shares(&nodes);
        let others = other.shares(&nodes);
        let proving = !scheme(&nodes[0]).self_proving();
        for i in 0..4 {
            let proof = prove(&nodes[i], &sealed);
            assert_eq!(proof.is_some(), proving);
            let check = |from: usize, share: &DecryptionShare, proof: &Option<DecryptionProof>| {
                valid(&nodes[0], &sealed, from, share, proof.as_ref())
            };
            assert!(check(i, &shares[i].1, &proof));
            assert!(!check((i + 1) % 4, &shares[i].1, &proof), "another node's name");
            assert!(!check(4, &shares[i].1, &proof), "a stranger");
            assert!(!check(i, &shares[(i + 1) % 4].1, &proof), "another node's share");
            assert!(!check(i, &others[i].1, &proof), "a share of another ciphertext");
            assert!(!check(i, &DecryptionShare::from_bytes(&[0; 32]).unwrap(), &proof));
            assert!(!check(i, &DecryptionShare::from_bytes(&[]).unwrap(), &proof));
            if proving {
                assert!(!check(i, &shares[i].1, &None));
                assert!(!check(i, &shares[i].1, &prove(&nodes[i], &other)), "a proof for another ciphertext");
                let bytes = proof.unwrap();
                for byte in 0..bytes.as_bytes().len() {
                    let mut bytes = bytes.as_bytes().to_vec();
                    bytes[byte] ^= 1;
                    assert!(!check(i, &shares[i].1, &DecryptionProof::from_bytes(&bytes)));
                }
            }
        }
    }
}

/// One wrong share in the set, of any kind: no seed, never a wrong one; the right set still opens.
#[test]
fn a_wrong_share_never_gives_a_seed() {
    for suite in encrypting() {
        for n in [4, 5, 7, 10] {
            let nodes = nodes(suite, n);
            let needed = nodes[0].committee().one_honest();
            let sealed = Sealed::new(&nodes[0], "slot", 7, PAYLOAD);
            let shares = sealed.shares(&nodes);
            let elsewhere = Sealed::new(&nodes[0], "elsewhere", 7, PAYLOAD).shares(&nodes);
            for bad in [elsewhere[0].1, shares[1].1, DecryptionShare::from_bytes(&[0; 48]).unwrap()] {
                let mut set = shares[..needed].to_vec();
                set[0].1 = bad;
                assert_eq!(scheme(&nodes[n - 1]).combine(&sealed.label, &sealed.header, &set), None);
            }
        }
    }
}

/// Once a slot is open, its seed tells right shares from wrong ones without any proof.
#[test]
fn the_seed_judges_the_shares_of_suites_that_need_proofs() {
    for suite in encrypting() {
        let nodes = nodes(suite, 4);
        let sealed = Sealed::new(&nodes[0], "slot", 7, PAYLOAD);
        let other = Sealed::new(&nodes[0], "slot", 8, PAYLOAD).shares(&nodes);
        let shares = sealed.shares(&nodes);
        for (i, (node, share)) in shares.iter().enumerate() {
            let judge = |share| scheme(&nodes[3]).judge(&sealed.label, &sealed.header, &sealed.seed, *node, share);
            assert!(judge(share), "{suite}: an honest node was blamed");
            if !scheme(&nodes[3]).self_proving() {
                assert!(!judge(&other[i].1));
                assert!(!judge(&shares[(i + 1) % 4].1));
                assert!(!judge(&DecryptionShare::from_bytes(&[]).unwrap()));
            }
        }
    }
}
