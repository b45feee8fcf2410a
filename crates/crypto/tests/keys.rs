//! Identities, key sets and key files.

mod common;

use common::{SIZES, coin_shares, name, nodes, rng};
use mellivora_core::{Committee, NodeIndex};
use mellivora_crypto::{
    Identity, IdentityKey, KeyError, NodeKeys, PublicKeys, SecretKeys, Signature, Suite, deal, verify_batch,
};

fn dealt(suite: Suite, n: usize, seed: u64) -> (PublicKeys, Vec<SecretKeys>) {
    deal(suite, Committee::new(n).unwrap(), &mut rng(seed)).unwrap()
}

#[test]
fn files_round_trip_and_the_nodes_made_of_them_work_together() {
    for &suite in Suite::ALL {
        for n in SIZES {
            let (public, secrets) = dealt(suite, n, 1);
            let read = PublicKeys::from_file(&public.to_file()).unwrap();
            assert_eq!(read, public);
            assert_eq!((read.suite(), read.committee(), read.digest()), (suite, public.committee(), public.digest()));
            let nodes: Vec<NodeKeys> = secrets
                .iter()
                .map(|secret| {
                    let secret = SecretKeys::from_secret_file(&secret.to_secret_file()).unwrap();
                    NodeKeys::new(read.clone(), &secret, [secret.index().0 as u8; 32]).unwrap()
                })
                .collect();
            let name = name("coin");
            assert!(nodes[0].coin().combine(&name, &coin_shares(&nodes, &name)).value.is_some());
        }
    }
}

#[test]
fn a_committee_with_slack_has_threshold_f_plus_one() {
    for &suite in Suite::ALL {
        let committee = Committee::with_faulty(7, 1).unwrap();
        let nodes = mellivora_crypto::deal_nodes(suite, committee, &mut rng(3)).unwrap();
        let name = name("coin");
        let shares = coin_shares(&nodes, &name);
        assert!(nodes[0].coin().combine(&name, &shares[..2]).value.is_some());
        assert!(nodes[0].coin().combine(&name, &shares[..1]).value.is_none());
    }
}

/// Takes two digits of the `nth` hexadecimal string of a file and changes them.
fn damage(file: &str, nth: usize) -> String {
    let mut strings = 0;
    let mut out = String::new();
    for line in file.lines() {
        let mut line = line.to_owned();
        if let (Some(open), Some(close)) = (line.find('"'), line.rfind('"')) {
            let value = &line[open + 1..close];
            if value.len() >= 64 {
                if strings == nth {
                    let at = open + 1 + value.len() / 2;
                    let digit = if &line[at..at + 1] == "0" { "1" } else { "0" };
                    line.replace_range(at..at + 1, digit);
                }
                strings += 1;
            }
        }
        out.push_str(&line);
        out.push('\n');
    }
    assert!(nth < strings, "the file has only {strings} strings");
    out
}

#[test]
fn every_damaged_value_of_a_public_file_is_refused() {
    for &suite in Suite::ALL {
        let (public, _) = dealt(suite, 4, 1);
        let file = public.to_file();
        let values = 1 + 4 + 5 + if suite.encrypts() { 5 } else { 0 };
        for nth in 0..values {
            let error = PublicKeys::from_file(&damage(&file, nth)).unwrap_err();
            assert!(!error.to_string().contains('\n'), "{error}");
        }
        let shape = [
            (file.replace("nodes = 4", "nodes = 5"), "4 entries"),
            (file.replace("nodes = 4", "nodes = 7"), "4 entries"),
            (file.replace("faulty = 1", "faulty = 0"), "threshold"),
            (file.replace("faulty = 1", "faulty = 2"), "impossible committee"),
            (file.replace("version = 1", "version = 2"), "version 2"),
            (file.replace("nodes = 4", "nodes = 4\ncolour = \"blue\""), "colour"),
            (file.replace(suite.name(), "p256"), "p256"),
            (String::new(), "version"),
            ("version = ".to_owned(), "no public key file"),
        ];
        for (file, expected) in shape {
            let error = PublicKeys::from_file(&file).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} should say {expected:?}");
            assert!(!error.contains('\n'));
        }
    }
}

#[test]
fn shares_of_another_key_are_refused() {
    for &suite in Suite::ALL {
        let lines = |seed| dealt(suite, 4, seed).0.to_file().lines().map(str::to_owned).collect::<Vec<_>>();
        let (mut ours, theirs) = (lines(1), lines(2));
        let last = ours.len() - 2;
        ours[last].clone_from(&theirs[last]);
        let error = PublicKeys::from_file(&ours.join("\n")).unwrap_err();
        assert!(matches!(error, KeyError::Inconsistent { .. }), "{error}");
    }
}

