//! Order statistics by sorting networks: each lane of a vector is a coordinate, each vector a
//! client, and a comparator is a minimum and a maximum of two vectors.
//!
//! Up to 32 clients at a time are sorted in registers as they are loaded. What merges those is
//! Batcher's odd-even merge, from which everything is cut that the wanted ranks do not need:
//!
//! - ranks that are not wanted: their comparators go, or keep only a minimum or a maximum;
//! - wanted ranks are only summed, so two of them are never brought into order;
//! - clients up to the next power of two are the highest value, which stays where it is.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Of checked shapes.

use super::{Ctl, divide, sorts::Sort};
use crate::Fatal;
use alloc::{rc::Rc, vec, vec::Vec};
use core::cell::RefCell;

/// Clients at most, a power of two.
const WIRES: usize = 256;
/// How far ahead of each client memory is asked for: the machine itself does not follow so many
/// streams.
const AHEAD: usize = 1 << 8;
/// Vectors of one block of clients before it is the next block's turn: as many streams of memory as a
/// block has clients are as many as a processor has addresses at hand.
const RUN: usize = 16;
/// Most clients that are sorted in registers.
const BLOCK: usize = 32;

/// Vectors of `N` elements of type `T`, for whoever holds the proof of their instructions.
pub(super) trait Lanes<T, const N: usize>: Copy {
    /// A vector.
    type Vector: Copy;
    /// The first `N` elements of `bytes`.
    fn load_bytes(self, bytes: &[u8]) -> Self::Vector;
    /// Asks for memory that will be read soon; any address will do.
    fn prefetch(self, address: *const u8);
    fn load(self, elements: &[T; N]) -> Self::Vector;
    fn store(self, vector: Self::Vector, elements: &mut [T; N]);
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
}

/// An integer of up to 32 bits.
pub(super) trait Element: Copy + Into<i64> {
    const BYTES: usize;
    const MAX: Self;
    /// Holds the sum of 256 elements.
    type Sum: Copy + Default + Into<i64>;
    fn add(self, sum: Self::Sum) -> Self::Sum;
    /// Writes the low bytes of `x`.
    fn write(x: i64, out: &mut [u8]);
}

macro_rules! element {
    ($type:ty, $sum:ty) => {
        impl Element for $type {
            type Sum = $sum;
            const BYTES: usize = size_of::<$type>();
            const MAX: Self = Self::MAX;
            #[inline(always)]
            fn add(self, sum: $sum) -> $sum {
                sum.wrapping_add(self.into())
            }
            #[inline(always)]
            fn write(x: i64, out: &mut [u8]) {
                out.copy_from_slice(&x.to_le_bytes()[..Self::BYTES]);
            }
        }
    };
}
element!(i8, i32);
element!(u8, i32);
element!(i16, i32);
element!(i32, i64);

/// What a comparator keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keep {
    Both,
    Low,
    High,
}

/// Comparators of one kind that do not depend on each other.
#[derive(Debug)]
struct Layer {
    keep: Keep,
    pairs: Vec<(u8, u8)>,
}

/// What merges sorted blocks of `clients` so that ranks `cut..clients - cut` can be summed.
#[derive(Debug)]
struct Network {
    clients: usize,
    cut: usize,
    layers: Vec<Layer>,
}

/// What is known of a wire, from the end of the network backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Nobody looks at it.
    None,
    /// It is one of those that are summed.
    Summed,
    /// Its very value counts.
    Value,
}

impl Network {
    fn new(clients: usize, cut: usize) -> Self {
        let mut uses = [Use::None; WIRES];
        uses[cut..clients - cut].fill(Use::Summed);
        let mut layers = Vec::new();
        for pairs in merges(clients.next_power_of_two()).iter().rev() {
            let mut kept = [const { Vec::new() }; 3];
            for &(low, high) in pairs {
                let (i, j) = (usize::from(low), usize::from(high));
                // From `clients` on there is only the highest value, and nothing moves.
                let both = (uses[i], uses[j]);
                if j >= clients || both.0 == both.1 && both.0 != Use::Value {
                    continue;
                }
                let keep = match both {
                    (_, Use::None) => Keep::Low,
                    (Use::None, _) => Keep::High,
                    _ => Keep::Both,
                };
                kept[keep as usize].push((low, high));
                (uses[i], uses[j]) = (Use::Value, Use::Value);
            }
            let kinds = [Keep::Both, Keep::Low, Keep::High].into_iter().zip(kept);
            layers.extend(
                kinds
                    .filter(|(_, pairs)| !pairs.is_empty())
                    .map(|(keep, pairs)| Layer { keep, pairs }),
            );
        }
        layers.reverse();
        Self {
            clients,
            cut,
            layers,
        }
    }

