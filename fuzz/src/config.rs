//! Configurations: any combination of constants is refused, or a node can be built from it and works.

use bytes::Bytes;
use mellivora_agreement::{CoinSchedule, Vote};
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Config, EncryptionSchedule, HoneyBadger, Input as Event, Local, Message, Output};
use mellivora_atomic::{Submission, Ticket};
use mellivora_broadcast::EchoMode;
use mellivora_core::codec::List;
use mellivora_core::{Committee, Digest, Epoch, Limits, NodeIndex, NodeSet, Round};
use mellivora_crypto::Suite;
use mellivora_subset::bkr::Ballot;
use mellivora_subset::{Bkr, BkrMessage};

use crate::input::Input;
use crate::keys::dealt;
use crate::network::Network;

/// Committees up to this size get keys.
const DEALT: usize = 5;
/// Memory that a few votes may make a node use.
const VOTES: usize = 32 << 20;

/// Whatever is accepted makes a node that orders what is within its limits and refuses what is not; nothing that is
/// read from text panics, and what is read reads back equal.
pub fn config(data: &[u8]) -> bool {
    let mut input = Input(data);
    let nodes = if input.byte() & 1 == 0 { 1 + input.below(DEALT) } else { number(&mut input) as usize };
    let faulty = if input.byte() & 1 == 0 { nodes.saturating_sub(1) / 3 } else { number(&mut input) as usize };
    let limits = Limits {
        payload_bytes: or(&mut input, Limits::default().payload_bytes),
        transaction_bytes: or(&mut input, Limits::default().transaction_bytes),
        transactions: or(&mut input, Limits::default().transactions),
        epochs_ahead: or(&mut input, Limits::default().epochs_ahead as usize) as u64,
        pipeline: or(&mut input, Limits::default().pipeline as usize) as u64,
        rounds_ahead: or(&mut input, Limits::default().rounds_ahead as usize) as u32,
        ..Limits::default()
    };
    let encryption = match input.byte() % 4 {
        0 => EncryptionSchedule::Always,
        1 => EncryptionSchedule::Never,
        _ => EncryptionSchedule::Every(number(&mut input)),
    };
    let coins = if input.byte() & 1 == 0 { CoinSchedule::Fixed10Real } else { CoinSchedule::AlwaysReal };
    let spare = number(&mut input) as usize;
    let echo = if input.byte() & 1 == 0 { EchoMode::Full } else { EchoMode::Saving { spare } };
    let batch_size = or(&mut input, 1000);
    let dedup_epochs = number(&mut input);
    let suite = Suite::ALL[usize::from(input.byte()) % Suite::ALL.len()];
    let length = input.below(2000);
    text(input.0);

    let committee = Committee::with_faulty(nodes, faulty);
    assert_eq!(committee.is_ok(), (1..=NodeSet::CAPACITY).contains(&nodes) && faulty <= (nodes - 1) / 3);
    let Ok(committee) = committee else { return false };
    let config = Config::new(committee)
        .limits(limits)
        .encryption(encryption)
        .coin_schedule(coins)
        .echo(echo)
        .batch_size(batch_size)
        .dedup_epochs(dedup_epochs);
    let checked = config.check();
    let other = config.clone().dedup_epochs(dedup_epochs ^ 1);
    let id = |config: &Config| config.cluster_id(&Digest([1; 32]), "bkr");
    assert_ne!(id(&config), id(&other), "the cluster id binds it");
    assert!(checked.is_err() || (1..=limits.transactions).contains(&config.proposal_size()));
    if nodes > DEALT {
        return false;
    }
    let keys = dealt(suite, committee);
    let build = |me: NodeIndex| {
        HoneyBadger::<Bkr>::new(config.clone(), keys[me.as_usize()].clone(), Local::new([me.0 as u8; 32]))
    };
    let built = build(NodeIndex(0));
    if let Err(error) = &checked {
        assert!(!error.to_string().is_empty() && built.is_err(), "what is refused is refused everywhere");
    }
    let Ok(first) = built else { return false };
    assert_eq!(first.status().low, Epoch(0));

    let mut network = Network::new(committee, |me| build(me).expect("what one node accepts all accept"));
    network.obedient = true;
    far_votes(&mut network, &limits);
    let transaction = Bytes::from(vec![7; length]);
    let submission = Submission { ticket: Ticket(1), transaction: transaction.clone() };
    network.input(NodeIndex(0), Event::Submit(vec![submission]), &mut Input(&[]));
    network.run(&mut Input(&[]));
    // All nodes are honest here, the last one, too.
    for node in committee.nodes() {
        let outputs = network.outputs(node);
        if length > limits.transaction_bytes {
            let refused = outputs.iter().any(|output| matches!(output, Output::Refused { ticket: Ticket(1), .. }));
            assert_eq!(refused, node == NodeIndex(0), "too large: {outputs:?}");
            continue;
        }
        let ordered = outputs.iter().filter_map(|o| if let Output::Batch(batch) = o { Some(batch) } else { None });
        let ordered: Vec<&[u8]> = ordered.flat_map(|batch| batch.iter().map(|(_, bytes)| bytes)).collect();
        assert_eq!(ordered, [&transaction[..]], "{node} with {config:?}");
    }
    true
}

/// Votes as far ahead as a node keeps any cost it bounded memory.
fn far_votes(network: &mut Network<HoneyBadger<Bkr>>, limits: &Limits) {
    let committee = network.committee();
    if committee.n() < 2 {
        return;
    }
    let (from, to) = (NodeIndex(committee.n() as u16 - 1), NodeIndex(0));
    let before = network.node(to).status().memory;
    for ahead in [0, limits.rounds_ahead] {
        let vote = Vote::Bval { round: Round(ahead.saturating_add(1)), value: true };
        let ballot = Ballot { vote, instances: committee.all() };
        let message = EpochMessage::Subset(BkrMessage::Votes(List::new(vec![ballot])));
        network.deliver(from, to, Message::Epoch { epoch: Epoch(0), message }, &mut Input(&[]));
    }
    let after = network.node(to).status().memory;
    assert!(after - before < VOTES, "two votes make a node hold {} bytes: {limits:?}", after - before);
}

/// Constants as text.
fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(schedule) = text.parse::<EncryptionSchedule>() {
        assert_eq!(schedule.to_string().parse(), Ok(schedule));
        assert!(Config::new(Committee::new(1).expect("one node")).encryption(schedule).check().is_ok());
    }
    if let Ok(suite) = text.parse::<Suite>() {
        assert_eq!(suite.to_string().parse(), Ok(suite));
    }
    if let Ok(limits) = toml::from_str::<Limits>(&text) {
        // Numbers above the largest of the format do not write.
        if let Ok(written) = toml::to_string(&limits) {
            assert_eq!(toml::from_str(&written), Ok(limits));
        }
        let _ = limits.check();
    }
}

/// A number of any magnitude.
fn number(input: &mut Input<'_>) -> u64 {
    let kind = input.byte();
    match kind {
        0..=15 => u64::from(kind),
        16..=79 => 1 << (kind - 16),
        80..=143 => (1u64 << (kind - 80)) - 1,
        144..=207 => (1u64 << (kind - 144)).saturating_add(1),
        208..=230 => u64::from(input.word()),
        _ => u64::MAX,
    }
}

/// What is usual, or any number.
fn or(input: &mut Input<'_>, usual: usize) -> usize {
    if input.byte() & 1 == 0 { usual } else { number(input) as usize }
}
