//! Keys of committees of any size, dealt once per process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use mellivora_core::Committee;
use mellivora_crypto::{NodeKeys, Suite, deal_nodes};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Suite, nodes, faulty ones.
type Name = (Suite, usize, usize);

/// The keys of a committee.
pub fn dealt(suite: Suite, committee: Committee) -> &'static [NodeKeys] {
    static KEYS: Mutex<BTreeMap<Name, &'static [NodeKeys]>> = Mutex::new(BTreeMap::new());
    let mut all = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry((suite, committee.n(), committee.f())).or_insert_with(|| {
        deal_nodes(suite, committee, &mut ChaCha8Rng::seed_from_u64(2)).expect("the dealer makes sound keys").leak()
    })
}
