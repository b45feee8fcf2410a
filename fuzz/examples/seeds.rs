//! Writes the hand-made seeds of the corpus: inputs that reach the good path of each target.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use mellivora_atomic::{EncryptionSchedule, Input as Event, Message, Submission, Ticket};
use mellivora_core::codec::{Blob, encode};
use mellivora_core::{Epoch, NodeIndex};
use mellivora_fuzz::{agreement, atomic, input::Input};
use mellivora_subset::BkrMessage;

/// Kind and length of a message.
type Sort = (Vec<u8>, usize);

/// Messages of a real run, of each sort the first.
static MESSAGES: Mutex<BTreeMap<Sort, Vec<u8>>> = Mutex::new(BTreeMap::new());

fn keep(message: &[u8]) {
    // Kind, epoch, kind within the epoch and further down.
    let kind = message.iter().enumerate().filter(|(at, _)| matches!(at, 0 | 9..=12 | 16)).map(|(_, byte)| *byte);
    let mut messages = MESSAGES.lock().expect("nobody panics");
    messages.entry((kind.collect(), message.len())).or_insert_with(|| message.to_vec());
}

fn run_a_cluster() {
    let mut network = atomic::network(agreement::keys(0), EncryptionSchedule::Always);
    network.tap = Some(keep);
    for i in 0..3u16 {
        let submission = Submission { ticket: Ticket(i.into()), transaction: format!("transaction {i}").into() };
        network.input(NodeIndex(i), Event::Submit(vec![submission]), &mut Input(&[]));
        network.run(&mut Input(&[]));
    }
}

fn main() -> std::io::Result<()> {
    let bytes = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    // The functions in the library say what each byte chooses.
    let seeds: Vec<(&str, &str, Vec<u8>)> = vec![
        ("coding", "honest-four", [bytes(&[1, 1000, 1000, 0]), vec![7; 40]].concat()),
        ("coding", "one-node", [bytes(&[0, 10, 10, 0]), vec![1; 20]].concat()),
        (
            "coding",
            "wrong-parity",
            [bytes(&[1, 300, 300, 1, 3, 5]), vec![9], bytes(&[1, 258, 3, 77]), vec![5]].concat(),
        ),
        ("coin", "all-right", [vec![0, 0, 1], bytes(&[3, 3, 3, 3])].concat()),
        ("coin", "two-right", [vec![0, 0, 1], bytes(&[3, 0, 3, 0])].concat()),
        ("coin", "two-right-one-changed", [vec![1, 0, 1], bytes(&[2, 1, 9]), vec![1], bytes(&[3, 3, 0])].concat()),
        ("ciphertext", "whole", vec![0; 8]),
        ("ciphertext", "whole-second-suite", [vec![1], vec![0; 8]].concat()),
        ("keyfile", "whole", vec![0; 5]),
        ("keyfile", "whole-second-suite", [vec![1], vec![0; 4]].concat()),
        ("rbc", "honest-proposer", [vec![0, 0, 0, 0, 9], bytes(&[100])].concat()),
        ("rbc", "byzantine-proposer-saving", [vec![1, 0, 1, 1, 9], bytes(&[100])].concat()),
        ("aba", "all-one", vec![0, 0, 0, 1, 1, 1, 1]),
        ("aba", "mixed-real-coins", vec![0, 0, 1, 1, 0, 1, 0]),
        ("atomic", "encrypted", [vec![0, 0, 0], bytes(&[1, 0, 0, 0])].concat()),
        ("atomic", "plain-all-busy", [vec![0, 0, 1], bytes(&[2, 2, 1, 1])].concat()),
        ("atomic", "every-second-five", [vec![1, 0, 2], bytes(&[2, 0, 1, 0, 2])].concat()),
        ("subset", "four", vec![0; 4]),
        ("subset", "five-saving-real-coins", vec![1, 0, 1, 1]),
    ];
    run_a_cluster();
    let fetching: [Message<BkrMessage>; 4] = [
        Message::FetchHeader(Epoch(1)),
        Message::FetchSlot(Epoch(1), NodeIndex(2)),
        Message::Slot(Epoch(1), NodeIndex(2), Blob(Bytes::from_static(b"a contribution"))),
        Message::Gone(Epoch(1)),
    ];
    fetching.iter().for_each(|message| keep(&encode(message)));
    let messages = MESSAGES.lock().expect("nobody panics").values().cloned().collect::<Vec<_>>();
    let named = messages.iter().enumerate().map(|(i, message)| ("wire", format!("message-{i:02}"), message.clone()));
    let named: Vec<_> = named.chain([("wire", "frame".into(), messages.concat())]).collect();
    let seeds = seeds.into_iter().map(|(target, name, data)| (target, name.to_owned(), data)).chain(named);
    for (target, name, data) in seeds {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), data)?;
    }
    Ok(())
}
