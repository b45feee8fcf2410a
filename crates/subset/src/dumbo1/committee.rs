//! Who is elected: how many, and who.

use mellivora_core::hash::HashKey;
use mellivora_core::{Committee, NodeIndex, NodeSet, planted};
use mellivora_crypto::CoinValue;

/// A committee without an honest member comes up with a probability of at most 2 to the power of minus this.
pub const EPSILON_BITS: usize = 40;

/// Number of members that are elected: kappa = min(f + 1, least k with C(f, k) / C(n, k) <= epsilon).
///
/// Part of the protocol, like epsilon: nodes that counted differently would agree on nothing. With at most f Byzantine
/// nodes, f + 1 members cannot all be; fewer are enough where that is as good as certain, from n = 49 on, and no
/// committee of up to 256 nodes needs more than 24.
pub fn committee_size(committee: Committee) -> usize {
    let (n, f) = (committee.n(), committee.f());
    // C(f, k) / C(n, k) is the product of (f - i) / (n - i) for i < k.
    let (mut all, mut faulty) = (Wide::power_of_two(0), Wide::power_of_two(EPSILON_BITS));
    let within = |k: &usize| {
        all.multiply(n - (k - 1));
        faulty.multiply(f - (k - 1));
        faulty.0 <= all.0
    };
    // At k = f + 1 the left side is 0, whatever the numbers: the fallback needs no comparison.
    (1..=f).find(within).unwrap_or(committee.one_honest())
}

/// A number below 2^768: most significant limb first, so that comparing the arrays compares the numbers. The factors
/// are at most 256 = 2^8 and at most 85 of them, which leaves room for epsilon.
struct Wide([u32; 24]);

impl Wide {
    fn power_of_two(exponent: usize) -> Self {
        let mut limbs = [0; 24];
        if let Some(limb) = limbs.iter_mut().rev().nth(exponent / 32) {
            *limb = 1 << (exponent % 32);
        }
        Wide(limbs)
    }

    fn multiply(&mut self, factor: usize) {
        let mut carry = 0u64;
        for limb in self.0.iter_mut().rev() {
            // Both factors are below 2^32, so neither the product nor the sum overflows; the low half stays here.
            carry += u64::from(*limb) * factor as u64;
            *limb = carry as u32;
            carry >>= 32;
        }
    }
}

const DRAW: HashKey = HashKey::new("mellivora/v1 committee");

