//! Every run of the table that is quick enough, and the table itself.

use mellivora_model::{EXPECTED, HARMLESS, Weakening, runs};

/// Weakenings that no model minds.
const HARMLESS_EVERYWHERE: [Weakening; 5] = [
    Weakening::LateEchoShowsNobody,
    Weakening::EndorseAfterCoin,
    Weakening::LockedMayVoteNo,
    Weakening::ShareAtQuorumOnly,
    Weakening::ProposalDropped,
];

/// Checks the runs whose model begins so.
fn check(prefix: &str) {
    let mut checked = 0;
    for run in runs().into_iter().filter(|run| run.model.starts_with(prefix) && !run.heavy) {
        let outcome = run.check();
        assert!(outcome.ok, "{}: {outcome:#?}", run.name());
        checked += 1;
    }
    assert!(checked > 0, "no run of {prefix}");
}

#[test]
fn broadcast() {
    check("broadcast");
}

#[test]
fn saving_broadcast() {
    check("saving broadcast");
}

#[test]
fn agreement_in_one_round() {
    check("agreement, one round");
}

#[test]
fn binding_of_seven() {
    check("agreement, binding");
}

#[test]
fn agreement_over_rounds() {
    check("agreement, two rounds");
    check("agreement, rounds");
}

#[test]
fn term() {
    check("TERM");
}

#[test]
fn subset() {
    check("subset");
}

#[test]
fn multi_valued_agreement() {
    check("MVBA");
}

/// The search over three views takes long; the one thing that only a third view shows is looked at every time.
#[test]
fn without_the_chain_a_third_view_forks() {
    let run = runs().into_iter().find(|run| run.name() == "MVBA, agreement over three views, n = 4, ChainCut").unwrap();
    let outcome = run.check();
    assert!(outcome.ok, "{outcome:#?}");
}

#[test]
fn streams() {
    check("stream");
}

#[test]
fn the_table_has_one_row_for_each_run_and_no_other() {
    let runs: Vec<_> = runs().iter().map(|run| (run.model, run.weakening)).collect();
    let rows: Vec<_> = EXPECTED.iter().map(|row| (row.model, row.weakening)).collect();
    assert_eq!(runs, rows);
}

#[test]
fn each_model_keeps_its_laws_and_each_weakening_breaks_one_unless_it_is_listed() {
    for row in EXPECTED {
        let harmless = HARMLESS.iter().any(|&(model, weak, _)| model == row.model && Some(weak) == row.weakening);
        let should_break = row.weakening.is_some() && !harmless;
        assert_eq!(row.broken.is_some(), should_break, "{row:?}");
    }
    for (model, weakening, _) in HARMLESS {
        let listed = EXPECTED.iter().any(|row| row.model == *model && row.weakening == Some(*weakening));
        assert!(listed, "{weakening:?} of {model} is not in the table");
        let elsewhere = EXPECTED.iter().any(|row| row.weakening == Some(*weakening) && row.broken.is_some());
        let alone = HARMLESS_EVERYWHERE.contains(weakening);
        assert!(elsewhere != alone, "{weakening:?} breaks a law in some other model, or in none");
    }
}

#[test]
fn the_page_on_models_shows_the_table() {
    let page = include_str!("../../../docs/src/how/models.md");
    let shown: Vec<_> = page.lines().skip_while(|line| !line.starts_with("| model | weakened")).skip(2).collect();
    let thousands = |number: usize| {
        let digits = number.to_string();
        let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
        groups.collect::<Vec<_>>().join(",")
    };
    let rows: Vec<_> = EXPECTED
        .iter()
        .map(|row| {
            let weakened = row.weakening.map_or(String::new(), |weakening| format!("`{weakening:?}`"));
            let verdict = match row.broken {
                Some((law, 1)) => format!("breaks *{law}* in 1 step"),
                Some((law, steps)) => format!("breaks *{law}* in {steps} steps"),
                None if row.weakening.is_some() => "harmless".to_owned(),
                None => "keeps all laws".to_owned(),
            };
            format!("| {} | {weakened} | {} | {verdict} |", row.model, thousands(row.states))
        })
        .collect();
    assert_eq!(shown, rows);
}

#[test]
fn counterexamples_can_be_read() {
    let run = runs().into_iter().find(|run| run.name() == "broadcast, n = 4, NoAmplification").unwrap();
    let path = run.check().counterexample.unwrap();
    assert_eq!(
        path,
        "\"totality\" is broken:\n   1. node 0 gets VAL and says ECHO B\n   2. node 1 gets VAL and says ECHO B\n   \
         3. node 0 says READY B\n   4. node 1 says READY B\n   5. node 0 delivers B\n  => node 0: ECHO B, READY B, \
         delivered B; node 1: ECHO B, READY B, delivered -; node 2: ECHO -, READY -, delivered -"
    );
}
