//! The table of operations: one entry per address, read by the executor's adapter, the RPC and the
//! generator of the Solidity interface.

use crate::{
    Backend, Host, OpError, Outcome,
    abi::Args,
    call::{Call, Stop},
    gradient, privacy, tensor,
};
use alloc::vec::Vec;

/// An operation: what lives at one address.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// Last byte of the address `0x0000...0000A100xx`.
    pub code: u8,
    /// Name as in the specification, for example `MATMUL`.
    pub name: &'static str,
    /// Name of the precompile as an identifier, for example `foggara.matmul`.
    pub id: &'static str,
    /// Whether any of its functions writes state.
    pub stateful: bool,
    /// The functions that are active.
    pub functions: &'static [Function],
}

/// A function of an operation.
#[derive(Clone, Copy)]
pub struct Function {
    /// First four bytes of the calldata.
    pub selector: [u8; 4],
    /// Solidity signature without names, of which the selector is the hash.
    pub signature: &'static str,
    pub(crate) run: fn(&mut Call<'_>, &Args<'_>) -> Result<Vec<u8>, Stop>,
}

impl core::fmt::Debug for Function {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Function").field(&self.signature).finish()
    }
}

/// All operations, ascending by code. Every address exists from genesis, whatever is implemented:
/// an operation whose functions are of a later phase answers `UnknownSelector`.
pub const REGISTRY: &[Op] = &[
    op(0x01, "MATMUL", "foggara.matmul", tensor::gemm::FUNCTIONS),
    op(
        0x02,
        "LINEARQ",
        "foggara.linearq",
        tensor::linear::FUNCTIONS,
    ),
    op(0x03, "CONV2D", "foggara.conv2d", &[]),
    op(
        0x04,
        "ELTWISE",
        "foggara.eltwise",
        tensor::eltwise::FUNCTIONS,
    ),
    op(0x05, "REDUCE", "foggara.reduce", tensor::reduce::FUNCTIONS),
    op(0x06, "NORM", "foggara.norm", &[]),
    op(0x07, "GATHER", "foggara.gather", &[]),
    op(0x10, "AGG", "foggara.agg", gradient::sum::FUNCTIONS),
    op(
        0x11,
        "AGG_ROBUST",
        "foggara.agg_robust",
        gradient::robust::FUNCTIONS,
    ),
    op(
        0x12,
        "AGG_DIST",
        "foggara.agg_dist",
        gradient::dist::FUNCTIONS,
    ),
    op(
        0x13,
        "CLIP_NORM",
        "foggara.clip_norm",
        gradient::clip::FUNCTIONS,
    ),
    op(0x14, "OPT", "foggara.opt", gradient::opt::FUNCTIONS),
    op(0x15, "SPARSE_SUM", "foggara.sparse_sum", &[]),
    op(
        0x20,
        "MASK_EXPAND",
        "foggara.mask_expand",
        privacy::mask::FUNCTIONS,
    ),
    op(
        0x21,
        "LAGRANGE",
        "foggara.lagrange",
        privacy::lagrange::FUNCTIONS,
    ),
    op(0x22, "COMMIT", "foggara.commit", &[]),
    Op {
        code: 0xf0,
        name: "TENSOR",
        id: "foggara.tensor",
        stateful: true,
        functions: tensor::store::FUNCTIONS,
    },
];

const fn op(code: u8, name: &'static str, id: &'static str, functions: &'static [Function]) -> Op {
    Op {
        code,
        name,
        id,
        stateful: false,
        functions,
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
/// `input` is the calldata, `gas` the gas that the caller gave; `backend` does the work and has no
/// say in the result. Time and memory are bounded by the
/// gas; nothing is allocated before the gas is checked.
///
/// Order: call kind and value; selector and arguments; parameters, shapes and limits; operands
/// from left to right; gas; meter; work. The first failure decides.
pub fn call(
    op: &Op,
    input: &[u8],
    gas: u64,
    host: &mut dyn Host,
    backend: &dyn Backend,
) -> Outcome {
    let mut call = Call::new(input, gas, host, backend);
    let result = run(op, input, &mut call);
    call.end(result)
}

fn run(op: &Op, input: &[u8], call: &mut Call<'_>) -> Result<Vec<u8>, Stop> {
    let kind = call.host.kind();
    if kind.is_direct && kind.has_value {
        return Err(OpError::NotPayable.into());
    }
    let (selector, args) = Args::split(input)?;
    let function = op
        .functions
        .iter()
        .find(|function| function.selector == selector);
    let function = function.ok_or(OpError::UnknownSelector(selector))?;
    (function.run)(call, &args)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, keccak256};

    #[test]
    fn the_table_is_sound() {
        assert!(REGISTRY.is_sorted_by(|a, b| a.code < b.code));
        for op in REGISTRY {
            assert_eq!(op_at(address_of(op.code)).unwrap().name, op.name);
            for function in op.functions {
                assert_eq!(function.selector, keccak256(function.signature)[..4]);
            }
        }
        assert_eq!(
            address_of(1),
            address!("0000000000000000000000000000000000a10001")
        );
        assert!(op_at(address_of(0)).is_none() && op_at([0; 20]).is_none());
    }
}
