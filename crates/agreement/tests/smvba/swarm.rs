//! Random runs of many committees under every generic attack, with every oracle; crashes and restarts; real suites.

use mellivora_agreement::smvba::{HaltProof, Prevote, Vote};
use mellivora_agreement::{Smvba, SmvbaMessage};
use mellivora_broadcast::{SpbMessage, SpbRecord};
use mellivora_core::Round;
use mellivora_sim::{Coverage, seeds};

use crate::values::{self, ATTACKS, Tested};

impl Tested for Smvba {
    fn statement(message: &SmvbaMessage) -> Vec<((u8, u32, u16), String)> {
        let (about, said) = match message {
            SmvbaMessage::Spb { view, proposer, message } => match message {
                SpbMessage::Send { value, proof } => ((1, view.0, proposer.0), format!("{:?} {:?}", value.0, proof.0)),
                SpbMessage::Record(SpbRecord::Endorsed(digest)) => ((2, view.0, proposer.0), format!("{digest}")),
                SpbMessage::Record(SpbRecord::Locked(value, _)) => ((3, view.0, proposer.0), format!("{value:?}")),
                _ => return Vec::new(),
            },
            SmvbaMessage::Prevote { view, prevote: Prevote::Yes { digest, .. }, .. } => {
                ((4, view.0, 0), format!("{digest}"))
            }
            SmvbaMessage::Prevote { view, .. } => ((4, view.0, 0), "no".to_owned()),
            SmvbaMessage::Vote { view, vote: Vote::Yes { digest, .. }, .. } => ((5, view.0, 0), format!("{digest}")),
            SmvbaMessage::Vote { view, .. } => ((5, view.0, 0), "no".to_owned()),
            SmvbaMessage::Halt(halt) => ((6, 0, 0), format!("{}", halt.digest)),
            _ => return Vec::new(),
        };
        vec![(about, said)]
    }

    fn story(&self) -> Vec<&'static str> {
        let Some(halt) = self.halt() else { return Vec::new() };
        let view = match halt.view {
            Round(1) => "decided in view 1",
            Round(2) => "decided in view 2",
            _ => "decided later",
        };
        let proof = match halt.proof {
            HaltProof::Finish(_) => "by a FINISH",
            HaltProof::Seen(_) => "by votes",
        };
        vec![view, proof]
    }
}

#[test]
fn every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(400) {
        values::run::<Smvba>(seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&ATTACKS);
        coverage.assert_all_fired(&["decided in view 1", "decided in view 2", "decided later", "by a FINISH"]);
    }
}

#[test]
fn crashes_and_restarts_of_everybody_contradict_nothing() {
    values::crashes_and_restarts_of_everybody::<Smvba>();
}

#[test]
fn real_suites_and_signatures_agree() {
    values::real_suites_and_signatures::<Smvba>();
}

#[test]
fn without_faults_it_decides_after_six_message_delays() {
    values::decides_after::<Smvba>(6.0);
}