/// Lines of a file from a line on, up to the end of its list of shares.
fn table<'a>(lines: &'a mut [String], name: &str) -> &'a mut [String] {
    let start = lines.iter().position(|line| line == name).unwrap();
    let length = lines[start..].iter().position(|line| line == "]").unwrap();
    &mut lines[start..start + length]
}

fn file_lines(suite: Suite, seed: u64) -> Vec<String> {
    dealt(suite, 4, seed).0.to_file().lines().map(str::to_owned).collect()
}

#[test]
fn the_digest_of_a_key_set_covers_each_threshold_key() {
    for &suite in Suite::ALL {
        for name in ["[coin]", "[encryption]"] {
            let (mut ours, mut theirs) = (file_lines(suite, 1), file_lines(suite, 2));
            if !ours.iter().any(|line| line == name) {
                assert!(!suite.encrypts());
                continue;
            }
            // Each key is sound in itself.
            table(&mut ours, name).clone_from_slice(table(&mut theirs, name));
            assert_eq!(PublicKeys::from_file(&ours.join("\n")).unwrap_err(), KeyError::Digest, "{suite}, {name}");
        }
    }
}

#[test]
fn the_identity_element_is_no_key() {
    // All shares zero: a polynomial of any degree, and a secret that everybody knows.
    let neutral = |hex: &str| match hex.len() {
        64 => "00".repeat(32),
        length => "c0".to_owned() + &"00".repeat(length / 2 - 1),
    };
    for suite in [Suite::Ristretto255, Suite::Bls12381] {
        for all in [false, true] {
            let mut lines = file_lines(suite, 1);
            let values = table(&mut lines, "[coin]").iter_mut().filter(|line| line.contains('"'));
            for line in values.take(if all { usize::MAX } else { 1 }) {
                let hex = line.split('"').nth(1).unwrap().to_owned();
                *line = line.replace(&hex, &neutral(&hex));
            }
            let error = PublicKeys::from_file(&lines.join("\n")).unwrap_err();
            assert_eq!(error, KeyError::Invalid { field: "coin.group".to_owned() }, "{suite}");
        }
    }
}

#[test]
fn the_two_halves_of_a_pairing_key_must_have_one_logarithm() {
    let (mut ours, mut theirs) = (file_lines(Suite::Bls12381, 1), file_lines(Suite::Bls12381, 2));
    let group = |lines: &mut [String]| table(lines, "[encryption]")[1].split('"').nth(1).unwrap().to_owned();
    let (our, their) = (group(&mut ours), group(&mut theirs));
    // The half in G2 lies on one polynomial with the shares; the one in G1 is somebody else's.
    let mixed = format!("{}{}", &their[..96], &our[96..]);
    let file = ours.join("\n").replace(&our, &mixed);
    let error = PublicKeys::from_file(&file).unwrap_err();
    assert!(matches!(error, KeyError::Inconsistent { .. }), "{error}");
}

#[test]
fn secrets_that_do_not_fit_are_refused() {
    for &suite in Suite::ALL {
        let (public, secrets) = dealt(suite, 4, 1);
        let (stranger, _) = dealt(suite, 4, 2);
        assert_eq!(NodeKeys::new(stranger, &secrets[0], [0; 32]).unwrap_err(), KeyError::OtherKeySet);
        let file = secrets[2].to_secret_file();
        let read = |file: &str| SecretKeys::from_secret_file(file).unwrap();
        let values = if suite.encrypts() { 4 } else { 3 };
        for nth in 0..values {
            let error = NodeKeys::new(public.clone(), &read(&damage(&file, nth)), [0; 32]).unwrap_err();
            let right = match nth {
                0 => error == KeyError::OtherKeySet,
                _ => matches!(error, KeyError::SecretMismatch { .. }),
            };
            assert!(right, "{error}");
        }
        let other = read(&file.replace("node = 2", "node = 3"));
        assert!(matches!(NodeKeys::new(public.clone(), &other, [0; 32]), Err(KeyError::SecretMismatch { .. })));
        let outside = read(&file.replace("node = 2", "node = 4"));
        let member = KeyError::NotAMember { index: NodeIndex(4), nodes: 4 };
        assert_eq!(NodeKeys::new(public.clone(), &outside, [0; 32]).unwrap_err(), member);
        for bad in [file.replace("coin", "coins"), file.replace("identity = \"", "identity = \"zz"), String::new()] {
            let error = SecretKeys::from_secret_file(&bad).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
            let quoted =
                file.lines().filter_map(|line| line.split('"').nth(1)).any(|value| error.contains(&value[..8]));
            assert!(!quoted, "an error quotes the file: {error}");
        }
    }
}

