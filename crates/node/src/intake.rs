//! Submissions on their way from a handle to their place in the order.
//!
//! A node holds a bounded number of bytes of transactions that are not ordered yet. The budget is taken before a
//! transaction enters, and given back when it is committed: that is the backpressure.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_atomic::{Position, Submission, Ticket};
use tokio::sync::{Semaphore, oneshot};

use crate::NotOrdered;

/// What a queued transaction costs beyond its bytes.
const OVERHEAD: usize = 64;

/// What a transaction takes of the budget, in bytes.
pub(crate) fn cost(transaction: &Bytes) -> usize {
    transaction.len() + OVERHEAD
}

/// What a group of transactions takes of the budget, in bytes.
pub(crate) fn total_cost(transactions: &[Bytes]) -> usize {
    transactions.iter().map(cost).sum()
}

/// What becomes of a transaction.
pub(crate) type Fate = Result<Position, NotOrdered>;

/// What a submitter waits for: the fate of each transaction, in the order of submission.
pub(crate) type Outcome = Vec<Fate>;

/// Transactions that were submitted in one call. Their cost is already taken from the budget.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) transactions: Vec<Bytes>,
    pub(crate) reply: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
struct Pending {
    transactions: Vec<Bytes>,
    fates: Vec<Option<Fate>>,
    left: usize,
    reply: oneshot::Sender<Outcome>,
}

/// The acknowledged submissions that are not ordered yet.
#[derive(Debug)]
pub(crate) struct Intake {
    budget: Arc<Semaphore>,
    groups: BTreeMap<u64, Pending>,
    next: u64,
    unordered: usize,
}

impl Intake {
    pub(crate) fn new(budget: Arc<Semaphore>) -> Self {
        Intake { budget, groups: BTreeMap::new(), next: 0, unordered: 0 }
    }

    /// Takes a group in, and gives each of its transactions a ticket.
    pub(crate) fn enter(&mut self, group: Group) -> Vec<Submission> {
        let first = self.next;
        let tickets = (first..).map(Ticket);
        let submissions = tickets
            .zip(&group.transactions)
            .map(|(ticket, tx)| Submission { ticket, transaction: tx.clone() })
            .collect();
        let count = group.transactions.len();
        if count == 0 {
            let _ = group.reply.send(Vec::new());
            return submissions;
        }
        self.next += count as u64;
        self.unordered += count;
        let Group { transactions, reply } = group;
        self.groups.insert(first, Pending { transactions, fates: vec![None; count], left: count, reply });
        submissions
    }

    /// The fate of some submissions is known: gives their cost back, and answers every group that is complete.
    pub(crate) fn settle(&mut self, fates: impl IntoIterator<Item = (Ticket, Fate)>) {
        let mut freed = 0;
        for (Ticket(ticket), fate) in fates {
            let Some((&first, pending)) = self.groups.range_mut(..=ticket).next_back() else { continue };
            let place = (ticket - first) as usize;
            let (Some(slot @ None), Some(tx)) = (pending.fates.get_mut(place), pending.transactions.get_mut(place))
            else {
                continue;
            };
            *slot = Some(fate);
            freed += cost(tx);
            *tx = Bytes::new();
            pending.left -= 1;
            self.unordered -= 1;
            if pending.left == 0
                && let Some(pending) = self.groups.remove(&first)
            {
                // A submitter that does not care has dropped its receipt.
                let mut outcome = Vec::with_capacity(pending.fates.len());
                outcome.extend(pending.fates.into_iter().flatten());
                let _ = pending.reply.send(outcome);
            }
        }
        self.budget.add_permits(freed);
    }

    /// Number of acknowledged submissions that are not ordered yet.
    pub(crate) fn unordered(&self) -> usize {
        self.unordered
    }

    /// Gives everything up: answers all submitters, and returns what was not ordered, oldest first.
    pub(crate) fn abandon(&mut self, why: NotOrdered) -> Vec<Bytes> {
        self.unordered = 0;
        let mut left = Vec::new();
        for (_, pending) in std::mem::take(&mut self.groups) {
            let open = pending.fates.iter().zip(pending.transactions);
            left.extend(open.filter(|(fate, _)| fate.is_none()).map(|(_, tx)| tx));
            let _ = pending.reply.send(pending.fates.into_iter().map(|fate| fate.unwrap_or(Err(why))).collect());
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use mellivora_core::{Epoch, NodeIndex};

    use super::*;

    fn position(index: u32) -> Position {
        Position { epoch: Epoch(1), index, proposer: NodeIndex(0) }
    }

    fn group(transactions: &[&'static str]) -> (Group, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        (Group { transactions: transactions.iter().map(|t| Bytes::from(*t)).collect(), reply }, outcome)
    }

    #[test]
    fn groups_are_answered_when_complete_and_the_budget_comes_back() {
        let budget = Arc::new(Semaphore::new(0));
        let mut intake = Intake::new(budget.clone());
        let (first, mut first_outcome) = group(&["a", "bb"]);
        let (second, mut second_outcome) = group(&["ccc"]);
        let (third, mut third_outcome) = group(&[]);
        let tickets: Vec<_> =
            [first, second, third].map(|g| intake.enter(g)).concat().iter().map(|s| s.ticket).collect();
        assert_eq!(tickets, [Ticket(0), Ticket(1), Ticket(2)]);
        assert_eq!(third_outcome.try_recv().unwrap(), vec![]);
        let duplicate = NotOrdered::Duplicate(Epoch(3));
        intake.settle([(Ticket(1), Ok(position(5))), (Ticket(2), Err(duplicate)), (Ticket(77), Ok(position(7)))]);
        assert!(first_outcome.try_recv().is_err());
        assert_eq!(second_outcome.try_recv().unwrap(), vec![Err(duplicate)]);
        assert_eq!((intake.unordered(), budget.available_permits()), (1, 2 + 3 + 2 * OVERHEAD));
        intake.settle([(Ticket(0), Ok(position(9))), (Ticket(1), Ok(position(9)))]);
        assert_eq!(first_outcome.try_recv().unwrap(), vec![Ok(position(9)), Ok(position(5))]);
        assert_eq!((intake.unordered(), budget.available_permits()), (0, 6 + 3 * OVERHEAD));
    }

    #[test]
    fn giving_up_returns_what_was_not_ordered() {
        let mut intake = Intake::new(Arc::new(Semaphore::new(0)));
        let (first, mut outcome) = group(&["a", "b", "c"]);
        intake.enter(first);
        intake.settle([(Ticket(1), Ok(position(0)))]);
        assert_eq!(intake.abandon(NotOrdered::Stopped), [Bytes::from("a"), Bytes::from("c")]);
        let stopped = Err(NotOrdered::Stopped);
        assert_eq!(outcome.try_recv().unwrap(), vec![stopped, Ok(position(0)), stopped]);
        assert_eq!(intake.unordered(), 0);
    }
}
