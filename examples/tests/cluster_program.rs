//! The `cluster` program as people run it: what goes in, what comes out, and the exit code.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program that was built along with this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let profile = test.parent().and_then(Path::parent).expect("it lies in a folder of the profile");
    profile.join("examples").join(format!("cluster{}", std::env::consts::EXE_SUFFIX))
}

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo test builds the examples");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The program may end without reading its input.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    output
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mellivora-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }

    fn as_str(&self) -> &str {
        self.0.to_str().expect("a readable name")
    }

    fn ledgers(&self) -> Vec<Vec<u8>> {
        let mut paths: Vec<_> =
            fs::read_dir(&self.0).expect("made").map(|entry| entry.expect("listed").path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read(path).expect("readable")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    assert_eq!(text.trim_end().lines().count(), 1, "one object and nothing else: {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// How often each line occurs.
fn count(text: &[u8]) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        *counts.entry(line.strip_suffix(b"\n").unwrap_or(line).to_vec()).or_default() += 1;
    }
    counts
}

#[test]
fn repeated_empty_and_binary_lines_come_out_complete_and_equal_at_all_nodes() {
    let folder = Folder::new("lines");
    let mut input = Vec::new();
    for i in 0..500u32 {
        input.extend_from_slice(match i % 5 {
            0 => b"the same line\n",
            1 => b"\n",
            2 => b"\xff\xfe\x00binary\r\n",
            3 => b"the same line \n",
            _ => b"",
        });
        input.extend_from_slice(format!("line {i}\n").as_bytes());
    }
    input.extend_from_slice(b"without a newline at the end");
    let output = run(&["--input", "-", "--output", folder.as_str(), "--json", "--seed", "1"], &input);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!((&report["submitted"], &report["lost"], &report["equal"]), (&901.into(), &0.into(), &true.into()));
    let ledgers = folder.ledgers();
    assert_eq!(ledgers.len(), 4);
    for ledger in &ledgers {
        assert_eq!(*ledger, ledgers[0]);
    }
    assert_eq!(count(&ledgers[0]), count(&input));
}

#[test]
fn every_kind_of_fault_is_withstood() {
    for kind in ["silent", "crash", "equivocate", "garbage", "flood", "withhold"] {
        let faulty = format!("2:{kind}");
        let output = run(&["--faulty", &faulty, "--txs", "500", "--batch", "100", "--seed", "3", "--json"], b"");
        let report = json(&output);
        assert_eq!(output.status.code(), Some(0), "{kind}: {report}");
        assert_eq!((&report["committed"], &report["lost"]), (&500.into(), &0.into()), "{kind}");
        let nodes = report["nodes"].as_array().expect("a list");
        assert_eq!(nodes[2]["kind"], kind);
        let honest = [&nodes[0], &nodes[1], &nodes[3]];
        for node in honest {
            assert_eq!((&node["kind"], &node["committed"]), (&"honest".into(), &500.into()), "{kind}");
            assert_eq!(node["digest"], nodes[0]["digest"], "{kind}");
        }
        let blamed: Vec<_> = honest.iter().flat_map(|node| node["blamed"].as_array().expect("a list")).collect();
        assert!(blamed.iter().all(|node| **node == 2), "{kind}: an honest node is blamed: {blamed:?}");
        if matches!(kind, "equivocate" | "garbage" | "flood") {
            assert!(!blamed.is_empty(), "{kind} is noticed");
        }
    }
}

#[test]
fn a_line_that_is_too_long_is_refused_by_number_and_the_rest_is_ordered() {
    let folder = Folder::new("long");
    let mut input = b"first\n".to_vec();
    input.extend(std::iter::repeat_n(b'x', 3 << 20));
    input.extend_from_slice(b"\nthird\n");
    let output = run(&["--input", "-", "--output", folder.as_str(), "--json"], &input);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!((&report["submitted"], &report["committed"]), (&2.into(), &2.into()));
    assert_eq!(report["refused"][0]["line"], 2);
    assert!(report["refused"][0]["reason"].as_str().is_some_and(|reason| reason.contains("at most")), "{report}");
    assert_eq!(count(&folder.ledgers()[3]), count(b"first\nthird\n"));
}

#[test]
fn empty_input_ends_at_once_with_empty_ledgers() {
    let folder = Folder::new("empty");
    let output = run(&["--input", "-", "--nodes", "7", "--output", folder.as_str(), "--json"], b"");
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    assert_eq!((&report["submitted"], &report["equal"]), (&0.into(), &true.into()));
    let ledgers = folder.ledgers();
    assert!(ledgers.len() == 7 && ledgers.iter().all(Vec::is_empty));
}

#[test]
fn sizes_suites_and_schedules() {
    for args in [
        &["--nodes", "1", "--txs", "300"][..],
        &["--nodes", "7", "--faulty", "0:silent", "--faulty", "6:equivocate", "--txs", "300", "--batch", "100"],
        &["--nodes", "10", "--encrypt", "every:2", "--txs", "200", "--tx-size", "0"],
        &["--suite", "bls12-381", "--txs", "100"],
        &["--protocol", "sdumbo", "--certificates", "bls12-381", "--txs", "100", "--batch", "100"],
        &["--protocol", "dumbo-ng", "--certificates", "bls12-381", "--txs", "100", "--batch", "100"],
        &["--encrypt", "never", "--epochs", "2", "--batch", "100"],
        &["--txs", "0"],
    ] {
        let output = run(args, b"");
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("honest ledgers: equal"), "{args:?}");
        assert!(output.stderr.is_empty(), "no progress bar without a terminal");
    }
}

#[test]
fn what_cannot_be_is_refused_with_one_line_and_exit_code_2() {
    for (args, hint) in [
        (&["--nodes", "0"][..], "node"),
        (&["--nodes", "3", "--faulty", "1:silent"], "at most 0"),
        (&["--nodes", "4", "--faulty", "0:silent", "--faulty", "1:crash"], "at most 1"),
        (&["--faulty", "4:silent"], "from 0 to 3"),
        (&["--faulty", "1:lazy"], "silent, crash, equivocate, garbage, flood, withhold"),
        (&["--faulty", "1"], "NODE:KIND"),
        (&["--protocol", "raft"], "honey-badger"),
        (&["--suite", "rsa"], "ristretto255"),
        (&["--certificates", "rsa"], "use ed25519 or bls12-381"),
        (&["--encrypt", "sometimes"], "every:K"),
        (&["--batch", "0"], "batch size"),
        (&["--tx-size", "99999999"], "too large"),
        (&["--input", "no/such/file"], "no/such/file"),
        (&["--input", "."], "directory"),
        (&["--output", "/dev/null/x"], "cannot make"),
        (&["--txs", "many"], "many"),
        (&["--input", "-", "--txs", "5"], "--txs"),
        (&["--nonsense"], "--nonsense"),
    ] {
        let output = run(args, b"");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{args:?}: {errors}");
        assert!(errors.contains(hint), "{args:?}: {errors}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    let help = run(&["--help"], b"");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("--faulty"));
}
