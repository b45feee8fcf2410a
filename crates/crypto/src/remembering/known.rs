//! Endorsements that are known to be valid.

use std::collections::{BTreeMap, VecDeque};

use mellivora_core::{NodeIndex, planted};

use crate::certificate::{Endorsement, Statement};

type Name = [u8; Statement::WIDTH];

/// Endorsements in full, under their statement and node: nothing is known that differs in any bit from what was found
/// valid. At most one of each node on each statement, the first.
#[derive(Debug, Default)]
pub(super) struct Endorsed {
    /// In ascending order of nodes, for each statement.
    of: BTreeMap<Name, Vec<(NodeIndex, Endorsement)>>,
    by_age: VecDeque<Name>,
    /// Places that are taken: one for each endorsement, and those of the statements.
    room: usize,
}

fn name(statement: &Statement) -> Name {
    if planted("cert-known-of-any-statement") { [0; Statement::WIDTH] } else { statement.to_bytes() }
}

/// The endorsement of `node` in a list in ascending order.
fn lookup(list: &[(NodeIndex, Endorsement)], node: NodeIndex) -> Option<&Endorsement> {
    let place = list.binary_search_by_key(&node, |(node, _)| *node).ok()?;
    list.get(place).map(|(_, endorsement)| endorsement)
}

impl Endorsed {
    /// Places that a statement takes beside those of its endorsements.
    pub(super) const STATEMENT: usize = 8;

    /// Those of `parts` that are not known, in their order.
    pub(super) fn unknown(
        &self,
        statement: &Statement,
        parts: &[(NodeIndex, Endorsement)],
    ) -> Vec<(NodeIndex, Endorsement)> {
        let known = self.of.get(&name(statement)).map_or(&[][..], Vec::as_slice);
        let is_known = |(node, endorsement): &&(NodeIndex, Endorsement)| {
            lookup(known, *node).is_some_and(|one| one == endorsement || planted("cert-known-by-signer"))
        };
        parts.iter().filter(|part| !is_known(part)).copied().collect()
    }

    /// Adds those of `parts` whose node has none yet.
    pub(super) fn insert(&mut self, statement: &Statement, parts: &[(NodeIndex, Endorsement)]) {
        self.insert_named(name(statement), parts);
    }

    fn insert_named(&mut self, name: Name, parts: &[(NodeIndex, Endorsement)]) {
        let Endorsed { of, by_age, room } = self;
        let list = of.entry(name).or_insert_with(|| {
            by_age.push_back(name);
            *room += Self::STATEMENT;
            Vec::new()
        });
        let before = list.len();
        list.reserve_exact(parts.len());
        list.extend_from_slice(parts);
        // Stable: of two of one node the first stays.
        list.sort_by_key(|(node, _)| *node);
        list.dedup_by_key(|(node, _)| *node);
        list.shrink_to_fit();
        *room += list.len() - before;
    }

    /// Adds all of `other`, and forgets the oldest statements until no more than `capacity` places are taken.
    pub(super) fn absorb(&mut self, other: &Endorsed, capacity: usize) {
        for name in &other.by_age {
            if let Some(parts) = other.of.get(name) {
                self.insert_named(*name, parts);
            }
        }
        while self.room > capacity
            && let Some(oldest) = self.by_age.pop_front()
        {
            let forgotten = self.of.remove(&oldest).map_or(0, |list| list.len());
            self.room -= forgotten + Self::STATEMENT;
        }
    }
}

#[cfg(test)]
mod tests {
    use mellivora_core::{Digest, Domain, Era, Purpose, Round};

    use super::*;

    fn statement(number: u64) -> Statement {
        let domain = Domain::new(Digest([1; 32]), Era(0)).statement(Purpose::Delivered, Round(0));
        let mut digest = Digest([2; 32]);
        digest.0[..8].copy_from_slice(&number.to_be_bytes());
        Statement { domain, digest }
    }

    fn part(node: u16, byte: u8) -> (NodeIndex, Endorsement) {
        (NodeIndex(node), Endorsement::from_bytes(&[byte; 64]).unwrap())
    }

    #[test]
    fn the_first_endorsement_of_a_node_stays_and_only_that_is_known() {
        let mut known = Endorsed::default();
        known.insert(&statement(0), &[part(3, 1), part(1, 1)]);
        known.insert(&statement(0), &[part(1, 2), part(2, 2), part(2, 3)]);
        let asked = [part(3, 1), part(1, 1), part(1, 2), part(2, 2), part(2, 3), part(0, 1)];
        assert_eq!(known.unknown(&statement(0), &asked), [part(1, 2), part(2, 3), part(0, 1)]);
        assert_eq!(known.unknown(&statement(1), &asked), asked);
        assert_eq!(known.room, 3 + Endorsed::STATEMENT);
    }

    #[test]
    fn the_oldest_statements_go_when_there_is_no_room() {
        let (mut known, capacity) = (Endorsed::default(), 10 * (Endorsed::STATEMENT + 4));
        for number in 0..100 {
            let mut new = Endorsed::default();
            new.insert(&statement(number), &[0, 1, 2, 3].map(|node| part(node, 1)));
            known.absorb(&new, capacity);
            assert!(known.room <= capacity && known.of.len() == known.by_age.len());
            let lists: usize = known.of.values().map(Vec::capacity).sum();
            assert_eq!(lists + known.of.len() * Endorsed::STATEMENT, known.room, "no more memory than is counted");
        }
        let known: Vec<u64> =
            (0..100).filter(|number| known.unknown(&statement(*number), &[part(2, 1)]).is_empty()).collect();
        assert_eq!(known, (90..100).collect::<Vec<_>>());
    }
}
