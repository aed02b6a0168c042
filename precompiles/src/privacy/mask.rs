//! MASK_EXPAND: a seed as a mask of any length.
//!
//! `expand((uint8 flags, uint8 width, uint32 n, uint32 counter, bytes32 seed, bytes12 nonce),
//! bytes acc) returns (bytes)` adds to each of the `n` elements of `acc`, modulo `2^width`, a word of
//! the ChaCha20 stream that begins at block `counter`; flag 1 subtracts instead. An absent `acc` is
//! zero. Words are little-endian, of 32 or 64 bits.
//!
//! Two clients that share a seed add and subtract the same mask, so the sum of a full group shows
//! nothing but the sum of its updates.
//!
//! Source of the stream: RFC 8439, section 2.4.

use crate::{
    Dtype, Fatal, Function, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    gas,
    gradient::sum::width_dtype,
    operand::{Operand, Want},
};
use alloc::vec::Vec;
use chacha20::{
    ChaCha20,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};

pub(crate) const FUNCTIONS: &[Function] = &[Function {
    selector: [0xfc, 0xa0, 0xea, 0x15],
    signature: "expand((uint8,uint8,uint32,uint32,bytes32,bytes12),bytes)",
    run: expand,
}];

/// The mask is subtracted.
const MINUS: u8 = 1;
/// RFC 8439: bytes of a block.
const BLOCK: u64 = 64;
/// RFC 8439: blocks that the 32-bit counter reaches.
const BLOCKS: u64 = 1 << 32;

/// Gas: `150 + W_in + 3 * W_out + 4 * W(n * width / 8)`.
fn expand(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, width) = (args.u8(0)?, args.u8(1)?);
    let (count, counter) = (args.u32(2)?, args.u32(3)?);
    let (seed, nonce) = (args.word(4)?, args.bytes12(5)?);
    let start = args.bytes(6)?;

    let store = call.flags(flags, MINUS)?;
    let dtype = width_dtype(width).ok_or(OpError::BadParam(0))?;
    let count = u64::from(count);
    let bytes = count.saturating_mul(dtype.bytes());
    if count == 0 {
        return Err(OpError::BadShape(0).into());
    }
    gas::at_most(bytes, gas::OUTPUT_BYTES_MAX)?;
    if u64::from(counter).saturating_add(bytes.div_ceil(BLOCK)) > BLOCKS {
        return Err(OpError::BadParam(0).into());
    }
    let start = Operand::load_if_any(call, 1, start, Want::Exactly(dtype, count))?;
    let price = Price {
        words_in: start.as_ref().map_or(0, Operand::words),
        out: &[Out::Vector(dtype, count)],
        work: gas::words(bytes).saturating_mul(4),
        store,
    };
    let mut result = call.begin(&price)?;

    let start = start.map(|start| start.fetch(call)).transpose()?;
    let mut stream = ChaCha20::new(&(*seed).into(), &nonce.into());
    let first = u64::from(counter).saturating_mul(BLOCK);
    // The last byte of the stream is past `2^37` only.
    stream.try_seek(first).map_err(|_| OpError::BadParam(0))?;
    let mask = Mask {
        dtype,
        minus: flags & MINUS != 0,
    };
    mask.apply(
        &mut stream,
        start.as_deref().unwrap_or_default(),
        result.part(0),
        &mut call.ctl(),
    )?;
    call.finish(&price, result)
}

/// How the stream meets the elements.
struct Mask {
    dtype: Dtype,
    minus: bool,
}

/// Bytes masked at a time: whole blocks, a part of the first cache.
const PANEL: usize = 1 << 13;

impl Mask {
    /// `start` is as long as `out`, or empty.
    fn apply(
        &self,
        stream: &mut ChaCha20,
        start: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let mut starts = start.chunks(PANEL);
        for out in out.chunks_mut(PANEL) {
            // A block takes as long as some hundred multiply-adds.
            ctl.next(out.len())?;
            // Checked before: the counter does not pass its end. The library's own check refuses the
            // very last block.
            stream.unchecked_write_keystream(out);
            let start = starts.next().unwrap_or_default();
            match (self.dtype, self.minus) {
                (Dtype::I32, false) => combine(start, out, |a, k| {
                    u32::from_le_bytes(a)
                        .wrapping_add(u32::from_le_bytes(k))
                        .to_le_bytes()
                }),
                (Dtype::I32, true) => combine(start, out, |a, k| {
                    u32::from_le_bytes(a)
                        .wrapping_sub(u32::from_le_bytes(k))
                        .to_le_bytes()
                }),
                (_, false) => combine(start, out, |a, k| {
                    u64::from_le_bytes(a)
                        .wrapping_add(u64::from_le_bytes(k))
                        .to_le_bytes()
                }),
                (_, true) => combine(start, out, |a, k| {
                    u64::from_le_bytes(a)
                        .wrapping_sub(u64::from_le_bytes(k))
                        .to_le_bytes()
                }),
            }
        }
        Ok(())
    }
}

