//! One pass over a codeword: what is missing is computed and every leaf is hashed, stripe by stripe, so that a stripe of
//! all shards stays in the cache between the two and parity that only serves the check is never stored.

use std::ops::Range;
use std::sync::Mutex;

use mellivora_core::{Digest, planted};
use reed_solomon_erasure::galois_8::ReedSolomon;

use crate::{layout::Layout, merkle};

/// What is at hand for one place of the codeword.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Nothing: the shard is computed.
    Missing,
    /// One of the k shards that everything is computed from, with its leaf hash if that is known.
    Given { data: &'a [u8], leaf: Option<Digest> },
    /// A further shard with a known leaf hash: the computed one is compared with it, which costs less than hashing.
    Known { data: &'a [u8], leaf: Digest },
}

/// The erasure code of a committee. Holds buffers for reuse: what they held before never shows.
pub(crate) struct Code {
    layout: Layout,
    /// `None` without parity.
    code: Option<ReedSolomon>,
    scratch: Mutex<Vec<Vec<u8>>>,
}

/// All shards of one stripe together should fit the second-level cache.
const CACHE: usize = 256 << 10;
/// Shorter stripes leave the hash without enough chunks to work on side by side.
const STRIPE: Range<usize> = 8 << 10..64 << 10;
/// Scratch buffers that are kept for reuse, one per thread that codes at the same time.
const KEPT_BUFFERS: usize = 4;

impl Code {
    pub(crate) fn new(layout: Layout) -> Result<Self, reed_solomon_erasure::Error> {
        let code = match layout.parity() {
            0 => None,
            parity => Some(ReedSolomon::new(layout.k, parity)?),
        };
        Ok(Code { layout, code, scratch: Mutex::default() })
    }

    /// Computes all shards from exactly k given ones of `shard_len` bytes. Returns the leaf hashes of all n, or `None` if
    /// a known shard differs from the computed one.
    ///
    /// `places` are n. Data shards that are not given are written to `rebuilt`, one after another. Parity goes to
    /// `parity`, which has room for all of it, if that is given; this is for encoding, where all data is given.
    pub(crate) fn complete(
        &self,
        shard_len: usize,
        places: &[Place<'_>],
        rebuilt: &mut [u8],
        mut parity: Option<&mut [u8]>,
    ) -> Result<Option<Vec<Digest>>, reed_solomon_erasure::Error> {
        let mut leaves: Vec<Leaf> = places.iter().map(Leaf::new).collect();
        let stripe = self.stripe(shard_len);
        let mut scratch = self.take_scratch(stripe * self.layout.n);
        let (data, parity_places) = places.split_at(self.layout.k);
        let all_data = data.iter().all(|place| matches!(place, Place::Given { .. }));
        let mut equal = true;
        for start in (0..shard_len).step_by(stripe) {
            let part = start..(start + stripe).min(shard_len);
            for (leaf, place) in leaves.iter_mut().zip(places) {
                if let Place::Given { data, .. } = place {
                    leaf.update(&data[part.clone()], shard_len);
                }
            }
            let Some(code) = &self.code else { continue };
            if all_data {
                let inputs: Vec<&[u8]> = data.iter().filter_map(|place| place.given(&part)).collect();
                let mut outputs: Vec<&mut [u8]> = match parity.as_deref_mut() {
                    Some(parity) => parity.chunks_exact_mut(shard_len).map(|shard| &mut shard[part.clone()]).collect(),
                    None => cells(&mut scratch, stripe, part.len()).take(parity_places.len()).collect(),
                };
                code.encode_sep(&inputs, &mut outputs)?;
                for ((leaf, place), computed) in leaves.iter_mut().skip(data.len()).zip(parity_places).zip(&outputs) {
                    equal &= leaf.computed(place, &part, computed, shard_len);
                }
            } else {
                let cells = cells(&mut scratch, stripe, part.len());
                let mut all = cells_to_fill(shard_len, &part, places, rebuilt, cells);
                code.reconstruct(&mut all)?;
                for ((leaf, place), (computed, was_given)) in leaves.iter_mut().zip(places).zip(&all) {
                    equal &= *was_given || leaf.computed(place, &part, computed, shard_len);
                }
            }
            if !equal {
                break;
            }
        }
        self.give_scratch(scratch);
        Ok(equal.then(|| leaves.into_iter().map(Leaf::finish).collect()))
    }

    fn stripe(&self, shard_len: usize) -> usize {
        let fits = (CACHE / self.layout.n).clamp(STRIPE.start, STRIPE.end);
        // A power of two, so that every stripe but the last is a whole subtree of the hash.
        let whole = if fits.is_power_of_two() { fits } else { fits.next_power_of_two() / 2 };
        whole.min(shard_len)
    }

    fn take_scratch(&self, len: usize) -> Vec<u8> {
        let kept = self.scratch.lock().ok().and_then(|mut kept| kept.pop());
        let mut buffer = kept.unwrap_or_default();
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        buffer
    }

    fn give_scratch(&self, buffer: Vec<u8>) {
        if let Ok(mut kept) = self.scratch.lock()
            && kept.len() < KEPT_BUFFERS
        {
            kept.push(buffer);
        }
    }
}

/// The first `len` bytes of each piece of `stripe` bytes.
fn cells(scratch: &mut [u8], stripe: usize, len: usize) -> impl Iterator<Item = &mut [u8]> {
    scratch.chunks_exact_mut(stripe).map(move |cell| &mut cell[..len])
}

/// One stripe as the library wants it for reconstruction: n cells, and which of them are filled. It wants even the
/// shards that it only reads to be mutable, hence the copies.
fn cells_to_fill<'a>(
    shard_len: usize,
    part: &Range<usize>,
    places: &[Place<'_>],
    rebuilt: &'a mut [u8],
    scratch: impl Iterator<Item = &'a mut [u8]>,
) -> Vec<(&'a mut [u8], bool)> {
    let mut rebuilt = rebuilt.chunks_exact_mut(shard_len);
    let fill = |(place, cell): (&Place<'_>, &'a mut [u8])| match place.given(part) {
        Some(given) => {
            cell.copy_from_slice(given);
            (cell, true)
        }
        // As long as the data shards that are missing, which come before the parity.
        None => match rebuilt.next() {
            Some(shard) => (&mut shard[part.clone()], false),
            None => (cell, false),
        },
    };
    places.iter().zip(scratch).map(fill).collect()
}

/// A leaf hash in the making.
enum Leaf {
    Nothing,
    Some(Box<blake3::Hasher>),
    Done(Digest),
}

impl Place<'_> {
    fn given(&self, part: &Range<usize>) -> Option<&[u8]> {
        match self {
            // All given shards have the length that the parts are cut from.
            Place::Given { data, .. } => Some(&data[part.clone()]),
            _ => None,
        }
    }
}

impl Leaf {
    fn new(place: &Place<'_>) -> Self {
        match place {
            Place::Given { leaf: Some(leaf), .. } | Place::Known { leaf, .. } => Leaf::Done(*leaf),
            _ => Leaf::Nothing,
        }
    }

    /// Takes a computed part: compared if the shard is known, hashed otherwise. False if it differs.
    fn computed(&mut self, place: &Place<'_>, part: &Range<usize>, bytes: &[u8], shard_len: usize) -> bool {
        match place {
            Place::Known { data, .. } => data[part.clone()] == *bytes || planted("coding-further-unchecked"),
            _ => {
                self.update(bytes, shard_len);
                true
            }
        }
    }

    /// Takes the next part of a shard of `shard_len` bytes. A known hash is not computed again.
    fn update(&mut self, part: &[u8], shard_len: usize) {
        match self {
            Leaf::Done(_) => {}
            Leaf::Some(hasher) => {
                hasher.update(part);
            }
            Leaf::Nothing if part.len() == shard_len => *self = Leaf::Done(merkle::leaf(part)),
            Leaf::Nothing => {
                let mut hasher = Box::new(merkle::leaf_hasher());
                hasher.update(part);
                *self = Leaf::Some(hasher);
            }
        }
    }

    fn finish(self) -> Digest {
        match self {
            Leaf::Done(digest) => digest,
            Leaf::Some(hasher) => Digest(*hasher.finalize().as_bytes()),
            Leaf::Nothing => Digest::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(n: usize) -> Code {
        Code::new(Layout { n, k: n - n / 3 }).unwrap()
    }

    #[test]
    fn a_stripe_of_all_shards_fits_the_cache_and_is_a_whole_subtree_of_the_hash() {
        for (n, kib) in [(1, 64), (4, 64), (5, 32), (8, 32), (9, 16), (16, 16), (17, 8), (32, 8), (100, 8), (256, 8)] {
            let (code, stripe) = (code(n), kib << 10);
            for (shard_len, expected) in
                [(stripe - 1, stripe - 1), (stripe, stripe), (stripe + 1, stripe), (1 << 30, stripe)]
            {
                assert_eq!(code.stripe(shard_len), expected, "{n} shards of {shard_len} bytes");
            }
        }
    }

    #[test]
    fn buffers_are_used_again_and_no_more_than_four_are_kept() {
        let code = code(4);
        let buffer = code.take_scratch(1_000);
        let place = buffer.as_ptr();
        code.give_scratch(buffer);
        let mut taken: Vec<_> = [500, 1_000, 200, 300, 400].map(|len| code.take_scratch(len)).into();
        assert_eq!((taken[0].as_ptr(), taken[0].len()), (place, 1_000));
        assert_eq!(taken[1].len(), 1_000);
        taken.drain(..).for_each(|buffer| code.give_scratch(buffer));
        assert_eq!(code.scratch.lock().unwrap().len(), KEPT_BUFFERS);
    }
}
