//! Writes the hand-made seeds of the corpus: inputs that reach the good path of each target.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use mellivora_agreement::{AbaMessage, Values, Vote};
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::header::Place;
use mellivora_atomic::{EncryptionSchedule, Input as Event, Message, Submission, Ticket};
use mellivora_broadcast::{PbMessage, PrbcMessage, RbcMessage, RetrievalMessage, SpbMessage};
use mellivora_coding::{Body, CHUNK_BYTES, ChunkTree};
use mellivora_core::codec::{Blob, List, encode};
use mellivora_core::{Digest, Epoch, NodeIndex, NodeSet, Round};
use mellivora_crypto::{Certificate, Endorsement};
use mellivora_fuzz::{agreement, atomic, input::Input};
use mellivora_subset::BkrMessage;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

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

/// Long schedules of the targets that run many steps.
fn schedules() -> Vec<(&'static str, String, Vec<u8>)> {
    let agreements = vec![vec![0, 0], vec![0, 0x31], vec![0, 0x33], vec![1, 0x20], vec![2, 0x21]];
    let starts: [(&str, Vec<Vec<u8>>); 8] = [
        (
            "recall",
            vec![vec![0, 0, 0, 0, 0, 9, 100, 0], vec![0, 1, 0, 1, 1, 9, 90, 0], vec![1, 0, 0, 0], vec![2, 0, 0]],
        ),
        ("restart", vec![vec![0, 0, 1], vec![0, 0, 0], vec![1, 0, 130], vec![0, 0, 129]]),
        ("catch_up", vec![vec![0, 0, 1, 1, 0, 1, 0], vec![0, 0, 0, 2, 0, 0, 0], vec![1, 0, 1, 0, 0, 1, 0]]),
        ("transactions", vec![vec![0, 1, 3, 0], vec![1, 1, 2, 0]]),
        ("mvba", agreements.clone()),
        (
            "dumbo_ng",
            vec![vec![0, 1, 1, 0, 2, 0], vec![0, 0, 2, 1, 0, 1], vec![0, 129, 1, 2, 0, 1], vec![1, 1, 0, 0, 1, 0]],
        ),
        (
            "provable",
            vec![
                vec![0, 0, 0, 0, 0, 9, 100, 0],
                vec![0, 1, 0, 1, 1, 9, 90, 0, 1],
                vec![1, 0, 0, 0, 100, 0, 7, 0],
                vec![1, 0, 0, 1, 100, 0, 7, 0],
                vec![1, 1, 0, 3, 100, 0, 7, 0],
                vec![1, 2, 0, 3, 100, 0, 7, 1],
            ],
        ),
        // Last, since what is drawn for one depends on those before it.
        ("ckps", agreements),
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut schedules = Vec::new();
    for (target, starts) in starts {
        for (i, start) in starts.into_iter().enumerate() {
            schedules.push((target, format!("calm-{i}"), start.clone()));
            for len in [60, 400] {
                let mut rest = vec![0; len];
                rng.fill_bytes(&mut rest);
                schedules.push((target, format!("schedule-{i}-{len}"), [start.clone(), rest].concat()));
            }
        }
    }
    let list = [&3u32.to_le_bytes()[..], &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0], b"abb"].concat();
    // Length, length of a large one, content; then no changes, and nothing cut off or added.
    let three = [vec![1, 3, 0], vec![3, 0, 0, 1], vec![5, 0, 0, 2], vec![0, 1, 0, 7], vec![0, 0, 2]].concat();
    for (name, encrypted) in [("three", 0), ("three-encrypted", 1)] {
        schedules.push(("transactions", name.into(), [vec![encrypted], three.clone()].concat()));
    }
    let two = |one: [u8; 4]| [vec![0, 1, 2, 0], one.to_vec(), one.to_vec(), vec![0, 0, 2]].concat();
    schedules.push(("transactions", "equal-ones".into(), two([3, 0, 0, 1])));
    schedules.push(("transactions", "one-byte-too-long".into(), two([0, 2, 0, 7])));
    for (name, encrypted) in [("raw-list", 0), ("raw-list-encrypted", 1)] {
        schedules.push(("transactions", name.into(), [vec![encrypted, 0], list.clone()].concat()));
    }
    schedules
}

