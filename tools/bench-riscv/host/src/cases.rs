//! The calls that are measured. Operands are inline noise; the Solidity interfaces say what the
//! parameters mean.

use alloy_sol_types::{SolCall, private::Bytes, sol};

mod tensor_ops {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    super::sol!("../../../contracts/src/ai/interfaces/IFoggaraTensorOps.sol");
}
mod gradient {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    super::sol!("../../../contracts/src/ai/interfaces/IFoggaraGradient.sol");
}
use gradient::{IFoggaraAgg::sumCall, IFoggaraAggRobust::medianCall};
use tensor_ops::{
    IFoggaraEltwise::requantCall, IFoggaraLinear::linearCall, IFoggaraMatmul::matmulCall,
    LinearParams, MatmulShape, RequantParams,
};

/// ONNX's code for 8 bits with sign.
const I8: u8 = 3;
/// ONNX's code for 32 bits with sign.
const I32: u8 = 6;

/// A call.
pub(crate) struct Case {
    pub(crate) title: &'static str,
    /// Code of the operation, the last byte of its address.
    pub(crate) op: u8,
    pub(crate) calldata: Vec<u8>,
    /// How much work it is.
    pub(crate) count: u32,
    /// What `count` counts.
    pub(crate) unit: &'static str,
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        matmul("`matmul` i8, 64 x 64 x 64", 0, 1),
        matmul("`matmul` i16, 64 x 64 x 64", 2, 2),
        matmul("`matmul` i32 mod 2^32, 64 x 64 x 64", 3, 4),
        matmul("`matmul` i32 mod 2^64, 64 x 64 x 64", 4, 4),
        linear("`linear` i8, 1 x 784 x 32, R_TOSA", 0),
        linear("`linear` i8, 1 x 784 x 32, R_ONNX", 1),
        requant("`requant` i32 to i8, R_TOSA", 0),
        requant("`requant` i32 to i8, R_ONNX", 1),
        median("`median` i8, 9 x 1,000", I8, 1),
        median("`median` i32, 9 x 1,000", I32, 4),
        sum("`sum` mod 2^32, 32 x 1,000"),
    ]
}

/// The product of two squares of 64.
fn matmul(title: &'static str, kind: u8, bytes: usize) -> Case {
    let side = 64;
    let call = matmulCall {
        shape: MatmulShape {
            flags: 0,
            kind,
            batch: 1,
            m: side,
            k: side,
            n: side,
        },
        a: inline(noise(64 * 64 * bytes, 1)),
        b: inline(noise(64 * 64 * bytes, 2)),
    };
    Case {
        title,
        op: 0x01,
        calldata: call.abi_encode(),
        count: side * side * side,
        unit: "multiply-adds",
    }
}

/// The first layer of the example classifier: a scale and a bias for each output.
fn linear(title: &'static str, mode: u8) -> Case {
    let (m, k, n) = (1, 784, 32);
    let bias: Vec<i32> = (0..32).map(|j| 500 * (j - 16)).collect();
    let call = linearCall {
        params: LinearParams {
            flags: 0,
            kind: 0,
            mode,
            m,
            k,
            n,
            zx: 3,
            zw: -2,
            zy: 5,
            lo: -128,
            hi: 127,
        },
        x: inline(noise(784, 3)),
        w: inline(noise(784 * 32, 4)),
        bias: inline(bytes(&bias)),
        scales: inline(scales(mode, 32)),
        lut: Bytes::new(),
    };
    Case {
        title,
        op: 0x02,
        calldata: call.abi_encode(),
        count: m * k * n,
        unit: "multiply-adds",
    }
}

/// 10,000 accumulators with a scale for each of 100 columns.
fn requant(title: &'static str, mode: u8) -> Case {
    // Of 17 bits, so that most results lie within their range.
    let accumulators: Vec<i32> = noise(40_000, 5)
        .chunks_exact(4)
        .map(|word| i32::from_le_bytes(word.try_into().expect("four bytes")) >> 15)
        .collect();
    let call = requantCall {
        params: RequantParams {
            flags: 0,
            mode,
            to: I8,
            n: 100,
            zy: 5,
            lo: -128,
            hi: 127,
        },
        x: inline(bytes(&accumulators)),
        scales: inline(scales(mode, 100)),
    };
    Case {
        title,
        op: 0x04,
        calldata: call.abi_encode(),
        count: 10_000,
        unit: "elements",
    }
}

fn median(title: &'static str, dtype: u8, bytes: usize) -> Case {
    let call = medianCall {
        flags: 0,
        dtype,
        d: 1_000,
        u: clients(9, 1_000 * bytes),
    };
    Case {
        title,
        op: 0x11,
        calldata: call.abi_encode(),
        count: 9_000,
        unit: "elements",
    }
}

fn sum(title: &'static str) -> Case {
    let call = sumCall {
        flags: 0,
        width: 32,
        d: 1_000,
        u: clients(32, 4_000),
    };
    Case {
        title,
        op: 0x10,
        calldata: call.abi_encode(),
        count: 32_000,
        unit: "elements",
    }
}

/// Scales of about 2^-9: multipliers and shifts in mode 0, bits of f32 in mode 1.
fn scales(mode: u8, count: u32) -> Vec<u8> {
    let steps = 0..count;
    if mode == 0 {
        let multipliers = steps.flat_map(|j| ((1 << 30) + j * 1_000_003).to_le_bytes());
        multipliers.chain((0..count).map(|_| 39)).collect()
    } else {
        let patterns = steps.map(|j| 0x3b00_0000 + j * 65_537);
        patterns.flat_map(u32::to_le_bytes).collect()
    }
}

fn bytes(values: &[i32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// An operand by value.
fn inline(mut elements: Vec<u8>) -> Bytes {
    elements.insert(0, 0);
    elements.into()
}

/// An operand of `size` bytes for each of `count` clients.
fn clients(count: u64, size: usize) -> Vec<Bytes> {
    (0..count)
        .map(|client| inline(noise(size, 100 + client)))
        .collect()
}

/// Reproducible bytes: splitmix64 (Steele, Lea, Flood 2014).
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let words = (0..size.div_ceil(8)).flat_map(|_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    });
    words.take(size).collect()
}