/// The members that a coin elects: a uniform choice among all sets of this size, the same at every node.
pub fn draw(coin: &CoinValue, committee: Committee) -> NodeSet {
    let mut hasher = DRAW.hasher();
    hasher.update(coin.0.as_ref());
    let mut stream = hasher.finalize_xof();
    let mut below = |count: u32| {
        // What lies beyond the last multiple of `count` is drawn again, so that no remainder comes up more often.
        let zone = u32::MAX - u32::MAX % count;
        loop {
            let mut word = [0; 4];
            stream.fill(&mut word);
            match u32::from_le_bytes(word) {
                word if word < zone => return word % count,
                _ => {}
            }
        }
    };
    // The first places of a shuffle (Fisher and Yates).
    let mut nodes: Vec<NodeIndex> = committee.nodes().collect();
    let mut members = NodeSet::EMPTY;
    for place in 0..committee_size(committee) {
        // At least one node is left, because the size is at most n; a committee has at most 256 nodes, so all fits.
        let left = (nodes.len() - place) as u32;
        let again = if planted("dumbo1-member-twice") { 0 } else { place };
        nodes.swap(place, again + below(left) as usize);
        members.insert(nodes[place]);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use mellivora_core::Digest;

    fn size(n: usize, f: usize) -> usize {
        committee_size(Committee::with_faulty(n, f).unwrap())
    }

    #[test]
    fn sizes_are_those_that_exact_arithmetic_gives() {
        // Computed with integers of any size.
        for (n, kappa) in [
            (1, 1),
            (2, 1),
            (3, 1),
            (4, 2),
            (5, 2),
            (7, 3),
            (10, 4),
            (16, 6),
            (31, 11),
            (40, 14),
            (48, 16),
            (49, 16),
            (64, 18),
            (70, 19),
            (100, 21),
            (127, 22),
            (128, 21),
            (150, 22),
            (200, 23),
            (255, 23),
            (256, 24),
        ] {
            assert_eq!(size(n, (n - 1) / 3), kappa, "n = {n}");
        }
        assert_eq!([size(256, 0), size(256, 20), size(256, 50), size(100, 10)], [1, 10, 16, 10]);
        let all = (1..=256).flat_map(|n| (0..=(n - 1) / 3).map(move |f| (n, f)));
        let (mut sum, mut largest) = (0, 0);
        for (n, f) in all {
            let kappa = size(n, f);
            assert!((1..=f + 1).contains(&kappa), "n = {n}, f = {f}");
            (sum, largest) = (sum + kappa, largest.max(kappa));
        }
        assert_eq!((sum, largest), (146_231, 24));
    }

    #[test]
    fn the_first_size_that_is_safe_enough_is_taken() {
        // Logarithms are exact enough to tell a size from its neighbour.
        for n in 1..=256 {
            for f in 0..=(n - 1) / 3 {
                let kappa = size(n, f);
                let bits = |k: usize| -> f64 { (0..k).map(|i| ((n - i) as f64 / (f as f64 - i as f64)).log2()).sum() };
                assert!(kappa == f + 1 || bits(kappa) >= 40.0, "n = {n}, f = {f}: {kappa} are too few");
                assert!(kappa == 1 || bits(kappa - 1) < 40.0, "n = {n}, f = {f}: {kappa} are too many");
            }
        }
    }

    fn coin(number: u32) -> CoinValue {
        CoinValue(HashKey::new("test").digest(&number.to_le_bytes()))
    }

    #[test]
    fn members_are_distinct_nodes_of_the_committee_and_the_same_for_the_same_coin() {
        for n in [1, 2, 4, 5, 7, 10, 16, 64, 65, 256] {
            let committee = Committee::new(n).unwrap();
            for number in 0..200 {
                let members = draw(&coin(number), committee);
                assert_eq!(members.len(), committee_size(committee), "n = {n}, coin {number}");
                assert!(members.is_subset(&committee.all()));
                assert_eq!(members, draw(&coin(number), committee));
            }
        }
        let members = draw(&CoinValue(Digest([5; 32])), Committee::new(10).unwrap());
        assert_eq!(members, [0, 4, 6, 9].map(NodeIndex).into_iter().collect(), "pinned");
    }

    /// The sum of (seen - expected)^2 / expected.
    fn chi_square(seen: &[u32], expected: f64) -> f64 {
        seen.iter().map(|&seen| (f64::from(seen) - expected).powi(2) / expected).sum()
    }

    #[test]
    fn every_set_of_members_is_as_likely_as_any_other() {
        const DRAWS: u32 = 20_000;
        // 6 pairs of four nodes, 35 triples of seven.
        for (n, sets) in [(4, 6), (7, 35)] {
            let committee = Committee::new(n).unwrap();
            let mut seen = std::collections::BTreeMap::new();
            (0..DRAWS).for_each(|number| *seen.entry(draw(&coin(number), committee)).or_insert(0) += 1);
            let seen: Vec<u32> = seen.into_values().collect();
            assert_eq!(seen.len(), sets);
            // Six standard deviations of a chi-square above its mean.
            let freedom = (sets - 1) as f64;
            let limit = freedom + 6.0 * (2.0 * freedom).sqrt();
            assert!(chi_square(&seen, f64::from(DRAWS) / sets as f64) < limit, "n = {n}: {seen:?}");
        }
        // Every node of a large committee.
        let committee = Committee::new(100).unwrap();
        let mut seen = vec![0; 100];
        (0..DRAWS).for_each(|number| draw(&coin(number), committee).iter().for_each(|node| seen[node.as_usize()] += 1));
        let expected = f64::from(DRAWS) * committee_size(committee) as f64 / 100.0;
        assert!(chi_square(&seen, expected) < 99.0 + 6.0 * (2.0f64 * 99.0).sqrt(), "{seen:?}");
    }
}
