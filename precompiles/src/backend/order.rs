//! Order statistics by sorting networks: each lane of a vector is a coordinate, each vector a
//! client, and a comparator is a minimum and a maximum of two vectors.
//!
//! Sixteen clients at a time are sorted in registers as they are loaded. What merges the sixteens is
//! Batcher's odd-even merge, from which everything is cut that the wanted ranks do not need:
//!
//! - ranks that are not wanted: their comparators go, or keep only a minimum or a maximum;
//! - wanted ranks are only summed, so two of them are never brought into order;
//! - clients up to the next power of two are the highest value, which stays where it is.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Of checked shapes.

use super::{Ctl, divide};
use crate::Fatal;
use alloc::{rc::Rc, vec, vec::Vec};
use core::cell::RefCell;

/// Clients at most, a power of two.
const WIRES: usize = 256;
/// Bytes of all pieces together, for the second cache; of one piece, for the prefetcher; of a line.
const PIECES: usize = 1 << 18;
const PIECE: usize = 1 << 12;
const LINE: usize = 64;
/// Clients sorted in registers.
const BLOCK: usize = 16;

/// Vectors of `N` elements of type `T`, for whoever holds the proof of their instructions.
pub(super) trait Lanes<T, const N: usize>: Copy {
    /// A vector.
    type Vector: Copy;
    /// The first `N` elements of `bytes`.
    fn load_bytes(self, bytes: &[u8]) -> Self::Vector;
    fn load(self, elements: &[T; N]) -> Self::Vector;
    fn store(self, vector: Self::Vector, elements: &mut [T; N]);
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
}

/// An integer of up to 32 bits.
pub(super) trait Element: Copy + Into<i64> {
    const BYTES: usize;
    const MAX: Self;
    /// Writes the low bytes of `x`.
    fn write(x: i64, out: &mut [u8]);
}

macro_rules! element {
    ($type:ty) => {
        impl Element for $type {
            const BYTES: usize = size_of::<$type>();
            const MAX: Self = Self::MAX;
            #[inline(always)]
            fn write(x: i64, out: &mut [u8]) {
                out.copy_from_slice(&x.to_le_bytes()[..Self::BYTES]);
            }
        }
    };
}
element!(i8);
element!(u8);
element!(i16);
element!(i32);

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

/// What merges sorted sixteens of `clients` so that ranks `cut..clients - cut` can be summed.
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

/// The layers of Batcher's sort that merge sorted sixteens to one sorted list.
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
    let mut wires = vec![[T::MAX; N]; inputs.len().next_multiple_of(BLOCK)];
    // Clients tend to lie a power of two apart, where vectors of all of them would fall into the
    // same few cache lines: a piece of each is copied together first.
    let piece = (PIECES / inputs.len()).clamp(LINE, PIECE).min(out.len()) / LINE * LINE;
    let piece = piece.max(LINE);
    let pitch = piece + LINE;
    let mut pieces = vec![0; inputs.len() * pitch];
    let mut last = vec![0; width];
    let mut at = 0;
    for out in out.chunks_mut(piece) {
        ctl.next(inputs.len() * piece)?;
        for (input, piece) in inputs.iter().zip(pieces.chunks_exact_mut(pitch)) {
            piece[..out.len()].copy_from_slice(&input[at..at + out.len()]);
        }
        at += out.len();
        for (index, out) in out.chunks_mut(width).enumerate() {
            let from = index * width;
            if out.len() == width {
                vector(lanes, &network, &pieces[from..], pitch, &mut wires, out);
            } else {
                vector(
                    lanes,
                    &network,
                    &pieces[from..],
                    pitch,
                    &mut wires,
                    &mut last,
                );
                out.copy_from_slice(&last[..out.len()]);
            }
        }
    }
    Ok(())
}

/// One vector of coordinates.
#[inline(always)]
fn vector<T: Element, const N: usize, L: Lanes<T, N>>(
    lanes: L,
    network: &Network,
    pieces: &[u8],
    pitch: usize,
    wires: &mut [[T; N]],
    out: &mut [u8],
) {
    let top = lanes.load(&[T::MAX; N]);
    let mut pieces = pieces.chunks(pitch);
    for wires in wires.as_chunks_mut::<BLOCK>().0 {
        let mut block = [top; BLOCK];
        for (vector, piece) in block.iter_mut().zip(&mut pieces) {
            *vector = lanes.load_bytes(piece);
        }
        sort_block(lanes, &mut block);
        for (vector, wire) in block.into_iter().zip(wires) {
            lanes.store(vector, wire);
        }
    }
    for layer in &network.layers {
        for &(low, high) in &layer.pairs {
            let (low, high) = (usize::from(low), usize::from(high));
            let (a, b) = (lanes.load(&wires[low]), lanes.load(&wires[high]));
            if layer.keep != Keep::High {
                lanes.store(lanes.min(a, b), &mut wires[low]);
            }
            if layer.keep != Keep::Low {
                lanes.store(lanes.max(a, b), &mut wires[high]);
            }
        }
    }
    mean(&wires[network.cut..network.clients - network.cut], out);
}

macro_rules! comparators {
    ($lanes:ident, $block:ident; $($low:literal $high:literal,)*) => {
        $(
            let (low, high) = ($block[$low], $block[$high]);
            $block[$low] = $lanes.min(low, high);
            $block[$high] = $lanes.max(low, high);
        )*
    };
}

/// Batcher's sort of sixteen, written out so that all of it stays in registers.
#[inline(always)]
fn sort_block<T, const N: usize, L: Lanes<T, N>>(lanes: L, block: &mut [L::Vector; BLOCK]) {
    comparators!(lanes, block;
        0 1, 2 3, 4 5, 6 7, 8 9, 10 11, 12 13, 14 15, 0 2, 1 3, 4 6, 5 7, 8 10, 9 11, 12 14,
        13 15, 1 2, 5 6, 9 10, 13 14, 0 4, 1 5, 2 6, 3 7, 8 12, 9 13, 10 14, 11 15, 2 4, 3 5,
        10 12, 11 13, 1 2, 3 4, 5 6, 9 10, 11 12, 13 14, 0 8, 1 9, 2 10, 3 11, 4 12, 5 13, 6 14,
        7 15, 4 8, 5 9, 6 10, 7 11, 2 4, 3 5, 6 8, 7 9, 10 12, 11 13, 1 2, 3 4, 5 6, 7 8, 9 10,
        11 12, 13 14,
    );
}

/// The mean of the kept vectors, half away from zero.
#[inline(always)]
fn mean<T: Element, const N: usize>(kept: &[[T; N]], out: &mut [u8]) {
    let outs = out.chunks_exact_mut(T::BYTES);
    if let [all] = kept {
        for (x, out) in all.iter().zip(outs) {
            T::write((*x).into(), out);
        }
        return;
    }
    let mut sums = [0i64; N];
    for wire in kept {
        for (sum, x) in sums.iter_mut().zip(wire) {
            // At most 256 elements of 32 bits.
            *sum = sum.wrapping_add((*x).into());
        }
    }
    let count = kept.len() as u64;
    for (sum, out) in sums.into_iter().zip(outs) {
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
