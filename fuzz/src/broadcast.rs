//! Reliable broadcast on a schedule drawn from bytes, with an honest or a Byzantine proposer.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_broadcast::{EchoMode, Rbc, RbcConfig};
use mellivora_coding::Codec;
use mellivora_core::{Committee, NodeIndex};

use crate::input::Input;
use crate::network::Network;

/// Agreement, totality, validity, no false blame.
pub fn rbc(data: &[u8]) -> bool {
    let mut input = Input(data);
    let committee = Committee::new([4, 5, 7][input.below(3)]).expect("a size that exists");
    let codec = Arc::new(Codec::new(committee, 4096).expect("this machine can run the code"));
    let choice = input.byte();
    let proposer = if choice & 1 == 0 { NodeIndex(0) } else { NodeIndex(committee.n() as u16 - 1) };
    let echo = if input.byte() & 1 == 0 { EchoMode::Full } else { EchoMode::saving(committee) };
    let payload = Bytes::from(vec![input.byte(); input.below(600)]);

    let make = |me| Rbc::new(RbcConfig { committee, me, proposer, codec: codec.clone(), echo });
    let mut network = Network::new(committee, make);
    if choice & 2 != 0 {
        network.equivocate(make(network.byzantine()), Bytes::from_static(b"another story"), &mut input);
    }
    network.input(proposer, payload.clone(), &mut input);
    network.run(&mut input);

    let honest = network.honest();
    let delivered = honest.iter().filter(|outputs| !outputs.is_empty()).count();
    assert!(delivered == 0 || delivered == honest.len(), "if one honest node delivers, all do");
    assert!(honest.iter().all(|outputs| outputs.len() <= 1), "one delivery");
    assert!(honest.windows(2).all(|pair| pair[0] == pair[1]), "all deliver the same");
    if proposer != network.byzantine() {
        let body = honest[0].first().expect("an honest proposer's payload is delivered").body.as_ref();
        assert_eq!(body.expect("an honest proposer's payload is whole").to_bytes(), payload);
    }
    delivered > 0
}
