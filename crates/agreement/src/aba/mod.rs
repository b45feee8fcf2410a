//! Asynchronous binary agreement (ABA): n nodes with one bit each agree on one of their bits.
//!
//! # What it guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1, a network that delivers late and in any order, and static corruption:
//!
//! * *agreement*: no two honest nodes decide differently;
//! * *validity*: the decision is the input of an honest node;
//! * *termination*: when all honest nodes have an input, or some honest node decided, every honest node decides and
//!   halts with probability 1, after a constant expected number of rounds. No clock is read;
//! * *binding*: when the first honest node releases its share of a round's coin, there is one bit b such that no honest
//!   node can leave that round with the set {1 - b}. So knowing the coin early helps nobody to keep nodes apart.
//!
//! # Message flow
//!
//! ```text
//!            round r with estimate est                                              any round
//!  +------+  2f+1   +-----+ quorum, +------+ quorum, +-------+  f+1   +------+     +------+ f+1  +--------+
//!  | BVAL |-------->| AUX |-------->| CONF |-------->| share |------->| coin |     | TERM |----->| decide |
//!  +------+  BVAL   +-----+ in bin  +------+ in bin  +-------+ shares +------+     +------+ 2f+1 +--------+
//!    ^  | f+1                  |        (real coin only)                 |             |-------->| halt   |
//!    +--+ relay                +------- fixed coin ----------------------+--> decide --+         +--------+
//!                                                                        +--> next round
//! ```
//!
//! # Rules
//!
//! 1. On entering round r: BVAL(est) to all. f + 1 distinct BVAL(v): relay BVAL(v), once. 2f + 1 distinct BVAL(v): v
//!    enters `bin`.
//! 2. The first v that enters `bin`: AUX(v) to all, once.
//! 3. A quorum of AUX whose values all lie in `bin`: V1 is the set of those values.
//! 4. CONF(V1) to all, once. A quorum of CONF whose sets all lie in `bin`: V is the *union* of those sets.
//! 5. Only now the share of round r's coin is released, also if the coin is known already.
//! 6. V = {b}: est = b, and if the coin is b, decide b. V = {0, 1}: est = coin. Round r + 1.
//!
//! In a round with a fixed coin (see [`CoinSchedule`]) steps 4 and 5 are skipped and V = V1.
//!
//! * *Distinct senders.* Each sender has one slot per round for each value of BVAL, one for AUX, one for CONF, one for
//!   the share, and one for TERM. The first statement fills it; a different second one is a fault and not counted.
//! * *Held, not dropped.* AUX and CONF that are not justified by `bin` yet fill their slots and are counted once they
//!   are.
//! * *Past rounds* are served until the instance halts: BVAL(v) is still counted and relayed at f + 1. A node that
//!   dropped them could leave slower nodes one vote short for ever.
//! * *Rounds ahead.* The sender holds messages of round r back until the receiver was seen in a round >= r - R (see
//!   [`mellivora_core::Message::rounds`]), so what lies beyond the receiver's window never reaches it from an honest
//!   node, and it drops such messages. No fault is recorded: a frame can outlive the incarnation it was sent to.
//! * *Termination.* Deciding b: TERM(b) to all, once, and taking part goes on with est = b. f + 1 TERM(b): decide b.
//!   2f + 1 TERM(b): halt. Halting at the first decision would leave others without a quorum. TERM stands in for no
//!   other vote.
//! * *Input.* Before it has one a node relays, sends AUX, CONF and shares, and may decide. An input after round 1 is
//!   ignored.
//! * *Restart.* All votes are durable, BVAL too: the f + 1 honest nodes without which no value enters `bin` anywhere may
//!   be just f + 1, and when one of them forgets what it said, an AUX that rests on it is never justified for others.
//!   A fresh instance gets its votes back by `recall`, begins at round 1 and hears its peers' votes again; where it has
//!   said something in a round, it says nothing else there, whatever it would compute now. Its window reaches R rounds
//!   beyond the last round it spoke in, because peers that hear its old votes again take it to be there.
//!
//! # Complexity
//!
//! Per round and node: at most two BVAL, one AUX, one CONF to all, and with a real coin one share; three message delays
//! with a fixed coin in the worst case, five with a real one. Expected rounds with real coins, counted until the last
//! honest node decides by itself: 2 with equal inputs, 4 against the best scheduler. With the default schedule equal
//! inputs of 1 decide in round 1, after two delays and without cryptography.
//!
//! # Bound on memory
//!
//! About 300 bytes for each of at most R + 1 rounds from the current one on, plus at most n shares for each of them
//! that has a real coin; 80 bytes per past round. Everything but the decision is freed at the halt.
//!
//! # Deviations from the paper
//!
//! * CONF, as in Cobalt: in the algorithm of 2014 the coin can be known before an honest node's set is fixed, and a
//!   scheduler steers that node to the other value for ever.
//! * Fixed coins in two rounds of three; TERM as a halting rule; past rounds are served; rounds ahead are held back by
//!   the sender. All of them are said above with their reasons.
//!
//! # Sources
//!
//! Mostefaoui, Moumen, Raynal: *Signature-free asynchronous Byzantine consensus with t < n/3 and O(n^2) messages*,
//! PODC 2014. MacBrough: *Cobalt: BFT governance in open networks*, 2018. Abraham, Ben-David, Yandamuri: *Efficient and
//! adaptively secure asynchronous binary agreement via binding crusader agreement*, PODC 2022.

mod config;
mod machine;
mod message;
mod round;

pub use config::{AbaConfig, CoinSchedule};
pub use machine::Aba;
pub use message::{AbaMessage, Vote};
