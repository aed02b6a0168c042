//! ELTWISE: functions of single elements. All cost a gas per four elements, beside their words.

mod pair;
mod requant;
mod scaled;
mod single;
#[cfg(test)]
mod tests;

use super::dtype;
use crate::{Dtype, Function};

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        selector: [0x8e, 0x4d, 0xbb, 0x1a],
        signature: "binary(uint8,uint8,uint8,bytes,bytes)",
        run: pair::binary,
    },
    Function {
        selector: [0x18, 0x47, 0xc4, 0x8d],
        signature: "scaled((uint8,uint8,uint8,int32,int32,int32,int32,int32,uint8,int32,int32),bytes,bytes)",
        run: scaled::scaled,
    },
    Function {
        selector: [0x0b, 0xd4, 0x7a, 0x9f],
        signature: "lut(uint8,bytes,bytes)",
        run: single::lut,
    },
    Function {
        selector: [0x0a, 0x97, 0xbc, 0x1a],
        signature: "requant((uint8,uint8,uint8,uint32,int32,int32,int32),bytes,bytes)",
        run: requant::requant,
    },
    Function {
        selector: [0x62, 0xea, 0x68, 0x63],
        signature: "shift(uint8,uint8,uint8,uint8,bytes)",
        run: single::shift,
    },
    Function {
        selector: [0x26, 0xfc, 0x82, 0x48],
        signature: "unary(uint8,uint8,uint8,int64,int64,bytes)",
        run: single::unary,
    },
];

/// Gas of the work on this many elements.
const fn work(elements: u64) -> u64 {
    elements.div_ceil(4)
}

/// Number of elements in so many bytes, which are whole.
const fn count(dtype: Dtype, bytes: u64) -> u64 {
    match bytes.checked_div(dtype.bytes()) {
        Some(count) => count,
        None => 0,
    }
}
