//! How a call ends, and the typed errors of its caller's mistakes.

use alloc::{string::String, vec::Vec};

/// How a call ends. Only [`Outcome::Fatal`] is not a function of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The operation was done: `gas` is spent, `output` is its ABI-encoded result.
    Success {
        /// Gas spent, at most the gas given.
        gas: u64,
        /// ABI-encoded result.
        output: Vec<u8>,
    },
    /// The caller's mistake: `gas` is spent, `data` is an encoded [`OpError`].
    Revert {
        /// Gas spent, at most the gas given.
        gas: u64,
        /// Selector and arguments of the error.
        data: Vec<u8>,
    },
    /// The price exceeds the gas given: all of it is spent.
    OutOfGas,
    /// The node cannot answer: the transaction must not be included or judged.
    Fatal(Fatal),
}

/// Why a node cannot answer a call. Never reachable from input bytes alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fatal {
    /// [`crate::Host::cancelled`] said so.
    Cancelled,
    /// State could not be read.
    Source(String),
}

/// What is wrong with a call, as a Solidity error. `which` is the index of the function's
/// argument, from 0; a struct counts as one.
///
/// Source: `PRECOMPILES.md` section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpError {
    /// `BadCalldata()`: a head word is missing, a value is outside its type, an offset or length
    /// is beyond the calldata.
    BadCalldata,
    /// `BadShape(uint8 which)`: a dimension is zero, or dimensions do not fit each other.
    BadShape(u8),
    /// `BadDtype(uint8 which)`: an element type that is unknown, or not taken here.
    BadDtype(u8),
    /// `BadParam(uint8 which)`: a parameter outside its range, or an undefined flag, kind or mode.
    BadParam(u8),
    /// `BadOperand(uint8 which)`: an unknown first byte, a reference of the wrong length, or an
    /// operand that is absent where it is required.
    BadOperand(u8),
    /// `BadElement(uint8 which, uint256 index)`: an element that the operation cannot take. The only
    /// error found during the work; it costs the full gas.
    BadElement {
        /// The argument.
        which: u8,
        /// Index of the element in its operand.
        index: u64,
    },
    /// `TooLarge(uint256 got, uint256 max)`: a limit is passed.
    TooLarge {
        /// What was seen.
        got: u64,
        /// What is allowed.
        max: u64,
    },
    /// `LengthMismatch(uint8 which, uint256 want, uint256 got)`: the bytes of an operand are not
    /// those of its shape.
    LengthMismatch {
        /// The argument.
        which: u8,
        /// Bytes of the shape.
        want: u64,
        /// Bytes given.
        got: u64,
    },
    /// `AiGasLimit(uint256 want, uint256 left)`: the AI meter of the transaction or block is used
    /// up.
    AiGasLimit {
        /// Gas of the call.
        want: u64,
        /// Gas left on the meter.
        left: u64,
    },
    /// `BadCode(address account)`: the account's code is no data, or the range is outside it.
    BadCode([u8; 20]),
    /// `UnknownTensor(bytes32 id)`: no such tensor was ever stored, or it was pruned.
    UnknownTensor([u8; 32]),
    /// `TensorExpired(bytes32 id)`: its time is over.
    TensorExpired([u8; 32]),
    /// `TensorNotMature(bytes32 id)`: stored in this block by another transaction.
    TensorNotMature([u8; 32]),
    /// `StaticStore()`: a call that writes, under STATICCALL.
    StaticStore,
    /// `DirectCallOnly()`: a call that writes, under DELEGATECALL or CALLCODE.
    DirectCallOnly,
    /// `NotPayable()`: a direct call with value.
    NotPayable,
    /// `UnknownSelector(bytes4 got)`: no such function here, or not yet.
    UnknownSelector([u8; 4]),
}

