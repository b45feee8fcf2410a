//! What is printed at the end.

use std::fmt::Write as _;
use std::io::Write as _;

use serde::Serialize;

use crate::source::Refused;

/// One node at the end. Of a faulty node nothing is known.
#[derive(Debug, Serialize)]
pub(crate) struct NodeReport {
    pub(crate) index: u16,
    pub(crate) kind: String,
    pub(crate) epochs: Option<u64>,
    pub(crate) committed: Option<u64>,
    pub(crate) digest: Option<String>,
    /// Times that this node saw a peer do something wrong.
    pub(crate) faults_seen: Option<u64>,
    /// The nodes that it saw do so.
    pub(crate) blamed: Vec<u16>,
}

/// The whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) protocol: String,
    pub(crate) suite: String,
    pub(crate) certificates: String,
    pub(crate) encrypt: String,
    pub(crate) nodes: Vec<NodeReport>,
    /// Transactions that were handed to the cluster.
    pub(crate) submitted: u64,
    /// Transactions that every honest node committed.
    pub(crate) committed: u64,
    pub(crate) lost: u64,
    /// Transactions that came out more than once at some honest node.
    pub(crate) repeated: u64,
    pub(crate) refused: Vec<Refused>,
    /// Whether all honest ledgers are equal.
    pub(crate) equal: bool,
    pub(crate) seconds: f64,
}

impl Report {
    /// Whether all went well.
    pub(crate) fn good(&self) -> bool {
        self.equal && self.lost == 0 && self.repeated == 0
    }

    pub(crate) fn print(&self, json: bool) {
        let text = if json {
            serde_json::to_string(self).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
        } else {
            self.table()
        };
        // A reader that has gone away needs no report; the exit code says the rest.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    fn table(&self) -> String {
        let mut text = String::new();
        let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        let _ = writeln!(
            text,
            "{:>4}  {:<10}  {:>7}  {:>11}  {:<16}  faults seen",
            "node", "kind", "epochs", "committed", "ledger digest"
        );
        for node in &self.nodes {
            let digest = node.digest.as_deref().map_or("-", |digest| &digest[..16.min(digest.len())]);
            let blamed = match node.blamed.as_slice() {
                [] => String::new(),
                some => format!(" of {some:?}"),
            };
            let _ = writeln!(
                text,
                "{:>4}  {:<10}  {:>7}  {:>11}  {digest:<16}  {}{blamed}",
                node.index,
                node.kind,
                number(node.epochs),
                number(node.committed),
                number(node.faults_seen),
            );
        }
        let ledgers = if self.equal { "equal" } else { "DIFFERENT" };
        let _ = write!(
            text,
            "\nhonest ledgers: {ledgers}   submitted {}   committed {}   lost {}   refused {}   {:.2} s   {:.0} tx/s",
            self.submitted,
            self.committed,
            self.lost,
            self.refused.len(),
            self.seconds,
            self.committed as f64 / self.seconds.max(1e-9),
        );
        if self.repeated > 0 {
            let _ = write!(text, "\n{} transactions came out more than once", self.repeated);
        }
        text
    }
}
