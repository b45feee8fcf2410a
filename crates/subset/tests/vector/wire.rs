//! The wire forms of Dumbo2 and sDumbo: pinned, refused when malformed. What is inside is pinned where it is defined.

use mellivora_agreement::SmvbaMessage;
use mellivora_broadcast::{PbMessage, RbcMessage};
use mellivora_core::codec::{Blob, decode, encode};
use mellivora_core::{Digest, Message, NodeIndex, Round};
use mellivora_crypto::{Certificate, CoinShare};
use mellivora_subset::VectorMessage;
use mellivora_subset::vector::{Entries, Entry, StoredMessage};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn share() -> SmvbaMessage {
    SmvbaMessage::Share { view: Round(2), share: CoinShare::from_bytes(&[0xaa]).unwrap() }
}

#[test]
fn golden_vectors() {
    let pb = StoredMessage::Pb(PbMessage::Send(Blob(vec![7].into())));
    let inner = hex(&encode(&PbMessage::Send(Blob(vec![7].into()))));
    let of_sdumbo = [
        (VectorMessage::Broadcast { proposer: NodeIndex(3), message: pb }, format!("01000301{inner}")),
        (VectorMessage::Mvba(share()), "02020000000201aa".to_owned()),
    ];
    for (message, golden) in of_sdumbo {
        let bytes = encode(&message);
        assert_eq!(hex(&bytes), golden);
        assert_eq!(decode::<VectorMessage<StoredMessage>>(&bytes).unwrap(), message);
        for len in 0..bytes.len() {
            assert!(decode::<VectorMessage<StoredMessage>>(&bytes.slice(..len)).is_err());
        }
    }
    let ready: VectorMessage<RbcMessage> =
        VectorMessage::Broadcast { proposer: NodeIndex(1), message: RbcMessage::Ready(Digest([5; 32])) };
    assert_eq!(hex(&encode(&ready)), format!("01000103{}", "05".repeat(32)));
    for tag in (0..=255u8).filter(|tag| !(1..=2).contains(tag)) {
        assert!(decode::<VectorMessage<StoredMessage>>(&vec![tag, 0, 0, 1, 1].into()).is_err());
        assert!(decode::<StoredMessage>(&vec![tag, 1, 0, 0, 0, 0].into()).is_err());
    }
    let proof = Certificate::new([NodeIndex(0)].into_iter().collect(), vec![0xcc].into()).unwrap();
    let entries = Entries::new(vec![Entry { proposer: NodeIndex(2), root: Digest([1; 32]), proof }]);
    assert_eq!(hex(&encode(&entries)), format!("000000010002{}01010001cc", "01".repeat(32)));
}

#[test]
fn only_the_agreement_has_views() {
    let view = |message: &VectorMessage<RbcMessage>| {
        let mut seen = None;
        message.rounds(&mut |_, round| seen = Some(round));
        seen
    };
    let ready = VectorMessage::Broadcast { proposer: NodeIndex(1), message: RbcMessage::Ready(Digest([5; 32])) };
    assert_eq!((view(&ready), view(&VectorMessage::Mvba(share()))), (None, Some(Round(2))));
    assert_eq!(ready.clone().split(&|_, _| false), (Some(ready), None));
    assert_eq!(
        VectorMessage::<RbcMessage>::Mvba(share()).split(&|_, _| false),
        (None, Some(VectorMessage::Mvba(share())))
    );
}