/// Values that travel only inside others, alone.
fn parts() -> Vec<(&'static str, Vec<u8>)> {
    let vote = Vote::Conf { round: Round(3), values: Values::BOTH };
    let share = agreement::keys(0)[1].coin().share(&Digest([5; 32]));
    let endorsement = Endorsement::from_bytes(&[9; 64]).expect("not too long");
    let certificate = Certificate::new(NodeSet::first(3), vec![9; 192].into()).expect("not too long");
    let payload = vec![9; CHUNK_BYTES + 40];
    let tree = ChunkTree::commit(Body::from_bytes(payload.into())).expect("not too long");
    let chunk = tree.chunk(1).expect("the second of two");
    vec![
        ("vote", encode(&vote).to_vec()),
        ("aba-share", encode(&AbaMessage::Share { round: Round(3), share }).to_vec()),
        ("rbc-ready", encode(&RbcMessage::Ready(Digest([7; 32]))).to_vec()),
        ("nodes", encode(&NodeSet::first(9)).to_vec()),
        ("pb-send", encode(&PbMessage::Send(Blob(Bytes::from_static(b"a payload")))).to_vec()),
        ("pb-endorse", encode(&PbMessage::Endorse(endorsement)).to_vec()),
        ("pb-final", encode(&PbMessage::Final(Digest([7; 32]), certificate.clone())).to_vec()),
        ("prbc-delivered", encode(&PrbcMessage::Delivered(Digest([7; 32]), endorsement)).to_vec()),
        ("spb-lock", encode(&SpbMessage::Lock(Digest([7; 32]), certificate)).to_vec()),
        ("retrieval-request", encode(&RetrievalMessage::Request(tree.commitment(), List::new(vec![0, 5]))).to_vec()),
        ("retrieval-chunk", encode(&RetrievalMessage::Chunk(tree.commitment(), 1, chunk)).to_vec()),
        ("retrieval-head", encode(&RetrievalMessage::Head(tree.commitment(), tree.head())).to_vec()),
    ]
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
        ("rbc", "two-stories", [vec![0, 0, 3, 1, 9], bytes(&[100])].concat()),
        // Every message of the Byzantine proposer goes as it should, or is dropped.
        ("provable", "reliable", [vec![0, 0, 0, 0, 0, 9], bytes(&[100])].concat()),
        ("provable", "reliable-two-stories-saving", [vec![0, 1, 0, 1, 1, 9], bytes(&[100]), vec![1]].concat()),
        ("provable", "dispersal", [vec![1, 0, 0, 0], bytes(&[100]), vec![7]].concat()),
        ("provable", "dispersal-four-chunks", [vec![1, 1, 0, 2], bytes(&[500]), vec![7]].concat()),
        ("aba", "two-stories", vec![0, 0, 3, 1, 0, 1, 0]),
        ("subset", "two-stories", vec![0, 0, 0, 2]),
        ("atomic", "two-stories", [vec![0, 0, 130], bytes(&[1, 1, 1, 1])].concat()),
        ("closing", "beyond-the-window", vec![0, 0, 80, 0, 0, 64, 0, 0]),
        ("aba", "all-one", vec![0, 0, 0, 1, 1, 1, 1]),
        ("aba", "mixed-real-coins", vec![0, 0, 1, 1, 0, 1, 0]),
        ("atomic", "encrypted", [vec![0, 0, 0], bytes(&[1, 0, 0, 0])].concat()),
        ("atomic", "plain-all-busy", [vec![0, 0, 1], bytes(&[2, 2, 1, 1])].concat()),
        ("atomic", "every-second-five", [vec![1, 0, 2], bytes(&[2, 0, 1, 0, 2])].concat()),
        ("certificate", "two-signers", [bytes(&[0]), vec![0], bytes(&[2, 0]), vec![0], bytes(&[1]), vec![0]].concat()),
        (
            "certificate",
            "one-signer-twice",
            [bytes(&[0]), vec![0], bytes(&[2, 1]), vec![0], bytes(&[1]), vec![0]].concat(),
        ),
        ("certificate", "one-too-many", [bytes(&[0]), vec![0], bytes(&[3, 0]), vec![0, 1, 0, 0, 2, 0, 0]].concat()),
        ("certificate", "alone", [bytes(&[1]), vec![0], bytes(&[1, 0]), vec![0]].concat()),
        ("certificate", "whole-encoding", [bytes(&[0]), vec![1, 2], bytes(&[0])].concat()),
        ("closing", "strong", vec![0, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 16, 1, 0]),
        ("closing", "by-the-later-one", vec![0, 0, 16, 0, 0]),
        (
            "closing",
            "certificates",
            [bytes(&[0]), vec![20], bytes(&[0, 2, 0, 1]), vec![4], bytes(&[1, 3, 0, 1, 2])].concat(),
        ),
        ("config", "defaults-alone", vec![0; 24]),
        ("config", "defaults-four", [vec![0], bytes(&[3]), vec![0; 24]].concat()),
        ("config", "rounds-far-ahead", [vec![0], bytes(&[3]), vec![0, 0, 0, 0, 0, 0, 1, 255, 0]].concat()),
        ("config", "rounds-as-far-as-may-be", [vec![0], bytes(&[3]), vec![0, 0, 0, 0, 0, 0, 1, 26, 0]].concat()),
        ("subset", "four", vec![0; 4]),
        ("subset", "five-saving-real-coins", vec![1, 0, 1, 1]),
    ];
    let mut seeds: Vec<(&str, String, Vec<u8>)> =
        seeds.into_iter().map(|(t, n, data)| (t, n.to_owned(), data)).collect();
    seeds.extend(schedules());
    run_a_cluster();
    let fetching: [Message<EpochMessage<BkrMessage>>; 4] = [
        Message::FetchHeader(Epoch(1)),
        Message::FetchSlot(Epoch(1), Place(2)),
        Message::Slot(Epoch(1), Place(2), Blob(Bytes::from_static(b"a contribution"))),
        Message::Gone(Epoch(1)),
    ];
    fetching.iter().for_each(|message| keep(&encode(message)));
    let messages = MESSAGES.lock().expect("nobody panics").values().cloned().collect::<Vec<_>>();
    for (i, message) in messages.iter().enumerate() {
        seeds.push(("wire", format!("message-{i:02}"), message.clone()));
    }
    seeds.push(("wire", "frame".into(), messages.concat()));
    seeds.extend(parts().into_iter().map(|(name, data)| ("wire", format!("part-{name}"), data)));
    let bulk: Message<EpochMessage<BkrMessage>> = Message::Slot(Epoch(1), Place(2), Blob(vec![9; 5000].into()));
    let mixed = [encode(&fetching[0]), encode(&bulk), encode(&fetching[3])].concat();
    for (name, to) in [("bulk-to-all", 0), ("bulk-to-one", 1)] {
        seeds.push((
            "frame",
            name.into(),
            [bytes(&[1]), [to, 2].repeat(4), vec![0], bytes(&[300]), mixed.clone()].concat(),
        ));
    }
    for (name, copies) in [("once", 0), ("three-times", 2), ("many-times", 3)] {
        let choices = [bytes(&[1]), vec![0, 1, 2, 3, 0b11101, 0, copies], bytes(&[300])].concat();
        seeds.push(("frame", name.into(), [choices, messages.concat()].concat()));
    }
    for (target, name, data) in seeds {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), data)?;
    }
    Ok(())
}
