//! Agreement on a value on a schedule drawn from bytes, with crashes.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_agreement::{Ckps, Mvba, MvbaParams, Predicate, Smvba};
use mellivora_core::{Digest, Domain, Era, NodeIndex};

use crate::agreement::{ROUNDS_AHEAD, keys};
use crate::input::Input;
use crate::network::Network;
use crate::recall::play;

/// Values that begin like this may be agreed on.
const GOOD: u8 = 7;

#[derive(Debug)]
struct BeginsRight;

impl Predicate for BeginsRight {
    fn holds(&self, value: &Bytes) -> bool {
        value.first() == Some(&GOOD)
    }
}

/// Agreement, external validity, termination, no false blame; over crashes, too. By sMVBA.
pub fn mvba(data: &[u8]) -> bool {
    agree::<Smvba>(data)
}

/// The same by the agreement of Cachin, Kursawe, Petzold and Shoup.
pub fn ckps(data: &[u8]) -> bool {
    agree::<Ckps>(data)
}

fn agree<M: Mvba>(data: &[u8]) -> bool
where
    M::Message: Clone,
{
    let mut input = Input(data);
    let keys = keys(input.below(3));
    let committee = keys[0].committee();
    let choice = input.byte();
    let value = |node: NodeIndex| Bytes::from(vec![GOOD; 1 + usize::from(node.0 % 3) * usize::from(choice >> 4)]);
    let make = |me: NodeIndex| {
        M::new(MvbaParams {
            committee,
            me,
            domain: Domain::new(Digest([8; 32]), Era(0)),
            coin: keys[me.as_usize()].coin().clone(),
            certificates: keys[me.as_usize()].certificates(),
            predicate: Arc::new(BeginsRight),
            views_ahead: ROUNDS_AHEAD,
        })
    };
    let mut network = Network::new(committee, make);
    if choice & 1 == 1 {
        let story = if choice & 2 == 0 { [GOOD, 1] } else { [0, GOOD] };
        network.equivocate(make(network.byzantine()), Bytes::copy_from_slice(&story), &mut input);
    }
    play(&mut network, &mut input, make, |node, _| Some(value(node)));

    let honest = network.honest();
    assert!(honest.iter().all(|outputs| outputs.len() == 1), "everybody decides, once");
    assert!(honest.windows(2).all(|pair| pair[0] == pair[1]), "everybody decides the same");
    assert!(BeginsRight.holds(&honest[0][0]), "what is decided satisfies the predicate");
    true
}