    /// The network for these, or that of the call before if it is the same.
    fn cached(clients: usize, cut: usize) -> Rc<Self> {
        std::thread_local! {
            static LAST: RefCell<Option<Rc<Network>>> = const { RefCell::new(None) };
        }
        LAST.with_borrow_mut(|last| match last {
            Some(last) if (last.clients, last.cut) == (clients, cut) => Rc::clone(last),
            _ => Rc::clone(last.insert(Rc::new(Self::new(clients, cut)))),
        })
    }
}

/// The layers of Batcher's sort that merge sorted blocks to one sorted list.
fn merges(wires: usize) -> Vec<Vec<(u8, u8)>> {
    let mut layers = Vec::new();
    let mut size = BLOCK;
    while size < wires {
        let mut step = size;
        while step > 0 {
            let mut pairs = Vec::new();
            for start in (step % size..wires - step).step_by(2 * step) {
                for low in start..(start + step).min(wires - step) {
                    if low / (2 * size) == (low + step) / (2 * size) {
                        let index = |wire: usize| wire.to_le_bytes()[0];
                        pairs.push((index(low), index(low + step)));
                    }
                }
            }
            layers.push(pairs);
            step /= 2;
        }
        size *= 2;
    }
    layers
}

/// Trimmed means as [`super::Backend::trimmed`] says.
#[inline(always)]
pub(super) fn trimmed<T: Element, const N: usize, L: Lanes<T, N>>(
    lanes: L,
    cut: usize,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let width = N * T::BYTES;
    let network = Network::cached(inputs.len(), cut);
    if out.len() < width {
        // Too few coordinates for a vector: padded copies of them.
        let mut padded = vec![0; inputs.len() * width];
        for (input, padded) in inputs.iter().zip(padded.chunks_exact_mut(width)) {
            padded[..out.len()].copy_from_slice(&input[..out.len()]);
        }
        let padded: Vec<&[u8]> = padded.chunks_exact(width).collect();
        let mut all = vec![0; width];
        whole(lanes, &network, &padded, &mut all, ctl)?;
        out.copy_from_slice(&all[..out.len()]);
        return Ok(());
    }
    whole(lanes, &network, inputs, out, ctl)
}

/// At least one vector of coordinates.
#[inline(always)]
fn whole<T: Element, const N: usize, L: Lanes<T, N>>(
    lanes: L,
    network: &Network,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let (width, cut) = (N * T::BYTES, network.cut);
    let run = if inputs.len() > BLOCK { RUN } else { 1 };
    let pitch = inputs.len().next_power_of_two().max(BLOCK) + 1;
    let run = run.min(out.len().div_ceil(width));
    let mut wires = vec![Wire([T::MAX; N]); pitch * run];
    let last = out.len() - width;
    for start in (0..out.len()).step_by(width * run) {
        ctl.next(N * run * inputs.len())?;
        let run = run.min((out.len() - start).div_ceil(width));
        let (wires, places) = (&mut wires[..pitch * run], (start, last));
        match inputs.len() {
            0..=8 => sorted::<8, T, N, L>(lanes, inputs, places, wires, pitch),
            9..=16 => sorted::<16, T, N, L>(lanes, inputs, places, wires, pitch),
            _ => sorted::<BLOCK, T, N, L>(lanes, inputs, places, wires, pitch),
        }
        for (index, wires) in wires.chunks_exact_mut(pitch).enumerate() {
            let at = last.min(start + index * width);
            if let Some(wires) = wires.first_chunk_mut::<256>() {
                merged(lanes, network, wires);
            } else if let Some(wires) = wires.first_chunk_mut::<128>() {
                merged(lanes, network, wires);
            } else if let Some(wires) = wires.first_chunk_mut::<64>() {
                merged(lanes, network, wires);
            }
            mean(&wires[cut..inputs.len() - cut], &mut out[at..at + width]);
        }
    }
    Ok(())
}

/// A vector in memory. A cache line holds it whole. Those of one place have one more than they need:
/// a power of two would let a run of places fall into the same cache lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Wire<T, const N: usize>([T; N]);

