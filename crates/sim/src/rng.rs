//! Randomness: one seed, one independent stream per purpose, so that a change in one part of a run does not shift the
//! draws of another.

use rand::SeedableRng;

/// The generator of everything random in a run.
pub type SimRng = rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Choices of the scheduler.
    Schedule,
    /// Lengths of turns.
    Turns,
    /// Which messages travel through the codec.
    Codec,
    /// Who hears which twin.
    Sides,
    /// Crashes, partitions and nudges.
    Timeline,
    /// Delays of links.
    Latency,
    /// The run's own parameters, where they are not given.
    Setup,
    /// Who is faulty, and how.
    Cast,
    /// The size of the committee.
    Size,
    /// The wrapper of one faulty node.
    Adversary(u16),
}

/// The stream of `seed` for one purpose.
pub(crate) fn stream(seed: u64, stream: Stream) -> SimRng {
    let mut rng = SimRng::seed_from_u64(seed);
    rng.set_stream(match stream {
        Stream::Schedule => 1,
        Stream::Turns => 2,
        Stream::Codec => 3,
        Stream::Sides => 4,
        Stream::Timeline => 5,
        Stream::Latency => 6,
        Stream::Setup => 7,
        Stream::Cast => 8,
        Stream::Size => 9,
        Stream::Adversary(actor) => 1_000 + u64::from(actor),
    });
    rng
}
