//! Key files: whatever the text, reading answers with an error or with keys that are sound.

use std::sync::OnceLock;

use mellivora_core::Committee;
use mellivora_crypto::{NodeKeys, PublicKeys, SecretKeys, Suite, deal};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::input::Input;

/// Per suite, the public file and the secret files of one committee.
fn files(choice: usize) -> &'static (String, Vec<String>) {
    static FILES: OnceLock<Vec<(String, Vec<String>)>> = OnceLock::new();
    let all = FILES.get_or_init(|| {
        let committee = Committee::new(4).expect("four nodes");
        let write = |suite: &Suite| {
            let (public, secrets) =
                deal(*suite, committee, &mut ChaCha8Rng::seed_from_u64(3)).expect("the dealer makes sound keys");
            (public.to_file(), secrets.iter().map(|secret| secret.to_secret_file().to_string()).collect())
        };
        Suite::ALL.iter().map(write).collect()
    });
    &all[choice % all.len()]
}

/// The first byte chooses between text of the fuzzer's own and changes to real files.
pub fn keyfile(data: &[u8]) -> bool {
    let mut input = Input(data);
    let (public, secrets) = files(input.below(Suite::ALL.len()));
    let (mut public, mut secret) = (public.clone(), secrets[input.below(secrets.len())].clone());
    let whole = (public.clone(), secret.clone());
    match input.byte() % 3 {
        0 => {}
        1 => {
            let text = String::from_utf8_lossy(input.0).into_owned();
            (public, secret) = (text.clone(), text);
        }
        _ => {
            for _ in 0..=input.below(3) {
                edit(&mut public, &mut input);
                edit(&mut secret, &mut input);
            }
        }
    }
    let public_keys = PublicKeys::from_file(&public);
    let secret_keys = SecretKeys::from_secret_file(&secret);
    for error in [public_keys.as_ref().err(), secret_keys.as_ref().err()].into_iter().flatten() {
        let message = error.to_string();
        assert!(!message.is_empty() && !message.contains('\n'), "one line: {message:?}");
    }
    if let Ok(keys) = &public_keys {
        assert_eq!(PublicKeys::from_file(&keys.to_file()).as_ref(), Ok(keys), "what is read can be written");
    }
    if let Ok(keys) = &secret_keys {
        let again = SecretKeys::from_secret_file(&keys.to_secret_file()).expect("what is read can be written");
        assert_eq!(*again.to_secret_file(), *keys.to_secret_file());
    }
    let (Ok(public_keys), Ok(secret_keys)) = (public_keys, secret_keys) else { return false };
    let node = NodeKeys::new(public_keys, &secret_keys, [0; 32]);
    assert!(node.is_ok() || (public, secret) != whole, "the dealer's files fit together");
    node.is_ok()
}

/// Replaces a character, or cuts or doubles a line.
fn edit(text: &mut String, input: &mut Input<'_>) {
    let kind = input.byte() % 4;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return;
    }
    let at = input.below(lines.len());
    match kind {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        _ => {
            let column = input.below(lines[at].len().max(1));
            let with = char::from(b"0123456789abcdef\"=[], -zZ"[input.below(25)]);
            // The files are ASCII; after an edit still.
            if column < lines[at].len() {
                lines[at].replace_range(column..=column, with.encode_utf8(&mut [0; 4]));
            }
        }
    }
    *text = lines.join("\n");
}
