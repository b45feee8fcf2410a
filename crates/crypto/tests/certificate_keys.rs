//! Keys of certificates in key sets and key files.

mod common;

use common::rng;
use mellivora_core::Committee;
use mellivora_crypto::{Certificates, KeyError, NodeKeys, PublicKeys, Schemes, SecretKeys, Suite, deal};

const SCHEMES: Schemes = Schemes { suite: Suite::Ristretto255, certificates: Certificates::Bls12381 };

fn dealt(schemes: Schemes, seed: u64) -> (PublicKeys, Vec<SecretKeys>) {
    deal(schemes, Committee::new(4).unwrap(), &mut rng(seed)).unwrap()
}

/// The file up to the table of certificate keys, and that table.
fn split(file: &str) -> (&str, &str) {
    file.split_at(file.find("[certificates]").unwrap())
}

fn refused(file: &str) -> KeyError {
    let error = PublicKeys::from_file(file).unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn files_round_trip_and_say_which_certificates_they_are_for() {
    for &suite in Suite::ALL {
        for &certificates in Certificates::ALL {
            let (public, secrets) = dealt(Schemes { suite, certificates }, 1);
            let read = PublicKeys::from_file(&public.to_file()).unwrap();
            assert_eq!((read.suite(), read.certificates(), read.digest()), (suite, certificates, public.digest()));
            assert_eq!(read.to_file(), public.to_file());
            for secret in &secrets {
                let again = SecretKeys::from_secret_file(&secret.to_secret_file()).unwrap();
                assert_eq!(*again.to_secret_file(), *secret.to_secret_file());
                NodeKeys::new(read.clone(), &again, [1; 32]).unwrap();
            }
        }
    }
}

/// Files from before there was a choice have no such table. Their keys, and the digest of them, are what they were.
#[test]
fn files_without_certificate_keys_are_for_ed25519() {
    let (old, _) = dealt(Suite::Ristretto255.into(), 1);
    assert!(!old.to_file().contains("certificates"));
    assert_eq!(PublicKeys::from_file(&old.to_file()).unwrap().certificates(), Certificates::Ed25519);
    let (new, _) = dealt(SCHEMES, 1);
    // All other keys are dealt alike, and the digests tell the two apart.
    assert_eq!(old.identities(), new.identities());
    assert_ne!(old.digest(), new.digest());
    let (without, _) = split(new.to_file().leak());
    assert_eq!(refused(without), KeyError::Digest);
}

#[test]
fn every_damaged_value_is_refused() {
    let (public, _) = dealt(SCHEMES, 1);
    let file = public.to_file();
    let (front, table) = split(&file);
    let values: Vec<&str> = table.split('"').skip(3).step_by(2).collect();
    assert_eq!(values.iter().map(|value| value.len()).collect::<Vec<_>>(), [[192; 4], [96; 4]].concat());
    for value in &values {
        for at in [0, 1, value.len() / 2, value.len() - 1] {
            let mut damaged = (*value).to_owned();
            let digit = if &value[at..=at] == "0" { "1" } else { "0" };
            damaged.replace_range(at..=at, digit);
            let error = refused(&(front.to_owned() + &table.replace(value, &damaged)));
            assert!(matches!(error, KeyError::Invalid { .. } | KeyError::Possession(_)), "{error}");
        }
    }
    for (from, to, part) in [
        ("bls12-381", "rsa", "use ed25519 or bls12-381"),
        ("bls12-381", "ed25519", "must not have certificate keys"),
        ("scheme", "schemes", "schemes"),
        ("proofs", "profs", "profs"),
    ] {
        let error = refused(&(front.to_owned() + &table.replace(from, to))).to_string();
        assert!(error.contains(part), "{error}");
    }
    let short: String = table.split_inclusive('\n').filter(|line| !line.contains(values[7])).collect();
    assert!(matches!(refused(&(front.to_owned() + &short)), KeyError::Count { found: 3, .. }));
}

#[test]
fn the_digest_of_a_key_set_covers_the_certificate_keys() {
    let (ours, theirs) = (dealt(SCHEMES, 1).0.to_file(), dealt(SCHEMES, 2).0.to_file());
    // Each table is sound in itself.
    let mixed = split(&ours).0.to_owned() + split(&theirs).1;
    assert_eq!(refused(&mixed), KeyError::Digest);
}

#[test]
fn secrets_must_fit_and_are_not_shown() {
    let (public, secrets) = dealt(SCHEMES, 1);
    let (_, others) = dealt(SCHEMES, 2);
    let line = |secret: &SecretKeys| {
        let file = secret.to_secret_file();
        file.lines().find(|line| line.starts_with("certificates")).unwrap().to_owned()
    };
    let file = secrets[2].to_secret_file();
    let own = line(&secrets[2]);
    let mismatch = KeyError::SecretMismatch { key: "certificates", index: secrets[2].index() };
    let zero = format!("certificates = \"{}\"", "00".repeat(32));
    for wrong in [line(&secrets[1]), line(&others[2]), zero, String::new()] {
        let secret = SecretKeys::from_secret_file(&file.replace(&own, &wrong)).unwrap();
        assert_eq!(NodeKeys::new(public.clone(), &secret, [0; 32]).unwrap_err(), mismatch);
    }
    assert!(SecretKeys::from_secret_file(&file.replace(&own, "certificates = \"00\"")).is_err());
    // A secret that nobody asked for.
    let (plain, secrets) = dealt(Suite::default().into(), 1);
    let more = secrets[2].to_secret_file().to_string() + &own;
    let error = NodeKeys::new(plain, &SecretKeys::from_secret_file(&more).unwrap(), [0; 32]).unwrap_err();
    assert_eq!(error, mismatch);

    let value = own.split('"').nth(1).unwrap();
    let (public, secrets) = dealt(SCHEMES, 1);
    let node = NodeKeys::new(public, &secrets[2], [9; 32]).unwrap();
    let shown = format!("{:?} {:?} {:?}", secrets[2], node, node.certificates());
    assert!((0..value.len() - 8).all(|i| !shown.contains(&value[i..i + 8])), "{shown}");
}