impl OpError {
    /// Selector and ABI-encoded arguments.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(100);
        match *self {
            Self::BadCalldata => out.extend([0x1a, 0x2e, 0x15, 0x94]),
            Self::BadShape(which) => error(&mut out, [0x06, 0x67, 0x69, 0x1c], &[which.into()]),
            Self::BadDtype(which) => error(&mut out, [0x14, 0xb1, 0x5a, 0xec], &[which.into()]),
            Self::BadParam(which) => error(&mut out, [0x84, 0x0e, 0x1e, 0xa7], &[which.into()]),
            Self::BadOperand(which) => error(&mut out, [0x4d, 0x1e, 0x21, 0x20], &[which.into()]),
            Self::BadElement { which, index } => {
                error(&mut out, [0x83, 0xb6, 0x2c, 0xb9], &[which.into(), index]);
            }
            Self::TooLarge { got, max } => error(&mut out, [0x67, 0x7f, 0xd0, 0xe3], &[got, max]),
            Self::LengthMismatch { which, want, got } => {
                error(
                    &mut out,
                    [0xfb, 0x29, 0x37, 0x69],
                    &[which.into(), want, got],
                );
            }
            Self::AiGasLimit { want, left } => {
                error(&mut out, [0xfa, 0x5e, 0x45, 0xdc], &[want, left]);
            }
            Self::BadCode(account) => {
                out.extend([0x4e, 0x74, 0xd1, 0x2b]);
                out.extend([0; 12]);
                out.extend(account);
            }
            Self::UnknownTensor(id) => tensor(&mut out, [0x0a, 0x30, 0x05, 0x34], id),
            Self::TensorExpired(id) => tensor(&mut out, [0x71, 0xc6, 0xf7, 0x63], id),
            Self::TensorNotMature(id) => tensor(&mut out, [0x01, 0xfc, 0xb3, 0x3f], id),
            Self::StaticStore => out.extend([0xff, 0xb7, 0xa7, 0x4f]),
            Self::DirectCallOnly => out.extend([0xcb, 0xa8, 0x7d, 0xaa]),
            Self::NotPayable => out.extend([0x15, 0x74, 0xf9, 0xf3]),
            Self::UnknownSelector(got) => {
                out.extend([0xc2, 0xa8, 0x25, 0xf5]);
                out.extend(got);
                out.extend([0; 28]);
            }
        }
        out
    }
}

fn error(out: &mut Vec<u8>, selector: [u8; 4], arguments: &[u64]) {
    out.extend(selector);
    for argument in arguments {
        out.extend([0; 24]);
        out.extend(argument.to_be_bytes());
    }
}

fn tensor(out: &mut Vec<u8>, selector: [u8; 4], id: [u8; 32]) {
    out.extend(selector);
    out.extend(id);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn selectors_are_those_of_the_signatures() {
        let errors = [
            (OpError::BadCalldata, "BadCalldata()"),
            (OpError::BadShape(1), "BadShape(uint8)"),
            (OpError::BadDtype(1), "BadDtype(uint8)"),
            (OpError::BadParam(1), "BadParam(uint8)"),
            (
                OpError::BadElement { which: 1, index: 2 },
                "BadElement(uint8,uint256)",
            ),
            (OpError::UnknownTensor([1; 32]), "UnknownTensor(bytes32)"),
            (OpError::TensorExpired([1; 32]), "TensorExpired(bytes32)"),
            (
                OpError::TensorNotMature([1; 32]),
                "TensorNotMature(bytes32)",
            ),
            (OpError::StaticStore, "StaticStore()"),
            (OpError::DirectCallOnly, "DirectCallOnly()"),
            (OpError::BadOperand(1), "BadOperand(uint8)"),
            (
                OpError::TooLarge { got: 1, max: 2 },
                "TooLarge(uint256,uint256)",
            ),
            (
                OpError::LengthMismatch {
                    which: 1,
                    want: 2,
                    got: 3,
                },
                "LengthMismatch(uint8,uint256,uint256)",
            ),
            (
                OpError::AiGasLimit { want: 1, left: 2 },
                "AiGasLimit(uint256,uint256)",
            ),
            (OpError::BadCode([1; 20]), "BadCode(address)"),
            (OpError::NotPayable, "NotPayable()"),
            (OpError::UnknownSelector([1; 4]), "UnknownSelector(bytes4)"),
        ];
        for (error, signature) in errors {
            let data = error.encode();
            assert_eq!(data[..4], keccak256(signature)[..4], "{signature}");
            let arguments = signature.matches(',').count() + usize::from(!signature.contains("()"));
            assert_eq!(data.len(), 4 + 32 * arguments, "{signature}");
        }
    }
}
