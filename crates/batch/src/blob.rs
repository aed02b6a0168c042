//! OP's encoding of a payload in one blob.
//!
//! A blob has 4,096 field elements of 32 bytes whose first byte may use its low 6 bits only. Four of
//! them carry 127 bytes: 31 in each, and three more in the four times 6 bits. In 1,024 such rounds
//! stands `version 0 ++ length:u24 ++ payload`, padded with zeros.
//!
//! | byte of the round | in element | 6-bit parts |
//! |---|---|---|
//! | 0..31, 32..63, 64..95, 96..127 | 0, 1, 2, 3 (bytes 1..32) | |
//! | 31 = x | | element 0: x low 6; element 1: x high 2 in bits 4, 5 |
//! | 63 = y | | element 1: y low 4; element 3: y high 4 |
//! | 95 = z | | element 2: z low 6; element 3: z high 2 in bits 4, 5 |
//!
//! Source: OP ecotone/derivation "Blob Encoding", with reading R2: the top two bits of the very first
//! byte are not looked at.

use alloc::{vec, vec::Vec};
use alloy_primitives::Bytes;
use foggara_primitives::constants::{BLOB_MAX_DATA, BLOB_SIZE};

const ROUNDS: usize = 1_024;
const ROUND_DATA: usize = 127;
const ROUND_BLOB: usize = 128;
const HEADER: usize = 4;
const LOW_6: u8 = 0x3f;

/// A payload that does not fit into a blob, or a blob that is not an encoded payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The payload is longer than a blob holds, or the blob states such a length.
    #[error("blob payload has {got} bytes, allowed are {max}")]
    TooLong {
        /// Bytes given or stated.
        got: usize,
        /// [`BLOB_MAX_DATA`].
        max: usize,
    },
    /// The bytes are not 131,072.
    #[error("blob has {got} bytes, expected 131072")]
    Size {
        /// Bytes given.
        got: usize,
    },
    /// The version byte is not 0.
    #[error("blob encoding version is {0}, expected 0")]
    Version(u8),
    /// A field element other than the first uses the top two bits.
    #[error("field element {0} uses its top two bits")]
    TopBits(usize),
    /// Something else than zeros follows the payload.
    #[error("blob holds data behind its stated length")]
    Extraneous,
}

/// Encodes a payload of at most [`BLOB_MAX_DATA`] bytes into the [`BLOB_SIZE`] bytes of a blob.
///
/// # Errors
/// [`BlobError::TooLong`]: the payload does not fit.
pub fn encode(data: &[u8]) -> Result<Vec<u8>, BlobError> {
    if data.len() > BLOB_MAX_DATA {
        return Err(BlobError::TooLong {
            got: data.len(),
            max: BLOB_MAX_DATA,
        });
    }
    let length = u32::try_from(data.len()).unwrap_or_default();
    let mut flat = Vec::with_capacity(ROUNDS.saturating_mul(ROUND_DATA));
    flat.extend_from_slice(&length.to_be_bytes()); // the top byte is the version, 0
    flat.extend_from_slice(data);
    let mut blob = vec![0; BLOB_SIZE];
    for (round, out) in flat
        .chunks(ROUND_DATA)
        .zip(blob.chunks_exact_mut(ROUND_BLOB))
    {
        let mut bytes = [0u8; ROUND_DATA];
        for (to, from) in bytes.iter_mut().zip(round) {
            *to = *from;
        }
        encode_round(&bytes, out);
    }
    Ok(blob)
}

/// Reads the payload of a blob.
///
/// # Errors
/// - [`BlobError::Size`]: not 131,072 bytes.
/// - [`BlobError::Version`], [`BlobError::TooLong`], [`BlobError::TopBits`],
///   [`BlobError::Extraneous`]: not an encoded payload.
pub fn decode(blob: &[u8]) -> Result<Bytes, BlobError> {
    if blob.len() != BLOB_SIZE {
        return Err(BlobError::Size { got: blob.len() });
    }
    let mut flat = Vec::with_capacity(ROUNDS.saturating_mul(ROUND_DATA));
    for round in blob.chunks_exact(ROUND_BLOB) {
        decode_round(round, &mut flat);
    }
    let (head, body) = flat
        .split_first_chunk::<HEADER>()
        .unwrap_or((&[0; HEADER], &[]));
    let [version, a, b, c] = *head;
    if version != 0 {
        return Err(BlobError::Version(version));
    }
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let (data, padding) = body.split_at_checked(length).ok_or(BlobError::TooLong {
        got: length,
        max: BLOB_MAX_DATA,
    })?;
    let top = blob
        .chunks_exact(32)
        .skip(1)
        .position(|element| element.first().is_some_and(|first| first & !LOW_6 != 0));
    if let Some(index) = top {
        return Err(BlobError::TopBits(index.saturating_add(1)));
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err(BlobError::Extraneous);
    }
    Ok(Bytes::copy_from_slice(data))
}

/// Where the four parts of a round lie: 31 bytes each, three bytes between them.
fn encode_round(bytes: &[u8; ROUND_DATA], out: &mut [u8]) {
    let between = |index: usize| bytes.get(index).copied().unwrap_or_default();
    let (x, y, z) = (between(31), between(63), between(95));
    let firsts = [
        x & LOW_6,
        (y & 0x0f) | ((x & 0xc0) >> 2),
        z & LOW_6,
        ((z & 0xc0) >> 2) | (y >> 4),
    ];
    for ((element, part), first) in out.chunks_exact_mut(32).zip(bytes.chunks(32)).zip(firsts) {
        if let Some((head, tail)) = element.split_first_mut() {
            *head = first;
            for (to, from) in tail.iter_mut().zip(part) {
                *to = *from;
            }
        }
    }
}

fn decode_round(round: &[u8], flat: &mut Vec<u8>) {
    let mut firsts = [0u8; 4];
    for (to, element) in firsts.iter_mut().zip(round.chunks_exact(32)) {
        *to = element.first().copied().unwrap_or_default();
    }
    let [a, b, c, d] = firsts;
    let between = [
        Some((a & LOW_6) | ((b & 0x30) << 2)),
        Some((b & 0x0f) | ((d & 0x0f) << 4)),
        Some((c & LOW_6) | ((d & 0x30) << 2)),
        None,
    ];
    for (element, byte) in round.chunks_exact(32).zip(between) {
        flat.extend(element.iter().skip(1));
        flat.extend(byte);
    }
}
