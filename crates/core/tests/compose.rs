//! A child's effects pass through its parent, wrapped.

use bincode::{Decode, Encode};
use mellivora_core::codec::Frame;
use mellivora_core::{
    Durable, Effects, Epoch, Fault, FaultKind, Job, Keyed, Lens, Message, NodeIndex, NodeSet, Parent, Path, Protocol,
    Segment, Slot, To, Weight,
};

/// A child that does one of everything.
struct Child;

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
struct Word(u8);
impl Message for Word {}

#[derive(Debug, PartialEq)]
struct Double(u32);
impl Job for Double {
    type Done = u32;
    fn run(self) -> u32 {
        self.0 * 2
    }
    fn weight(&self) -> Weight {
        Weight::Heavy
    }
}

impl Protocol for Child {
    type Input = ();
    type Output = char;
    type Message = Word;
    type Job = Double;

    fn input(&mut self, (): (), fx: &mut dyn Effects<Self>) {
        fx.send(To::Node(NodeIndex(3)), Durable::Yes, Word(7));
        fx.job(Double(21));
        fx.fault(Fault::new(NodeIndex(1), FaultKind::InvalidShard));
        fx.output('x');
    }
    fn receive(&mut self, _: NodeIndex, _: Word, _: &mut dyn Effects<Self>) {}
    fn done(&mut self, _: u32, _: &mut dyn Effects<Self>) {}
    fn recall(&mut self, _: To, _: Word) {}
    fn forget(&mut self, _: NodeIndex, _: &mut dyn Effects<Self>) {}
    fn is_terminated(&self) -> bool {
        false
    }
}

/// A parent that numbers its children.
struct House;

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
struct Letter(u8, Word);
impl Message for Letter {}

impl Protocol for House {
    type Input = ();
    type Output = ();
    type Message = Letter;
    type Job = Keyed<u8, Double>;

    fn input(&mut self, (): (), _: &mut dyn Effects<Self>) {}
    fn receive(&mut self, _: NodeIndex, _: Letter, _: &mut dyn Effects<Self>) {}
    fn done(&mut self, _: (u8, u32), _: &mut dyn Effects<Self>) {}
    fn recall(&mut self, _: To, _: Letter) {}
    fn forget(&mut self, _: NodeIndex, _: &mut dyn Effects<Self>) {}
    fn is_terminated(&self) -> bool {
        false
    }
}

impl Parent<Child> for House {
    type Key = u8;
    fn message(key: u8, message: Word) -> Letter {
        Letter(key, message)
    }
    fn job(key: u8, job: Double) -> Keyed<u8, Double> {
        Keyed { key, job }
    }
    fn segment(key: u8) -> Segment {
        Segment::epoch(Epoch(key.into()))
    }
}

#[derive(Default)]
struct Seen {
    sent: Vec<(To, Durable, Letter)>,
    jobs: Vec<Keyed<u8, Double>>,
    faults: Vec<Fault>,
}

impl Effects<House> for Seen {
    fn send(&mut self, to: To, durable: Durable, message: Letter) {
        self.sent.push((to, durable, message));
    }
    fn job(&mut self, job: Keyed<u8, Double>) {
        self.jobs.push(job);
    }
    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
    fn output(&mut self, (): ()) {
        unreachable!("outputs of a child stop at its parent")
    }
}

#[test]
fn what_a_child_does_reaches_the_driver_under_its_key_and_outputs_stop_at_the_parent() {
    let (mut seen, mut outputs) = (Seen::default(), Vec::new());
    let mut lens = Lens::<House, Child>::new(&mut seen, 5, &mut outputs);
    assert_eq!(format!("{lens:?}"), "Lens(Epoch 5)");
    Child.input((), &mut lens);
    assert_eq!(seen.sent, [(To::Node(NodeIndex(3)), Durable::Yes, Letter(5, Word(7)))]);
    assert_eq!(outputs, ['x']);
    assert_eq!(seen.faults[0].path, Path::ROOT.child(Segment::epoch(Epoch(5))));
    let job = seen.jobs.remove(0);
    assert_eq!(job.weight(), Weight::Heavy);
    assert_eq!(job.run(), (5, 42));
}

#[test]
fn a_place_knows_its_child_until_it_is_gone() {
    let mut place: Slot<u8, char> = Slot::live(3);
    assert_eq!(place.get(), Some(&3));
    if let Some(child) = place.get_mut() {
        *child += 1;
    }
    assert_eq!(place.get(), Some(&4));
    place = Slot::Gone('t');
    assert!(place.get().is_none() && place.get_mut().is_none());
}

#[test]
fn receivers_are_all_one_or_a_set() {
    let members = |to: To| (0..6).filter(|&node| to.includes(NodeIndex(node))).collect::<Vec<_>>();
    assert_eq!(members(To::All), [0, 1, 2, 3, 4, 5]);
    assert_eq!(members(To::Node(NodeIndex(4))), [4]);
    assert_eq!(members(To::Set([NodeIndex(1), NodeIndex(3)].into_iter().collect::<NodeSet>())), [1, 3]);
}

#[test]
fn a_message_without_rounds_waits_for_nobody() {
    Word(7).rounds(&mut |instance, round| panic!("{instance} has no round {round}"));
    assert_eq!(Word(7).split(&|_, _| false), (Some(Word(7)), None));
    assert_eq!(Letter(5, Word(7)).memory(), 2);
}
