//! The table of operations: one entry per address, read by the executor's adapter, the RPC and the
//! generator of the Solidity interface.

use crate::{Host, Outcome};

/// An operation: what lives at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// Last byte of the address `0x0000...0000A100xx`.
    pub code: u8,
    /// Name as in the specification, for example `MATMUL`.
    pub name: &'static str,
    /// Name of the precompile as an identifier, for example `foggara.matmul`.
    pub id: &'static str,
    /// Whether any of its functions writes state.
    pub stateful: bool,
}

/// All operations, ascending by code. Every address exists from genesis, whatever is implemented:
/// an operation whose functions are of a later phase answers `UnknownSelector`.
pub const REGISTRY: &[Op] = &[
    op(0x01, "MATMUL", "foggara.matmul"),
    op(0x02, "LINEARQ", "foggara.linearq"),
    op(0x03, "CONV2D", "foggara.conv2d"),
    op(0x04, "ELTWISE", "foggara.eltwise"),
    op(0x05, "REDUCE", "foggara.reduce"),
    op(0x06, "NORM", "foggara.norm"),
    op(0x07, "GATHER", "foggara.gather"),
    op(0x10, "AGG", "foggara.agg"),
    op(0x11, "AGG_ROBUST", "foggara.agg_robust"),
    op(0x12, "AGG_DIST", "foggara.agg_dist"),
    op(0x13, "CLIP_NORM", "foggara.clip_norm"),
    op(0x14, "OPT", "foggara.opt"),
    op(0x15, "SPARSE_SUM", "foggara.sparse_sum"),
    op(0x20, "MASK_EXPAND", "foggara.mask_expand"),
    op(0x21, "LAGRANGE", "foggara.lagrange"),
    op(0x22, "COMMIT", "foggara.commit"),
    Op {
        code: 0xf0,
        name: "TENSOR",
        id: "foggara.tensor",
        stateful: true,
    },
];

const fn op(code: u8, name: &'static str, id: &'static str) -> Op {
    Op {
        code,
        name,
        id,
        stateful: false,
    }
}

/// Address of the operation with this code: the 20-byte number `0xA100xx`.
pub const fn address_of(code: u8) -> [u8; 20] {
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa1, 0x00, code,
    ]
}

/// The operation at an address, if any.
pub fn op_at(address: [u8; 20]) -> Option<&'static Op> {
    REGISTRY.iter().find(|op| address_of(op.code) == address)
}

/// Runs a call of `op`.
///
/// `input` is the calldata, `gas` the gas that the caller gave. Time and memory are bounded by the
/// gas; nothing is allocated before the gas is checked.
pub fn call(op: &Op, input: &[u8], gas: u64, host: &mut dyn Host) -> Outcome {
    let _ = (op, input, gas, host);
    unimplemented!()
}
