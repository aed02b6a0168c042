//! The id under which the chain stores a tensor (specification of the AI operations, section 6.1).

use crate::Tensor;
use alloy_primitives::B256;
use foggara_precompiles::{Ctl, Dtype, NoHost, Portable, tree};

/// What identifies a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Root of the tree over the 32-byte words of the tensor's image.
    pub root: B256,
    /// Hash of element type, dimensions and root.
    pub id: B256,
}

/// Root and id of a tensor, as `put` gives it; `None` if the chain stores no such tensor: not 1 to 4
/// dimensions, one of them zero, more than 256 MiB, or not as many bytes as they say.
///
/// Time: one Keccak hash of 64 bytes for each 32 bytes of data.
pub fn describe(tensor: &Tensor) -> Option<Descriptor> {
    let dtype = Dtype::from_code(tensor.dtype.code())?;
    let shape = tree::TensorShape::new(0, dtype, tensor.dims.iter().copied()).ok()?;
    if shape.bytes() != tensor.bytes.len() as u64 {
        return None;
    }
    let mut ctl = Ctl::new(&NoHost);
    let pages = tree::page_roots(&shape, &tensor.bytes, &Portable, &mut ctl).ok()?;
    let root = tree::root(&shape, &pages, &Portable, &mut ctl).ok()?;
    Some(Descriptor {
        root: root.into(),
        id: tree::Descriptor { shape, root }.id().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::Descriptor;
    use super::describe;
    use crate::{Dtype, Tensor};
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
        assert_eq!(describe(&tensor), Some(want));
    }

    #[test]
    fn a_page_of_zeros_has_the_constant_root() {
        let tensor = Tensor {
            dtype: Dtype::U8,
            dims: vec![4_096],
            bytes: vec![0; 4_096],
        };
        let want = b256!("ffd70157e48063fc33c97a050f7f640233bf646cc98d9524c6b92bcf3ab56f83");
        assert_eq!(describe(&tensor).unwrap().root, want);
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
        assert_eq!(
            describe(&ragged).unwrap().root,
            describe(&flat).unwrap().root
        );
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
        assert_eq!(
            describe(&long).unwrap().root,
            describe(&padded).unwrap().root
        );
        assert_ne!(describe(&long).unwrap().id, describe(&padded).unwrap().id);
    }
}
