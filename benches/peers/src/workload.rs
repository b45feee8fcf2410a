//! The transactions: random, distinct, split evenly over the nodes.

use rand_old::{RngCore, SeedableRng};

use crate::Task;

/// Makes the transactions of one epoch after another, the same for every library.
pub struct Workload {
    task: Task,
    rng: rand_old::rngs::StdRng,
}

impl Workload {
    /// From the first epoch on.
    pub fn new(task: Task) -> Self {
        Workload { task, rng: rand_old::rngs::StdRng::from_seed([7; 32]) }
    }

    /// What each node is to order in the next epoch.
    pub fn epoch(&mut self) -> Vec<Vec<Vec<u8>>> {
        let Task { nodes, batch, tx_size, .. } = self.task;
        let share = |node: usize| batch / nodes + usize::from(node < batch % nodes);
        (0..nodes)
            .map(|node| {
                (0..share(node))
                    .map(|_| {
                        let mut transaction = vec![0; tx_size];
                        self.rng.fill_bytes(&mut transaction);
                        transaction
                    })
                    .collect()
            })
            .collect()
    }
}
