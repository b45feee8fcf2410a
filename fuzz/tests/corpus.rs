//! Replays the committed corpus of every target.

use std::path::Path;

#[test]
fn the_corpus_of_every_target_replays() {
    for (name, run) in mellivora_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("corpus of {name}: {error}"));
        let (mut files, mut accepted) = (0, 0);
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            let data = std::fs::read(&path).expect("a readable file");
            match std::panic::catch_unwind(|| run(&data)) {
                Ok(reached) => accepted += usize::from(reached),
                Err(_) => panic!("{name}: {} breaks a property, see above", path.display()),
            }
            files += 1;
        }
        assert!(accepted > 0, "{name}: nothing of the {files} files is accepted, so nothing is tested");
        println!("{name}: {files} files, {accepted} accepted");
    }
}

#[test]
fn every_target_has_its_binary() {
    let manifest = include_str!("../Cargo.toml");
    for (name, _) in mellivora_fuzz::TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

/// Bytes that no fuzzer chose: every target stands them, too.
#[test]
fn noise_is_harmless() {
    use rand_chacha::rand_core::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    for (_, run) in mellivora_fuzz::TARGETS {
        for len in (0..48).chain([200, 2_000]) {
            let mut data = vec![0; len];
            rng.fill_bytes(&mut data);
            run(&data);
        }
    }
}
