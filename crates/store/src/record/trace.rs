//! What a dispute over a block needs: accumulators per transaction until the block is safe, then the
//! trace root alone (`FAULTPROOF.md` section 1, rule 9).
//!
//! | size | field |
//! |---|---|
//! | 1 | kind: 0 steps, 1 root |
//! | 72 each | `diffAcc` 32, `receiptAcc` 32, cumulative gas 8 (steps) |
//! | 32 | trace root (root) |

use super::{all, take, take_u64};
use crate::TxTrace;
use alloy_primitives::B256;

/// Value of `FgTrace`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// One entry per transaction, in order.
    Steps(Vec<TxTrace>),
    /// Root of the block's trace.
    Root(B256),
}

impl Trace {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Steps(steps) => {
                let mut out = Vec::with_capacity(steps.len().saturating_mul(72).saturating_add(1));
                out.push(0);
                for step in steps {
                    out.extend_from_slice(step.diff_acc.as_slice());
                    out.extend_from_slice(step.receipt_acc.as_slice());
                    out.extend_from_slice(&step.cumulative_gas.to_be_bytes());
                }
                out
            }
            Self::Root(root) => {
                let mut out = vec![1];
                out.extend_from_slice(root.as_slice());
                out
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        match take::<1>(&mut rest)? {
            [0] => {
                let mut steps = Vec::with_capacity(rest.len() / 72);
                while !rest.is_empty() {
                    steps.push(TxTrace {
                        diff_acc: take::<32>(&mut rest)?.into(),
                        receipt_acc: take::<32>(&mut rest)?.into(),
                        cumulative_gas: take_u64(&mut rest)?,
                    });
                }
                Some(Self::Steps(steps))
            }
            [1] => {
                let root = take::<32>(&mut rest)?.into();
                all(rest, Self::Root(root))
            }
            [_] => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_inverts_encode_and_other_lengths_are_refused() {
        let step = TxTrace {
            diff_acc: B256::repeat_byte(1),
            receipt_acc: B256::repeat_byte(2),
            cumulative_gas: 21_000,
        };
        let traces = [
            Trace::Steps(vec![]),
            Trace::Steps(vec![step, step]),
            Trace::Root(B256::repeat_byte(3)),
        ];
        for trace in traces {
            assert_eq!(Trace::decode(&trace.encode()), Some(trace.clone()));
            assert_eq!(Trace::decode(&[trace.encode(), vec![0]].concat()), None);
        }
        assert_eq!(Trace::decode(&[]), None);
        assert_eq!(Trace::decode(&[2]), None);
    }
}
