//! Which tips may be agreed on, and in which order their slots come.

use mellivora_adversary::IdealCertificates;
use mellivora_core::NodeSet;

use super::*;

const N: usize = 4;

fn session() -> Domain {
    Domain::new(Digest([7; 32]), mellivora_core::Era(0))
}

fn tip(slot: u64) -> Tip {
    Tip { slot, digest: Digest([slot as u8; 32]), full: slot }
}

fn ideal() -> IdealCertificates {
    IdealCertificates::new(Committee::new(N).unwrap(), NodeIndex(0))
}

/// The certificate of these signers for a slot of a stream.
fn signed(proposer: u16, slot: u64, signers: &[u16]) -> (NodeIndex, CertifiedTip) {
    let statement = tip(slot).statement(&stream(&session(), NodeIndex(proposer)));
    let signers: NodeSet = signers.iter().map(|node| NodeIndex(*node)).collect();
    let certificate = ideal().certificate_of(signers, &statement);
    (NodeIndex(proposer), CertifiedTip { tip: tip(slot), certificate })
}

fn good(proposer: u16, slot: u64) -> (NodeIndex, CertifiedTip) {
    signed(proposer, slot, &[0, 2, 3])
}

/// After slots 4, 0, 2 and 9 of the four streams, three slots each at the most.
fn growth() -> Growth {
    let committee = Committee::new(N).unwrap();
    let previous = [4, 0, 2, 9].map(|slot| if slot == 0 { Tip::GENESIS } else { tip(slot) });
    let certificates = IdealCertificates::scheme(committee, NodeIndex(0));
    Growth { committee, session: session(), previous: previous.to_vec().into(), share: 3, certificates }
}

fn holds(tips: impl IntoIterator<Item = (NodeIndex, CertifiedTip)>) -> bool {
    growth().holds(&codec::encode(&Tips::new(tips.into_iter().collect())))
}

#[test]
fn tips_that_go_back_or_lack_certificates_are_refused() {
    assert!(holds([good(0, 5), good(1, 1), good(2, 5)]), "a quorum has grown");
    assert!(holds([good(0, 7), good(1, 3), good(2, 5), good(3, 12)]), "all have, as far as they may");

    assert!(!holds([good(0, 3), good(1, 1), good(2, 5)]), "one goes back");
    assert!(!holds([good(0, 4), good(1, 1), good(2, 5)]), "one stays where it was");
    assert!(!holds([good(0, 8), good(1, 1), good(2, 5)]), "one goes too far");
    assert!(!holds([good(0, 5), good(1, 1)]), "too few");
    assert!(!holds([good(0, 5), good(0, 6), good(1, 1)]), "one stream twice");
    assert!(!holds([good(0, 5), good(0, 5), good(1, 1)]), "the same tip twice");
    assert!(!holds([good(1, 1), good(0, 5), good(2, 5)]), "another order");
    assert!(!holds([good(0, 5), good(1, 1), good(2, 5), good(4, 1)]), "nobody's stream");
    let trailing = [&codec::encode(&Tips::new(vec![good(0, 5), good(1, 1), good(2, 5)]))[..], &[0]].concat();
    assert!(!growth().holds(&trailing.into()), "more than tips");

    for at in 0..3 {
        let slots = [5, 1, 5];
        let with = |bad: CertifiedTip| {
            let mut tips: Vec<_> = (0..3u16).zip(slots).map(|(proposer, slot)| good(proposer, slot)).collect();
            tips[at].1 = bad;
            holds(tips)
        };
        let (proposer, slot) = (at as u16, slots[at]);
        assert!(with(signed(proposer, slot, &[1, 2, 3]).1), "signed by others");
        assert!(!with(signed(proposer, slot, &[2, 3]).1), "a signer too few, at {at}");
        assert!(!with(signed(3, slot, &[0, 2, 3]).1), "of another stream, at {at}");
        let other = signed(proposer, slot + 1, &[0, 2, 3]).1.certificate;
        assert!(!with(CertifiedTip { tip: tip(slot), certificate: other }), "of another slot, at {at}");
        let mut changed = good(proposer, slot).1;
        changed.tip.full = 0;
        assert!(!with(changed), "the number of the last full slot is signed, at {at}");
    }
}

#[test]
fn slots_come_in_rows() {
    let tips = Tips::new(vec![good(0, 6), good(1, 1), good(2, 5)]);
    let slots: Vec<(u16, u64)> =
        interleave(&growth().previous, &tips).iter().map(|slot| (slot.proposer.0, slot.number)).collect();
    assert_eq!(slots, [(0, 5), (1, 1), (2, 3), (0, 6), (2, 4), (2, 5)]);
}
