//! Random runs of many committees under every generic attack, with every oracle; crashes and restarts; real suites.

use mellivora_agreement::{AbaMessage, Ckps, CkpsMessage, Vote};
use mellivora_broadcast::PbMessage;
use mellivora_core::NodeIndex;
use mellivora_sim::{Coverage, seeds};

use crate::values::{self, ATTACKS, Tested};

impl Tested for Ckps {
    fn statement(message: &CkpsMessage) -> Vec<((u8, u32, u16), String)> {
        let (about, said) = match message {
            CkpsMessage::Value { proposer, message } => match message {
                PbMessage::Send(value) => ((1, 0, proposer.0), format!("{:?}", value.0)),
                PbMessage::Record(value) => ((2, 0, proposer.0), format!("{:?}", value.0)),
                _ => return Vec::new(),
            },
            CkpsMessage::Commitment { proposer, message } => match message {
                PbMessage::Send(set) => ((3, 0, proposer.0), format!("{:?}", set.0)),
                PbMessage::Record(set) => ((4, 0, proposer.0), format!("{:?}", set.0)),
                _ => return Vec::new(),
            },
            CkpsMessage::Vote { candidate, yes } => ((5, 0, candidate.0), format!("{yes}")),
            CkpsMessage::Certificate { candidate, root, .. } => ((6, 0, candidate.0), format!("{root}")),
            CkpsMessage::Aba { candidate, message: AbaMessage::Vote(vote) } => match vote {
                Vote::Aux { round, value } => ((7, round.0, candidate.0), format!("{value}")),
                Vote::Conf { round, values } => ((8, round.0, candidate.0), format!("{values:?}")),
                Vote::Term { value } => ((9, 0, candidate.0), format!("{value}")),
                Vote::Bval { .. } => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        vec![(about, said)]
    }

    fn story(&self) -> Vec<&'static str> {
        let chosen = self.chosen().expect("a candidate was chosen");
        let place = self.order().iter().position(|node| *node == chosen);
        vec![match place {
            Some(0) => "the first candidate",
            Some(1) => "the second candidate",
            Some(_) => "a later candidate",
            None => "without knowing the coin",
        }]
    }
}

#[test]
fn every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(400) {
        values::run::<Ckps>(seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&ATTACKS);
        coverage.assert_all_fired(&["the first candidate", "the second candidate", "without knowing the coin"]);
    }
}

#[test]
fn crashes_and_restarts_of_everybody_contradict_nothing() {
    values::crashes_and_restarts_of_everybody::<Ckps>();
}

#[test]
fn real_suites_and_signatures_agree() {
    values::real_suites_and_signatures::<Ckps>();
}

#[test]
fn without_faults_it_decides_after_ten_message_delays() {
    values::decides_after::<Ckps>(10.0);
}

#[test]
fn every_candidate_comes_first_as_often_as_every_other() {
    let (n, runs) = (7, 7_000);
    let mut first = [0u32; 7];
    for seed in 0..runs {
        let order = crate::support::order(n, seed);
        let all: std::collections::BTreeSet<NodeIndex> = order.iter().copied().collect();
        assert_eq!((order.len(), all.len()), (n, n), "a permutation");
        first[order[0].as_usize()] += 1;
    }
    // The deviation of each count is below 30.
    assert!(first.iter().all(|&count| (850..1_150).contains(&count)), "{first:?}");
}
