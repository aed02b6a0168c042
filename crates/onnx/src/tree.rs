//! The id under which the chain stores a tensor (specification of the AI operations, section 6.1).

use crate::Tensor;
use alloy_primitives::{B256, keccak256};

/// Bytes of one page of a tensor's image.
const PAGE_BYTES: usize = 4_096;
/// Bytes of one leaf.
const WORD_BYTES: usize = 32;
const DOMAIN: &[u8] = b"foggara/tensor/v1";

/// What identifies a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Root of the tree over the 32-byte words of the tensor's image.
    pub root: B256,
    /// Hash of element type, dimensions and root.
    pub id: B256,
}

/// Root and id of a tensor.
///
/// Time: one Keccak hash of 64 bytes for each 32 bytes of data.
pub fn describe(tensor: &Tensor) -> Descriptor {
    let (rows, row_bytes) = rows(tensor);
    let stride = row_bytes.next_power_of_two().max(WORD_BYTES);
    let pages = (rows * stride).div_ceil(PAGE_BYTES).next_power_of_two();
    let words = pages * PAGE_BYTES / WORD_BYTES;

    let mut level: Vec<B256> = Vec::with_capacity(rows * stride / WORD_BYTES);
    for row in tensor.bytes.chunks(row_bytes.max(1)) {
        for at in (0..stride).step_by(WORD_BYTES) {
            let word = row.get(at..).unwrap_or_default();
            let word = &word[..word.len().min(WORD_BYTES)];
            level.push(B256::right_padding_from(word));
        }
    }
    // Whatever lies beyond the data is a subtree of zeros.
    let mut zero = B256::ZERO;
    for _ in 0..words.ilog2() {
        if level.len() % 2 == 1 {
            level.push(zero);
        }
        level = level
            .chunks(2)
            .map(|pair| node(&pair[0], &pair[1]))
            .collect();
        zero = node(&zero, &zero);
    }
    let root = level.first().copied().unwrap_or(zero);
    let mut preimage = DOMAIN.to_vec();
    preimage.push(tensor.dtype.code());
    preimage.push(u8::try_from(tensor.dims.len()).unwrap_or(u8::MAX));
    for dim in &tensor.dims {
        preimage.extend_from_slice(&dim.to_be_bytes());
    }
    preimage.extend_from_slice(root.as_slice());
    Descriptor {
        root,
        id: keccak256(preimage),
    }
}

fn node(left: &B256, right: &B256) -> B256 {
    keccak256([left.as_slice(), right.as_slice()].concat())
}

/// Rows and bytes of one: a row is the elements that share the first index, a rank-1 tensor is one.
fn rows(tensor: &Tensor) -> (usize, usize) {
    match tensor.dims.as_slice() {
        [] | [_] => (1, tensor.bytes.len()),
        [rows, ..] => {
            let rows = (*rows as usize).max(1);
            (rows, tensor.bytes.len() / rows)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dtype;
    use alloy_primitives::b256;

    #[test]
    fn worked_example_7() {
        let tensor = Tensor {
            dtype: Dtype::I8,
            dims: vec![2, 3],
            bytes: vec![0x01, 0xfe, 0x03, 0x04, 0x05, 0xfa],
        };
        let want = Descriptor {
            root: b256!("3c0931489436cd956ebaf6b7092aaa778f8cee30f7e4a1587cd7a649dc2295d6"),
            id: b256!("c393da5d0e98570a89710df6061af7992313a3a32f44895a2b4fda9777e67704"),
        };
        assert_eq!(describe(&tensor), want);
    }

    #[test]
    fn a_page_of_zeros_has_the_constant_root() {
        let tensor = Tensor {
            dtype: Dtype::U8,
            dims: vec![4_096],
            bytes: vec![0; 4_096],
        };
        let want = b256!("ffd70157e48063fc33c97a050f7f640233bf646cc98d9524c6b92bcf3ab56f83");
        assert_eq!(describe(&tensor).root, want);
    }

    #[test]
    fn the_image_pads_rows_and_pages() {
        // Three rows of 33 bytes: stride 64, one page; the same image written out as one row.
        let rows: Vec<u8> = (0..99).collect();
        let mut image = vec![0u8; 4_096];
        for (at, row) in rows.chunks(33).enumerate() {
            image[64 * at..][..33].copy_from_slice(row);
        }
        let ragged = Tensor {
            dtype: Dtype::U8,
            dims: vec![3, 33],
            bytes: rows,
        };
        let flat = Tensor {
            dtype: Dtype::U8,
            dims: vec![4_096],
            bytes: image,
        };
        assert_eq!(describe(&ragged).root, describe(&flat).root);
        // 5,000 bytes need two pages.
        let long = Tensor {
            dtype: Dtype::U8,
            dims: vec![5_000],
            bytes: vec![7; 5_000],
        };
        let mut image = vec![7u8; 5_000];
        image.resize(8_192, 0);
        let padded = Tensor {
            dtype: Dtype::U8,
            dims: vec![8_192],
            bytes: image,
        };
        assert_eq!(describe(&long).root, describe(&padded).root);
        assert_ne!(describe(&long).id, describe(&padded).id);
    }
}