/// Replaces each word of the stream by what it makes of its element.
#[inline(always)]
fn combine<const N: usize>(
    start: &[u8],
    stream: &mut [u8],
    each: impl Fn([u8; N], [u8; N]) -> [u8; N],
) {
    let words = stream.as_chunks_mut().0.iter_mut();
    if start.is_empty() {
        words.for_each(|word| *word = each([0; N], *word));
        return;
    }
    for (word, element) in words.zip(start.as_chunks().0) {
        *word = each(*element, *word);
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // Values of the cases fit.
mod tests {
    use super::*;
    use crate::testing::*;
    use crate::{NoHost, Outcome};
    use alloy_primitives::{hex, keccak256};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    const EXPAND: &str = FUNCTIONS[0].signature;

    fn seed() -> [u8; 32] {
        core::array::from_fn(|index| index as u8)
    }

    /// A nonce as the word of a `bytes12`.
    fn nonce(bytes: [u8; 12]) -> Value {
        let mut word = [0; 32];
        word[..12].copy_from_slice(&bytes);
        Value::Word(word)
    }

    /// Worked example 6.
    fn example() -> Vec<Value> {
        let parameters = [0, 32, 4, 0].map(int);
        let acc = inlined(i32s(&[1, 2, 3, 4]));
        [&parameters[..], &[Value::Word(seed()), nonce([0; 12]), acc]].concat()
    }

    #[test]
    fn the_worked_example_comes_out() {
        let input = calldata(EXPAND, &example());
        assert_eq!(
            keccak256(&input),
            hex!("641e2358c1d9cfeaab8879aabbc6d1ef6a669c8bcf30ff33a25616d4a3ea91cc")
        );
        let (gas, output) = success(0x20, &input);
        assert_eq!(
            (gas, bytes(&output, 0)),
            (158, &hex!("3afd2b7ddbc5196a90bd0377bcdc4a49")[..])
        );
    }

    /// RFC 8439, section 2.4.2: the stream from block 1 with a nonce.
    #[test]
    fn the_stream_is_that_of_the_rfc() {
        let parameters = [0, 32, 16, 1].map(int);
        let iv = nonce(hex!("000000000000004a00000000"));
        let rest = [Value::Word(seed()), iv, Value::Bytes(vec![])];
        let (gas, output) = success(0x20, &calldata(EXPAND, &[&parameters[..], &rest].concat()));
        let want = hex!(
            "224f51f3401bd9e12fde276fb8631ded8c131f823d2c06e27e4fcaec9ef3cf78"
            "8a3b0aa372600a92b57974cded2b9334794cba40c63e34cdea212c4cf07d41b7"
        );
        assert_eq!((gas, bytes(&output, 0)), (150 + 6 + 8, &want[..]));
    }

    /// Block `counter` of the stream as the RFC writes it.
    fn block(seed: &[u8; 32], counter: u32, nonce: &[u8; 12]) -> Vec<u8> {
        let mut state = [0x6170_7865u32, 0x3320_646e, 0x7962_2d32, 0x6b20_6574].to_vec();
        let words = |bytes: &[u8]| -> Vec<u32> {
            bytes
                .chunks(4)
                .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
                .collect()
        };
        state.extend(words(seed));
        state.push(counter);
        state.extend(words(nonce));
        let mut x = state.clone();
        let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
            for (p, q, r, by) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
                x[p] = x[p].wrapping_add(x[q]);
                x[r] = (x[r] ^ x[p]).rotate_left(by);
            }
        };
        for _ in 0..10 {
            for column in 0..4 {
                quarter(column, column + 4, column + 8, column + 12);
            }
            for at in 0..4 {
                quarter(at, 4 + (at + 1) % 4, 8 + (at + 2) % 4, 12 + (at + 3) % 4);
            }
        }
        let sum = x
            .iter()
            .zip(&state)
            .map(|(x, start)| x.wrapping_add(*start));
        sum.flat_map(u32::to_le_bytes).collect()
    }

    fn expand(
        flags: u8,
        width: u8,
        counter: u32,
        seed: [u8; 32],
        iv: [u8; 12],
        acc: &[u8],
    ) -> Vec<u8> {
        let count = acc.len() * 8 / usize::from(width);
        let parameters = [flags.into(), width.into(), count as i128, counter.into()].map(int);
        let rest = [Value::Word(seed), nonce(iv), inlined(acc)];
        let input = calldata(EXPAND, &[&parameters[..], &rest].concat());
        match outcome(0x20, &input, &mut NoHost) {
            Outcome::Success { output, .. } => bytes(&output, 0).to_vec(),
            other => panic!("{other:?}"),
        }
    }

    /// Any length, up to the last block of the counter, both widths and signs.
    #[test]
    fn elements_meet_the_stream_in_order() {
        let mut rng = StdRng::seed_from_u64(8);
        for case in 0..400 {
            let width: u8 = rng.random_range(1..=2) * 32;
            let size = usize::from(width / 8);
            let count = match case % 40 {
                0 => 5 * PANEL / size + 3,
                _ => rng.random_range(1..200),
            };
            let blocks = (count * size).div_ceil(64) as u64;
            let counter = match rng.random_range(0..3) {
                0 => (BLOCKS - blocks) as u32,
                1 => 0,
                _ => rng.random_range(0..=(BLOCKS - blocks) as u32),
            };
            let (seed, iv, flags) = (rng.random(), rng.random(), rng.random_range(0..2));
            let acc: Vec<u8> = (0..count * size).map(|_| rng.random()).collect();
            let got = expand(flags, width, counter, seed, iv, &acc);
            let stream: Vec<u8> = (0..blocks)
                .flat_map(|index| block(&seed, (u64::from(counter) + index) as u32, &iv))
                .collect();
            let number = |bytes: &[u8]| {
                bytes
                    .iter()
                    .rev()
                    .fold(0u128, |value, byte| value << 8 | u128::from(*byte))
            };
            for ((acc, key), got) in acc
                .chunks(size)
                .zip(stream.chunks(size))
                .zip(got.chunks(size))
            {
                let (acc, key) = (number(acc), number(key));
                let modulus = 1u128 << width;
                let want = if flags == 0 {
                    acc + key
                } else {
                    acc + modulus - key
                };
                assert_eq!(number(got), want % modulus);
            }
        }
    }

    #[test]
    fn a_full_group_of_masks_sums_to_zero() {
        let mut rng = StdRng::seed_from_u64(9);
        for width in [32, 64] {
            let (clients, count) = (5, 37);
            let size = usize::from(width / 8);
            let seeds: Vec<Vec<[u8; 32]>> = (0..clients)
                .map(|_| (0..clients).map(|_| rng.random()).collect())
                .collect();
            let updates: Vec<Vec<u8>> = (0..clients)
                .map(|_| (0..count * size).map(|_| rng.random()).collect())
                .collect();
            let mut masked = updates.clone();
            for i in 0..clients {
                for j in (0..clients).filter(|j| *j != i) {
                    let seed = seeds[i.min(j)][i.max(j)];
                    masked[i] = expand((i > j).into(), width, 7, seed, [3; 12], &masked[i]);
                }
            }
            assert_ne!(masked, updates);
            let sum = |updates: &[Vec<u8>]| {
                let arguments = [
                    int(0),
                    int(width),
                    int(count as i128),
                    operands(updates.to_vec()),
                ];
                success(
                    0x10,
                    &calldata("sum(uint8,uint8,uint32,bytes[])", &arguments),
                )
                .1
            };
            assert_eq!(sum(&masked), sum(&updates));
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let case = |index: usize, arg: Value, error: OpError| {
            refuses(
                0x20,
                &calldata(EXPAND, &with(&example(), index, arg)),
                error,
            );
        };
        case(0, int(2), OpError::BadParam(0));
        for width in [0, 16, 33, 128] {
            case(1, int(width), OpError::BadParam(0));
        }
        case(2, int(0), OpError::BadShape(0));
        let (got, max) = ((4 << 20) + 4, 4 << 20);
        case(2, int((1_i128 << 20) + 1), OpError::TooLarge { got, max });
        case(
            2,
            int(5),
            OpError::LengthMismatch {
                which: 1,
                want: 20,
                got: 16,
            },
        );
        case(3, int(1_i128 << 32), OpError::BadCalldata);
        let last = with(&example(), 3, int((1_i128 << 32) - 1));
        success(0x20, &calldata(EXPAND, &last));
        let two_blocks = with(&with(&last, 2, int(17)), 6, Value::Bytes(vec![]));
        refuses(0x20, &calldata(EXPAND, &two_blocks), OpError::BadParam(0));
        let mut dirty = [0; 32];
        dirty[12] = 1;
        case(5, Value::Word(dirty), OpError::BadCalldata);
        case(6, Value::Bytes(vec![9]), OpError::BadOperand(1));
        case(
            6,
            Value::Bytes(vec![0]),
            OpError::LengthMismatch {
                which: 1,
                want: 16,
                got: 0,
            },
        );
    }
}