/// Loads blocks of clients, sorts each and puts it into its wires, for a run of vectors from `start`
/// on. The last vector may repeat coordinates of the one before.
#[inline(always)]
fn sorted<const B: usize, T: Element, const N: usize, L: Lanes<T, N>>(
    lanes: L,
    inputs: &[&[u8]],
    (start, last): (usize, usize),
    wires: &mut [Wire<T, N>],
    pitch: usize,
) where
    [(); B]: Sort<B>,
{
    let top = lanes.load(&[T::MAX; N]);
    for (block, inputs) in inputs.chunks(B).enumerate() {
        for (index, wires) in wires.chunks_exact_mut(pitch).enumerate() {
            let at = last.min(start + index * size_of::<[T; N]>());
            let mut vectors = [top; B];
            for (vector, input) in vectors.iter_mut().zip(inputs) {
                *vector = lanes.load_bytes(&input[at..]);
                lanes.prefetch(input.as_ptr().wrapping_add(at + AHEAD));
            }
            <[(); B]>::sort(lanes, &mut vectors);
            for (vector, wire) in vectors.into_iter().zip(&mut wires[block * B..]) {
                lanes.store(vector, &mut wire.0);
            }
        }
    }
}

/// Merges the sorted blocks of one vector as far as the wanted ranks need it.
#[inline(always)]
fn merged<const W: usize, T: Element, const N: usize, L: Lanes<T, N>>(
    lanes: L,
    network: &Network,
    wires: &mut [Wire<T, N>; W],
) {
    for layer in &network.layers {
        for &(low, high) in &layer.pairs {
            // They are below the power of two anyway: this saves the check.
            let (low, high) = (usize::from(low) % W, usize::from(high) % W);
            let (a, b) = (lanes.load(&wires[low].0), lanes.load(&wires[high].0));
            if layer.keep != Keep::High {
                lanes.store(lanes.min(a, b), &mut wires[low].0);
            }
            if layer.keep != Keep::Low {
                lanes.store(lanes.max(a, b), &mut wires[high].0);
            }
        }
    }
}

/// The mean of the kept vectors, half away from zero.
#[inline(always)]
fn mean<T: Element, const N: usize>(kept: &[Wire<T, N>], out: &mut [u8]) {
    let outs = out.chunks_exact_mut(T::BYTES);
    if let [all] = kept {
        for (x, out) in all.0.iter().zip(outs) {
            T::write((*x).into(), out);
        }
        return;
    }
    let mut sums = [T::Sum::default(); N];
    for (part, sums) in sums.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let mut eight = [T::Sum::default(); 8];
        for wire in kept {
            for (sum, x) in eight.iter_mut().zip(&wire.0.as_chunks::<8>().0[part]) {
                *sum = x.add(*sum);
            }
        }
        *sums = eight;
    }
    let count = kept.len() as u64;
    for (sum, out) in sums.into_iter().zip(outs) {
        let sum: i64 = sum.into();
        let mean = if count == 2 {
            // Half of the number that is one further from zero.
            let further = sum.wrapping_add(if sum < 0 { -1 } else { 1 });
            further / 2
        } else {
            divide::away(sum, count)
        };
        T::write(mean, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the zero-one principle a network that is right for zeros and ones is right for all; here
    /// each number of ones, at random places.
    #[test]
    fn a_pruned_network_brings_the_wanted_ranks_together() {
        let mut seed = 1u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        for clients in 1..=256usize {
            for cut in [0, 1, clients / 10, clients / 4, (clients - 1) / 2] {
                if clients <= 2 * cut {
                    continue;
                }
                let network = Network::new(clients, cut);
                for _ in 0..8 {
                    let ones = random() % (clients as u64 + 1);
                    let mut wires: Vec<u64> = (0..clients)
                        .map(|_| u64::from(random() % (clients as u64) < ones))
                        .collect();
                    let mut sorted = wires.clone();
                    sorted.sort_unstable();
                    wires.resize(clients.next_multiple_of(BLOCK), 9);
                    wires.chunks_mut(BLOCK).for_each(<[u64]>::sort_unstable);
                    for layer in &network.layers {
                        for &(low, high) in &layer.pairs {
                            let (i, j) = (usize::from(low), usize::from(high));
                            let (a, b) = (wires[i], wires[j]);
                            if layer.keep != Keep::High {
                                wires[i] = a.min(b);
                            }
                            if layer.keep != Keep::Low {
                                wires[j] = a.max(b);
                            }
                        }
                    }
                    let kept = cut..clients - cut;
                    assert_eq!(
                        wires[kept.clone()].iter().sum::<u64>(),
                        sorted[kept].iter().sum::<u64>(),
                        "{clients} clients, {cut} cut"
                    );
                }
            }
        }
    }
}
