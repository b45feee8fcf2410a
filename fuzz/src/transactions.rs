//! Contributions of a Byzantine proposer: lists of transactions, or anything else, through whole nodes.

use bytes::Bytes;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{EncryptionSchedule, HoneyBadger, Message};
use mellivora_broadcast::RbcMessage;
use mellivora_coding::Codec;
use mellivora_core::{Digest, Domain, Epoch, Era, FaultKind, Layer, NodeIndex, Purpose, Round, Segment};
use mellivora_crypto::{NodeKeys, Seed};
use mellivora_subset::{Bkr, BkrMessage};

use crate::agreement::keys;
use crate::atomic::{SHARE, batches, config, finish, network, submit, transaction};
use crate::input::Input;
use crate::network::Network;

/// The limits of the cluster, and the room that encryption takes.
const MAX_TRANSACTION: usize = 512;
const MAX_TRANSACTIONS: usize = SHARE;
const MAX_BYTES: usize = 8192 - 512;

/// Exactly the well-formed lists are ordered, each transaction once, in the clear and under encryption; of anything
/// else nothing is, and its proposer is blamed for it. All nodes judge alike.
pub fn transactions(data: &[u8]) -> bool {
    let mut input = Input(data);
    let encryption = if input.byte() & 1 == 0 { EncryptionSchedule::Never } else { EncryptionSchedule::Always };
    let content = content(&mut input);
    let list = parse(&content);
    if let Some(list) = &list {
        assert_eq!(frame(list), content, "one encoding");
    }

    let keys = keys(0);
    let mut network = network(keys, encryption);
    let byzantine = network.byzantine();
    // The proposer is made up here; its own node stays out of it.
    network.cut(byzantine);
    let honest: Vec<NodeIndex> = (0..byzantine.0).map(NodeIndex).collect();
    for node in &honest {
        network.input(*node, submit(*node, 0..1), &mut Input(&[]));
    }
    propose(&mut network, keys, encryption, content);
    network.run(&mut Input(&[]));
    finish(&mut network, &mut Input(&[]));

    let own: Vec<Bytes> = honest.iter().map(|node| transaction(*node, 0)).collect();
    let mut expected: Vec<&[u8]> = Vec::new();
    for transaction in list.iter().flatten() {
        if !own.contains(transaction) && !expected.contains(&&transaction[..]) {
            expected.push(transaction);
        }
    }
    for node in &honest {
        let all = batches(&network.honest()[node.as_usize()]);
        let (first, rest) = all.split_first().expect("an epoch is over");
        assert!(first.proposers().any(|proposer| proposer == byzantine), "its contribution was there first");
        let ordered: Vec<&[u8]> =
            first.iter().filter(|(position, _)| position.proposer == byzantine).map(|(_, bytes)| bytes).collect();
        assert_eq!(ordered, expected, "what the list says, in its order");
        assert!(rest.iter().all(|batch| batch.is_empty()), "nothing is left for later");
        let blamed: Vec<FaultKind> = network.faults(*node).iter().map(|fault| fault.kind).collect();
        let due: &[FaultKind] = if list.is_some() { &[] } else { &[FaultKind::MalformedContribution] };
        assert_eq!(blamed, due, "blame for a malformed list, and for nothing else");
    }
    list.is_some_and(|list| !list.is_empty())
}

/// Bytes as they come, or a list with changes.
fn content(input: &mut Input<'_>) -> Vec<u8> {
    if input.byte() & 1 == 0 {
        return input.take(MAX_BYTES).to_vec();
    }
    let list: Vec<Bytes> = (0..input.below(MAX_TRANSACTIONS + 2))
        .map(|_| {
            let len = [usize::from(input.byte()) % 16, MAX_TRANSACTION - 1 + input.below(3)];
            let text = [input.byte() & 7];
            let len = len[usize::from(text[0] == 7)];
            text.iter().copied().cycle().take(len).collect::<Vec<u8>>().into()
        })
        .collect();
    let mut bytes = frame(&list);
    for _ in 0..input.below(3) {
        if !bytes.is_empty() {
            let at = input.below(bytes.len());
            bytes[at] ^= input.byte();
        }
    }
    match input.byte() % 4 {
        0 => bytes.truncate(input.below(bytes.len() + 1)),
        1 => bytes.extend_from_slice(input.take(8)),
        _ => {}
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

/// The documented form, written down once more: a count, the lengths, the transactions, all integers little-endian.
fn frame(list: &[Bytes]) -> Vec<u8> {
    if list.is_empty() {
        return Vec::new();
    }
    let number = |number: usize| (number as u32).to_le_bytes();
    let mut bytes = number(list.len()).to_vec();
    list.iter().for_each(|transaction| bytes.extend(number(transaction.len())));
    list.iter().for_each(|transaction| bytes.extend_from_slice(transaction));
    bytes
}

/// A list within the limits, or nothing.
fn parse(bytes: &[u8]) -> Option<Vec<Bytes>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut rest = bytes;
    let mut number = || {
        let (first, after) = rest.split_first_chunk()?;
        rest = after;
        Some(u32::from_le_bytes(*first) as usize)
    };
    let count = number().filter(|count| (1..=MAX_TRANSACTIONS).contains(count))?;
    let lengths: Vec<usize> = (0..count).map(|_| number()).collect::<Option<_>>()?;
    let mut list = Vec::new();
    for length in lengths {
        if length > MAX_TRANSACTION || length > rest.len() {
            return None;
        }
        let (transaction, after) = rest.split_at(length);
        list.push(Bytes::copy_from_slice(transaction));
        rest = after;
    }
    rest.is_empty().then_some(list)
}

/// The last node proposes `content` in epoch 0: each honest node gets its shard.
fn propose(
    network: &mut Network<HoneyBadger<Bkr>>,
    keys: &[NodeKeys],
    encryption: EncryptionSchedule,
    mut content: Vec<u8>,
) {
    let byzantine = network.byzantine();
    let epoch = Epoch(0);
    if encryption.encrypts(epoch) && !content.is_empty() {
        let session = Domain::new(network.node(byzantine).cluster_id(), Era(0));
        let slot = session.child(Segment::epoch(epoch)).child(Segment::of(Layer::Slot, byzantine));
        let label: Digest = slot.statement(Purpose::Encryption, Round(0)).digest();
        let scheme = keys[0].encryption().expect("the suite encrypts");
        let mut contribution = scheme.seal(&label, &Seed([1; 32]), &mut content);
        contribution.append(&mut content);
        content = contribution;
    }
    let payload_bytes = config(network.committee(), encryption).limits.payload_bytes;
    let codec = Codec::new(network.committee(), payload_bytes).expect("this machine can run the code");
    let encoded = codec.encode(content.into()).expect("within the bound");
    for (to, shard) in network.committee().nodes().zip(encoded.shards).filter(|(to, _)| *to != byzantine) {
        let message = RbcMessage::Val { root: encoded.commitment, shard };
        let message = EpochMessage::Subset(BkrMessage::Rbc { proposer: byzantine, message });
        network.deliver(byzantine, to, Message::Epoch { epoch, message }, &mut Input(&[]));
    }
}
