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
fn every_target_has_its_binary_and_every_binary_its_target() {
    let manifest = include_str!("../Cargo.toml");
    assert_eq!(manifest.matches("[[bin]]").count(), mellivora_fuzz::TARGETS.len());
    for (name, _) in mellivora_fuzz::TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

/// libFuzzer refuses to start with a dictionary that it cannot read.
#[test]
fn dictionaries_are_well_formed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries");
    for entry in std::fs::read_dir(folder).expect("a folder of dictionaries") {
        let path = entry.expect("a readable folder").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        assert!(mellivora_fuzz::TARGETS.iter().any(|(name, _)| *name == stem), "{stem} is no target");
        let text = std::fs::read_to_string(&path).expect("text");
        let entries: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert!(!entries.is_empty(), "{stem} has no entries");
        for entry in entries {
            assert!(is_entry(entry), "{stem}: {entry}");
        }
    }
}

/// `name="value"`, where a value is printable, with `\\`, `\"` and `\xAB` for everything else.
fn is_entry(line: &str) -> bool {
    let value = line.split_once("=\"").and_then(|(name, rest)| Some((name, rest.strip_suffix('"')?)));
    let Some((name, mut rest)) = value else { return false };
    let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    while let Some(first) = rest.chars().next() {
        let escape = rest.strip_prefix('\\').map(|after| match after.as_bytes() {
            [b'\\' | b'"', ..] => 2,
            [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => 4,
            _ => 0,
        });
        let length = escape.unwrap_or(usize::from(first.is_ascii_graphic() || first == ' '));
        if length == 0 || first == '"' {
            return false;
        }
        rest = &rest[length..];
    }
    named
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