#[test]
fn no_secret_is_shown() {
    for &suite in Suite::ALL {
        let (public, secrets) = dealt(suite, 4, 1);
        let file = secrets[0].to_secret_file();
        let node = NodeKeys::new(public, &secrets[0], [9; 32]).unwrap();
        let shown =
            format!("{:?} {:?} {:?} {:?} {:?}", secrets[0], node, node.coin(), node.encryption(), node.identity());
        for field in ["identity", "coin", "encryption"] {
            let Some(line) = file.lines().find(|line| line.starts_with(field)) else { continue };
            let value = line.split('"').nth(1).unwrap();
            assert_eq!(value.len(), 64);
            let windows = (0..value.len() - 8).map(|i| &value[i..i + 8]);
            assert!(windows.into_iter().all(|part| !shown.contains(part)), "{shown}");
            // Nor as a list of decimal numbers.
            let byte = |i: usize| u8::from_str_radix(&value[i..i + 2], 16).unwrap();
            assert!(!shown.contains(&format!("{}, {}, {}", byte(0), byte(2), byte(4))), "{shown}");
        }
    }
}

#[test]
fn signatures_verify_singly_and_in_batches_alike() {
    let nodes = nodes(Suite::default(), 7);
    let messages: Vec<Vec<u8>> = (0..7u8).map(|i| vec![i; usize::from(i)]).collect();
    let signatures: Vec<Signature> = nodes.iter().zip(&messages).map(|(node, m)| node.sign(m)).collect();
    let batch = |signatures: &[Signature]| {
        let items = signatures.iter().enumerate().map(|(i, s)| (common::index(i), messages[i].as_slice(), s));
        nodes[3].verify_batch(items)
    };
    let single = |signatures: &[Signature]| {
        signatures.iter().enumerate().all(|(i, s)| nodes[3].verify(common::index(i), &messages[i], s))
    };
    assert!(batch(&[]) && batch(&signatures[..1]) && batch(&signatures) && single(&signatures));
    for i in 0..7 {
        for byte in [0, 31, 32, 63] {
            let mut bad = signatures.clone();
            bad[i].0[byte] ^= 1;
            assert!(!batch(&bad) && !single(&bad));
        }
    }
    // The right message, signed by somebody else.
    let foreign = nodes[2].sign(&messages[1]);
    assert!(nodes[3].verify(common::index(2), &messages[1], &foreign));
    assert!(!nodes[3].verify(common::index(1), &messages[1], &foreign), "a signature in another name");
    assert!(!nodes[3].verify_batch([(common::index(1), messages[1].as_slice(), &foreign)]));
    let mut swapped = signatures.clone();
    swapped.swap(1, 2);
    assert!(!batch(&swapped));
    let stranger = [(common::index(7), messages[0].as_slice(), &signatures[0])];
    assert!(!nodes[3].verify_batch(stranger));
    assert!(!nodes[3].verify(common::index(7), &messages[0], &signatures[0]));
}

/// A signature whose commitment carries an element of small order: strict and lax rules disagree on it, and so could a
/// single check and a batch. Under ZIP 215 both accept the commitment of order 8 with s = 0 for the key of order 8, and
/// such a key never gets into a key set.
#[test]
fn checks_agree_on_elements_of_small_order_and_keys_of_small_order_are_refused() {
    let identity = Identity::from_bytes(&[3; 32]);
    let mut key = [0; 32];
    key[0] = 1;
    assert!(IdentityKey::from_bytes(&key).is_none(), "the neutral element");
    let order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let bytes: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&order_8[2 * i..2 * i + 2], 16).unwrap()).collect();
    let bytes: [u8; 32] = bytes.try_into().unwrap();
    assert!(IdentityKey::from_bytes(&bytes).is_none());
    // A non-canonical encoding of y = 1.
    let mut large = [0xff; 32];
    large[0] = 0xee;
    large[31] = 0x7f;
    assert!(IdentityKey::from_bytes(&large).is_none());
    assert!(IdentityKey::from_bytes(&identity.key().to_bytes()).is_some());
    for commitment in [key, bytes, large] {
        for message in [b"m".as_slice(), b"n", b""] {
            let mut signature = Signature([0; 64]);
            signature.0[..32].copy_from_slice(&commitment);
            let public = identity.key();
            let single = public.verify(message, &signature);
            let good = identity.sign(message);
            let batch = verify_batch(&[1; 32], [(&public, message, &signature), (&public, message, &good)]);
            assert_eq!(single, batch);
        }
    }
}

#[test]
fn the_digest_covers_everything() {
    let mut digests = std::collections::BTreeSet::new();
    for &suite in Suite::ALL {
        for (n, f) in [(4, 1), (4, 0), (5, 1)] {
            for seed in 0..2 {
                let committee = Committee::with_faulty(n, f).unwrap();
                digests.insert(deal(suite, committee, &mut rng(seed)).unwrap().0.digest());
            }
        }
    }
    assert_eq!(digests.len(), Suite::ALL.len() * 6);
}
